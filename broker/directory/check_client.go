package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
)

// minSecret is 128 bits as base64url: secrets are kept as plain SHA-256 digests,
// which is right for drawn secrets and wrong for chosen ones.
const minSecret = 22

// client checks one app and fills in its defaults.
func (c *compiler) client(i int) {
	cl, at := &c.doc.Clients[i], c.root.item("clients", i)
	switch {
	case cl.ID == "":
		at.at("id").say("id is missing", "a short name such as web; the app sends it as client_id")
	case !validSlug(cl.ID, "._"):
		at.at("id").say(quoted(cl.ID)+" is not a client id", "only a-z, 0-9 and - . _ between them, at most 64")
	case c.clients[cl.ID] != i:
		at.at("id").say(fmt.Sprintf("the id %s is taken by clients[%d]", cl.ID, c.clients[cl.ID]), "give this client another one")
	}
	for _, list := range []struct {
		key string
		n   int
	}{
		{"secrets", len(cl.Secrets)}, {"redirect_uris", len(cl.RedirectURIs)}, {"post_logout_redirect_uris", len(cl.PostLogoutRedirectURIs)},
		{"allowed_origins", len(cl.AllowedOrigins)}, {"providers", len(cl.Providers)}, {"scopes", len(cl.Scopes)}, {"grant_types", len(cl.GrantTypes)},
		{"id_token_claims", len(cl.IDTokenClaims)}, {"machine_scopes", len(cl.MachineScopes)}, {"introspects", len(cl.Introspects)},
	} {
		if !at.short(list.key, list.n) {
			return
		}
	}
	if cl.Name == "" {
		cl.Name = cl.ID
	}
	at.text("name", cl.Name)
	at.link("logo", cl.Logo)
	at.link("policy_uri", cl.PolicyURI)
	at.accent(cl.Accent)
	at.link("tos_uri", cl.TOSURI)
	c.clientCredentials(cl, at)
	c.clientURIs(cl, at)
	c.clientLogout(cl, at)
	c.clientGrants(cl, at)
	c.clientPassword(cl, at)
	c.clientScopes(cl, at)
	c.clientMachine(cl, at)
	at.notEmpty("providers", cl.Providers, "every provider")
	c.known(at, "providers", "provider", cl.Providers, c.slugs)
	if cl.IDTokenAlg != "" {
		at.oneOf("id_token_alg", &cl.IDTokenAlg, "RS256", "ES256", "PS256", "EdDSA")
	}
}

