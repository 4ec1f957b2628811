package directory

import (
	"slices"
	"testing"

	"github.com/handstamp/handstamp/providers"
)

func TestTheVersionFollowsTheContentAndNotTheSecrets(t *testing.T) {
	first := compiled(t, acme()).Version()
	if again := compiled(t, acme()).Version(); again != first || len(first) != 64 {
		t.Errorf("the same document has versions %q and %q", first, again)
	}
	d := acme()
	d.Clients[0].Secrets = []providers.Secret{secret + "new", secret}
	d.Providers[0].ClientSecret = "another-upstream-secret"
	if got := compiled(t, d).Version(); got != first {
		t.Error("rotating a secret must not make every grant be decided anew")
	}
	for why, change := range map[string]func(d *Document){
		"a closed provider":  func(d *Document) { d.Providers[1].Disabled = true },
		"a closed client":    func(d *Document) { d.Clients[1].Disabled = true },
		"a tightened domain": func(d *Document) { d.Providers[1].AllowedDomains = []string{"acme.example"} },
		"another rule":       func(d *Document) { d.Rules[0].Roles = []string{"guest"} },
		"another scope":      func(d *Document) { d.Resources[1].Scopes = append(d.Resources[1].Scopes, Scope{Name: "orders:pay"}) },
		"another redirect":   func(d *Document) { d.Clients[0].RedirectURIs = []string{"https://app.acme.example/other"} },
	} {
		d := acme()
		change(&d)
		if compiled(t, d).Version() == first {
			t.Errorf("%s must change the version", why)
		}
	}
	s, _ := Compile("https://other.example", acme())
	if s.Version() == first {
		t.Error("the issuer is part of the content")
	}
}

func TestASnapshotAnswersWhoIsWho(t *testing.T) {
	d := acme()
	d.Providers[2].Disabled = true
	s := compiled(t, d)
	if p, ok := s.ProviderByID("p2"); !ok || p.Slug != "okta" || p.InternalID != "p2" {
		t.Errorf("got %+v, %v", p, ok)
	}
	if _, ok := s.ProviderByID(""); ok {
		t.Error("nobody has the empty id")
	}
	if got := slugs(s.ProvidersFor(client(t, s, "web"))); !slices.Equal(got, []string{"google", "okta"}) {
		t.Errorf("the chooser of web shows %q", got)
	}
	if got := s.ProvidersFor(client(t, s, "partner.portal_1")); len(got) != 0 {
		t.Errorf("its only provider is disabled, got %q", slugs(got))
	}
	if got := s.ScopesSupported(); !slices.Equal(got, []string{"openid", "profile", "email", "groups", "offline_access", "items:read", "items:write", "orders:read", "orders:cancel"}) {
		t.Errorf("got %q", got)
	}
	if sc, ok := s.Scope("items:write"); !ok || sc.Description != "Change your items" {
		t.Errorf("got %+v", sc)
	}
	if sc, ok := s.Scope("email"); !ok || sc.Description == "" {
		t.Errorf("got %+v", sc)
	}
	if _, ok := s.Scope("items"); ok {
		t.Error("there is no such scope")
	}
	if len(s.Clients()) != 3 || len(s.Providers()) != 3 || len(s.Resources()) != 2 || s.Issuer() != issuer || s.Rules() == nil {
		t.Error("the lists are incomplete")
	}
	for _, name := range []string{"email", "email_verified", "groups", "name"} {
		if got := s.ClaimNames(s.Providers()[0].Slug); !slices.Contains(got, name) {
			t.Errorf("%q is needed, got %q", name, got)
		}
	}
}

func TestOnlyOriginsOfEnabledClientsMayCall(t *testing.T) {
	d := acme()
	d.Clients[1].Disabled = true
	s := compiled(t, d)
	for origin, want := range map[string]bool{"https://app.acme.example": true, "http://127.0.0.1:5173": false, "https://APP.acme.example": false, "null": false, "": false, "https://evil.example": false} {
		if s.AllowsOrigin(origin) != want || s.Origins()[origin] != want {
			t.Errorf("%q: want %v", origin, want)
		}
	}
	if web := client(t, s, "web"); !web.AllowsOrigin("https://app.acme.example") || web.AllowsOrigin("http://127.0.0.1:5173") {
		t.Error("an origin belongs to the client that registered it")
	}
}

func TestWhatASnapshotReturnsCannotChangeIt(t *testing.T) {
	s := compiled(t, acme())
	s.Providers()[0], s.Clients()[0], s.ScopesSupported()[0] = nil, nil, "x"
	s.ProvidersFor(client(t, s, "web"))[0] = nil
	s.Origins()["https://evil.example"] = true
	if s.Providers()[0] == nil || s.Clients()[0] == nil || s.ScopesSupported()[0] != "openid" || s.ProvidersFor(client(t, s, "web"))[0] == nil || s.AllowsOrigin("https://evil.example") {
		t.Error("a caller's change reached the snapshot")
	}
}

func slugs(list []*Provider) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Slug)
	}
	return out
}
