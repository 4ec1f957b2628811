package admin_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// large is a directory of 10,000 apps and 1,000 providers; see docs/performance.md.
func large(d *directory.Document) {
	for i := range 1000 {
		d.Providers = append(d.Providers, directory.Provider{Slug: fmt.Sprintf("p%04d", i), Kind: "oidc", Issuer: fmt.Sprintf("https://p%04d.example", i), ClientID: "x", ClientSecret: "a-secret-of-ours"})
	}
	for i := range 10_000 {
		d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("c%05d", i), Name: fmt.Sprintf("App %d", i), Public: true, RedirectURIs: []string{fmt.Sprintf("https://c%05d.example/cb", i)}, Providers: []string{fmt.Sprintf("p%04d", i%1000)}})
	}
}

func BenchmarkListsOfTenThousandClients(b *testing.B) {
	k := newKit(b, large)
	k.deaf = true // what is measured is the API
	token := k.robot()
	first := into[api.Page[api.ClientInfo]](b, k.do("GET", "/clients?limit=200", token, ""))
	for name, path := range map[string]string{
		"first page":         "/clients?limit=200",
		"second page":        "/clients?limit=200&cursor=" + first.Next,
		"search, last match": "/clients?limit=50&q=c09999",
		"providers":          "/providers?limit=200",
		"one client":         "/clients/c05000",
		"one provider":       "/providers/p0500",
		"status":             "/status",
		"plan of a rule":     "plan",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if path == "plan" {
					must(b, k.do("POST", "/rules?plan=true", token, `{"name":"x","roles":["y"]}`), http.StatusOK)
					continue
				}
				must(b, k.do("GET", path, token, ""), http.StatusOK)
			}
		})
	}
}