func (c *compiler) clientCredentials(cl *Client, at report) {
	at.oneOf("pkce", &cl.PKCE, PKCERequired, PKCEOptional)
	if cl.Public {
		if len(cl.Secrets) > 0 {
			at.at("secrets").say("a public client has no secrets: whoever has the app has them", "remove secrets, or public: true")
		}
		if cl.JWKS != "" || cl.JWKSURI != "" {
			at.at(keysSetting(cl)).say("a public client has no keys: whoever has the app has them", "remove them, or public: true")
		}
		if cl.AuthMethod == "" {
			cl.AuthMethod = AuthNone
		}
		if cl.AuthMethod != AuthNone {
			at.at("auth_method").say("a public client cannot use "+cl.AuthMethod, "remove auth_method, or public: true")
		}
		if cl.PKCE == PKCEOptional {
			at.at("pkce").say("a public client must use PKCE: nothing else binds a code to it (RFC 9700 §2.1.1)", "remove pkce: optional")
		}
		return
	}
	if cl.AuthMethod == "" && keysSetting(cl) != "" {
		cl.AuthMethod = AuthKey
	}
	if cl.AuthMethod != "" {
		at.oneOf("auth_method", &cl.AuthMethod, AuthBasic, AuthPost, AuthKey, AuthNone)
	}
	switch {
	case cl.AuthMethod == AuthKey:
		c.clientKeys(cl, at)
		return
	case keysSetting(cl) != "":
		at.at("auth_method").say("the client has keys but would not use them", "auth_method: private_key_jwt, or remove "+keysSetting(cl))
	case cl.AuthMethod == AuthNone:
		at.at("auth_method").say("only a public client goes without a secret", "add public: true, or remove auth_method")
	case len(cl.Secrets) == 0:
		at.at("secrets").say("a client that is not public needs a secret or keys", "for example secrets: [\"${"+envName(cl.ID)+"_SECRET}\"]; for a browser or native app say public: true")
	case len(cl.Secrets) > 2:
		at.at("secrets").say("at most two secrets can be live", "keep the new and the previous one")
	}
	for i, secret := range cl.Secrets {
		switch s := secret.Reveal(); {
		case s == "":
			at.item("secrets", i).say("the secret is empty", "is the environment variable or file behind it filled?")
		case strings.HasPrefix(s, digestPrefix) && !isDigest(secret):
			at.item("secrets", i).say("the secret is not a digest", "after "+digestPrefix+" comes the unpadded base64url of a SHA-256, 43 characters")
		case len(s) < minSecret:
			at.item("secrets", i).say(fmt.Sprintf("the secret has fewer than %d characters", minSecret), "draw one: openssl rand -base64 32")
		case len(s) > 512 || !oauth.CleanText(s):
			at.item("secrets", i).say("the secret is malformed", "is there a line end in it?")
		case slices.IndexFunc(cl.Secrets, func(o providers.Secret) bool { return secretDigest(o) == secretDigest(secret) }) < i:
			at.item("secrets", i).say("both secrets are the same", "remove one")
		}
	}
}

func (c *compiler) clientURIs(cl *Client, at report) {
	each := func(list string, values []string, check func(string) error) {
		for i, uri := range values {
			if err := check(uri); err != nil {
				at.item(list, i).say(quoted(uri)+" cannot be registered: "+err.Error(), uriHint(uri, check))
			} else if slices.Index(values, uri) < i {
				at.item(list, i).say(quoted(uri)+" stands twice in this list", "remove one")
			}
		}
	}
	each("redirect_uris", cl.RedirectURIs, oauth.CheckRedirectRegistration)
	each("post_logout_redirect_uris", cl.PostLogoutRedirectURIs, oauth.CheckRedirectRegistration)
	each("allowed_origins", cl.AllowedOrigins, oauth.CheckOrigin)
}

// uriHint guesses the URI that was meant: lower-case host, no trailing slash after
// an origin, no fragment, https.
func uriHint(uri string, check func(string) error) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(uri), "://")
	if !ok { // a host without a scheme
		for _, guess := range []string{"https://" + uri, "http://" + uri} {
			if check(guess) == nil && (strings.HasPrefix(guess, "https:") == !strings.HasPrefix(uri, "localhost")) {
				return "write " + guess
			}
		}
		return ""
	}
	host, path, _ := strings.Cut(rest, "/")
	if path, _, _ = strings.Cut(path, "#"); path != "" || strings.Contains(rest, "/") {
		path = "/" + path
	}
	scheme, host = strings.ToLower(scheme), strings.ToLower(strings.TrimSuffix(host, "."))
	for _, guess := range []string{scheme + "://" + host + path, scheme + "://" + host, "https://" + host + path, "https://" + strings.TrimSuffix(host, ":443")} {
		if guess != uri && check(guess) == nil {
			return "write " + guess
		}
	}
	return ""
}

