package broker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

// stepsOf names the steps of a trace in their order.
func stepsOf(t testing.TB, l *storage.Login) []string {
	t.Helper()
	var steps []storage.LoginStep
	if err := json.Unmarshal(l.Steps, &steps); err != nil {
		t.Fatalf("steps %q: %v", l.Steps, err)
	}
	var names []string
	for i, s := range steps {
		if s.After < 0 || i > 0 && s.After < steps[i-1].After {
			t.Errorf("steps go back in time: %v", steps)
		}
		names = append(names, s.What)
	}
	return names
}

// note is what the first step of a kind says.
func note(t testing.TB, l *storage.Login, what string) string {
	t.Helper()
	var steps []storage.LoginStep
	if err := json.Unmarshal(l.Steps, &steps); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.What == what {
			return s.Note
		}
	}
	return ""
}

var referred = regexp.MustCompile(` \(reference ([A-Z2-7]{16})\)$`)

// referenceOf reads the reference in what an app was told.
func referenceOf(t testing.TB, to *url.URL) string {
	t.Helper()
	said := to.Query().Get("error_description")
	m := referred.FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no reference in %q", said)
	}
	return m[1]
}

// records are the log's records of requests with a reference.
func (k *kit) records(reference string) (paths []string) {
	k.t.Helper()
	k.settled()
	for line := range strings.Lines(k.logs.String()) {
		var r struct{ Msg, Reference, Path string }
		if json.Unmarshal([]byte(line), &r) == nil && r.Msg == "request" && r.Reference == reference {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

func TestALoginLeavesATraceOfEveryStep(t *testing.T) {
	k := newKit(t)
	got := k.login("web").done(k.browser(), "okta", "alice")
	all := k.traces()
	if len(all) != 1 {
		t.Fatalf("%d traces", len(all))
	}
	l := k.traceOf(all[0].Reference)
	user := k.identity(alice)
	if l.Outcome != storage.LoginSignedIn || l.Code != "" || l.Cause != "" || l.Rule != "" || l.ClientID != "web" || l.Provider != "okta" || l.ProviderID != user.ProviderID ||
		l.Subject != user.Subject || l.UserID != user.UserID || l.UserSubject != k.verify(got["access_token"].(string), apiURL).Subject || l.Person != alice ||
		l.IP != "127.0.0.1" || l.Snapshot == "" || l.Took <= 0 || l.At.IsZero() {
		t.Errorf("%+v", l)
	}
	if want := []string{"asked", "provider", "sent", "back", "recognised", "rules", "admitted", "code", "left_out"}; !slices.Equal(stepsOf(t, l), want) {
		t.Errorf("steps %v", stepsOf(t, l))
	}
	if note(t, l, "provider") != "" || note(t, l, "recognised") != "new" || note(t, l, "code") == "" || note(t, l, "left_out") != "items:write" {
		t.Errorf("steps %s", l.Steps)
	}
	if !slices.Contains(l.Asked, "items:write") || slices.Contains(l.Scopes, "items:write") || !slices.Contains(l.Scopes, "items:read") || !slices.Equal(l.Roles, []string{"reader"}) {
		t.Errorf("asked %v, scopes %v, roles %v", l.Asked, l.Scopes, l.Roles)
	}
	if l.Claims["email"] != alice || l.Claims["nonce"] != nil || l.Claims["at_hash"] != nil {
		t.Errorf("claims %v", l.Claims)
	}
	if !strings.Contains(string(l.Trace), `"readers"`) {
		t.Errorf("trace %s", l.Trace)
	}
	if paths := k.records(l.Reference); !slices.Equal(paths, []string{"/authorize", "/callback/okta"}) {
		t.Errorf("records of the login: %v", paths)
	}
	audit, err := k.db.Audit(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(audit, func(r storage.AuditRow) bool {
		return r.Action == storage.AuditSignIn && r.Actor.RequestID == l.Reference
	}) {
		t.Error("the audit row of the sign-in has another reference")
	}
	if !strings.Contains(k.logs.String(), `"left_out":"items:write"`) {
		t.Error("the log does not say that a scope was left out")
	}
}

func TestARefusalIsFoundByTheReferenceThatTheAppWasTold(t *testing.T) {
	k := newKit(t)
	k.google.Faults().Set(persona.Fault{Claims: persona.Claims{"email": "eve@banned.example", "email_verified": true}})
	l := k.login("web")
	to := l.signIn(k.browser(), "google", "alice")
	l.mustGoBack(to, oauth.AccessDenied)
	if said := to.Query().Get("error_description"); !strings.HasPrefix(said, "this domain is not welcome (reference ") || len(said) > 512 {
		t.Errorf("the app is told %q", said)
	}
	reference := referenceOf(t, to)
	got := k.traceOf(reference)
	if got.Outcome != storage.LoginRefused || got.Code != oauth.AccessDenied || got.Rule != "no guests" || got.Cause != "rule no guests denies" || got.UserID != "" || got.UserSubject != "" ||
		got.Person != "eve@banned.example" || got.Claims["email"] != "eve@banned.example" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(string(got.Trace), `claims.email is \"eve@banned.example\"`) {
		t.Errorf("the trace does not explain: %s", got.Trace)
	}
	if want := []string{"asked", "provider", "sent", "back", "recognised", "rules", "refused"}; !slices.Equal(stepsOf(t, got), want) {
		t.Errorf("steps %v", stepsOf(t, got))
	}
	if paths := k.records(reference); !slices.Equal(paths, []string{"/authorize", "/callback/google"}) {
		t.Errorf("records %v", paths)
	}
	if users, err := k.db.Users(t.Context(), 10); err != nil || len(users) != 0 {
		t.Errorf("a refused person was made: %v, %v", users, err)
	}
}

func TestEveryWayALoginCanEndIsInItsTrace(t *testing.T) {
	for why, row := range map[string]struct {
		break_        func(k *kit)
		client        string
		code, outcome string
		cause         string
	}{
		"the provider is down":         {func(k *kit) { k.google.Faults().Set(persona.Fault{At: persona.At{persona.Token: {Status: 503}}}) }, "web", oauth.TemporarilyUnavailable, storage.LoginFailed, "503"},
		"the provider breaks protocol": {func(k *kit) { k.google.Faults().Set(persona.Fault{WrongNonce: "x"}) }, "web", oauth.ServerError, storage.LoginFailed, "nonce"},
		"the provider says no":         {func(k *kit) { k.google.Faults().Set(persona.Fault{AuthorizeError: "access_denied"}) }, "web", oauth.AccessDenied, storage.LoginRefused, ""},
		"another domain": {func(k *kit) {
			k.change(func(d *directory.Document) { d.Providers[0].AllowedDomains = []string{"elsewhere.example"} })
		}, "web", oauth.AccessDenied, storage.LoginRefused, "allowed_domains"},
		"sign-up is closed": {func(k *kit) { k.change(func(d *directory.Document) { d.Providers[0].Signup = "existing" }) }, "web", oauth.AccessDenied, storage.LoginRefused, "sign-up"},
	} {
		k := newKit(t)
		row.break_(k)
		l := k.login(row.client)
		to := l.signIn(k.browser(), "google", "alice")
		l.mustGoBack(to, row.code)
		got := k.traceOf(referenceOf(t, to))
		if got.Outcome != row.outcome || got.Code != row.code || got.Cause == "" || !strings.Contains(got.Cause, row.cause) || got.Provider != "google" || got.ClientID != "web" {
			t.Errorf("%s: %s %s %q", why, got.Outcome, got.Code, got.Cause)
		}
		if why == "sign-up is closed" && (got.Claims["email"] != alice || got.Person != alice || got.Subject == "") {
			t.Errorf("%s: the trace does not say who came: %+v", why, got)
		}
		if steps := stepsOf(t, got); steps[len(steps)-1] != "refused" || steps[0] != "asked" {
			t.Errorf("%s: steps %v", why, steps)
		}
	}
}

func TestAMistakeOfAKnownAppIsTracedAndOneOfAnUnknownIsNot(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	for why, change := range map[string]struct{ name, value, cause string }{
		"no PKCE":          {"code_challenge", "", "code_challenge is missing"},
		"a foreign scope":  {"scope", "openid handstamp:users:read", "invalid_scope"},
		"two resources":    {"resource", "https://nobody.example", "invalid_target"},
		"another redirect": {"redirect_uri", "https://evil.example/cb", "redirect_uri is not registered"},
	} {
		before := len(k.traces())
		q := k.login("web").query()
		q.Set(change.name, change.value)
		b.get(k.issuer + "/authorize?" + q.Encode())
		all := k.traces()
		if len(all) != before+1 || all[0].Outcome != storage.LoginRefused || all[0].ClientID != "web" || !strings.Contains(all[0].Cause, change.cause) {
			t.Errorf("%s: %+v", why, all)
		}
	}
	before := len(k.traces())
	q := k.login("web").query()
	q.Set("client_id", "nobody")
	b.get(k.issuer + "/authorize?" + q.Encode())
	b.get(k.issuer + "/callback/google?state=x&code=y")
	b.get(k.issuer + "/consent?tx=x")
	b.get(k.login("web").url()) // who only looks at the buttons
	l := k.login("web", "prompt", "none")
	to := b.get(l.url()).to(t)
	l.mustGoBack(to, oauth.LoginRequired)
	if strings.Contains(to.Query().Get("error_description"), "reference") {
		t.Error("a silent question about nobody has a reference: there is nothing to look up")
	}
	if after := len(k.traces()); after != before {
		t.Errorf("%d traces of what is no login: %+v", after-before, k.traces())
	}
}

func TestSingleSignOnIsTracedToo(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	for _, prompt := range []string{"", "none"} {
		l := k.login("other", "prompt", prompt)
		l.code(b.get(l.url()).to(t))
		got := k.traceOf(k.traces()[0].Reference)
		if got.Outcome != storage.LoginSignedIn || got.ClientID != "other" || got.Provider != "google" || got.Person != alice || got.Claims["email"] != alice {
			t.Errorf("prompt %q: %+v", prompt, got)
		}
		if want := []string{"asked", "session", "rules", "admitted", "code", "left_out"}; !slices.Equal(stepsOf(t, got), want) || note(t, got, "asked") != prompt {
			t.Errorf("prompt %q: steps %s", prompt, got.Steps)
		}
	}
	k.change(func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "closed", When: "client.id == 'other'", Deny: "closed today"})
	})
	l := k.login("other", "prompt", "none")
	to := b.get(l.url()).to(t)
	l.mustGoBack(to, oauth.AccessDenied)
	if got := k.traceOf(referenceOf(t, to)); got.Rule != "closed" || got.UserID == "" {
		t.Errorf("%+v", got)
	}
}

func TestALoginThatWaitsForAnAnswerIsAbandonedUntilItComes(t *testing.T) {
	for decision, want := range map[string]string{"allow": storage.LoginSignedIn, "deny": storage.LoginRefused, "": storage.LoginAbandoned} {
		k := newKit(t)
		b := k.browser()
		l := k.login("notes")
		to := l.signIn(b, "google", "alice")
		if got := k.traces(); len(got) != 1 || got[0].Outcome != storage.LoginAbandoned || got[0].Person != alice {
			t.Fatalf("%+v", got)
		}
		page := b.get(to.String())
		if decision != "" {
			form := page.form(t, "decision", decision)
			b.post(k.issuer+"/consent", form)
			mustBePage(t, b.post(k.issuer+"/consent", form), http.StatusBadRequest) // the button twice
		}
		all := k.traces()
		if len(all) != 1 || all[0].Outcome != want {
			t.Fatalf("%q: %+v", decision, all)
		}
		steps := stepsOf(t, k.traceOf(all[0].Reference))
		if i := slices.Index(steps, "consent"); i < 0 || steps[0] != "asked" || decision == "allow" && !slices.Contains(steps, "agreed") {
			t.Errorf("%q: steps %v", decision, steps)
		}
		counts, err := k.db.LoginCounts(t.Context(), k.clock.Now().Add(-2*time.Hour), k.clock.Now().Add(time.Hour))
		if err != nil || len(counts) != 1 || counts[0].Outcome != want || counts[0].Count != 1 {
			t.Errorf("%q: counts %+v, %v", decision, counts, err)
		}
	}
}

func TestU19_ACopyOfAnAnswerChangesNothingInTheTrace(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web", "provider", "google")
	answer, err := persona.SignIn(t.Context(), b.Client, b.get(l.url()).to(t).String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(k.issuer)
	copied := k.browser()
	copied.jar.SetCookies(u, b.jar.Cookies(u))
	l.code(b.get(answer.String()).to(t))
	mustBePage(t, copied.get(answer.String()), http.StatusBadRequest)
	if all := k.traces(); len(all) != 1 || all[0].Outcome != storage.LoginSignedIn {
		t.Errorf("%+v", all)
	}
}

func TestThePasswordGrantIsTraced(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("olga")
	l := k.login("desk")
	if a := l.password("olga", goodPassword); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	if a := l.password("olga", "a wrong password of olga"); a.StatusCode != http.StatusBadRequest {
		t.Fatal(a.body)
	}
	k.change(func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "closed", When: "client.id == 'desk'", Deny: "closed today"})
	})
	if a := l.password("olga", goodPassword); a.StatusCode != http.StatusBadRequest {
		t.Fatal(a.body)
	}
	all := k.traces()
	if len(all) != 3 || all[0].Rule != "closed" || all[0].Outcome != storage.LoginRefused || all[0].UserID == "" || all[1].Outcome != storage.LoginRefused || all[1].Subject != "" ||
		all[2].Outcome != storage.LoginSignedIn || all[2].Person != "olga@acme.example" || all[2].ClientID != "desk" {
		t.Errorf("%+v", all)
	}
	if strings.Contains(fmt.Sprintf("%s %s", k.traceOf(all[1].Reference).Steps, k.traceOf(all[1].Reference).Cause), "wrong password of olga") {
		t.Error("the password is in the trace")
	}
}

func TestWrongPasswordsStayOneLogin(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("olga")
	b := k.browser()
	l := k.login("web", "provider", "local")
	page := b.get(l.url())
	for range 3 {
		page = k.fill(b, page, "username", "olga", "password", "something else entirely")
	}
	l.code(k.fill(b, page, "username", "olga", "password", goodPassword).to(t))
	all := k.traces()
	if len(all) != 1 || all[0].Outcome != storage.LoginSignedIn {
		t.Fatalf("%+v", all)
	}
	if paths := k.records(all[0].Reference); len(paths) != 5 {
		t.Errorf("records %v", paths)
	}
	backs := 0
	for _, s := range stepsOf(t, k.traceOf(all[0].Reference)) {
		if s == "back" {
			backs++
		}
	}
	if backs != 4 {
		t.Errorf("%d answers in the trace", backs)
	}
}
