package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/directory/directorytest"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

const (
	house  = "https://login.acme.example"
	items  = "https://items.acme.example"
	orders = "https://orders.acme.example"
)

func acme() directory.Document {
	secret := providers.Secret("a-secret-that-is-long-enough")
	return directory.Document{
		Providers: []directory.Provider{
			{Slug: "okta", Kind: "okta", Issuer: "https://acme.okta.com", ClientID: "o", ClientSecret: "x", EmailDomains: []string{"acme.example"}},
			{Slug: "google", Kind: "google", ClientID: "g", ClientSecret: "x"},
			{Slug: "staff", Kind: "oidc", Issuer: "https://staff.example", ClientID: "g", ClientSecret: "x", Signup: "existing"},
		},
		Clients: []directory.Client{
			{ID: "web", Secrets: []providers.Secret{secret}, RedirectURIs: []string{"https://app.example/cb"}, Scopes: []string{"openid", "email", "items:read", "items:write"}},
			{ID: "both", Secrets: []providers.Secret{secret}, RedirectURIs: []string{"https://b.example/cb"}, Scopes: []string{"openid", "items:read", "orders:read"}},
		},
		Resources: []directory.Resource{{ID: items, Scopes: []directory.Scope{{Name: "items:read"}, {Name: "items:write"}, {Name: "items:burn"}}}, {ID: orders, Scopes: []directory.Scope{{Name: "orders:read"}}}},
		Rules: []mapping.Rule{
			{Name: "readers", When: "user.email_verified", Roles: []string{"reader"}, Scopes: []string{"items:read", "orders:read"}},
			{Name: "engineers", Providers: []string{"okta"}, When: "'Engineering' in claims.?groups.orValue([])", Roles: []string{"editor"}, Scopes: []string{"items:write"}},
			{Name: "leavers", When: "claims.?left.orValue(false)", Deny: "Your account is closed."},
		},
	}
}

func compiled(t testing.TB, d directory.Document) *directory.Snapshot {
	t.Helper()
	s, problems := directory.Compile(house, d)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

// olga is an engineer with a verified address.
func olga() map[string]any {
	return map[string]any{"sub": "1", "name": "Olga", "email": "olga@acme.example", "email_verified": true, "groups": []any{"Engineering"}}
}

func TestJudgeSaysOfEachScopeWhyItIsMissing(t *testing.T) {
	s := compiled(t, acme())
	for _, row := range []struct {
		why  string
		q    Question
		want string
	}{
		{"all is given", Question{Provider: "okta", Client: "web", Claims: olga()}, "openid email items:read items:write"},
		{"through another provider", Question{Provider: "google", Client: "web", Claims: map[string]any{"email": "o@gmail.com", "email_verified": true}},
			`openid email items:read -items:write no rule gives it to this person; "engineers" did not: the rule is for provider okta; this login came through google`},
		{"in no group", Question{Provider: "okta", Client: "web", Claims: map[string]any{}},
			`openid email -items:read no rule gives it to this person; "readers" did not: user.email_verified is false -items:write no rule gives it to this person; "engineers" did not: 'Engineering' in claims.?groups.orValue([]) was false: claims.groups is not there`},
		{"of another resource", Question{Provider: "okta", Client: "both", Claims: olga(), Resource: orders},
			"openid orders:read -items:read it belongs to " + items + ", and the token is for " + orders + " and " + house},
		{"not the client's", Question{Provider: "okta", Client: "web", Claims: olga(), Scopes: []string{"openid", "orders:read", "profile", "nonsense"}},
			"openid -orders:read the client may not ask for it: its scopes do not list it -profile the client may not ask for it: its scopes do not list it -nonsense there is no such scope"},
		{"not admitted", Question{Provider: "okta", Client: "web", Claims: map[string]any{"left": true}, Scopes: []string{"openid"}}, "-openid the person is not admitted"},
	} {
		a, err := Judge(s, row.q)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		got := strings.Join(a.Scopes, " ")
		for _, m := range a.Missing {
			got += " -" + m.Scope + " " + m.Why
		}
		if strings.TrimSpace(got) != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.why, got, row.want)
		}
	}
	d := acme()
	d.Clients[0].Scopes = append(d.Clients[0].Scopes, "items:burn")
	if a, err := Judge(compiled(t, d), Question{Provider: "okta", Client: "web", Claims: olga()}); err != nil || a.Missing[0].Why != "no rule gives it to anybody" {
		t.Errorf("%v: %+v", err, a)
	}
}