func (c *compiler) clientGrants(cl *Client, at report) {
	at.oneOf("refresh_tokens", &cl.RefreshTokens, RefreshNone, RefreshOnline, RefreshOffline)
	at.notEmpty("grant_types", cl.GrantTypes, "what the other settings imply")
	if len(cl.GrantTypes) == 0 {
		cl.GrantTypes = impliedGrants(cl)
	}
	for i, g := range cl.GrantTypes {
		where := at.item("grant_types", i)
		switch {
		case g == GrantPassword && cl.PasswordGrant:
			where.say("password stands under password_grant", "remove it from this list")
		case g == "implicit" || g == GrantPassword:
			where.say(g+" is not offered: OAuth 2.1 removed it", "use authorization_code with PKCE")
		case !slices.Contains(grantTypes, g):
			where.say("there is no grant type "+quoted(g), choose(g, grantTypes))
		case slices.Index(cl.GrantTypes, g) < i:
			where.say(g+" stands twice in this list", "remove one")
		case g == GrantRefresh && cl.RefreshTokens == RefreshNone:
			where.say("refresh_token is listed but the client gets no refresh tokens", "set refresh_tokens: online or offline")
		}
	}
	if cl.RefreshTokens != RefreshNone && !slices.Contains(cl.GrantTypes, GrantRefresh) {
		at.at("refresh_tokens").say("the client would get refresh tokens that it may not use", "add refresh_token to grant_types, or leave grant_types out")
	}
	if slices.Contains(cl.GrantTypes, GrantCode) && len(cl.RedirectURIs) == 0 {
		at.at("redirect_uris").say("redirect_uris is missing", "the address in the app that people come back to, for example https://app.example.com/callback")
	}
}

func (c *compiler) clientScopes(cl *Client, at report) {
	at.notEmpty("scopes", cl.Scopes, "openid, profile and email")
	if !cl.forPeople() {
		if len(cl.Scopes) > 0 {
			at.at("scopes").say("scopes are what an app may ask people for, and nobody signs in to this client", "what a machine may do stands in machine_scopes")
		}
		return
	}
	if len(cl.Scopes) == 0 {
		cl.Scopes = []string{"openid", "profile", "email"}
		if cl.RefreshTokens == RefreshOffline {
			cl.Scopes = append(cl.Scopes, "offline_access")
		}
	}
	for i, s := range cl.Scopes {
		where := at.item("scopes", i)
		switch {
		case strings.HasPrefix(s, reserved):
			where.say(s+" is reserved for the broker's own administration", "remove it")
		case !isIdentityScope(s) && c.owners[s] == nil:
			where.say("there is no scope "+quoted(s), c.chooseScope(at, s))
		case slices.Index(cl.Scopes, s) < i:
			where.say(s+" stands twice in this list", "remove one")
		case s == "offline_access" && (cl.RefreshTokens == RefreshNone || cl.RefreshTokens == RefreshOnline):
			where.say("offline_access does nothing while refresh_tokens is "+cl.RefreshTokens, "set refresh_tokens: offline, or remove the scope")
		}
	}
	if cl.RefreshTokens == RefreshOffline && !slices.Contains(cl.Scopes, "offline_access") {
		at.at("scopes").say("refresh_tokens is offline but the client may not ask for offline_access", "add offline_access to scopes")
	}
	if _, ok := c.audiences[cl.DefaultResource]; cl.DefaultResource != "" && !ok {
		at.at("default_resource").say("there is no resource "+quoted(cl.DefaultResource), chooseOf(at, cl.DefaultResource, c.audiences))
	}
	for i, name := range cl.IDTokenClaims {
		switch scope, ok := releasable[name]; {
		case !ok:
			at.item("id_token_claims", i).say("the ID token cannot carry "+quoted(name), chooseOf(at, name, releasable))
		case !slices.Contains(cl.Scopes, scope):
			at.item("id_token_claims", i).say(name+" is released by the scope "+scope+", which this client may not ask for", "add "+scope+" to scopes")
		}
	}
}

// chooseScope is the hint for a scope that does not exist, among all that a client can
// be allowed.
func (c *compiler) chooseScope(at report, got string) string {
	if at.enough() {
		return ""
	}
	list := names(c.owners)
	for _, s := range identityScopes {
		list = append(list, s.Name)
	}
	return choose(got, list)
}
