package mapping

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Only the exact name in a rule, in a claim of the right shape, grants anything.
func TestL16_OnlyExactGroupNamesInAListGrant(t *testing.T) {
	r := must(t, Rule{Name: "admins", When: "'admin' in claims.groups", Roles: []string{"admin"}})
	for _, row := range []struct {
		claims, why string
		want        bool
	}{
		{`{"groups":["admin"]}`, "the name in a list", true},
		{`{"groups":["x","admin","y"]}`, "among others", true},
		{`{"groups":"admin"}`, "a text instead of a list", false},
		{`{"groups":"admin,staff"}`, "a list with commas", false},
		{`{"groups":"staff admin"}`, "a list with spaces", false},
		{`{"groups":["admin,staff"]}`, "two names in one entry", false},
		{`{"groups":["admin staff"]}`, "a name with a space", false},
		{`{"groups":["Admin"]}`, "other case", false},
		{`{"groups":["admin "]}`, "a space after it", false},
		{`{"groups":["admin\u0000"]}`, "a NUL after it", false},
		{`{"groups":["аdmin"]}`, "a Cyrillic a", false},
		{`{"groups":{"admin":false}}`, "an object with that key", false},
		{`{"groups":[["admin"]]}`, "a list in a list", false},
		{`{"groups":[{"name":"admin"}]}`, "an object in a list", false},
		{`{"groups":{"admin":{"groups":["admin"]}}}`, "nested", false},
		{`{"groups":null}`, "null", false},
		{`{"groups":true}`, "true", false},
		{`{"groups":[]}`, "empty", false},
		{`{}`, "not there", false},
		{`{"Groups":["admin"]}`, "a claim of another case", false},
		{`{"roles":["admin"],"role":"admin","scope":"admin"}`, "names equal to local roles elsewhere", false},
	} {
		d := r.Decide(Input{Claims: claims(t, row.claims)})
		if !d.Allow || slices.Contains(d.Roles, "admin") != row.want {
			t.Errorf("%s: %s gave %v", row.why, row.claims, d.Roles)
		}
	}
}

func TestL16_AnObjectIsNoListForExistsEither(t *testing.T) {
	in := Input{Claims: claims(t, `{"groups":{"admin":false}}`)}
	for _, when := range []string{"claims.groups.exists(g, g == 'admin')", "claims.groups.exists_one(g, g == 'admin')",
		"claims.groups.filter(g, g == 'admin').size() == 1", "claims.groups.all(g, g == 'admin')", "claims.groups.map(g, g)[0] == 'admin'"} {
		d := must(t, Rule{Name: "r", When: when, Roles: []string{"admin"}}).Decide(in)
		if len(d.Roles) != 0 || !d.Trace[0].Errored {
			t.Errorf("%s: %+v", when, d)
		}
	}
	// Whoever means the keys says so.
	if d := must(t, Rule{Name: "r", When: "'admin' in keys(claims.groups)", Roles: []string{"admin"}}).Decide(in); len(d.Roles) != 1 {
		t.Errorf("keys: %+v", d)
	}
}

// Too many or too long names are refused, never cut: half of somebody's groups
// would be a wrong answer to a deny rule.
func TestL16_TooManyOrTooLongNamesAreRefused(t *testing.T) {
	names := func(n, length int) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = fmt.Sprintf("%0*d", length, i)
		}
		return list
	}
	grant := must(t, Rule{Name: "all", Roles: []string{"r"}}, Rule{Name: "deep", When: "has(claims.realm) && 'x' in claims.realm.roles", Roles: []string{"x"}})
	for _, row := range []struct {
		claims map[string]any
		allow  bool
		why    string
	}{
		{map[string]any{"groups": names(500, 5)}, true, "as many as are accepted"},
		{map[string]any{"groups": names(501, 5)}, false, "one more"},
		{map[string]any{"groups": names(100_000, 5)}, false, "a flood"},
		{map[string]any{"groups": names(1, 256)}, true, "as long as is accepted"},
		{map[string]any{"groups": names(1, 257)}, false, "one byte more"},
		{map[string]any{"roles": names(501, 5)}, false, "roles pass through too"},
		{map[string]any{"realm": map[string]any{"roles": names(501, 5)}}, false, "deeper, where a rule looks"},
		{map[string]any{"unrelated": names(100_000, 5)}, true, "where no rule looks"},
	} {
		d := grant.Decide(Input{Claims: row.claims})
		if d.Allow != row.allow || !row.allow && (len(d.Roles) > 0 || d.DenyReason == "" || len(d.Trace) != 1) {
			t.Errorf("%s: got %+v", row.why, d)
		}
	}
}

