// Package directorytest makes directories for tests and measurements.
package directorytest

import (
	"fmt"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// Large is a house with so many apps, providers and rules. Every tenth app names the
// providers that it takes, as partners' apps do; there is an API for every hundred apps.
// The document is the same at each call. Its secrets are literal.
func Large(clients, upstreams, rules int) directory.Document {
	var d directory.Document
	for i := range upstreams {
		d.Providers = append(d.Providers, directory.Provider{Slug: Slug(i), Kind: "oidc", Title: fmt.Sprintf("Company %d", i), Issuer: fmt.Sprintf("https://idp%d.example", i),
			ClientID: "broker", ClientSecret: providers.Secret(fmt.Sprintf("upstream-secret-%d", i)), EmailDomains: []string{fmt.Sprintf("company%d.example", i)}})
	}
	for i := range clients/100 + 1 {
		d.Resources = append(d.Resources, directory.Resource{ID: fmt.Sprintf("https://api%d.example", i), Name: fmt.Sprintf("API %d", i),
			Scopes: []directory.Scope{{Name: Scope(i, "read"), Description: "Read"}, {Name: Scope(i, "write"), Description: "Write"}}})
	}
	for i := range clients {
		c := directory.Client{ID: Client(i), Name: fmt.Sprintf("App %d", i), FirstParty: i%2 == 0, RedirectURIs: []string{fmt.Sprintf("https://app%d.example/callback", i)},
			Secrets: []providers.Secret{providers.Secret(fmt.Sprintf("secret-of-an-app-that-is-long-enough-%d", i))},
			Scopes:  []string{"openid", "profile", "email", Scope(i/100, "read"), Scope(i/100, "write")}}
		if i%10 == 0 && upstreams > 3 {
			c.Providers = []string{Slug(i % upstreams), Slug((i + 1) % upstreams)}
		}
		d.Clients = append(d.Clients, c)
	}
	for i := range rules {
		r := mapping.Rule{Name: fmt.Sprintf("rule %d", i), When: fmt.Sprintf("'group-%d' in claims.?groups.orValue([])", i), Roles: []string{fmt.Sprintf("role-%d", i)}}
		if clients > 0 {
			r.Scopes = []string{Scope(i%(clients/100+1), "write")}
		}
		d.Rules = append(d.Rules, r)
	}
	return d
}

// Slug, Client and Scope name what Large makes.
func Slug(i int) string { return fmt.Sprintf("company-%d", i) }

// Client is the id of an app.
func Client(i int) string { return fmt.Sprintf("app-%d", i) }

// Scope is one of the two scopes of an API: read or write.
func Scope(api int, what string) string { return fmt.Sprintf("api%d:%s", api, what) }
