package providers

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func begin(t *testing.T, p *upstream, a Attempt) url.Values {
	t.Helper()
	step, err := p.Begin(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(step.Redirect)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestBeginSpendsTheSecretsOfTheAttempt(t *testing.T) {
	e := newEvil(t)
	e.metadata = func(m map[string]any) { m["authorization_endpoint"] = e.server.URL + "/authorize?tenant=a%26b" }
	a := newAttempt()
	age := int64(60)
	a.Prompt, a.MaxAge, a.LoginHint, a.ACRValues, a.UILocales = "login", &age, "a&b@x", []string{"one", "two"}, "de en"
	p := e.provider("oidc", func(s *Settings) {
		s.Scopes, s.Params = []string{"email"}, map[string]string{"prompt": "consent", "audience": "x y"}
	})
	q := begin(t, p, a)
	for name, want := range map[string]string{
		"tenant": "a&b", "response_type": "code", "client_id": clientID, "redirect_uri": a.RedirectURI, "scope": "openid email",
		"state": a.State, "nonce": a.Nonce, "code_challenge_method": "S256", "prompt": "login", "max_age": "60", "login_hint": "a&b@x",
		"acr_values": "one two", "ui_locales": "de en", "audience": "x y",
	} {
		if q.Get(name) != want || len(q[name]) != 1 {
			t.Errorf("%s: got %q, want %q once", name, q[name], want)
		}
	}
	if strings.Contains(fmt.Sprint(q), a.Verifier) {
		t.Error("the verifier left before the code came")
	}
}

func TestBeginRefusesAnAttemptWithoutSecrets(t *testing.T) {
	p := newEvil(t).provider("oidc")
	for _, row := range []struct {
		why    string
		forget func(*Attempt)
	}{
		{"no state", func(a *Attempt) { a.State = "" }},
		{"no nonce", func(a *Attempt) { a.Nonce = "" }},
		{"no verifier", func(a *Attempt) { a.Verifier = "" }},
		{"a short verifier", func(a *Attempt) { a.Verifier = a.Verifier[:42] }},
		{"no redirect URI", func(a *Attempt) { a.RedirectURI = "" }},
	} {
		a := newAttempt()
		row.forget(&a)
		_, err := p.Begin(context.Background(), a)
		wantError(t, err, ServerError, row.why)
		_, err = p.Finish(context.Background(), a, url.Values{"state": {a.State}, "code": {"c"}})
		wantError(t, err, ServerError, row.why)
	}
}

func TestKindsSpeakTheirVendorsDialect(t *testing.T) {
	e := newEvil(t)
	for _, row := range []struct {
		why, kind string
		settings  func(*Settings)
		prompt    string
		want      map[string]string
	}{
		{"Google knows no login", "google", nil, "login", map[string]string{"prompt": "select_account"}},
		{"and no word twice", "google", nil, "login consent select_account", map[string]string{"prompt": "select_account consent"}},
		{"Google has access_type instead of offline_access", "google", func(s *Settings) { s.Scopes = []string{"openid", "offline_access"} }, "",
			map[string]string{"scope": "openid", "access_type": "offline"}},
		{"the domain is hinted at", "google", func(s *Settings) { s.HostedDomain = "acme.example" }, "", map[string]string{"hd": "acme.example"}},
		{"Google knows no max_age", "google", nil, "", map[string]string{"max_age": ""}},
		{"Okta knows no select_account", "okta", nil, "select_account", map[string]string{"prompt": "login"}},
		{"others get what the app wished", "oidc", nil, "select_account", map[string]string{"prompt": "select_account", "max_age": "9"}},
		{"Auth0 is asked for the organization", "auth0", func(s *Settings) { s.Organization = "org_1" }, "", map[string]string{"organization": "org_1"}},
	} {
		e.issuer = e.server.URL
		if row.kind == "auth0" {
			e.issuer += "/"
		}
		a, age := newAttempt(), int64(9)
		a.Prompt, a.MaxAge = row.prompt, &age
		adjust := row.settings
		if adjust == nil {
			adjust = func(*Settings) {}
		}
		q := begin(t, e.provider(row.kind, adjust), a)
		for name, want := range row.want {
			if got := q.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", row.why, name, got, want)
			}
		}
	}
}

func TestNewTouchesNoNetworkAndNamesTheWrongKey(t *testing.T) {
	good := Settings{Slug: "x", Kind: "oidc", Issuer: "https://op.example", ClientID: "c", ClientSecret: "s"}
	for _, row := range []struct {
		why, kind, key string
		spoil          func(*Settings)
	}{
		{"no issuer", "oidc", "issuer", func(s *Settings) { s.Issuer = "" }},
		{"no client id", "oidc", "client_id", func(s *Settings) { s.ClientID = "" }},
		{"no secret", "oidc", "client_secret", func(s *Settings) { s.ClientSecret = "" }},
		{"a secret nobody uses", "oidc", "client_secret", func(s *Settings) { s.AuthMethod = "none" }},
		{"unknown auth method", "oidc", "auth_method", func(s *Settings) { s.AuthMethod = "private_key_jwt" }},
		{"unknown trust", "oidc", "trust_email", func(s *Settings) { s.TrustEmail = "yes" }},
		{"unknown userinfo", "oidc", "userinfo", func(s *Settings) { s.UserInfo = "yes" }},
		{"symmetric algorithm", "oidc", "algs", func(s *Settings) { s.Algs = []string{"HS256"} }},
		{"no signature", "oidc", "algs", func(s *Settings) { s.Algs = []string{"none"} }},
		{"a parameter of the protocol", "oidc", "params", func(s *Settings) { s.Params = map[string]string{"Response_Type": "token"} }},
		{"hd as a mere hint", "oidc", "params", func(s *Settings) { s.Params = map[string]string{"hd": "acme.example"} }},
		{"a setting of another kind", "okta", "hosted_domain", func(s *Settings) { s.HostedDomain = "acme.example" }},
		{"a setting of another kind", "google", "organization", func(s *Settings) { s.Organization = "org_1" }},
		{"two servers", "okta", "authorization_server", func(s *Settings) { s.Issuer, s.AuthorizationServer = "https://a.okta.com/oauth2/x", "default" }},
		{"a path as server", "okta", "authorization_server", func(s *Settings) { s.AuthorizationServer = "../x" }},
		{"a URL as host", "oidc", "endpoint_hosts", func(s *Settings) { s.EndpointHosts = []string{"https://x.example/"} }},
	} {
		s := good
		s.Kind = row.kind
		row.spoil(&s)
		k, _ := Lookup(row.kind)
		_, err := k.New(context.Background(), s)
		if err == nil || !strings.HasPrefix(err.Error(), row.key+":") {
			t.Errorf("%s: got %v, want a fault of %s", row.why, err, row.key)
		}
	}
	for _, k := range Kinds() { // op.example does not resolve: nothing may be asked
		if _, err := k.New(context.Background(), good); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

func TestU31_ATemplateForManyTenantsIsNoIssuer(t *testing.T) {
	for _, issuer := range []string{
		"https://login.microsoftonline.com/{tenantid}/v2.0", "https://login.microsoftonline.com/common/v2.0",
		"https://login.microsoftonline.com/organizations/v2.0", "https://login.microsoftonline.com/consumers/v2.0",
		"https://LOGIN.microsoftonline.com/Common/v2.0", "https://login.microsoftonline.com/",
	} {
		k, _ := Lookup("oidc")
		if _, err := k.Issuer(Settings{Issuer: issuer}); err == nil {
			t.Errorf("%s would let every tenant in", issuer)
		}
	}
	k, _ := Lookup("oidc")
	const one = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
	if got, err := k.Issuer(Settings{Issuer: one}); err != nil || got != one {
		t.Errorf("one tenant: %q, %v", got, err)
	}
	// Two tenants under one key set: the other one's people stay out.
	e := newEvil(t)
	e.issuer += "/tenant-a/v2.0"
	p := e.provider("oidc")
	if _, err := e.login(p); err != nil {
		t.Fatal(err)
	}
	e.claims = func(c map[string]any) { c["iss"] = e.server.URL + "/tenant-b/v2.0" }
	_, err := e.login(p)
	wantError(t, err, ServerError, "a person of another tenant")
}

func TestIssuersThatCannotBeOne(t *testing.T) {
	k, _ := Lookup("oidc")
	for _, issuer := range []string{
		"op.example", "http://op.example", "https://", "https://user@op.example", "https://op.example?x", "https://op.example/#", "ftp://op.example",
		"https://op.example/.well-known/openid-configuration", "http://localhost.op.example", "mailto:x",
	} {
		if _, err := k.Issuer(Settings{Issuer: issuer}); err == nil {
			t.Errorf("%q was taken", issuer)
		}
	}
	for kind, want := range map[string]string{"google": "https://accounts.google.com"} {
		k, _ := Lookup(kind)
		if got, err := k.Issuer(Settings{}); err != nil || got != want {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
}
