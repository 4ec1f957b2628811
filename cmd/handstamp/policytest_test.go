package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/policy"
)

const passing = `
defaults: {provider: okta, client: web}
tests:
  - name: verified people read
    claims: {email: a@acme.example, email_verified: true, department: x}
    expect: {roles: [reader], scopes: ["items:read"]}
  - name: contractors stay outside
    claims: {department: contractors}
    expect: {denied: Please use the partner portal., rule: contractors}
`

const failing = `
tests:
  - name: engineers write
    provider: okta
    client: web
    claims: {groups: [Engineering], level: 3, department: x}
    expect: {roles: [editor]}
`

// beside writes the settings and their tests into one folder and gives the settings' path.
func beside(t *testing.T, tests map[string]string) string {
	t.Helper()
	path := settingsFile(t, explainedSettings)
	for name, content := range tests {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestPolicyTestsShowWhatFailsAndWhy(t *testing.T) {
	path := beside(t, map[string]string{"a_test.yaml": passing, "b_test.yaml": failing})
	report := filepath.Join(t.TempDir(), "report.xml")
	out, code := runVerb(t, testCmd(), "", "-c", path, "--coverage", "--junit", report)
	const want = `FAIL  engineers write  (DIR/b_test.yaml:3)
        roles
          want  editor
          got   none
          why   editor is missing: rule "engineers" says no: claims.level > 3 was false: claims.level is 3
3 tests, 2 passed, 1 failed

fired  readers  (DIR/h.yaml:15)
         once
NEVER  engineers  (DIR/h.yaml:19)
         only where it cannot be worked out
NEVER  partners  (DIR/h.yaml:27)
         no test reaches it
fired  contractors  (DIR/h.yaml:31)
         once

2 of 4 rules fire in a test that passes
`
	if got := strings.ReplaceAll(out, filepath.Dir(path), "DIR"); got != want || code != 2 {
		t.Errorf("exit %d\n%s", code, got)
	}
	xmlText, err := os.ReadFile(report)
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if err != nil || xml.Unmarshal(xmlText, &suites) != nil || suites.Tests != 3 || suites.Failures != 1 {
		t.Errorf("%v: %s", err, xmlText)
	}
	out, code = runVerb(t, testCmd(), "", "-f", path, "--json")
	var results policy.Results
	if err := json.Unmarshal([]byte(out), &results); err != nil || code != 2 || results.Failed != 1 || len(results.Coverage) != 4 || results.Cases[2].Faults[0].Want != "editor" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

func TestPolicyTestsEndWithACodeForCI(t *testing.T) {
	for _, row := range []struct {
		why   string
		tests map[string]string
		args  []string
		code  int
		want  string
	}{
		{"all pass", map[string]string{"a_test.yaml": passing}, nil, 0, "2 tests, 2 passed, 0 failed\n"},
		{"and are named", map[string]string{"a_test.yaml": passing}, []string{"-v"}, 0, "ok    contractors stay outside"},
		{"there are none", nil, nil, 1, "there are no tests"},
		{"none in the file", map[string]string{"a_test.yaml": "tests: []\n"}, nil, 1, "there are no tests"},
		{"a test that cannot be read", map[string]string{"a_test.yaml": "tests: [{nam: x}]\n"}, nil, 1, "a_test.yaml:1:10: tests[0].nam: there is no setting nam"},
		{"a report that cannot be written", map[string]string{"a_test.yaml": passing}, []string{"--junit", "/nowhere/report.xml"}, 1, "report:"},
		{"a question that cannot be answered", map[string]string{"a_test.yaml": strings.Replace(passing, "client: web", "client: nobody", 1)}, nil, 2, `there is no client "nobody"`},
	} {
		out, code := runVerb(t, testCmd(), "", append([]string{"-c", beside(t, row.tests)}, row.args...)...)
		if code != row.code || !strings.Contains(out, row.want) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", row.why, code, row.code, row.want, out)
		}
	}
	if out, code := runVerb(t, testCmd(), "", "-f", filepath.Join(t.TempDir(), "nowhere")); code != 1 || !strings.Contains(out, "no such file") {
		t.Errorf("exit %d, %s", code, out)
	}
}