func TestJudgePassesEveryGateOfALogin(t *testing.T) {
	s := compiled(t, acme())
	no, yes := false, true
	for _, row := range []struct {
		why  string
		q    Question
		want string
	}{
		{"a rule denies", Question{Provider: "okta", Client: "web", Claims: map[string]any{"left": true}}, "access_denied Your account is closed. rule leavers denies"},
		{"nobody new there", Question{Provider: "staff", Client: "web", New: true}, "access_denied You have no account here yet. Please ask your administrator. no user, and signup of provider staff is existing"},
		{"somebody known there", Question{Provider: "staff", Client: "web"}, ""},
		{"disabled", Question{Provider: "okta", Client: "web", UserDisabled: true, UserID: "u1"}, "access_denied Your account is disabled. Please ask your administrator. user u1 is disabled"},
		{"the console without a role", Question{Provider: "okta", Client: directory.AdminClient, Claims: olga()}, "access_denied You are not an administrator here. An owner can make you one. this identity has no administrator's role"},
		{"the console with one", Question{Provider: "okta", Client: directory.AdminClient, AdminRole: "viewer"}, ""},
		{"the account page", Question{Provider: "okta", Client: directory.AccountClient, EmailVerified: &yes}, ""},
		{"no such provider", Question{Provider: "x", Client: "web"}, `error there is no provider "x"; there are: google, okta, staff`},
		{"no such client", Question{Provider: "okta", Client: "x", EmailVerified: &no}, `error there is no client "x"; there are: both, web`},
		{"two resources at once", Question{Provider: "okta", Client: "both"}, "error the app's request would be refused: the scopes belong to " + items + " and " + orders + ": name one of them with resource (invalid_target)"},
		{"an administrator's scope at an app", Question{Provider: "okta", Client: "web", Scopes: []string{directory.WriteOwners}, AdminRole: "owner"}, "error the app's request would be refused: the client may not ask for this scope (invalid_scope)"},
	} {
		a, err := Judge(s, row.q)
		got := ""
		switch {
		case err != nil:
			got = "error " + err.Error()
		case a.Refusal != nil:
			got = a.Refusal.Code + " " + a.Refusal.ForPerson + " " + a.Refusal.ForOperator
		}
		if got != row.want || err == nil && a.Admitted != (row.want == "") {
			t.Errorf("%s:\n got %s\nwant %s", row.why, got, row.want)
		}
	}
	a, err := Judge(s, Question{Provider: "okta", Client: directory.AdminClient, AdminRole: "viewer", Claims: olga()})
	if err != nil || !slices.Contains(a.Scopes, directory.ReadUsers) || slices.Contains(a.Scopes, directory.WriteUsers) || len(a.Decision.Roles) > 0 {
		t.Errorf("a viewer got %v, %+v", err, a)
	}
}

func TestAQuestionIsReadFromJSON(t *testing.T) {
	var q Question
	problems := directory.ParseJSON([]byte(`{"provider":"okta","client":"web","claims":{"groups":["a"],"n":4},"scopes":["openid"],"new":true,"email_verified":false,"user_disabled":true}`), &q)
	if len(problems) > 0 || q.EmailVerified == nil || *q.EmailVerified || !q.New || fmt.Sprint(q.Claims) != "map[groups:[a] n:4]" {
		t.Errorf("%v: %+v", problems, q)
	}
}

func TestACounterfactualChangesNothingButTheAnswer(t *testing.T) {
	s := compiled(t, acme())
	claims := map[string]any{"email": "o@acme.example", "email_verified": true, "groups": []any{"Everyone"}, "left": true}
	q := Question{Provider: "okta", Client: "web", Claims: claims}
	before, _ := Judge(s, q)
	kept, _ := json.Marshal(claims)
	what := Counterfactual{AddGroups: []string{"Engineering", "Everyone"}, Set: map[string]any{"left": nil}}
	changed, err := what.Apply(q)
	if err != nil {
		t.Fatal(err)
	}
	after, _ := Judge(s, changed)
	d := Compare(before, after)
	if got := fmt.Sprintf("%+v", d); got != "{Admitted:true WasAdmitted:false GainedRoles:[editor reader] LostRoles:[] GainedScopes:[email items:read items:write openid] LostScopes:[] Rules:["+
		"{Rule:engineers Was:no Is:yes Why:'Engineering' in claims.?groups.orValue([]) was true: claims.groups is there: [\"Everyone\",\"Engineering\"]} "+
		"{Rule:leavers Was:denies Is:no Why:claims.?left.orValue(false) was false: claims.left is not there}]}" || d.Empty() {
		t.Errorf("got %s", got)
	}
	if now, _ := json.Marshal(claims); string(now) != string(kept) {
		t.Errorf("the claims are %s now", now)
	}
	if d := Compare(before, before); !d.Empty() || !(Counterfactual{GroupClaim: "x"}).Empty() {
		t.Errorf("nothing is %+v", d)
	}
	if _, err := (Counterfactual{AddGroups: []string{"a"}}).Apply(Question{Claims: map[string]any{"groups": "a,b"}}); err == nil {
		t.Error("a group was added to a text")
	}
	for why, what := range map[string]Counterfactual{"a claim of another name": {AddGroups: []string{"a"}, GroupClaim: "https://x/roles"}, "no claims at all": {Set: map[string]any{"https://x/roles": []any{"a"}}}} {
		if got, err := what.Apply(Question{}); err != nil || fmt.Sprint(got.Claims) != "map[https://x/roles:[a]]" {
			t.Errorf("%s: %v, %v", why, got.Claims, err)
		}
	}
}

