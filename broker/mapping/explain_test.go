package mapping

import (
	"fmt"
	"testing"
)

// The words that an administrator reads. Each row is one expression and why it came
// out as it did for the same person.
func TestExplainNamesThePartThatDecided(t *testing.T) {
	in := Input{ProviderSlug: "google", ProviderKind: "google", ClientID: "web",
		Claims: claims(t, `{"groups":["Everyone"],"hd":"gmail.example","level":3,"names":"a,b","flag":"true",
			"realm":{"roles":["viewer"]},"objects":{"admin":{}},"https://acme.example/roles":["editor"]}`),
		User: UserInput{Name: "Bob", Email: "bob@gmail.example"}}
	for _, row := range []struct{ when, why string }{
		{"'Engineering' in claims.groups", `'Engineering' in claims.groups was false: claims.groups is ["Everyone"]`},
		{"'Everyone' in claims.groups", `'Everyone' in claims.groups was true: claims.groups is ["Everyone"]`},
		{"claims.department == 'x'", "claims.department is not there"},
		{"claims.realm.groups.exists(g, g == 'x')", "claims.realm.groups is not there"},
		{"'x' in claims['https://acme.example/groups']", "claims['https://acme.example/groups'] is not there"},
		{"has(claims.department)", "claims.department is not there"},
		{"!has(claims.hd)", `claims.hd is there: "gmail.example"`},
		{"'department' in claims", "claims.department is not there"},
		{"has(claims.org.team)", "claims.org is not there"},
		{"claims.?department.orValue('') == 'x'", "claims.?department.orValue('') == 'x' was false: claims.department is not there"},
		{"user.email_verified", "user.email_verified is false"},
		{"claims.hd == 'acme.example' && user.email_verified && 'Everyone' in claims.groups",
			`claims.hd == 'acme.example' was false: claims.hd is "gmail.example"; user.email_verified is false`},
		{"claims.hd == 'acme.example' || claims.level > 5", `claims.hd == 'acme.example' was false: claims.hd is "gmail.example"; claims.level > 5 was false: claims.level is 3`},
		{"claims.hd == 'acme.example' || claims.level == 3", "claims.level == 3 was true: claims.level is 3"},
		{"!(claims.level == 3 || user.new)", "claims.level == 3 was true: claims.level is 3"},
		{"(claims.level == 3 && user.new) || claims.hd == 'x'", `user.new is false; claims.hd == 'x' was false: claims.hd is "gmail.example"`},
		{"claims.realm.roles.exists(r, r == 'admin')", `claims.realm.roles.exists(r, r == 'admin') was false: claims.realm.roles is ["viewer"]`},
		{"'a' in claims.names", `claims.names is a text, not a list: "a,b"`},
		{"'admin' in claims.objects", `claims.objects is an object, not a list; for the names in it write keys(claims.objects): {"admin":{}}`},
		{"claims.flag", `claims.flag is a text, "true", and not true or false`},
		{"claims.hd > 3", `claims.hd > 3 could not be worked out: claims.hd is a text: "gmail.example"`},
		{"provider.slug == 'okta' ? claims.level > 1 : claims.level > 4", `provider.slug == 'okta' was false: provider.slug is "google"; claims.level > 4 was false: claims.level is 3`},
		{"client.id in ['notes', 'spa']", `client.id in ['notes', 'spa'] was false: client.id is "web"`},
		{"user.email.endsWith('@acme.example')", `user.email.endsWith('@acme.example') was false: user.email is "bob@gmail.example"`},
		{"'editor' in claims['https://acme.example/roles']", `'editor' in claims['https://acme.example/roles'] was true: claims['https://acme.example/roles'] is ["editor"]`},
		{"claims.groups[4] == 'x'", `claims.groups[4] == 'x' could not be worked out: claims.groups is a list: ["Everyone"]`},
		{"false", "false was false"},
		{"", "the rule has no condition"},
	} {
		d := must(t, Rule{Name: "r", When: row.when, Roles: []string{"x"}}).Explain(in)
		if got := d.Trace[0].Why; got != row.why {
			t.Errorf("%s\n got %s\nwant %s", row.when, got, row.why)
		}
	}
}

func TestExplainShortensLongValues(t *testing.T) {
	list := make([]any, 100)
	for i := range list {
		list[i] = i
	}
	d := must(t, Rule{Name: "r", When: "1000 in claims.groups", Roles: []string{"x"}}).Explain(Input{Claims: map[string]any{"groups": list}})
	want := "1000 in claims.groups was false: claims.groups is [0,1,2,3,4,5,6,7,8,9,10,11, and 88 more]"
	if got := d.Trace[0].Why; got != want {
		t.Errorf("got %s", got)
	}
}

func ExampleRules_Explain() {
	rules, _ := Compile([]Rule{
		{Name: "engineers edit", When: "'Engineering' in claims.groups", Roles: []string{"editor"}},
		{Name: "acme only", When: "claims.hd != 'acme.example'", Deny: "Please use your Acme account."},
	})
	d := rules.Explain(Input{Claims: map[string]any{"groups": []any{"Everyone"}}})
	for _, step := range d.Trace {
		fmt.Printf("%s: %s\n", step.Rule, step.Why)
	}
	fmt.Println(d.Allow, d.DenyReason)
	// Output:
	// engineers edit: 'Engineering' in claims.groups was false: claims.groups is ["Everyone"]
	// acme only: claims.hd is not there
	// false Please use your Acme account.
}
