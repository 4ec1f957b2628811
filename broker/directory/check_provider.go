package directory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
)

// provider checks one provider and fills in its defaults.
func (c *compiler) provider(i int) {
	p, at := &c.doc.Providers[i], c.root.item("providers", i)
	switch {
	case p.Slug == "":
		at.at("slug").say("slug is missing", "a short name such as google; it becomes part of the redirect URI /callback/google")
	case !validSlug(p.Slug, ""):
		at.at("slug").say(quoted(p.Slug)+" is not a slug", "only a-z, 0-9 and - between them, at most 64")
	case c.slugs[p.Slug] != i:
		at.at("slug").say(fmt.Sprintf("the slug %s is taken by providers[%d]", p.Slug, c.slugs[p.Slug]), "people are known by it: give this provider another one")
	}
	before := len(c.problems)
	kind, known := c.providerKind(p, at)
	at.text("title", p.Title)
	at.link("icon", p.Icon)
	if known && kind.OwnBook {
		c.providerOfOwnBook(p, at)
	} else {
		c.providerCredentials(p, at)
		c.providerRequest(p, at)
	}
	c.providerPolicy(p, at)
	if known && len(c.problems) == before {
		c.providerTrial(kind, p, at)
	}
}

// providerTrial lets the kind itself check the settings; making a provider
// touches no network. It knows faults that only its vendor can have.
func (c *compiler) providerTrial(kind providers.Kind, p *Provider, at report) {
	made, err := kind.New(context.Background(), p.Settings())
	if err != nil {
		fromKind(at, err, "")
		return
	}
	if _, leaves := made.(providers.Leaver); p.UpstreamLogout && !leaves {
		at.at("upstream_logout").say(kind.Title+" offers apps no way to sign people out", "remove it")
	}
}

// fromKind reports a kind's complaint, which names its key in front: "issuer: is missing".
func fromKind(at report, err error, key string) {
	message := err.Error()
	if name, rest, ok := strings.Cut(message, ": "); ok && validSlug(name, "_") {
		key, message = name, name+" "+rest
	}
	if key != "" {
		at = at.at(key)
	}
	at.say(message, "")
}

func (c *compiler) providerKind(p *Provider, at report) (kind providers.Kind, known bool) {
	kind, known = providers.Lookup(p.Kind)
	if !known {
		var names []string
		for _, k := range providers.Kinds() {
			names = append(names, k.Name)
		}
		message := "there is no kind " + quoted(p.Kind)
		if p.Kind == "" {
			message = "kind is missing"
		}
		at.at("kind").say(message, choose(p.Kind, names))
		return kind, false
	}
	if p.Title == "" {
		p.Title = kind.Title
	}
	if _, err := kind.Issuer(p.Settings()); err != nil {
		fromKind(at, err, "issuer")
	}
	for _, only := range []struct{ key, value, kind string }{
		{"hosted_domain", p.HostedDomain, "google"},
		{"authorization_server", p.AuthorizationServer, "okta"},
		{"organization", p.Organization, "auth0"},
	} {
		if only.value != "" && p.Kind != only.kind {
			at.at(only.key).say(fmt.Sprintf("%s means nothing to kind %s", only.key, p.Kind), "it belongs to kind "+only.kind+"; remove it, or use a rule")
		}
	}
	return kind, true
}

func (c *compiler) providerCredentials(p *Provider, at report) {
	if p.ClientID == "" {
		at.at("client_id").say("client_id is missing", "the provider's console shows it when you register the broker there")
	} else if len(p.ClientID) > 512 || !oauth.CleanText(p.ClientID) {
		at.at("client_id").say("client_id is malformed", "copy it again")
	}
	if p.AuthMethod != "" {
		at.oneOf("auth_method", &p.AuthMethod, AuthBasic, AuthPost, AuthNone)
	}
	switch secret := p.ClientSecret.Reveal(); {
	case p.AuthMethod == AuthNone && secret != "":
		at.at("client_secret").say("there is a secret although auth_method is none", "remove one of the two")
	case p.AuthMethod != AuthNone && secret == "":
		at.at("client_secret").say("client_secret is missing or empty", "for example client_secret: ${"+envName(p.Slug)+"_CLIENT_SECRET}; without a secret say auth_method: none")
	case len(secret) > 4096 || !oauth.CleanText(secret):
		at.at("client_secret").say("client_secret is malformed", "is there a line end in it?")
	}
}

func envName(slug string) string {
	if !validSlug(slug, "") {
		return "PROVIDER"
	}
	return strings.ToUpper(strings.ReplaceAll(slug, "-", "_"))
}