func TestEffectsTellWhoGainsAndWhoLoses(t *testing.T) {
	logins := []Login{
		{Reference: "A", Person: "olga", Provider: "okta", Client: "web", Claims: olga()},
		{Reference: "B", Person: "max", Provider: "google", Client: "web", Claims: map[string]any{"email": "m@gmail.com", "email_verified": true}, Scopes: []string{"openid", "items:read"}},
		{Reference: "C", Person: "eve", Provider: "okta", Client: "web", Claims: map[string]any{"left": true}},
		{Reference: "D", Person: "joe", Provider: "staff", Client: "web", Claims: map[string]any{}},
	}
	for _, row := range []struct {
		why    string
		change func(d *directory.Document)
		want   []string
	}{
		{"nothing", func(*directory.Document) {}, nil},
		{"a name", func(d *directory.Document) { d.Clients[0].Name = "Other" }, nil},
		{"a rule gone", func(d *directory.Document) { d.Rules = d.Rules[1:] }, []string{"A -reader -items:read map[role reader:readers scope items:read:readers]", "B -reader -items:read map[role reader:readers scope items:read:readers]"}},
		{"a rule for all", func(d *directory.Document) {
			d.Rules = append(d.Rules, mapping.Rule{Name: "all", Roles: []string{"guest", "editor"}})
		}, []string{"A +guest map[role guest:all]", "B +editor +guest map[role editor:all role guest:all]", "D +editor +guest map[role editor:all role guest:all]"}},
		{"the denial gone", func(d *directory.Document) { d.Rules = d.Rules[:2] }, []string{"C in +email +openid map[]"}},
		{"a denial", func(d *directory.Document) {
			d.Rules = append(d.Rules, mapping.Rule{Name: "no staff", Providers: []string{"staff"}, Deny: "No."})
		}, []string{"D out: rule no staff denies -email -openid map[]"}},
		{"a provider gone", func(d *directory.Document) { d.Providers = d.Providers[:2] },
			[]string{`D out: there is no provider "staff"; there are: google, okta -email -openid map[]`}},
		{"an app switched off", func(d *directory.Document) { d.Clients[0].Disabled = true }, []string{
			"A out: client web is disabled -editor -reader -email -items:read -items:write -openid map[role editor:engineers role reader:readers scope items:read:readers scope items:write:engineers]",
			"B out: client web is disabled -reader -items:read -openid map[role reader:readers scope items:read:readers]", "D out: client web is disabled -email -openid map[]"}},
		{"addresses trusted less", func(d *directory.Document) { d.Providers[0].EmailDomains = nil }, []string{"A -reader -items:read map[role reader:readers scope items:read:readers]"}},
		{"an app that may ask for less", func(d *directory.Document) { d.Clients[0].Scopes = []string{"openid", "items:read"} },
			[]string{"A -email -items:write map[scope items:write:engineers]", "D -email map[]"}},
	} {
		d := acme()
		row.change(&d)
		var got []string
		for _, e := range Effects(compiled(t, acme()), compiled(t, d), logins) {
			text := e.Reference
			switch {
			case e.Admitted && !e.WasAdmitted:
				text += " in"
			case !e.Admitted && e.WasAdmitted:
				text += " out: " + e.Refusal
			}
			for _, list := range []struct {
				sign string
				all  []string
			}{{" +", e.GainedRoles}, {" -", e.LostRoles}, {" +", e.GainedScopes}, {" -", e.LostScopes}} {
				for _, one := range list.all {
					text += list.sign + one
				}
			}
			got = append(got, text+fmt.Sprintf(" %v", e.ByRule))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
		}
	}
}

func TestEffectsKeepTheOrderOfManyLogins(t *testing.T) {
	old, d := compiled(t, acme()), acme()
	d.Rules = append(d.Rules, mapping.Rule{Name: "odd", When: "claims.n % 2.0 == 1.0 || int(claims.n) % 2 == 1", Roles: []string{"odd"}})
	d.Rules[3].When = "int(claims.n) % 2 == 1"
	var logins []Login
	for i := range 2345 {
		logins = append(logins, Login{Reference: fmt.Sprint(i), Provider: "okta", Client: "web", Claims: map[string]any{"n": float64(i)}})
	}
	got := Effects(old, compiled(t, d), logins)
	if len(got) != 1172 {
		t.Fatalf("got %d", len(got))
	}
	for i, e := range got {
		if e.Reference != fmt.Sprint(2*i+1) {
			t.Fatalf("at %d stands %s", i, e.Reference)
		}
	}
}

// A plan replays so many logins over so many rules.
func BenchmarkEffects(b *testing.B) {
	d := directorytest.Large(10_000, 1_000, 200)
	old := compiled(b, d)
	d.Rules[0].Roles = []string{"other"}
	changed := compiled(b, d)
	var logins []Login
	for i := range 1000 {
		logins = append(logins, Login{Provider: directorytest.Slug(1), Client: directorytest.Client(i*10 + 1), Claims: map[string]any{"groups": []any{"Everyone", fmt.Sprintf("group-%d", i)}}})
	}
	for b.Loop() {
		if got := Effects(old, changed, logins); len(got) != 1 {
			b.Fatal(len(got))
		}
	}
}
