package directory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// saved is what an administrator gets back for one rule in an otherwise good document.
func saved(t *testing.T, rule map[string]any) string {
	t.Helper()
	d := acme()
	d.FoldSecrets(func(owner, _ string) string { return owner }, nil)
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	document["rules"] = []any{rule}
	if b, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	got, problems := ParseDocument(b)
	if len(problems) > 0 {
		return fmt.Sprint(problems)
	}
	for i := range got.Providers {
		got.Providers[i].ClientSecret = "given"
	}
	for i := range got.Clients {
		for j := range got.Clients[i].Secrets {
			got.Clients[i].Secrets[j] = DigestSecret("given")
		}
	}
	_, problems = Compile(issuer, got)
	return fmt.Sprint(problems)
}

func TestL17_ARuleThatWritesAReservedClaimIsRefusedWhenSaved(t *testing.T) {
	for _, claim := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope", "client_id", "amr", "acr", "auth_time", "act", "cnf", "sid", "roles", "email", "email_verified", "azp", "nonce", "at_hash", "SUB", "events"} {
		if got := saved(t, map[string]any{"name": "r", "claims": map[string]any{claim: "'x'"}}); !strings.Contains(got, "rules[0].claims."+claim) {
			t.Errorf("%s: %s", claim, got)
		}
	}
	if got := saved(t, map[string]any{"name": "r", "claims": map[string]any{"department": "'x'"}}); got != "[]" {
		t.Errorf("a claim of one's own: %s", got)
	}
}

func TestL18_AHostileRuleIsRefusedWhenSaved(t *testing.T) {
	for why, when := range map[string]string{
		"no expression":                      "claims.",
		"a pattern that a claim brings":      "claims.a.matches(claims.b)",
		"a function that reads a file":       "file('/etc/passwd') != ''",
		"a variable of the environment":      "env.HOME == ''",
		"a loop":                             "while (true) {}",
		"another language":                   "__import__('os').system('id')",
		"an expression that gives no yes/no": "'text'",
		"a pattern that is none":             "claims.a.matches('(')",
		"a message type":                     "google.protobuf.Struct{} == claims",
		"a very long one":                    strings.Repeat("true && ", 100_000) + "true",
		"a deep one":                         strings.Repeat("(", 10_000) + "true" + strings.Repeat(")", 10_000),
	} {
		if got := saved(t, map[string]any{"name": "r", "when": when, "roles": []any{"x"}}); !strings.Contains(got, "rules[0].when") {
			t.Errorf("%s: %.300s", why, got)
		}
	}
	for why, rule := range map[string]map[string]any{
		"no name":                     {"roles": []any{"x"}},
		"it gives and denies":         {"name": "r", "roles": []any{"x"}, "deny": "no"},
		"it does nothing":             {"name": "r", "when": "true"},
		"a scope that nobody has":     {"name": "r", "scopes": []any{"nothing:read"}},
		"a scope of a sign-in":        {"name": "r", "scopes": []any{"openid"}},
		"the administration":          {"name": "r", "scopes": []any{ReadUsers}},
		"a provider that is not here": {"name": "r", "providers": []any{"nowhere"}, "roles": []any{"x"}},
		"no provider at all":          {"name": "r", "providers": []any{}, "roles": []any{"x"}},
	} {
		if got := saved(t, rule); !strings.Contains(got, "rules[0]") {
			t.Errorf("%s: %s", why, got)
		}
	}
}

// Whatever bytes come: no crash, and what is taken says the same when it is written again.
func FuzzParseDocument(f *testing.F) {
	d := acme()
	d.FoldSecrets(func(owner, _ string) string { return owner }, nil)
	b, err := json.Marshal(d)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(b), `{}`, `{"rules":[{"name":"a","claims":{"x":"1"}}]}`, `{"clients":[{"secrets":["${A}","x"]}]}`, `[[[[`, `{"a":`, "{\"providers\":[{\"max_upstream_age\":\"1d\"}]}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, problems := ParseDocument(b)
		if len(problems) > 0 {
			return
		}
		d.FoldSecrets(func(owner, _ string) string { return "f" }, func(string, string) bool { return true })
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, problems := ParseDocument(text)
		again.FoldSecrets(nil, func(string, string) bool { return true })
		if len(problems) > 0 || !reflect.DeepEqual(d, again) || len(Diff(d, again)) > 0 {
			t.Errorf("%s\n%v", text, problems)
		}
	})
}
