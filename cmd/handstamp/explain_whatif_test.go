package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
)

func TestExplainTellsWhatWouldBeDifferent(t *testing.T) {
	path := settingsFile(t, explainedSettings)
	base := []string{"-c", path, "--provider", "okta", "--client", "web", "--claims", "-"}
	const claims = `{"email":"a@acme.example","email_verified":true,"groups":["Everyone"],"level":4,"department":"contractors"}`
	for _, row := range []struct {
		why  string
		args []string
		code int
		want string // from "WHAT IF" on; "": the error
	}{
		{"another department and a group", []string{"--set", "department=tools", "--add-group", "Engineering"}, 0, `WHAT IF  groups has "Engineering", too; department is "tools"
  engineers: yes instead of no
         why   'Engineering' in claims.groups was true: claims.groups is ["Everyone","Engineering"]; claims.level > 3 was true: claims.level is 4
  contractors: no instead of denies
         why   claims.department == 'contractors' was false: claims.department is "tools"

ADMITTED
  roles     editor reader
  scopes    openid email items:read items:write
  audience  https://api.example http://127.0.0.1:1
  claim     department = "tools"
  + role editor
  + role reader
  + scope email
  + scope items:read
  + scope items:write
  + scope openid
`},
		{"nothing of weight", []string{"--set", "level=9"}, 2, "WHAT IF  level is 9\n  nothing would be different\n"},
		{"a claim gone", []string{"--set", "department=null"}, 2, "WHAT IF  department is not there\n  nothing would be different\n"},
		{"JSON of any shape", []string{"--set", `groups=["Engineering"]`, "--set", "email_verified=false", "--set", "department=x"}, 0, `WHAT IF  department is "x"; email_verified is false; groups is ["Engineering"]
  readers: no instead of yes`},
		{"no claim", []string{"--set", "level"}, 1, "--set level: write claim=JSON"},
		{"broken JSON", []string{"--set", `groups=["a`}, 1, "this is not JSON"},
		{"a group beside a text", []string{"--add-group", "x", "--group-claim", "department"}, 1, "the claim department is not a list"},
	} {
		out, code := runVerb(t, explainCmd(), claims, append(base, row.args...)...)
		_, got, found := strings.Cut(out, "\n\nWHAT IF")
		got = "WHAT IF" + got
		if !found {
			got = out
		}
		if code != row.code || !strings.Contains(got, row.want) {
			t.Errorf("%s: exit %d, want %d\n got %s\nwant %s", row.why, code, row.code, got, row.want)
		}
		if code != 1 && !strings.Contains(out, "NOT ADMITTED (access_denied): rule contractors denies") {
			t.Errorf("%s: the plain answer is not shown\n%s", row.why, out)
		}
	}
	out, code := runVerb(t, explainCmd(), claims, append(base, "--add-group", "Engineering", "--set", "department=tools", "--json")...)
	var e api.Explained
	if err := json.Unmarshal([]byte(out), &e); err != nil || code != 0 || e.Before == nil || e.Before.Admitted || !e.Answer.Admitted || e.Difference == nil || len(e.Difference.Rules) != 2 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}
