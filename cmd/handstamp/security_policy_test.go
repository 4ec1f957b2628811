package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promises are what a researcher may count on; the words are those of SECURITY.md.
var promises = []struct {
	why   string
	words *regexp.Regexp
}{
	{"an acknowledgement within 48 hours", regexp.MustCompile(`within 48 hours`)},
	{"what is critical is fixed within 14 days", regexp.MustCompile(`critical within 14 days`)},
	{"all else is fixed within 30 days", regexp.MustCompile(`everything else within 30\b`)},
	{"a private way to report", regexp.MustCompile(`\*\*Security → Report a vulnerability\*\*`)},
	{"an advisory with a CVE", regexp.MustCompile(`advisory[^.]*\ba CVE\b`)},
	{"the advisory names its regression test in the list", regexp.MustCompile(`names the regression test by its id of \[docs/attacks\.md\]`)},
	{"which versions get fixes", regexp.MustCompile(`(?m)^## Which versions$`)},
}

func broken(policy string) (why []string) {
	flat := regexp.MustCompile(`\n +`).ReplaceAllString(policy, " ") // one line for each point of a list
	for _, p := range promises {
		if !p.words.MatchString(flat) {
			why = append(why, p.why)
		}
	}
	return why
}

// An advisory can name the regression test by its id only where the list is true: each row's tests carry the row's id and exist.
func TestO16_TheSecurityPolicyHoldsItsPromisesAndTheListOfTestsIsTrue(t *testing.T) {
	policy, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, why := range broken(string(policy)) {
		t.Errorf("SECURITY.md no longer promises %s", why)
	}
	if got := broken(strings.ReplaceAll(string(policy), "48 hours", "a few days")); len(got) != 1 {
		t.Errorf("a policy without its 48 hours breaks %q", got)
	}

	list, err := os.ReadFile(filepath.Join(root, "docs/attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	exists := testFunctions(t)
	rows, known := 0, map[string]bool{}
	for line := range strings.Lines(string(list)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !attack.MatchString(strings.TrimSpace(cells[1])) {
			continue
		}
		id := strings.TrimSpace(cells[1])
		if known[id] {
			t.Errorf("docs/attacks.md has two rows for %s", id)
		}
		known[id] = true
		tests := testName.FindAllString(cells[3], -1)
		if len(tests) == 0 {
			t.Errorf("the row of %s names no test; what has none belongs to the end of the page", id)
		}
		for _, name := range tests {
			rows++
			if !slices.Contains(exists, name) {
				t.Errorf("the row of %s names %s, which does not exist", id, name)
			}
			if !slices.Contains(strings.Split(strings.TrimPrefix(name, "Test"), "_"), id) {
				t.Errorf("the row of %s names %s, which does not carry its id: `go test -run %s` would miss it", id, name, id)
			}
		}
	}
	if rows < 150 || len(known) < 80 {
		t.Errorf("saw only %d tests in %d rows", rows, len(known))
	}
	for _, name := range exists {
		for _, part := range strings.Split(strings.TrimPrefix(name, "Test"), "_") {
			if strings.HasPrefix(name, "Test") && attack.MatchString(part) && !known[part] {
				t.Errorf("%s stands against %s, and docs/attacks.md has no row with a test for it", name, part)
			}
		}
	}
}
