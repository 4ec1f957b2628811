package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

const explainedSettings = `issuer: http://127.0.0.1:1
providers:
  - {slug: google, kind: google, client_id: x, client_secret: "` + canarySecret + `"}
  - {slug: okta, kind: okta, issuer: "https://acme.okta.example", client_id: x, client_secret: "` + canarySecret + `", email_domains: [acme.example]}
  - {slug: staff, kind: okta, issuer: "https://staff.okta.example", client_id: x, client_secret: "` + canarySecret + `", signup: existing}
clients:
  - id: web
    secrets: ["` + canarySecret + `"]
    redirect_uris: ["https://app.example/cb"]
    scopes: [openid, email, "items:read", "items:write"]
resources:
  - id: https://api.example
    scopes: [{name: "items:read"}, {name: "items:write"}]
rules:
  - name: readers
    when: user.email_verified
    roles: [reader]
    scopes: ["items:read"]
  - name: engineers
    providers: [okta]
    when: |
      'Engineering' in claims.groups
      && claims.level > 3
    roles: [editor]
    scopes: ["items:write"]
    claims: {department: claims.?department}
  - name: partners
    providers: [google]
    when: claims.hd == 'partner.example'
    roles: [partner]
  - name: contractors
    when: claims.department == 'contractors'
    deny: Please use the partner portal.
`

func TestExplainTellsRuleByRuleWhyAndWhatItGives(t *testing.T) {
	path := settingsFile(t, explainedSettings)
	args := []string{"-c", path, "--provider", "okta", "--client", "web", "--claims", "-"}
	for _, row := range []struct {
		claims, want string
		code         int
		why          string
	}{
		{`{"sub":"1","name":"Alice","email":"alice@acme.example","email_verified":true,"groups":["Everyone","Engineering"],"level":4,"department":"tools"}`,
			`Alice at okta, for web
  user.email_verified is true: the provider says so, and acme.example is one of its email_domains

yes    readers  (FILE:15)
         when  user.email_verified
         why   user.email_verified is true
         so    it gives role reader; scope items:read
yes    engineers  (FILE:19)
         when  'Engineering' in claims.groups && claims.level > 3
         why   'Engineering' in claims.groups was true: claims.groups is ["Everyone","Engineering"]; claims.level > 3 was true: claims.level is 4
         so    it gives role editor; scope items:write; claim department
-      partners  (FILE:27)
         why   the rule is for provider google; this login came through okta
no     contractors  (FILE:31)
         when  claims.department == 'contractors'
         why   claims.department == 'contractors' was false: claims.department is "tools"

ADMITTED
  roles     editor reader
  scopes    openid email items:read items:write
  audience  https://api.example http://127.0.0.1:1
  claim     department = "tools"
`, 0, "an engineer"},
		{`{"sub":"1","email":"bob@gmail.example","email_verified":true,"groups":["Everyone"],"department":"sales"}`,
			`bob@gmail.example at okta, for web
  user.email_verified is false: the provider says so, but gmail.example is not among its email_domains (trust_email: own_domains)

no     readers  (FILE:15)
         when  user.email_verified
         why   user.email_verified is false
no     engineers  (FILE:19)
         when  'Engineering' in claims.groups && claims.level > 3
         why   'Engineering' in claims.groups was false: claims.groups is ["Everyone"]
-      partners  (FILE:27)
         why   the rule is for provider google; this login came through okta
no     contractors  (FILE:31)
         when  claims.department == 'contractors'
         why   claims.department == 'contractors' was false: claims.department is "sales"

ADMITTED
  roles     none
  scopes    openid email
  not given items:read: no rule gives it to this person; "readers" did not: user.email_verified is false
  not given items:write: no rule gives it to this person; "engineers" did not: 'Engineering' in claims.groups was false: claims.groups is ["Everyone"]
  audience  https://api.example http://127.0.0.1:1
`, 0, "a stranger"},
		{`{"sub":"1","groups":"Engineering"}`,
			`Somebody at okta, for web
  user.email_verified is false: there is no e-mail address in the claims

no     readers  (FILE:15)
         when  user.email_verified
         why   user.email_verified is false
error  engineers  (FILE:19)
         when  'Engineering' in claims.groups && claims.level > 3
         why   claims.groups is a text, not a list: "Engineering"; claims.level is not there
         so    it could not be worked out, and a grant rule then gives nothing
-      partners  (FILE:27)
         why   the rule is for provider google; this login came through okta
DENY   contractors  (FILE:31)
         when  claims.department == 'contractors'
         why   claims.department is not there
         so    it could not be worked out, and a deny rule then denies

NOT ADMITTED (access_denied): rule contractors denies
  the person reads: Please use the partner portal.
`, 2, "claims of other shapes"},
	} {
		out, code := runVerb(t, explainCmd(), row.claims, args...)
		if got := strings.ReplaceAll(out, path, "FILE"); got != row.want || code != row.code {
			t.Errorf("%s: exit %d\n got %s\nwant %s", row.why, code, got, row.want)
		}
	}
}

