package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/policy"
)

func TestATestIsAPersonWithWhatIsDifferentThisTime(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": pieceProviders, "b_test.yaml": "tests:\n  - {name: b, provider: corp, client: web, expect: {roles: []}}\n", "a_test.yaml": `
defaults: {client: web, scopes: [openid]}
people:
  olga:
    provider: corp
    claims: {sub: "007", groups: [a, b], n: 4, hex: 1.5e3, on: true, nothing: null, realm: {roles: [x]}, "https://x/y": "${NOT_EXPANDED}"}
tests:
  - name: everything
    person: olga
    client: other
    claims: {groups: [c]}
    without: [n]
    scopes: [openid, "a:read"]
    resource: https://api.example
    new: true
    disabled: true
    email_verified: false
    expect: {admitted: false, roles: [r], scopes: ["a:read"], claims: {dep: tools, gone: null}, denied: No., reason: because, rule: deny}
  - name: by default
    person: olga
    expect: {admitted: true}
`})
	f, err := LoadDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	base := map[string]any{"sub": "007", "groups": []any{"c"}, "hex": 1500.0, "on": true, "nothing": nil, "realm": map[string]any{"roles": []any{"x"}}, "https://x/y": "${NOT_EXPANDED}"}
	olga := map[string]any{"sub": "007", "groups": []any{"a", "b"}, "n": 4.0, "hex": 1500.0, "on": true, "nothing": nil, "realm": map[string]any{"roles": []any{"x"}}, "https://x/y": "${NOT_EXPANDED}"}
	a := filepath.Join(dir, "a_test.yaml")
	want := []policy.Case{
		{Name: "everything", File: a, Line: 8, Question: policy.Question{Provider: "corp", Client: "other", Claims: base, Scopes: []string{"openid", "a:read"}, Resource: "https://api.example",
			New: true, UserDisabled: true, EmailVerified: &no}, Want: policy.Want{Admitted: &no, Roles: []string{"r"}, Scopes: []string{"a:read"}, Claims: map[string]any{"dep": "tools", "gone": nil},
			Denied: "No.", Reason: "because", Rule: "deny"}},
		{Name: "by default", File: a, Line: 19, Question: policy.Question{Provider: "corp", Client: "web", Claims: olga, Scopes: []string{"openid"}}, Want: policy.Want{Admitted: &yes}},
		{Name: "b", File: filepath.Join(dir, "b_test.yaml"), Line: 2, Question: policy.Question{Provider: "corp", Client: "web", Claims: map[string]any{}}, Want: policy.Want{Roles: []string{}}},
	}
	if !reflect.DeepEqual(f.Tests.Cases, want) {
		t.Errorf("got  %+v\nwant %+v", f.Tests.Cases, want)
	}
}

func TestWhatIsWrongWithATestIsToldWithItsLine(t *testing.T) {
	for _, row := range []struct{ why, file, want string }{
		{"an unknown key", "tests:\n  - {name: a, provider: p, client: c, expects: {roles: []}}\n", "2 there is no setting expects in tests[0]"},
		{"an unknown expectation", "tests:\n  - {name: a, provider: p, client: c, expect: {role: [x]}}\n", "2 there is no setting role in tests[0].expect"},
		{"nothing expected", "tests:\n  - name: a\n    provider: p\n    client: c\n", "2 the test expects nothing"},
		{"a contradiction", "tests:\n  - {name: a, provider: p, client: c, expect: {admitted: true, denied: x}}\n", "2 the test expects that the person comes in, and a reason why not"},
		{"no provider", "tests:\n  - {name: a, client: c, expect: {roles: []}}\n", "2 the test does not say through which provider"},
		{"no client", "tests:\n  - {name: a, provider: c, expect: {roles: []}}\n", "2 the test does not say to which client"},
		{"no name", "tests:\n  - {provider: p, client: c, expect: {roles: []}}\n", "2 the test has no name"},
		{"a doubled name", "tests:\n  - {name: a, provider: p, client: c, expect: {roles: []}}\n  - {name: a, provider: p, client: c, expect: {roles: []}}\n", "3 there is a test of this name on line 2 already"},
		{"nobody", "people: {olga: {provider: p}}\ntests:\n  - {name: a, person: olag, client: c, provider: p, expect: {roles: []}}\n", `3 there is no person "olag" in this file`},
		{"a claim that is not there to be missing", "people: {olga: {provider: p, claims: {a: 1}}}\ntests:\n  - {name: a, person: olga, client: c, without: [b], expect: {roles: []}}\n", `3 the person has no claim "b" that could be missing`},
		{"a doubled claim", "tests:\n  - {name: a, provider: p, client: c, claims: {a: 1, a: 2}, expect: {roles: []}}\n", "2 a is set twice"},
		{"claims of two cases", "tests:\n  - {name: a, provider: p, client: c, claims: {sub: 1, SUB: 2}, expect: {roles: []}}\n", "2 SUB stands twice, or differs from another name only in its case"},
		{"claims that are a list", "tests:\n  - {name: a, provider: p, client: c, claims: [a], expect: {roles: []}}\n", "2 claims wants names with values, not a list"},
		{"a number of another form", "tests:\n  - {name: a, provider: p, client: c, claims: {n: 0o17}, expect: {roles: []}}\n", "2 n is a number in a form that JSON does not have"},
		{"one test for a list", "tests: {name: a}\n", "1 tests wants a list"},
		{"settings", "issuer: https://x.example\n", "1 there is no setting issuer"},
		{"an anchor", "people: &a {}\n", "1 anchors and aliases are not accepted"},
	} {
		dir := folder(t, map[string]string{"a.yaml": pieceProviders, "a_test.yaml": row.file})
		_, err := LoadDirectory(dir)
		if err == nil {
			t.Errorf("%s: nothing was said", row.why)
			continue
		}
		if !slices.ContainsFunc(problemsOf(t, err), func(p Problem) bool {
			return strings.HasPrefix(fmt.Sprintf("%d %s", p.Line, p.Message), row.want) && filepath.Base(p.File) == "a_test.yaml"
		}) {
			t.Errorf("%s: got %v", row.why, err)
		}
	}
}

// A test run begins nothing: a secret in a file that others can read is for serve to refuse.
func TestATestRunAsksNotWhoCanReadTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.yaml")
	text := "providers:\n  - {slug: corp, kind: oidc, issuer: \"https://sso.corp.example\", client_id: x, client_secret: a-literal-secret-of-theirs}\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadForTests(path); err != nil {
		t.Error(err)
	}
	if _, err := LoadDirectory(path); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("and plan or apply: %v", err)
	}
}
