package directory

import (
	"crypto/subtle"
	"slices"
	"testing"

	"github.com/handstamp/handstamp/providers"
)

func TestD15_OnlyALiveSecretMatches(t *testing.T) {
	d := acme()
	d.Clients[0].Secrets = []providers.Secret{secret, secret + "-previous"}
	s := compiled(t, d)
	web := client(t, s, "web")
	if !web.SecretMatches(secret) || !web.SecretMatches(secret+"-previous") {
		t.Error("both live secrets must match")
	}
	for _, row := range []struct{ why, secret string }{
		{"empty", ""}, {"prefix", secret[:31]}, {"longer", secret + "x"}, {"upper case", "KVBZ3B0N3BYJ7S0BQ0YTT0Y5GQ8M1YQ2"}, {"space in front", " " + secret}, {"line end", secret + "\n"},
		{"both", secret + secret + "-previous"}, {"what prints", "[redacted]"}, {"another client's", secret + "2"}, {"NUL", "\x00"},
	} {
		if web.SecretMatches(row.secret) {
			t.Errorf("%s: %q matched", row.why, row.secret)
		}
	}
	for _, guess := range []string{"", secret, "\x00", string(make([]byte, 32))} {
		if client(t, s, "spa").SecretMatches(guess) {
			t.Errorf("a public client has no secret, but %q matched", guess)
		}
		if UnknownClient.SecretMatches(guess) {
			t.Errorf("a client that does not exist matched %q", guess)
		}
		if new(Client).SecretMatches(guess) {
			t.Errorf("a client that was never compiled matched %q", guess)
		}
	}
}

func TestD15_AnUnknownClientCostsTheSameWork(t *testing.T) {
	d := acme()
	d.Clients[0].Secrets = []providers.Secret{secret, secret + "-previous"}
	s := compiled(t, d)
	work := func(c *Client, secret string) (lengths []int) {
		c.secretMatches(secret, func(a, b []byte) int {
			lengths = append(lengths, len(a), len(b))
			return subtle.ConstantTimeCompare(a, b)
		})
		return lengths
	}
	want := []int{32, 32, 32, 32}
	for _, row := range []struct {
		why    string
		client *Client
		secret string
	}{
		{"the first secret", client(t, s, "web"), secret},
		{"the second secret", client(t, s, "web"), secret + "-previous"},
		{"a wrong secret", client(t, s, "web"), "wrong"},
		{"one secret", client(t, s, "partner.portal_1"), "wrong"},
		{"a public client", client(t, s, "spa"), "wrong"},
		{"no such client", UnknownClient, "wrong"},
		{"no such client, no secret", UnknownClient, ""},
	} {
		if got := work(row.client, row.secret); !slices.Equal(got, want) {
			t.Errorf("%s: compared lengths %v, want %v", row.why, got, want)
		}
	}
}

func TestD16_AClientUsesOnlyTheGrantTypesItWasGiven(t *testing.T) {
	s := compiled(t, acme())
	for _, row := range []struct{ client, grant, allowed string }{
		{"web", GrantCode, "yes"}, {"web", GrantRefresh, "yes"},
		{"spa", GrantCode, "yes"}, {"spa", GrantRefresh, "no"},
		{"partner.portal_1", GrantCode, "yes"}, {"partner.portal_1", GrantRefresh, "yes"},
	} {
		if got := client(t, s, row.client).AllowsGrant(row.grant); got != (row.allowed == "yes") {
			t.Errorf("%s with %s: got %v", row.client, row.grant, got)
		}
	}
	for _, c := range s.Clients() {
		for _, grant := range []string{"", "password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer",
			"urn:ietf:params:oauth:grant-type:device_code", "Authorization_Code", "authorization_code ", "none"} {
			if c.AllowsGrant(grant) {
				t.Errorf("%s may use %q", c.ID, grant)
			}
		}
	}
	if UnknownClient.AllowsGrant(GrantCode) {
		t.Error("a client that does not exist may use nothing")
	}
}
