package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

func TestEveryProblemIsReportedAtOnceWithItsPlaceAndALikelyFix(t *testing.T) {
	d := acme()
	d.Providers[0].Kind = "gogle"
	d.Providers[1].ClientSecret = ""
	d.Clients[0].RedirectURIs = append(d.Clients[0].RedirectURIs, "https://APP.acme.example/cb", "localhost:5903/callback", "app.acme.example/cb2")
	d.Clients[1].Scopes = append(d.Clients[1].Scopes, "items:raed")
	d.Resources[1].ID = "orders"
	d.Rules[1].Providers[0] = "octa"
	s, problems := Compile(issuer, d)
	if s != nil {
		t.Error("a document with problems must not become a snapshot")
	}
	want := []string{
		"providers[0].kind|did you mean google?",
		"providers[1].client_secret|for example client_secret: ${OKTA_CLIENT_SECRET}; without a secret say auth_method: none",
		"clients[0].redirect_uris[1]|write https://app.acme.example/cb",
		"clients[0].redirect_uris[2]|write http://localhost:5903/callback",
		"clients[0].redirect_uris[3]|write https://app.acme.example/cb2",
		"clients[1].scopes[2]|did you mean items:read?",
		"resources[1].id|for example https://api.example.com",
		"rules[1].providers[0]|did you mean okta?",
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Path+"|"+p.Hint)
		if p.Message == "" {
			t.Errorf("%s says nothing", p.Path)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestEachFaultIsFoundAtItsPlace(t *testing.T) {
	for _, row := range []struct {
		why, path string
		break_    func(d *Document)
	}{
		{"a house whose name turns around", "brand.name", func(d *Document) { d.Brand.Name = "\u202egro.live" }},
		{"a logo of no host", "brand.logo", func(d *Document) { d.Brand.Logo = "https://*/x.png" }},
		{"a logo of a policy's word", "clients[0].logo", func(d *Document) { d.Clients[0].Logo = "https://'unsafe-inline'/x.png" }},
		{"a rule whose name turns around", "rules[0].name", func(d *Document) { d.Rules[0].Name = "w2\u202e" }},
		{"no slug", "providers[0].slug", func(d *Document) { d.Providers[0].Slug = "" }},
		{"slug twice", "providers[2].slug", func(d *Document) { d.Providers[2].Slug, d.Clients[2].Providers = "google", nil }},
		{"no kind", "providers[0].kind", func(d *Document) { d.Providers[0].Kind = "" }},
		{"no issuer", "providers[1].issuer", func(d *Document) { d.Providers[1].Issuer = "" }},
		{"issuer is no URL", "providers[1].issuer", func(d *Document) { d.Providers[1].Issuer = "acme" }},
		{"http issuer elsewhere", "providers[1].issuer", func(d *Document) { d.Providers[1].Issuer = "http://acme.okta.com" }},
		{"no client id upstream", "providers[0].client_id", func(d *Document) { d.Providers[0].ClientID = "" }},
		{"line end in the upstream secret", "providers[0].client_secret", func(d *Document) { d.Providers[0].ClientSecret = "canary-secret\n" }},
		{"secret although none", "providers[0].client_secret", func(d *Document) { d.Providers[0].AuthMethod = "none" }},
		{"upstream method", "providers[0].auth_method", func(d *Document) { d.Providers[0].AuthMethod = "private_key" }},
		{"two scopes in one", "providers[0].scopes[0]", func(d *Document) { d.Providers[0].Scopes = []string{"openid email"} }},
		{"parameter that the broker draws", "providers[0].params.state", func(d *Document) { d.Providers[0].Params = map[string]string{"state": "x"} }},
		{"the same in other letters", "providers[0].params.Redirect_URI", func(d *Document) { d.Providers[0].Params = map[string]string{"Redirect_URI": "x"} }},
		{"host with a path", "providers[0].endpoint_hosts[0]", func(d *Document) { d.Providers[0].EndpointHosts = []string{"a.example/x"} }},
		{"two classes in one", "providers[0].acr_values[0]", func(d *Document) { d.Providers[0].ACRValues = []string{"gold silver"} }},
		{"a class twice", "providers[0].acr_values[1]", func(d *Document) { d.Providers[0].ACRValues = []string{"gold", "gold"} }},
		{"a claim without its scope", "clients[0].id_token_claims[0]", func(d *Document) { d.Clients[0].IDTokenClaims = []string{"phone_number"} }},
		{"userinfo word", "providers[0].userinfo", func(d *Document) { d.Providers[0].UserInfo = "allways" }},
		{"setting of another kind", "providers[0].authorization_server", func(d *Document) { d.Providers[0].AuthorizationServer = "default" }},
		{"hosted domain elsewhere", "providers[1].hosted_domain", func(d *Document) { d.Providers[1].HostedDomain = "acme.example" }},
		{"hosted domain is no domain", "providers[0].hosted_domain", func(d *Document) { d.Providers[0].HostedDomain = "@acme.example" }},
		{"trust word", "providers[0].trust_email", func(d *Document) { d.Providers[0].TrustEmail = "yes" }},
		{"signup word", "providers[0].signup", func(d *Document) { d.Providers[0].Signup = "closed" }},
		{"domain with wildcard", "providers[0].email_domains[0]", func(d *Document) { d.Providers[0].EmailDomains = []string{"*.acme.example"} }},
		{"domain twice", "providers[0].allowed_domains[1]", func(d *Document) { d.Providers[0].AllowedDomains = []string{"a.example", "a.example"} }},
		{"nobody could come in", "providers[2].allowed_domains[0]", func(d *Document) { d.Providers[2].AllowedDomains = []string{"acme.example"} }},
		{"nobody is verified", "providers[0].allowed_domains[0]", func(d *Document) {
			d.Providers[0].AllowedDomains, d.Providers[0].TrustEmail = []string{"acme.example"}, TrustNever
		}},
		{"title that turns the reading direction", "providers[0].title", func(d *Document) { d.Providers[0].Title = "Goo\u202egle" }},
		{"icon that is a script", "providers[0].icon", func(d *Document) { d.Providers[0].Icon = "javascript:alert(1)" }},

		{"an empty list is not every domain", "providers[0].allowed_domains", func(d *Document) { d.Providers[0].AllowedDomains = []string{} }},

		{"no client id", "clients[0].id", func(d *Document) { d.Clients[0].ID, d.Rules[1].Clients = "", nil }},
		{"client id twice", "clients[1].id", func(d *Document) { d.Clients[1].ID = "web" }},
		{"long name", "clients[0].name", func(d *Document) { d.Clients[0].Name = strings.Repeat("n", 121) }},
		{"logo by http", "clients[0].logo", func(d *Document) { d.Clients[0].Logo = "http://app.acme.example/logo.png" }},
		{"policy is no URL", "clients[0].policy_uri", func(d *Document) { d.Clients[0].PolicyURI = "//evil.example" }},
		{"terms are no URL", "clients[0].tos_uri", func(d *Document) { d.Clients[0].TOSURI = "data:text/html,x" }},
		{"no secret", "clients[0].secrets", func(d *Document) { d.Clients[0].Secrets = nil }},
		{"empty secret", "clients[0].secrets[0]", func(d *Document) { d.Clients[0].Secrets[0] = "" }},
		{"weak secret", "clients[0].secrets[0]", func(d *Document) { d.Clients[0].Secrets[0] = "canary-secret" }},
		{"three secrets", "clients[0].secrets", func(d *Document) {
			d.Clients[0].Secrets = []providers.Secret{secret + "1", secret + "2", secret + "3"}
		}},
		{"twice the same", "clients[0].secrets[1]", func(d *Document) { d.Clients[0].Secrets = []providers.Secret{secret, secret} }},
		{"public with a secret", "clients[1].secrets", func(d *Document) { d.Clients[1].Secrets = []providers.Secret{secret} }},
		{"public by basic", "clients[1].auth_method", func(d *Document) { d.Clients[1].AuthMethod = AuthBasic }},
		{"public without PKCE", "clients[1].pkce", func(d *Document) { d.Clients[1].PKCE = PKCEOptional }},
		{"confidential without a secret", "clients[0].auth_method", func(d *Document) { d.Clients[0].AuthMethod = AuthNone }},
		{"method", "clients[0].auth_method", func(d *Document) { d.Clients[0].AuthMethod = "client_secret_basics" }},
		{"PKCE word", "clients[0].pkce", func(d *Document) { d.Clients[0].PKCE = "off" }},
		{"no redirect URI", "clients[0].redirect_uris", func(d *Document) { d.Clients[0].RedirectURIs = nil }},
		{"redirect URI twice", "clients[0].redirect_uris[1]", func(d *Document) {
			d.Clients[0].RedirectURIs = append(d.Clients[0].RedirectURIs, d.Clients[0].RedirectURIs[0])
		}},
		{"D05: after sign-out too", "clients[0].post_logout_redirect_uris[0]", func(d *Document) { d.Clients[0].PostLogoutRedirectURIs = []string{"javascript:alert(1)"} }},
		{"origin with a path", "clients[0].allowed_origins[0]", func(d *Document) { d.Clients[0].AllowedOrigins = []string{"https://app.acme.example/"} }},
		{"every origin", "clients[0].allowed_origins[0]", func(d *Document) { d.Clients[0].AllowedOrigins = []string{"*"} }},
		{"unknown provider", "clients[0].providers[0]", func(d *Document) { d.Clients[0].Providers = []string{"github"} }},
		{"D28: an empty list is not every provider", "clients[0].providers", func(d *Document) { d.Clients[0].Providers = []string{} }},
		{"an empty list is not the default", "clients[2].scopes", func(d *Document) { d.Clients[2].Scopes = []string{} }},
		{"unknown scope", "clients[0].scopes[0]", func(d *Document) { d.Clients[0].Scopes[0] = "open-id" }},
		{"reserved scope", "clients[0].scopes[0]", func(d *Document) { d.Clients[0].Scopes[0] = "handstamp:admin" }},
		{"scope twice", "clients[0].scopes[1]", func(d *Document) { d.Clients[0].Scopes[1] = "openid" }},
		{"offline scope alone", "clients[1].scopes[2]", func(d *Document) { d.Clients[1].Scopes = append(d.Clients[1].Scopes, "offline_access") }},
		{"offline without its scope", "clients[0].scopes", func(d *Document) { d.Clients[0].Scopes = []string{"openid", "email", "groups"} }},
		{"refresh word", "clients[0].refresh_tokens", func(d *Document) { d.Clients[0].RefreshTokens = "always" }},
		{"D16: an empty list is not the default", "clients[0].grant_types", func(d *Document) { d.Clients[0].GrantTypes = []string{} }},
		{"D16: password", "clients[0].grant_types[2]", func(d *Document) { d.Clients[0].GrantTypes = []string{GrantCode, GrantRefresh, "password"} }},
		{"D16: implicit", "clients[0].grant_types[2]", func(d *Document) { d.Clients[0].GrantTypes = []string{GrantCode, GrantRefresh, "implicit"} }},
		{"D16: typing slip", "clients[0].grant_types[0]", func(d *Document) { d.Clients[0].GrantTypes = []string{"authorisation_code", GrantRefresh} }},
		{"D16: refresh without leave", "clients[1].grant_types[1]", func(d *Document) { d.Clients[1].GrantTypes = []string{GrantCode, GrantRefresh} }},
		{"D16: leave without refresh", "clients[0].refresh_tokens", func(d *Document) { d.Clients[0].GrantTypes = []string{GrantCode} }},
		{"default resource", "clients[1].default_resource", func(d *Document) { d.Clients[1].DefaultResource = items + "/" }},
		{"claim that no scope releases", "clients[0].id_token_claims[0]", func(d *Document) { d.Clients[0].IDTokenClaims = []string{"iss"} }},
		{"claim whose scope is missing", "clients[1].id_token_claims[0]", func(d *Document) { d.Clients[1].IDTokenClaims = []string{"groups"} }},
		{"no signature", "clients[0].id_token_alg", func(d *Document) { d.Clients[0].IDTokenAlg = "none" }},
		{"symmetric signature", "clients[0].id_token_alg", func(d *Document) { d.Clients[0].IDTokenAlg = "HS256" }},

		{"no audience", "resources[0].id", func(d *Document) { d.Resources[0].ID = ""; d.Clients[1].DefaultResource = "" }},
		{"audience with a fragment", "resources[1].id", func(d *Document) { d.Resources[1].ID = orders + "#f" }},
		{"audience is the issuer", "resources[1].id", func(d *Document) { d.Resources[1].ID = issuer }},
		{"audience twice", "resources[1].id", func(d *Document) { d.Resources[1].ID = items }},
		{"algorithm", "resources[0].alg", func(d *Document) { d.Resources[0].Alg = "HS256" }},
		{"scope without a name", "resources[0].scopes[2].name", func(d *Document) { d.Resources[0].Scopes = append(d.Resources[0].Scopes, Scope{}) }},
		{"scope with a space", "resources[0].scopes[2].name", func(d *Document) { d.Resources[0].Scopes = append(d.Resources[0].Scopes, Scope{Name: "a b"}) }},
		{"scope of OpenID Connect", "resources[0].scopes[2].name", func(d *Document) { d.Resources[0].Scopes = append(d.Resources[0].Scopes, Scope{Name: "email"}) }},
		{"scope of the broker", "resources[0].scopes[2].name", func(d *Document) {
			d.Resources[0].Scopes = append(d.Resources[0].Scopes, Scope{Name: "handstamp:admin"})
		}},
		{"scope of another API", "resources[1].scopes[2].name", func(d *Document) { d.Resources[1].Scopes = append(d.Resources[1].Scopes, Scope{Name: "items:read"}) }},
		{"scope twice in one API", "resources[0].scopes[2].name", func(d *Document) { d.Resources[0].Scopes = append(d.Resources[0].Scopes, Scope{Name: "items:read"}) }},
		{"description that hides something", "resources[0].scopes[0].description", func(d *Document) { d.Resources[0].Scopes[0].Description = "a\u200fb" }},

		{"rule that does not compile", "rules[1].when", func(d *Document) { d.Rules[1].When = `claims.groups ==` }},
		{"rule for an unknown client", "rules[1].clients[0]", func(d *Document) { d.Rules[1].Clients = []string{"wep"} }},
		{"rule for an unknown provider", "rules[1].providers[0]", func(d *Document) { d.Rules[1].Providers = []string{"github"} }},
		{"a rule for no client is not for every client", "rules[1].clients", func(d *Document) { d.Rules[1].Clients = []string{} }},
		{"rule gives an unknown scope", "rules[1].scopes[0]", func(d *Document) { d.Rules[1].Scopes = []string{"items:delete"} }},
		{"rule gives an identity scope", "rules[1].scopes[0]", func(d *Document) { d.Rules[1].Scopes = []string{"offline_access"} }},
	} {
		d := acme()
		row.break_(&d)
		s, problems := Compile(issuer, d)
		if len(problems) != 1 || problems[0].Path != row.path || s != nil {
			t.Errorf("%s: got %q, want one problem at %s", row.why, problems, row.path)
		}
		if text := fmt.Sprint(problems); strings.Contains(text, "canary") || strings.Contains(text, secret) {
			t.Errorf("%s: a secret stands in %s", row.why, text)
		}
	}
}

func TestI22_SlugsAndClientIDsAreASCIIAndComparedAsBytes(t *testing.T) {
	for _, row := range []struct{ why, name string }{
		{"upper case", "Google"}, {"full width", "\uff47oogle"}, {"Cyrillic o", "g\u043eogle"}, {"composed", "caf\u00e9"}, {"decomposed", "cafe\u0301"},
		{"Kelvin sign", "\u212aey"}, {"dotless i", "\u0131d"}, {"long s", "\u017fpa"}, {"zero width", "goo\u200bgle"}, {"slash", "a/b"}, {"dots", ".."}, {"percent", "a%62"},
		{"space", "a b"}, {"NUL", "a\x00"}, {"leading hyphen", "-a"}, {"trailing hyphen", "a-"}, {"leading dot", ".a"}, {"colon", "a:b"}, {"too long", strings.Repeat("a", 65)},
	} {
		d := acme()
		d.Providers[0].Slug = row.name
		if _, problems := Compile(issuer, d); len(problems) != 1 || problems[0].Path != "providers[0].slug" {
			t.Errorf("slug, %s: got %v", row.why, problems)
		}
		d = acme()
		d.Clients[0].ID, d.Rules[1].Clients = row.name, nil
		if _, problems := Compile(issuer, d); len(problems) != 1 || problems[0].Path != "clients[0].id" {
			t.Errorf("client id, %s: got %v", row.why, problems)
		}
	}
	d := acme()
	d.Providers[0].Slug = "a.b"
	if _, problems := Compile(issuer, d); len(problems) != 1 {
		t.Error("a slug has no dots; only client ids do")
	}
	s := compiled(t, acme())
	for _, id := range []string{"WEB", "Web", "web ", "\uff57eb", "web\x00", "partner.portal-1", "PARTNER.portal_1"} {
		if _, ok := s.Client(id); ok {
			t.Errorf("%q found a client: ids are compared as bytes", id)
		}
	}
	for _, slug := range []string{"Google", "GOOGLE", "google/", "g%6fogle", ""} {
		if _, ok := s.Provider(slug); ok {
			t.Errorf("%q found a provider: slugs are compared as bytes", slug)
		}
	}
}

func TestDefaultsAreTheStrictOnes(t *testing.T) {
	d := acme()
	d.Clients = append(d.Clients, Client{ID: "plain", Secrets: []providers.Secret{secret}, RedirectURIs: []string{"https://plain.example/cb"}})
	s := compiled(t, d)
	c := client(t, s, "plain")
	if c.FirstParty || c.Explain || c.Public || !c.RequiresPKCE() || c.RefreshTokens != RefreshNone || c.AuthMethod != "" || c.Name != "plain" ||
		!slices.Equal(c.GrantTypes, []string{GrantCode}) || !slices.Equal(c.Scopes, []string{"openid", "profile", "email"}) {
		t.Errorf("got %+v", c)
	}
	if spa := client(t, s, "spa"); spa.AuthMethod != AuthNone || !spa.RequiresPKCE() {
		t.Errorf("a public client authenticates with %q and must use PKCE", spa.AuthMethod)
	}
	p := provider(t, s, "google")
	if p.Title != "Google" || p.TrustEmail != TrustOwnDomains || p.Signup != SignupAutomatic || p.UserInfo != UserInfoAuto || !p.MakesUsers() {
		t.Errorf("got %+v", p)
	}
	if r, _ := s.Resource(orders); r.Name != orders || r.Scopes[0].Description != "orders:read" {
		t.Errorf("got %+v", r)
	}
}

func TestCompileLeavesTheDocumentAlone(t *testing.T) {
	d := acme()
	s := compiled(t, d)
	if d.Clients[0].Secrets[0] != secret || d.Providers[0].TrustEmail != "" || d.Resources[1].Scopes[0].Description != "" || d.Providers[0].InternalID != "" {
		t.Error("compiling changed the caller's document")
	}
	d.Clients[0].RedirectURIs[0] = "https://evil.example/cb"
	d.Clients[0].Scopes[0], d.Resources[0].Scopes[0].Name = "x", "x"
	if c := client(t, s, "web"); c.RedirectURIs[0] != "https://app.acme.example/cb" || c.Scopes[0] != "openid" {
		t.Error("changing the document changed the snapshot")
	}
}

func TestASnapshotKeepsNoSecretOfAClient(t *testing.T) {
	s := compiled(t, acme())
	if text := fmt.Sprintf("%#v %+v", client(t, s, "web"), client(t, s, "web")); strings.Contains(text, secret) || len(client(t, s, "web").Secrets) != 0 {
		t.Error("only the digest is needed to compare")
	}
}

func TestRulesKeepTheirOwnProblemsAndPlaces(t *testing.T) {
	d := acme()
	d.Rules = []mapping.Rule{{Name: "a", When: "nonsense("}, {Name: "b", When: "true", Scopes: []string{"items:read"}}, {Name: "c", When: "1 + 1", Scopes: []string{"items:raed"}}}
	_, problems := Compile(issuer, d)
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	if !slices.Contains(paths, "rules[0].when") || !slices.Contains(paths, "rules[2].scopes[0]") || slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, "rules[1]") }) {
		t.Errorf("got %q", paths)
	}
}