// Whatever upstream sends, what comes out stood in a rule.
func TestL16_NoRuleNoLocalName(t *testing.T) {
	r := must(t, tenRules...)
	var roles, scopes []string
	for _, rule := range tenRules {
		roles, scopes = append(roles, rule.Roles...), append(scopes, rule.Scopes...)
	}
	words := []string{"reader", "editor", "admin", "items:read", "items:write", "Engineering", "team-x", "senior,editor", "openid", "*", ""}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func() any { return words[random.IntN(len(words))] }
	for range 2000 {
		c := map[string]any{}
		for _, name := range []string{"groups", "roles", "scope", "hd", "realm", "email", "department", "level"} {
			switch random.IntN(5) {
			case 0:
				c[name] = pick()
			case 1:
				c[name] = []any{pick(), pick(), pick()}
			case 2:
				c[name] = map[string]any{"roles": []any{pick()}, fmt.Sprint(pick()): pick()}
			case 3:
				c[name] = float64(random.IntN(9))
			}
		}
		d := r.Decide(Input{Claims: c, ProviderSlug: "okta", ClientID: "web", User: UserInput{EmailVerified: random.IntN(2) == 0}})
		for _, role := range d.Roles {
			if !slices.Contains(roles, role) {
				t.Fatalf("role %q came from %v", role, c)
			}
		}
		for _, scope := range d.Scopes {
			if !slices.Contains(scopes, scope) {
				t.Fatalf("scope %q came from %v", scope, c)
			}
		}
	}
}

func TestL17_ARuleCannotWriteAReservedClaim(t *testing.T) {
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "client_id", "azp", "amr", "acr",
		"auth_time", "nonce", "at_hash", "c_hash", "s_hash", "act", "may_act", "cnf", "sid", "events", "roles", "typ", "kid",
		"email", "email_verified", "handstamp_why", "SUB", "Aud", "Client_ID", "handstamp_x",
		"", "a b", "a\"b", "a.b", "https://", "http://acme.example/x", "https://acme.example", strings.Repeat("a", 65), "é", "constructor[]"} {
		_, problems := Compile([]Rule{{Name: "forge", Claims: map[string]string{name: "'x'"}}})
		if len(problems) != 1 || problems[0].Key != "claims."+name {
			t.Errorf("%q: got %+v, want one problem", name, problems)
		}
	}
	for _, name := range []string{"department", "groups", "given_name", "cost_center2", "https://acme.example/roles", "https://acme.example:8443/a/b-c"} {
		if _, problems := Compile([]Rule{{Name: "write", Claims: map[string]string{name: "'x'"}}}); len(problems) != 0 {
			t.Errorf("%q: %+v", name, problems)
		}
	}
}

// The corpus of rules that somebody could write to hurt: each is refused when it is
// compiled, or stopped when it runs, and then a grant grants nothing and a deny denies.
func TestL18_HostileRulesAreRefusedOrStopped(t *testing.T) {
	list := make([]any, 500)
	for i := range list {
		list[i] = strings.Repeat("a", 100) + fmt.Sprint(i)
	}
	in := Input{Claims: map[string]any{"groups": list, "text": strings.Repeat("a", 10_000), "pattern": "(a+)+$"}}
	for _, row := range []struct{ when, why string }{
		{"claims.groups.exists(a, claims.groups.exists(b, a + b == 'x'))", "a quarter of a million steps"},
		{"claims.groups.map(a, claims.groups.map(b, a + b)).size() > 0", "a large result"},
		{"claims.groups.exists(a, claims.groups.exists(b, claims.groups.exists(c, a == b && b == c)))", "three deep"},
		{"claims.text.matches(claims.pattern)", "a pattern from outside"},
		{"claims.text.matches('((((a{100}){100}){100}){100})')", "a pattern that grows"},
		{"claims.text.matches('" + strings.Repeat("(a|b)", 700) + "')", "a huge pattern"},
		{"claims.groups.exists(g, g.matches('(a*)*(a*)*(a*)*b') || g.matches('(x+x+)+y'))", "many patterns"},
		{"[" + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "].size() > 0", "deep nesting"},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "deep brackets"},
		{strings.Repeat("true || ", 600) + "true", "a long one"},
		{"env('HOME') != ''", "the environment"},
		{"os.getenv('HOME') != ''", "the environment, another way"},
		{"readFile('/etc/passwd') != ''", "a file"},
		{"http.get('http://127.0.0.1') != ''", "the network"},
		{"now() > timestamp('2020-01-01T00:00:00Z')", "a clock"},
		{"google.protobuf.Struct{}.size() == 0 && true", "messages"},
		{"claims.groups.exists(a, claims.groups.exists(b, a.split('a').exists(c, c == b)))", "three deep with split"},
	} {
		grant, problems := Compile([]Rule{{Name: "grant", When: row.when, Roles: []string{"r"}}})
		if len(problems) > 0 {
			continue // refused
		}
		deny := must(t, Rule{Name: "deny", When: row.when, Deny: "No."})
		if d := grant.Decide(in); len(d.Roles) > 0 || !d.Trace[0].Errored {
			t.Errorf("%s: %s granted: %+v", row.why, row.when, d)
		}
		if d := grant.Explain(in); len(d.Roles) > 0 || !d.Trace[0].Errored {
			t.Errorf("%s: %s is explained as granted: %+v", row.why, row.when, d)
		}
		if d := deny.Decide(in); d.Allow || !d.Trace[0].Errored || !d.Trace[0].Deny || d.DenyReason != "No." {
			t.Errorf("%s: %s did not deny: %+v", row.why, row.when, d)
		}
	}
}

