package policy

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

func ask(claims map[string]any) Question {
	return Question{Provider: "okta", Client: "web", Claims: claims}
}

func TestACaseFailsWithWhatWasWantedWhatCameAndWhy(t *testing.T) {
	s := compiled(t, acme())
	yes, no := true, false
	for _, row := range []struct {
		why  string
		q    Question
		want Want
		diff string // "" passes
	}{
		{"all as wanted", ask(olga()), Want{Admitted: &yes, Roles: []string{"reader", "editor"}, Scopes: []string{"items:write", "items:read"}}, ""},
		{"identity scopes if one is named", ask(olga()), Want{Scopes: []string{"items:write", "items:read", "openid", "email"}}, ""},
		{"and then all of them", ask(olga()), Want{Scopes: []string{"items:write", "items:read", "openid"}},
			"scopes\n    want  items:read items:write openid\n    got   email items:read items:write openid\n    why   email is too much: no rule gives this scope to anybody\n"},
		{"none", ask(map[string]any{}), Want{Roles: []string{}, Scopes: []string{}}, ""},
		{"a role too few and one too many", ask(olga()), Want{Roles: []string{"reader", "admin"}},
			"roles\n    want  admin reader\n    got   editor reader\n    why   admin is missing: no rule gives this role to anybody\n    why   editor is too much: rule \"engineers\" says yes: 'Engineering' in claims.?groups.orValue([]) was true: claims.groups is there: [\"Engineering\"]\n"},
		{"a scope whose rule says no", ask(map[string]any{"groups": []any{"Sales"}}), Want{Scopes: []string{"items:write"}},
			"scopes\n    want  items:write\n    got   none\n    why   items:write is missing: rule \"engineers\" says no: 'Engineering' in claims.?groups.orValue([]) was false: claims.groups is there: [\"Sales\"]\n"},
		{"a scope that the client may not have", ask(olga()), Want{Scopes: []string{"items:read", "items:write", "orders:read"}},
			"scopes\n    want  items:read items:write orders:read\n    got   items:read items:write\n    why   orders:read is missing: the client does not ask for it\n"},
		{"denied as wanted", ask(map[string]any{"left": true}), Want{Denied: "Your account is closed.", Rule: "leavers", Reason: "rule leavers", Admitted: &no, Roles: []string{}}, ""},
		{"denied in other words", ask(map[string]any{"left": true}), Want{Denied: "Go away."},
			"denied\n    want  Go away.\n    got   Your account is closed.\n    why   rule \"leavers\" denies: claims.?left.orValue(false) was true: claims.left is there: true\n"},
		{"denied by another rule", ask(map[string]any{"left": true}), Want{Rule: "readers"}, "rule\n    want  readers\n    got   leavers\n    why   rule \"readers\" says no: user.email_verified is false\n"},
		{"refused for another reason", Question{Provider: "staff", Client: "web", New: true}, Want{Reason: "disabled"},
			"reason\n    want  disabled\n    got   no user, and signup of provider staff is existing\n"},
		{"let in", ask(map[string]any{}), Want{Rule: "leavers"}, "admitted\n    want  false\n    got   true\n    why   rule \"leavers\" says no: claims.?left.orValue(false) was false: claims.left is not there\n"},
		{"not let in", ask(map[string]any{"left": true}), Want{Admitted: &yes, Roles: []string{"reader"}},
			"admitted\n    want  true\n    got   false\n    why   rule \"leavers\" denies: claims.?left.orValue(false) was true: claims.left is there: true\n  roles\n    want  reader\n    got   none\n    why   reader is missing: rule \"leavers\" denies: claims.?left.orValue(false) was true: claims.left is there: true\n"},
		{"no such rule", ask(map[string]any{"left": true}), Want{Rule: "leaver"}, "rule\n    want  leaver\n    got   leavers\n    why   there is no rule \"leaver\"\n"},
		{"no answer at all", Question{Provider: "nobody", Client: "web"}, Want{Roles: []string{}}, "question\n    want  one that can be answered\n    got   there is no provider \"nobody\"; there are: google, okta, staff\n"},
	} {
		suite := Suite{Cases: []Case{{Name: row.why, File: "a_test.yaml", Line: 3, Question: row.q, Want: row.want}}}
		r := suite.Run(s)
		diff := strings.TrimPrefix(strings.TrimPrefix(r.Cases[0].Diff(), "a_test.yaml:3\n"), "  ")
		if diff != row.diff || r.Cases[0].Passed != (row.diff == "") || r.Passed+r.Failed != 1 || (r.Failed == 0) != r.Cases[0].Passed {
			t.Errorf("%s:\n got %s\nwant %s", row.why, diff, row.diff)
		}
	}
}