// drawn are the parameters that the broker draws or checks by itself; a setting
// that replaced one would switch a protection off.
var drawn = []string{"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"request", "request_uri", "registration", "id_token_hint", "max_age", "login_hint", "hd", "organization"}

func (c *compiler) providerRequest(p *Provider, at report) {
	for i, s := range p.Scopes {
		if !oauth.ValidScope(s) {
			at.item("scopes", i).say(quoted(s)+" is not a scope", "one scope a line, without spaces")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Params)) {
		where := at.at("params." + name)
		switch value := p.Params[name]; {
		case slices.Contains(drawn, lower(name)):
			where.say(name+" is set by the broker for every login, or has a setting of its own", "remove it")
		case name == "" || len(name) > 64 || len(value) > 1024 || !oauth.CleanText(name+value):
			where.say("the parameter is malformed", "")
		}
	}
	for i, host := range p.EndpointHosts {
		if host == "" || strings.ContainsAny(host, "/@*?# ") || host != strings.ToLower(host) || !oauth.CleanText(host) {
			at.item("endpoint_hosts", i).say(quoted(host)+" is not a host", "only the host, in lower case: login.example.com")
		}
	}
	at.oneOf("userinfo", &p.UserInfo, UserInfoAuto, UserInfoAlways, UserInfoNever)
	for i, acr := range p.ACRValues {
		switch {
		case acr == "" || len(acr) > 128 || strings.Contains(acr, " ") || !oauth.CleanText(acr):
			at.item("acr_values", i).say(quoted(acr)+" is not an authentication context class", "one a line, without spaces, as the provider's ID tokens spell it")
		case slices.Index(p.ACRValues, acr) < i:
			at.item("acr_values", i).say(quoted(acr)+" stands twice in this list", "remove one")
		}
	}
}

func (c *compiler) providerPolicy(p *Provider, at report) {
	at.oneOf("trust_email", &p.TrustEmail, TrustOwnDomains, TrustAlways, TrustNever)
	at.oneOf("linking", &p.Linking, LinkingNone, LinkingAccount, LinkingEmail)
	switch {
	case p.Linking != LinkingEmail:
	case len(p.EmailDomains) == 0:
		at.at("linking").say("by address a person is joined only where the provider is the authority of the domain", "name its domains in email_domains, or say linking: account")
	case p.TrustEmail == TrustNever:
		at.at("linking").say("with trust_email never, no address of this provider counts", "say linking: account")
	}
	at.oneOf("signup", &p.Signup, SignupAutomatic, SignupExisting)
	at.notEmpty("allowed_domains", p.AllowedDomains, "every domain")
	domains(at, "email_domains", p.EmailDomains)
	domains(at, "allowed_domains", p.AllowedDomains)
	if h := p.HostedDomain; h != "" && h != "*" && !validDomain(h) {
		at.at("hosted_domain").say(quoted(h)+" is not a domain", domainHint(h))
	}
	if kind, known := providers.Lookup(p.Kind); known && !kind.OwnBook && p.MinPassword != 0 {
		at.at("min_password").say("min_password means nothing to kind "+p.Kind, "it belongs to kind local; remove it")
	}
	if p.MaxUpstreamAge < 0 {
		at.at("max_upstream_age").say("max_upstream_age is negative", "")
	}
	for i, d := range p.AllowedDomains {
		switch {
		case p.TrustEmail == TrustNever:
			at.item("allowed_domains", i).say("nobody can come in: with trust_email never, no address counts as verified", "set trust_email: own_domains and email_domains")
		case p.TrustEmail == TrustOwnDomains && p.Kind != "google" && !slices.Contains(p.EmailDomains, d):
			at.item("allowed_domains", i).say("nobody of "+quoted(d)+" can come in: this provider is not trusted to verify its addresses", "add it to email_domains, or set trust_email: always")
		}
	}
}

func domains(at report, list string, values []string) {
	for i, d := range values {
		switch {
		case !validDomain(d):
			at.item(list, i).say(quoted(d)+" is not a domain", domainHint(d))
		case slices.Index(values, d) < i:
			at.item(list, i).say(quoted(d)+" stands twice in this list", "remove one")
		}
	}
}

// domainHint guesses what was meant.
func domainHint(d string) string {
	guess := strings.ToLower(strings.TrimSpace(d))
	guess = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(guess, "@"), "*."), "https://")
	guess = strings.TrimSuffix(strings.TrimSuffix(guess, "/"), ".")
	if guess != d && validDomain(guess) {
		return "write " + guess
	}
	return "a lower-case name such as acme.example; a name in another script as xn--…"
}
