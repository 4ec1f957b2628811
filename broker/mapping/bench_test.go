package mapping

import (
	"encoding/json"
	"testing"
)

// tenRules are of the kinds that houses really have.
var tenRules = []Rule{
	{Name: "verified people read", When: "user.email_verified", Roles: []string{"reader"}, Scopes: []string{"items:read"}},
	{Name: "engineers edit", Providers: []string{"okta"}, When: "'Engineering' in claims.groups", Roles: []string{"editor"}, Scopes: []string{"items:write"}},
	{Name: "acme edits", When: "has(claims.hd) && claims.hd == 'acme.example'", Roles: []string{"editor"}},
	{Name: "auth0 editors", When: "has(claims.realm) && 'editor' in claims.realm.roles", Roles: []string{"editor"}},
	{Name: "teams", When: "claims.groups.exists(g, g.startsWith('team-'))", Roles: []string{"team"}},
	{Name: "adults", When: "claims.level >= 3 && user.email.endsWith('@acme.example')", Roles: []string{"senior"}},
	{Name: "department", When: "has(claims.department)", Claims: map[string]string{"department": "claims.department"}},
	{Name: "web only", Clients: []string{"web"}, When: "claims.name != ''", Scopes: []string{"profile:edit"}},
	{Name: "not contractors", When: "'Contractors' in claims.groups", Deny: "Contractors sign in elsewhere."},
	{Name: "no freemail", When: "claims.email.matches('@(gmail|yahoo)[.]com$')", Deny: "Please use your work address."},
}

func tenRulesInput() Input {
	var claims map[string]any
	if err := json.Unmarshal([]byte(`{"iss":"https://acme.okta.example","sub":"00u1","email":"alice@acme.example","email_verified":true,
		"name":"Alice","hd":"acme.example","department":"tools","level":4,"realm":{"roles":["editor","viewer"]},
		"groups":["Everyone","Engineering","team-a","team-b","VPN","Printers","Lunch","Berlin"]}`), &claims); err != nil {
		panic(err)
	}
	return Input{Claims: claims, ProviderSlug: "okta", ProviderKind: "okta", ClientID: "web",
		User: UserInput{ID: "u1", Subject: "s1", Name: "Alice", Email: "alice@acme.example", EmailVerified: true}}
}

func benchmarkRules(b *testing.B, ask func(*Rules, Input) Decision) {
	rules, problems := Compile(tenRules)
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	in := tenRulesInput()
	if d := ask(rules, in); !d.Allow || len(d.Roles) != 4 {
		b.Fatalf("the benchmark decides something else: %+v", d)
	}
	b.ReportAllocs()
	for b.Loop() {
		ask(rules, in)
	}
}

func BenchmarkDecideTenRules(b *testing.B)  { benchmarkRules(b, (*Rules).Decide) }
func BenchmarkExplainTenRules(b *testing.B) { benchmarkRules(b, (*Rules).Explain) }

// Ten claims that are not there: the price of errors, which are the common case
// where one list of rules serves several providers.
func BenchmarkDecideTenRulesOnAStranger(b *testing.B) {
	rules, _ := Compile(tenRules)
	in := Input{Claims: map[string]any{"sub": "x"}, ProviderSlug: "okta", ClientID: "web"}
	b.ReportAllocs()
	for b.Loop() {
		rules.Decide(in)
	}
}
