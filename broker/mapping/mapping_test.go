package mapping

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// must compiles rules that a test takes for granted.
func must(t testing.TB, rules ...Rule) *Rules {
	t.Helper()
	r, problems := Compile(rules)
	for _, p := range problems {
		t.Fatalf("rule %q %s: %s (%s)", p.Rule, p.Key, p.Message, p.Hint)
	}
	return r
}

func claims(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNoRulesGrantNothing(t *testing.T) {
	d := must(t).Decide(tenRulesInput())
	if !d.Allow || d.Roles != nil || d.Scopes != nil || d.Claims != nil || len(d.Trace) != 0 {
		t.Errorf("got %+v, want an empty permission", d)
	}
}

func TestADecisionJoinsWhatItsRulesGive(t *testing.T) {
	r := must(t,
		Rule{Name: "one", File: "h.yaml", Line: 7, When: "user.email_verified", Roles: []string{"reader", "editor"}, Scopes: []string{"items:read"}},
		Rule{Name: "two", When: "has(claims.department)", Roles: []string{"editor"}, Claims: map[string]string{"department": "claims.department", "unit": "'x'"}},
		Rule{Name: "three", Claims: map[string]string{"unit": "claims.?unit", "level": "claims.level + 1"}, Providers: []string{"google", "okta"}},
		Rule{Name: "other provider", Providers: []string{"google"}, Roles: []string{"never"}},
		Rule{Name: "other client", Clients: []string{"notes"}, Roles: []string{"never"}},
	)
	d := r.Decide(tenRulesInput())
	want := Decision{Allow: true, Roles: []string{"editor", "reader"}, Scopes: []string{"items:read"},
		Claims: map[string]any{"department": "tools", "unit": "x", "level": int64(5)},
		Trace: []Step{
			{Rule: "one", File: "h.yaml", Line: 7, Matched: true, Roles: []string{"editor", "reader"}, Scopes: []string{"items:read"}},
			{Rule: "two", Matched: true, Roles: []string{"editor"}, Claims: []string{"department", "unit"}},
			{Rule: "three", Matched: true, Claims: []string{"level"}},
			{Rule: "other provider", Skipped: true, Why: "the rule is for provider google; this login came through okta"},
			{Rule: "other client", Skipped: true, Why: "the rule is for client notes; this login is for web"},
		}}
	same(t, d, want)
}

// same compares decisions as their readers see them.
func same(t *testing.T, got, want Decision) {
	t.Helper()
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	if string(g) != string(w) {
		t.Errorf("got %s\nwant %s", g, w)
	}
}

func TestADenialGivesNothingAndTellsTheFirstReason(t *testing.T) {
	r := must(t,
		Rule{Name: "all", Roles: []string{"reader"}, Scopes: []string{"a"}, Claims: map[string]string{"x": "1"}},
		Rule{Name: "first", When: "claims.level > 3", Deny: "Too high."},
		Rule{Name: "second", When: "true", Deny: "Everyone."},
	)
	d := r.Decide(tenRulesInput())
	if d.Allow || d.DenyReason != "Too high." || d.Roles != nil || d.Scopes != nil || d.Claims != nil {
		t.Errorf("got %+v", d)
	}
	if len(d.Trace) != 3 || !d.Trace[1].Deny || !d.Trace[2].Deny || d.Trace[0].Deny {
		t.Errorf("trace %+v", d.Trace)
	}
}

func TestExplainGivesTheSameAnswerAsDecide(t *testing.T) {
	r := must(t, tenRules...)
	for _, in := range []Input{tenRulesInput(), {}, {Claims: map[string]any{"groups": "x", "hd": 3.0, "realm": []any{}}},
		{Claims: map[string]any{"groups": []any{"Contractors"}}, ProviderSlug: "okta", ClientID: "web"}} {
		d, e := r.Decide(in), r.Explain(in)
		for i := range e.Trace {
			e.Trace[i].Why, d.Trace[i].Why = "", ""
		}
		same(t, e, d)
	}
}

func TestADecisionSharesNothingWithClaimsOrRules(t *testing.T) {
	r := must(t, Rule{Name: "copy", Roles: []string{"a"}, Claims: map[string]string{"teams": "claims.groups", "all": "claims.realm"}})
	in := tenRulesInput()
	before, _ := json.Marshal(in.Claims)
	d := r.Decide(in)
	d.Claims["teams"].([]any)[0] = "changed"
	d.Claims["all"].(map[string]any)["roles"] = "changed"
	_ = append(d.Roles, "b")
	_ = append(d.Trace[0].Roles, "b")
	if after, _ := json.Marshal(in.Claims); string(after) != string(before) {
		t.Error("changing a decision changed the upstream claims")
	}
	if again := r.Decide(in); !reflect.DeepEqual(again.Roles, []string{"a"}) {
		t.Errorf("changing a decision changed the rules: %v", again.Roles)
	}
}

// Two people are never mixed up: one compiled list of rules decides for many at once.
func TestRulesDecideForManyAtOnce(t *testing.T) {
	r := must(t, Rule{Name: "n", When: "claims.n % 2 == 0 && claims.groups.exists(g, g == claims.me)", Roles: []string{"even"}, Claims: map[string]string{"me": "claims.me"}})
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			me := fmt.Sprint("person", n)
			in := Input{Claims: map[string]any{"n": float64(n), "me": me, "groups": []any{"x", me}}}
			for range 20 {
				for _, d := range []Decision{r.Decide(in), r.Explain(in)} {
					if even := n%2 == 0; (len(d.Roles) == 1) != even || even && d.Claims["me"] != me {
						t.Errorf("person %d: %+v", n, d)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestClaimNamesAreThoseThatRulesMention(t *testing.T) {
	r := must(t,
		Rule{Name: "a", When: "claims.hd == 'x' && has(claims.realm.roles) && claims.?team.orValue('') == 'b'", Roles: []string{"r"}},
		Rule{Name: "b", When: "'a' in claims['https://acme.example/roles'] || 'nickname' in claims", Claims: map[string]string{"d": "claims.department"}},
		Rule{Name: "c", When: "claims.groups.exists(g, g == claims.primary)", Roles: []string{"r"}},
	)
	want := []string{"department", "groups", "hd", "https://acme.example/roles", "nickname", "primary", "realm", "team"}
	if got := r.ClaimNames("okta"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	r = must(t, Rule{Name: "google", Providers: []string{"google"}, When: "claims.hd == 'x'", Roles: []string{"r"}}, Rule{Name: "all", When: "claims.org == 'y'", Roles: []string{"r"}})
	if got := r.ClaimNames("okta"); !slices.Equal(got, []string{"org"}) {
		t.Errorf("okta is asked for what only a rule for google reads: %q", got)
	}
}

func TestNumbersAreWholeHoweverTheyWereDecoded(t *testing.T) {
	r := must(t, Rule{Name: "n", When: "claims.n + 1 == 4 && claims.n >= 2.5 && string(claims.n) == '3'", Roles: []string{"r"}})
	for _, n := range []any{3.0, json.Number("3"), 3, int64(3)} {
		if d := r.Decide(Input{Claims: map[string]any{"n": n}}); len(d.Roles) != 1 {
			t.Errorf("%T: %+v", n, d.Trace)
		}
	}
}

func TestARuleWithoutAConditionAppliesToEveryone(t *testing.T) {
	d := must(t, Rule{Name: "all", When: "  ", Roles: []string{"r"}}).Decide(Input{})
	if !slices.Equal(d.Roles, []string{"r"}) {
		t.Errorf("got %+v", d)
	}
}

func TestClaimsThatWouldSwellATokenAreNotGiven(t *testing.T) {
	in := Input{Claims: map[string]any{"a": strings.Repeat("x", 3000), "b": strings.Repeat("y", 3000)}}
	d := must(t,
		Rule{Name: "first", Roles: []string{"one"}, Claims: map[string]string{"a": "claims.a"}},
		Rule{Name: "second", Roles: []string{"two"}, Claims: map[string]string{"b": "claims.b"}},
	).Decide(in)
	if !slices.Equal(d.Roles, []string{"one"}) || d.Claims["b"] != nil || !d.Trace[1].Errored {
		t.Errorf("got %+v", d)
	}
}

func TestBadRulesAreAllReportedAtOnce(t *testing.T) {
	_, problems := Compile([]Rule{
		{When: "claims.x", File: "h.yaml", Line: 3},
		{Name: "both", Deny: "no", When: "true", Roles: []string{"x"}},
		{Name: "both", When: "user.emial == 'x'", Roles: []string{"a b", "ok", "ok"}, Scopes: []string{"x y", "é"}},
	})
	want := []string{"name", "", "deny", "name", "when", "roles[0]", "roles[2]", "scopes[0]", "scopes[1]"}
	var got []string
	for _, p := range problems {
		got = append(got, p.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q\n%+v", got, want, problems)
	}
	if p := problems[0]; p.File != "h.yaml" || p.Line != 3 || p.Index != 0 {
		t.Errorf("a problem does not say where it is: %+v", p)
	}
}

func TestBadExpressionsAreExplained(t *testing.T) {
	for _, row := range []struct{ when, message, hint, why string }{
		{"user.emial == 'x'", "there is no user.emial", "did you mean user.email?", "a slip of the keyboard"},
		{"groups.exists(g, g == 'x')", "there is no groups", "claims.groups", "claims. forgotten"},
		{"provider == 'okta'", "there is no provider", "provider.slug", "half a name"},
		{"claims.a = 'x'", "a single = means nothing here", "==", "one = for two"},
		{"claims.a == 'x' and true", `"and" is not expected here`, "&&", "another language's and"},
		{"claims.a == 'x", "a text has no closing quote", "", "an open quote"},
		{"claims.a ==", "the expression ends too early", "", "half an expression"},
		{"claims.a && 'x'", "this is a text where a true-or-false value is needed", "", "a text as a condition"},
		{"'x' in user.email", "in does not work on (text, text)", "", "in over a text"},
		{"user.email", "this gives a text, not true or false", "compare it", "a condition that is none"},
		{"claims.a.matches('(')", "the pattern of matches is not a regular expression", "RE2", "a broken pattern"},
		{"claims.a.matches(claims.b)", "the pattern of matches must stand in the rule", "", "a pattern from outside"},
		{"claims.groups.contains('admin')", "contains finds a piece of a name", "'admin' in claims.groups", "pieces of names"},
		{"claims['https://acme.example/roles'].contains('admin')", "contains finds a piece of a name", ".split(',')", "pieces of names in a namespaced claim"},
		{strings.Repeat("!", 5000) + "true", "the expression is longer than 4096 characters", "", "a very long one"},
	} {
		_, problems := Compile([]Rule{{Name: "r", When: row.when, Roles: []string{"x"}}})
		if len(problems) != 1 || !strings.Contains(problems[0].Message, row.message) || !strings.Contains(problems[0].Hint, row.hint) {
			t.Errorf("%s: %s\n got %+v\nwant %q (%q)", row.why, row.when, problems, row.message, row.hint)
		}
	}
}

// Whatever text stands in a rule and whatever claims come, compiling and deciding
// neither panic nor grant what the rule does not name, and Explain agrees.
func FuzzRule(f *testing.F) {
	for _, r := range tenRules {
		f.Add(r.When, `{"groups":["Engineering"],"hd":"acme.example"}`)
	}
	f.Add("claims.a.b[3].?c.orValue('x') == 'x'", `{"a":{"b":[1,2,3,null]}}`)
	f.Add("claims.exists(k, claims[k] == 1)", `{"a":1e300,"b":-0.0}`)
	f.Fuzz(func(t *testing.T, when, body string) {
		var c map[string]any
		if json.Unmarshal([]byte(body), &c) != nil {
			c = nil
		}
		for _, rule := range []Rule{{Name: "grant", When: when, Roles: []string{"r"}}, {Name: "deny", When: when, Deny: "no"}} {
			r, problems := Compile([]Rule{rule})
			if len(problems) > 0 {
				continue
			}
			d, e := r.Decide(Input{Claims: c}), r.Explain(Input{Claims: c})
			if d.Allow != e.Allow || !slices.Equal(d.Roles, e.Roles) {
				t.Fatalf("Decide %+v, Explain %+v", d, e)
			}
			if len(d.Roles) > 0 && !d.Trace[0].Matched || d.Allow && d.Trace[0].Errored && rule.Deny != "" {
				t.Fatalf("%+v", d)
			}
		}
	})
}