func TestL18_AnErrorGrantsNothingAndDenies(t *testing.T) {
	in := Input{Claims: claims(t, `{"hd":7,"groups":"Engineering","flag":"true","list":[1],"object":{}}`)}
	for _, row := range []struct{ when, why string }{
		{"claims.missing == 'x'", "a missing claim"},
		{"claims.object.missing.deeper == 'x'", "a missing claim, deeper"},
		{"claims['https://acme.example/roles'][0] == 'x'", "a missing claim by its long name"},
		{"claims.hd.startsWith('acme')", "a number used as a text"},
		{"'Engineering' in claims.groups", "a text used as a list"},
		{"claims.flag", "the text true used as true"},
		{"claims.list[3] == 1", "beyond the end"},
		{"claims.hd / 0 == 1", "division by nothing"},
		{"claims.hd > 'a'", "a number against a text"},
		{"claims.missing == 'x' && claims.hd == 7", "an error beside a truth"},
	} {
		for _, deny := range []string{"", "No."} {
			rule := Rule{Name: "r", When: row.when, Deny: deny}
			if deny == "" {
				rule.Roles, rule.Scopes, rule.Claims = []string{"r"}, []string{"s"}, map[string]string{"c": "1"}
			}
			for how, ask := range map[string]func(*Rules, Input) Decision{"Decide": (*Rules).Decide, "Explain": (*Rules).Explain} {
				d := ask(must(t, rule), in)
				step := d.Trace[0]
				if d.Allow != (deny == "") || d.DenyReason != deny || len(d.Roles)+len(d.Scopes)+len(d.Claims) > 0 || !step.Errored || step.Matched || step.Why == "" {
					t.Errorf("%s, deny %q, %s: %+v", row.why, deny, how, d)
				}
			}
		}
	}
}

func TestL18_AClaimThatCannotBeMadeFailsItsWholeRule(t *testing.T) {
	r := must(t, Rule{Name: "r", Roles: []string{"r"}, Claims: map[string]string{"a": "'ok'", "b": "claims.missing"}})
	d := r.Decide(Input{Claims: map[string]any{}})
	if len(d.Roles) > 0 || len(d.Claims) > 0 || !d.Trace[0].Errored || d.Trace[0].Why != "the claim b could not be made: claims.missing is not there" {
		t.Errorf("got %+v", d)
	}
}

// The trace of Decide is kept with every grant: it names claims, not what they say.
func TestDecideKeepsClaimValuesOutOfItsTrace(t *testing.T) {
	const canary = "canary-7f3a"
	in := Input{Claims: map[string]any{"groups": canary, "hd": canary, "list": []any{canary}, "object": map[string]any{"a": canary}, "flag": canary},
		User: UserInput{Email: canary}, ProviderSlug: "okta"}
	for _, when := range []string{"'x' in claims.groups", "claims.hd + 1 == 2", "claims.list > 3", "claims.object.exists(a, a == 'x')",
		"claims.flag", "claims.hd == 'x'", "int(claims.hd) == 3", "claims[claims.hd] == 'x'", "timestamp(claims.hd) < timestamp('2020-01-01T00:00:00Z')"} {
		d := must(t, Rule{Name: "r", When: when, Roles: []string{"x"}}).Decide(in)
		if strings.Contains(fmt.Sprintf("%+v", d), canary) {
			t.Errorf("%s: the trace tells a claim's value: %+v", when, d.Trace)
		}
	}
}
