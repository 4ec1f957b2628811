package directory

import (
	"testing"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

const (
	issuer = "https://login.acme.example"
	items  = "https://items.acme.example"
	orders = "https://orders.acme.example"
	secret = "kVbZ3b0n3bYJ7S0bq0yTt0y5gq8m1yQ2"
)

// acme is a house with three ways to sign in, three apps and two APIs.
func acme() Document {
	return Document{
		Providers: []Provider{
			{Slug: "google", Kind: "google", ClientID: "g", ClientSecret: "upstream-canary-1"},
			{Slug: "okta", Kind: "okta", Issuer: "https://acme.okta.com", ClientID: "o", ClientSecret: "upstream-canary-2", EmailDomains: []string{"acme.example"}},
			{Slug: "auth0", Kind: "auth0", Title: "Partners", Issuer: "https://acme.eu.auth0.com/", ClientID: "a", ClientSecret: "upstream-canary-3"},
		},
		Clients: []Client{
			{ID: "web", Name: "Acme Web", FirstParty: true, Secrets: []providers.Secret{secret}, RedirectURIs: []string{"https://app.acme.example/cb"}, RefreshTokens: RefreshOffline,
				AllowedOrigins: []string{"https://app.acme.example"},
				Scopes:         []string{"openid", "profile", "email", "groups", "offline_access", "items:read", "items:write", "orders:read"}, IDTokenClaims: []string{"email", "groups"}},
			{ID: "spa", Public: true, RedirectURIs: []string{"http://127.0.0.1/cb"}, AllowedOrigins: []string{"http://127.0.0.1:5173"}, Scopes: []string{"openid", "items:read"}, DefaultResource: items},
			{ID: "partner.portal_1", Secrets: []providers.Secret{secret + "2"}, RedirectURIs: []string{"https://partner.example/cb"}, Providers: []string{"auth0"}, RefreshTokens: RefreshOnline},
		},
		Resources: []Resource{
			{ID: items, Name: "Items", Scopes: []Scope{{"items:read", "See your items"}, {"items:write", "Change your items"}}},
			{ID: orders, Scopes: []Scope{{Name: "orders:read"}, {Name: "orders:cancel"}}},
		},
		Rules: []mapping.Rule{
			{Name: "everybody reads", Roles: []string{"reader"}, Scopes: []string{"items:read"}},
			{Name: "editors write", When: `"Editors" in claims.groups`, Providers: []string{"okta"}, Clients: []string{"web"}, Scopes: []string{"items:write"}},
		},
	}
}

func compiled(t testing.TB, d Document) *Snapshot {
	t.Helper()
	s, problems := Compile(issuer, d)
	for _, p := range problems {
		t.Errorf("unexpected problem: %s", p)
	}
	if t.Failed() {
		t.FailNow()
	}
	s.BindInternalIDs(map[string]string{"google": "p1", "okta": "p2", "auth0": "p3"})
	return s
}

func client(t testing.TB, s *Snapshot, id string) *Client {
	t.Helper()
	c, ok := s.Client(id)
	if !ok {
		t.Fatalf("no client %s", id)
	}
	return c
}

func provider(t testing.TB, s *Snapshot, slug string) *Provider {
	t.Helper()
	p, ok := s.Provider(slug)
	if !ok {
		t.Fatalf("no provider %s", slug)
	}
	return p
}
