package console_test

import (
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// BenchmarkPages opens pages of a house with 10,000 apps and 1,000 providers, as the first
// revision and with two small changes after it: docs/performance.md.
func BenchmarkPages(b *testing.B) {
	w := &town{kit: newKit(b, func(d *directory.Document) {
		for i := range 10_000 {
			d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("app-%d", i), Name: fmt.Sprintf("App %d", i), Public: true, RedirectURIs: []string{"https://app.example/callback"}, Scopes: []string{"openid"}})
		}
		for i := range 1_000 {
			d.Providers = append(d.Providers, directory.Provider{Slug: fmt.Sprintf("p-%d", i), Kind: "oidc", Issuer: fmt.Sprintf("https://p%d.example", i), ClientID: "x", ClientSecret: "secret-secret-secret"})
		}
	})}
	w.person("web", "okta", "alice")
	w.person("web", "okta", "bob")
	w.erin = w.signedIn("erin", "owner")
	w.look()
	sh := w.shell()
	rule, err := sh.Rule(b.Context(), "readers")
	if err != nil {
		b.Fatal(err)
	}
	changed := rule.Settings()
	for n := range int64(2) {
		changed.Roles = append(changed.Roles, fmt.Sprintf("member-%d", n))
		if _, err := sh.PutRule(b.Context(), "readers", changed, "", api.ChangeOptions{IfMatch: n + 1, Reason: "a benchmark"}); err != nil {
			b.Fatal(err)
		}
	}
	rules := "/rules/" + api.Key("readers")
	for name, path := range map[string]string{"overview": "/", "logins": "/logins", "login": "/logins/" + w.bobLogin.Reference, "users": "/users", "user": "/users/" + w.alice.Sub, "apps": "/clients",
		"apps-found": "/clients?q=app-77", "app": "/clients/app-7", "app-form": "/clients/app-7/edit", "providers": "/providers", "provider-form": "/providers/p-7/edit", "rule": rules, "rule-form": rules + "/edit",
		"revisions": "/revisions", "revision": "/revisions/3", "older-revision": "/revisions/2", "rollback": "/revisions/1/rollback", "audit": "/audit"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w.erin.page(path)
			}
		})
	}
}