func TestClaimsOfTokensAreExpectedAsJSON(t *testing.T) {
	d := acme()
	d.Rules = append(d.Rules, mapping.Rule{Name: "dep", Claims: map[string]string{"dep": "claims.?dep", "n": "3", "list": "['a', 'b']"}})
	s := compiled(t, d)
	for _, row := range []struct {
		want map[string]any
		diff string
	}{
		{map[string]any{"dep": "tools", "n": float64(3), "list": []any{"a", "b"}, "other": nil}, ""},
		{map[string]any{"n": 3}, ""},
		{map[string]any{"dep": "sales"}, `claim dep: want "sales", got "tools"`},
		{map[string]any{"dep": nil}, `claim dep: want not there, got "tools"`},
		{map[string]any{"x": true}, `claim x: want true, got not there`},
		{map[string]any{"list": []any{"b", "a"}}, `claim list: want ["b","a"], got ["a","b"]`},
	} {
		r := (&Suite{Cases: []Case{{Question: ask(map[string]any{"dep": "tools"}), Want: Want{Claims: row.want}}}}).Run(s)
		got := ""
		if len(r.Cases[0].Faults) > 0 {
			got = r.Cases[0].Faults[0].String()
		}
		if got != row.diff {
			t.Errorf("got %s\nwant %s", got, row.diff)
		}
	}
}