func TestExplainAnswersProgramsToo(t *testing.T) {
	claims := filepath.Join(t.TempDir(), "claims.json")
	if err := os.WriteFile(claims, []byte(`{"email":"alice@acme.example","email_verified":true,"department":"tools"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := runVerb(t, explainCmd(), "", "-c", settingsFile(t, explainedSettings), "--provider", "okta", "--client", "web", "--claims", claims, "--json", "--scope", "openid,items:read")
	var told api.Explained
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	e := told.Answer
	if !e.Admitted || len(e.Decision.Trace) != 4 || strings.Join(e.Scopes, " ") != "openid items:read" || len(e.Missing) != 0 || !e.User.EmailVerified {
		t.Errorf("got %+v", e)
	}
	if strings.Contains(out, "hunter2") {
		t.Error("a secret is printed")
	}
}

func TestExplainKnowsEveryGate(t *testing.T) {
	path := settingsFile(t, explainedSettings)
	for _, row := range []struct {
		args   []string
		claims string
		code   int
		want   string
		why    string
	}{
		{[]string{"--provider", "staff", "--new"}, `{"department":"x"}`, 2, "no user, and signup of provider staff is existing", "a newcomer where only known people come in"},
		{[]string{"--provider", "staff"}, `{"department":"x"}`, 0, "ADMITTED", "somebody known"},
		{[]string{"--provider", "okta", "--email-verified"}, `{"department":"x"}`, 0, "user.email_verified is true: it was given with the question", "a judgement that is given"},
		{[]string{"--provider", "okta", "--email-verified=false"}, `{"email":"a@acme.example","email_verified":true,"department":"x"}`, 0, "user.email_verified is false: it was given with the question", "the contrary"},
		{[]string{"--provider", "okta"}, `{"email":"a@acme.example","email_verified":"true","department":"x"}`, 0, "claims.email_verified is not the JSON boolean true", "the text true"},
		{[]string{"--provider", "nobody"}, `{}`, 1, `there is no provider "nobody"; there are: google, okta, staff`, "an unknown provider"},
		{[]string{"--provider", "okta", "--client", "nobody"}, `{}`, 1, `there is no client "nobody"; there are: web`, "an unknown client"},
		{[]string{"--provider", "okta", "--resource", "https://other.example"}, `{}`, 1, "invalid_target", "an unknown resource"},
		{[]string{"--provider", "okta"}, `{"sub":"1","SUB":"2"}`, 1, "a login would refuse this", "names that differ in case only"},
		{[]string{"--provider", "okta"}, `{"sub":"1","sub":"2"}`, 1, "a login would refuse this", "a doubled name"},
		{[]string{"--provider", "okta"}, `["sub"]`, 1, "does not hold a JSON object", "a list"},
		{[]string{"--provider", "okta"}, `null`, 1, "does not hold a JSON object", "null"},
		{[]string{"--provider", "okta"}, `eyJhbGciOi.eyJzdWIi.x`, 1, "does not hold a JSON object", "a token"},
		{[]string{"--provider", "okta"}, `{"groups":["` + strings.Repeat("x", 300) + `"]}`, 2, "claims.groups has an entry of 300 bytes", "too long a name"},
		{[]string{"--provider", "okta"}, `{"department":"\u001b[2J"}`, 0, `claims.department is "\u001b[2J"`, "a value that would clear the screen"},
	} {
		args := append([]string{"-c", path, "--client", "web", "--claims", "-"}, row.args...)
		out, code := runVerb(t, explainCmd(), row.claims, args...)
		if code != row.code || !strings.Contains(out, row.want) || strings.ContainsRune(out, 0x1b) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", row.why, code, row.code, row.want, out)
		}
	}
	if out, code := runVerb(t, explainCmd(), "", "-c", path, "--provider", "okta", "--client", "web"); code != 1 || !strings.Contains(out, "claims") {
		t.Errorf("without claims: exit %d, %s", code, out)
	}
}

// What explain says of an e-mail address is what the provider says in a real login.
func TestExplainJudgesAnAddressAsALoginDoes(t *testing.T) {
	client, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	const callback = "http://127.0.0.1:1/callback/p"
	for _, vendor := range []func(persona.Options) *persona.Persona{persona.Google, persona.Okta, persona.Auth0} {
		idp := persona.Start(t, vendor, persona.Options{RedirectURIs: []string{callback}})
		server := ""
		if idp.Kind() == persona.KindOkta {
			server = ", authorization_server: default"
		}
		for _, trust := range []string{"own_domains", "own_domains, email_domains: [acme.example]", "always", "never"} {
			cfg, err := configs.Parse("h.yaml", []byte("issuer: http://127.0.0.1:1\noutgoing: {allow_loopback: true}\nproviders: [{slug: p, kind: "+idp.Kind()+", issuer: '"+idp.BaseURL()+
				"', client_id: '"+idp.ClientID()+"', client_secret: '"+idp.ClientSecret()+"', trust_email: "+trust+server+"}]\n"), os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := cfg.Snapshot().Provider("p")
			kind, _ := providers.Lookup(p.Kind)
			s := p.Settings()
			s.Client = client
			upstream, err := kind.New(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, person := range []string{"alice", "bob", "mallory"} {
				a := providers.Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: callback}
				step, err := upstream.Begin(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				back, err := persona.SignIn(t.Context(), nil, step.Redirect, person)
				if err != nil {
					t.Fatal(err)
				}
				id, err := upstream.Finish(t.Context(), a, back.Query())
				if err != nil {
					t.Fatal(err)
				}
				if got, why := providers.JudgeEmail(p.Settings(), id.Claims); got != id.EmailVerified {
					t.Errorf("%s at %s with trust_email %s: explain says %t (%s), a login %t", person, idp.Kind(), trust, got, why, id.EmailVerified)
				}
			}
		}
	}
}
