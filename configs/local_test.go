package configs

import (
	"slices"
	"strings"
	"testing"
)

// house is a file with a provider of passwords and one client.
func house(provider, client string) []byte {
	return []byte("issuer: http://127.0.0.1:8080\nproviders: [{slug: local, kind: local, " + provider + "}, {slug: g, kind: google, client_id: x, client_secret: '${X_SECRET}'}]\n" +
		"clients: [{id: a, secrets: ['${X_SECRET}'], redirect_uris: ['https://a.example.com/cb'], " + client + "}]\n")
}

func TestAProviderOfPasswordsNeedsNothingAndTakesNoUpstreamSettings(t *testing.T) {
	c := must(t, "h.yaml", house("min_password: 16", ""))
	if p := c.Directory.Providers[0]; p.MinPassword != 16 {
		t.Errorf("%+v", p)
	}
	for _, row := range []struct{ provider, key, message string }{
		{"issuer: 'https://x.example.com'", "providers[0].issuer", "means nothing to kind local"},
		{"client_id: x", "providers[0].client_id", "means nothing to kind local"},
		{"client_secret: '${X_SECRET}'", "providers[0].client_secret", "means nothing to kind local"},
		{"scopes: [openid]", "providers[0].scopes", "means nothing to kind local"},
		{"params: {a: b}", "providers[0].params", "means nothing to kind local"},
		{"signup: automatic", "providers[0].signup", "by signing in"},
		{"min_password: 4", "providers[0].min_password", "must be between 8 and 64"},
		{"min_password: many", "providers[0].min_password", "wants a whole number"},
		{"min_password: [12]", "providers[0].min_password", "wants a whole number"},
		{"hosted_domain: example.com", "providers[0].hosted_domain", "means nothing to kind local"},
	} {
		wants(t, house(row.provider, ""), row.key, row.message)
	}
	google := strings.Replace(string(house("title: x", "")), "kind: google,", "kind: google, min_password: 12,", 1)
	wants(t, []byte(google), "providers[1].min_password", "means nothing to kind google")
}

func wants(t *testing.T, file []byte, key, message string) {
	t.Helper()
	_, err := Parse("h.yaml", file, environ)
	if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), message) {
		t.Errorf("%s: %v, want %q", key, err, message)
	}
}

func TestD16_ThePasswordGrantIsOnlyForConfidentialAppsOfOnesOwn(t *testing.T) {
	c := must(t, "h.yaml", house("title: x", "first_party: true, password_grant: true"))
	if !slices.ContainsFunc(c.Warnings, func(p Problem) bool { return p.Key == "clients[0].password_grant" }) {
		t.Errorf("it is not warned of: %v", c.Warnings)
	}
	if cl, _ := c.Snapshot().Client("a"); !cl.AllowsGrant("password") || !cl.AllowsGrant("authorization_code") {
		t.Errorf("grants: %v", cl.GrantTypes)
	}
	if off := must(t, "h.yaml", house("title: x", "first_party: true")); off.Snapshot().Offers("password") {
		t.Error("it is on by default")
	}
	for _, row := range []struct{ client, key, message string }{
		{"password_grant: true", "clients[0].password_grant", "only one's own app"},
		{"first_party: true, password_grant: true, providers: [g]", "clients[0].password_grant", "exactly one provider of kind local"},
		{"first_party: true, grant_types: [password]", "clients[0].grant_types[0]", "OAuth 2.1 removed it"},
		{"first_party: true, password_grant: true, grant_types: [password]", "clients[0].grant_types[0]", "stands under password_grant"},
	} {
		wants(t, house("title: x", row.client), row.key, row.message)
	}
	public := strings.Replace(string(house("title: x", "first_party: true, public: true, password_grant: true")), "secrets: ['${X_SECRET}'], redirect", "redirect", 1)
	wants(t, []byte(public), "clients[0].password_grant", "a public client cannot have password_grant")
}