func TestCoverageCountsWhatRulesDidInPassingCases(t *testing.T) {
	s := compiled(t, acme())
	r := (&Suite{Cases: []Case{
		{Question: ask(olga()), Want: Want{Roles: []string{"reader", "editor"}}},
		{Question: ask(map[string]any{}), Want: Want{Roles: []string{}}},
		{Question: ask(map[string]any{"left": true}), Want: Want{Roles: []string{"reader"}}}, // fails: it does not count
		{Question: Question{Provider: "google", Client: "web", Claims: map[string]any{"left": "yes"}}, Want: Want{Rule: "leavers"}},
	}}).Run(s)
	got := ""
	for _, c := range r.Coverage {
		got += fmt.Sprintf("%s fired %d silent %d errored %d skipped %d; ", c.Rule, c.Fired, c.Silent, c.Errored, c.Skipped)
	}
	if want := "readers fired 1 silent 2 errored 0 skipped 0; engineers fired 1 silent 1 errored 0 skipped 1; leavers fired 0 silent 2 errored 1 skipped 0; "; got != want || r.Passed != 3 {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestGainsAreWhatAChangeNewlyGives(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(d *directory.Document)
		want   string
	}{
		{"nothing", func(*directory.Document) {}, "[]"},
		{"a role more", func(d *directory.Document) { d.Rules[0].Roles = []string{"reader", "admin"} }, "[{readers admin }]"},
		{"a role less", func(d *directory.Document) { d.Rules[0].Roles = nil }, "[]"},
		{"a rule more", func(d *directory.Document) {
			d.Rules = append(d.Rules, mapping.Rule{Name: "new", Roles: []string{"a"}, Scopes: []string{"items:burn"}})
		}, "[{new a } {new  items:burn}]"},
		{"a denial more", func(d *directory.Document) { d.Rules = append(d.Rules, mapping.Rule{Name: "new", Deny: "no"}) }, "[]"},
		{"a denial that gives now", func(d *directory.Document) { d.Rules[2].Deny, d.Rules[2].Roles = "", []string{"a"} }, "[{leavers a }]"},
		{"another condition", func(d *directory.Document) { d.Rules[1].When = "true" }, "[{engineers editor } {engineers  items:write}]"},
		{"through every provider", func(d *directory.Document) { d.Rules[1].Providers = nil }, "[{engineers editor } {engineers  items:write}]"},
		{"through another one, too", func(d *directory.Document) { d.Rules[1].Providers = []string{"okta", "google"} }, "[{engineers editor } {engineers  items:write}]"},
		{"through one only", func(d *directory.Document) {
			d.Rules[0].Providers, d.Rules[0].Clients = []string{"okta"}, []string{"web"}
		}, "[]"},
		{"another name", func(d *directory.Document) { d.Rules[1].Name = "x" }, "[{x editor } {x  items:write}]"},
	} {
		d := acme()
		d.Rules = slices.Clone(d.Rules)
		row.change(&d)
		if got := fmt.Sprint(Gains(acme(), d, nil)); got != row.want {
			t.Errorf("%s: got %s, want %s", row.why, got, row.want)
		}
	}
	effects := []Effect{{GainedRoles: []string{"reader"}, GainedScopes: []string{"items:read", "openid"}, ByRule: map[string]string{"role reader": "readers", "scope items:read": "readers"}}, {GainedRoles: []string{"reader"}, ByRule: map[string]string{"role reader": "readers"}}}
	if got := fmt.Sprint(Gains(acme(), acme(), effects)); got != "[{readers reader } {readers  items:read}]" {
		t.Errorf("of a replay: %s", got)
	}
}

// A test covers a gain only if it passes, names it, and the rule in question gave it.
func TestOnlyACaseThatExpectsTheGainCoversIt(t *testing.T) {
	d := acme()
	d.Rules = append(d.Rules, mapping.Rule{Name: "also", When: "claims.?vip.orValue(false)", Roles: []string{"editor"}})
	s := compiled(t, d)
	gain := []Gain{{Rule: "engineers", Role: "editor"}, {Rule: "engineers", Scope: "items:write"}}
	both := []string{"reader", "editor"}
	for _, row := range []struct {
		why  string
		c    Case
		left int
	}{
		{"it expects both", Case{Question: ask(olga()), Want: Want{Roles: both, Scopes: []string{"items:read", "items:write"}}}, 0},
		{"it expects the role only", Case{Question: ask(olga()), Want: Want{Roles: both}}, 1},
		{"it expects nothing of it", Case{Question: ask(olga()), Want: Want{Claims: map[string]any{"x": nil}}}, 2},
		{"it fails", Case{Question: ask(olga()), Want: Want{Roles: both, Scopes: []string{"items:write"}}}, 2},
		{"another rule gives it", Case{Question: ask(map[string]any{"vip": true}), Want: Want{Roles: []string{"editor"}}}, 2},
	} {
		r := (&Suite{Cases: []Case{row.c}}).Run(s)
		if got := r.Uncovered(gain); len(got) != row.left {
			t.Errorf("%s: left %v", row.why, got)
		}
	}
}

// The shape that CI systems agree on: counts that add up, a suite a file, text that XML can carry.
func TestJUnitIsWhatReadersExpect(t *testing.T) {
	s := compiled(t, acme())
	r := (&Suite{Cases: []Case{
		{Name: "passes <&>", File: "a_test.yaml", Question: ask(olga()), Want: Want{Roles: []string{"editor", "reader"}}},
		{Name: "fails \x01\"", File: "a_test.yaml", Line: 9, Question: ask(olga()), Want: Want{Roles: []string{"]]>"}}},
		{Name: "elsewhere", File: "b_test.yaml", Question: ask(nil), Want: Want{Roles: []string{}}},
	}}).Run(s)
	var out bytes.Buffer
	if err := r.WriteJUnit(&out); err != nil {
		t.Fatal(err)
	}
	var doc junitSuites
	d := xml.NewDecoder(bytes.NewReader(out.Bytes()))
	d.Strict = true
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	tests, failures := 0, 0
	for _, suite := range doc.Suites {
		tests, failures = tests+suite.Tests, failures+suite.Failures
		if len(suite.Cases) != suite.Tests || suite.Time == "" || suite.Name == "" {
			t.Errorf("suite %+v", suite)
		}
		for _, c := range suite.Cases {
			if c.Name == "" || c.ClassName != suite.Name || c.Failure != nil && (c.Failure.Message == "" || !strings.Contains(c.Failure.Text, "want")) {
				t.Errorf("case %+v", c)
			}
		}
	}
	if doc.Tests != 3 || tests != 3 || doc.Failures != 1 || failures != 1 || len(doc.Suites) != 2 || doc.Suites[0].Cases[0].Name != "passes <&>" || !strings.HasPrefix(out.String(), "<?xml") {
		t.Errorf("got\n%s", out.String())
	}
}
