package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

func (k *kit) keepLogins(logins ...storage.Login) {
	k.t.Helper()
	if err := k.db.KeepLogins(k.t.Context(), logins); err != nil {
		k.t.Fatal(err)
	}
}

// refused is a login that a rule ended, as the broker keeps it.
func (k *kit) refused(reference string, s *storage.Session) storage.Login {
	steps, err := json.Marshal([]storage.LoginStep{{What: storage.StepAsked}, {After: 900, What: storage.StepBack}, {After: 950, What: storage.StepRecognised, Note: "new"},
		{After: 960, What: storage.StepRules}, {After: 961, What: storage.StepRefused, Note: "access_denied"}, {After: 999, What: "a step of tomorrow", Note: "x"}})
	if err != nil {
		k.t.Fatal(err)
	}
	return storage.Login{Reference: reference, At: k.clock.Now(), Took: 961 * time.Millisecond, ClientID: "web", Provider: "corp", ProviderID: s.ProviderID, UserID: s.UserID,
		UserSubject: s.User.Subject, Person: "alice@corp.example", Subject: "alice", Outcome: storage.LoginRefused, Code: "access_denied", Cause: "rule no guests denies", Rule: "no guests",
		Revision: 1, IP: "192.0.2.1", Device: "Firefox", Asked: []string{"openid", "items:read"}, Claims: map[string]any{"sub": "alice", "groups": []any{"guests"}}, Steps: steps,
		Trace: []byte(`[{"rule":"no guests","matched":true,"deny":true,"why":"'guests' is in claims.groups"}]`)}
}

func TestTheReferenceOfAnErrorPageLeadsToTheWholeStoryAndTheLikelyFix(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	k.keepLogins(k.refused("AAAABBBBCCCCDDDD", s))
	viewer := k.admin(storage.RoleViewer)
	l := into[api.Login](t, must(t, k.do("GET", "/logins/AAAABBBBCCCCDDDD", viewer, ""), http.StatusOK))
	if l.Fix == nil || l.Fix.Rule != "no guests" || !strings.Contains(l.Fix.Command, "explain --reference AAAABBBBCCCCDDDD") {
		t.Errorf("the fix is %+v", l.Fix)
	}
	if len(l.Steps) != 6 || len(l.Trace) != 1 || l.Trace[0].Why == "" || l.Claims["sub"] != "alice" || l.Sub != s.User.Subject || l.TookMS != 961 {
		t.Errorf("%+v", l)
	}
	for _, step := range l.Steps {
		if step.Says == "" {
			t.Errorf("%+v has no sentence", step)
		}
	}
	page := into[api.Page[api.Login]](t, must(t, k.do("GET", "/logins", viewer, ""), http.StatusOK))
	if len(page.Items) != 1 || page.Items[0].Claims != nil || page.Items[0].Steps != nil {
		t.Errorf("the list has %+v", page.Items)
	}
	must(t, k.do("GET", "/logins/ZZZZZZZZZZZZZZZZ", viewer, ""), http.StatusNotFound)
	must(t, k.do("GET", "/logins/AAAABBBBCCCCDDDD", k.machine("reader", directory.ReadDirectory), ""), http.StatusForbidden)
}

func TestEveryWayInWhichALoginEndsHasALikelyFix(t *testing.T) {
	k := newKit(t)
	s := k.signIn("corp", "alice", nil)
	viewer := k.admin(storage.RoleViewer)
	for i, row := range []struct {
		why   string
		edit  func(*storage.Login)
		wants string // "": no fix
	}{
		{"all is well", func(l *storage.Login) { l.Outcome, l.Rule, l.Scopes = storage.LoginSignedIn, "", l.Asked }, ""},
		{"a scope is missing", func(l *storage.Login) { l.Outcome, l.Rule, l.Scopes = storage.LoginSignedIn, "", []string{"openid"} }, "items:read"},
		{"a rule denies", func(*storage.Login) {}, "no guests"},
		{"the user is disabled", func(l *storage.Login) { l.Rule, l.Cause = "", "user "+l.UserID+" is disabled" }, "enable"},
		{"nobody new", func(l *storage.Login) { l.Rule, l.Cause = "", "no user, and signup of provider corp is existing" }, "signup"},
		{"the wrong provider", func(l *storage.Login) { l.Rule, l.Cause, l.ClientID, l.Provider = "", "x", "spa", "google" }, "spa takes nobody from google"},
		{"a provider that is gone", func(l *storage.Login) { l.Rule, l.Cause, l.Provider = "", "x", "old" }, "no longer in the directory"},
		{"a scope that is not the app's", func(l *storage.Login) { l.Rule, l.Cause, l.Code = "", "x", "invalid_scope" }, "clients show web"},
		{"domains", func(l *storage.Login) {
			l.Rule, l.Cause = "", "the address's domain is not in allowed_domains, provider corp"
		}, "allowed_domains"},
		{"anything else", func(l *storage.Login) { l.Rule, l.Cause = "", "x" }, "explain --reference"},
		{"they cancelled at the provider", func(l *storage.Login) { l.Rule, l.Cause, l.Claims = "", "the upstream or the person said no", nil }, "ended at corp"},
		{"a misspelled issuer", func(l *storage.Login) {
			l.Outcome, l.Rule, l.Code, l.Cause = storage.LoginFailed, "", "server_error", "discovery refuses: HTTP status 404"
		}, "/.well-known/openid-configuration"},
		{"upstream is silent", func(l *storage.Login) { l.Outcome, l.Rule, l.Code = storage.LoginFailed, "", "temporarily_unavailable" }, "did not answer"},
		{"upstream lies", func(l *storage.Login) {
			l.Outcome, l.Rule, l.Code, l.Cause = storage.LoginFailed, "", "server_error", "the nonce is another"
		}, "the nonce is another"},
		{"they went away", func(l *storage.Login) { l.Outcome, l.Rule, l.Code, l.Cause = storage.LoginAbandoned, "", "", "" }, "did not come back"},
	} {
		reference := "AAAABBBBCCCC" + string(rune('A'+i)) + "AAA"
		l := k.refused(reference, s)
		row.edit(&l)
		k.keepLogins(l)
		a := must(t, k.do("GET", "/logins/"+reference, viewer, ""), http.StatusOK)
		got := into[api.Login](t, a).Fix
		if text := asJSON(got); row.wants == "" && got != nil || row.wants != "" && (got == nil || !strings.Contains(text, row.wants)) {
			t.Errorf("%s: %s", row.why, text)
		}
		if got != nil && strings.Contains(got.Command, "explain") {
			must(t, k.do("POST", "/explain", viewer, `{"reference":"`+reference+`"}`), http.StatusOK) // what is advised works
		}
	}
}

func TestLoginsAreFoundByWhatAPersonCanTell(t *testing.T) {
	k := newKit(t)
	alice, bob := k.signIn("corp", "alice", nil), k.signIn("google", "bob", nil)
	one, two := k.refused("AAAABBBBCCCCDDDD", alice), k.refused("EEEEFFFFGGGGHHHH", bob)
	two.Outcome, two.Provider, two.ClientID, two.Person, two.Subject, two.Rule, two.Code = storage.LoginSignedIn, "google", "spa", "bob@example.com", "bob", "", ""
	k.keepLogins(one, two)
	viewer := k.admin(storage.RoleViewer)
	for query, want := range map[string]string{
		"": "EEEE AAAA", "outcome=refused": "AAAA", "client=spa": "EEEE", "provider=corp": "AAAA", "q=alice@corp": "AAAA", "q=EEEEFFFFGGGGHHHH": "EEEE", "user=" + bob.User.Subject: "EEEE", "user=nobody": "",
		"client=web&outcome=signed_in": "", "until=2001-01-01T00:00:00Z": "", "since=2001-01-01T00:00:00Z&client=web": "AAAA",
	} {
		page := into[api.Page[api.Login]](t, must(t, k.do("GET", "/logins?"+query, viewer, ""), http.StatusOK))
		var got []string
		for _, l := range page.Items {
			got = append(got, l.Reference[:4])
		}
		if text := strings.Join(got, " "); len(text) != len(want) || want != "" && !strings.Contains(want, got[0]) {
			t.Errorf("%s finds %s, not %s", query, text, want)
		}
	}
	for _, query := range []string{"outcome=lost", "since=yesterday", "since=2001-01-01", "until=-1"} {
		must(t, k.do("GET", "/logins?"+query, viewer, ""), http.StatusBadRequest)
	}
	stats := into[api.LoginStats](t, must(t, k.do("GET", "/logins/stats", viewer, ""), http.StatusOK))
	counted := map[string]int64{}
	for _, hour := range stats.Hours {
		counted[hour.Provider+" "+hour.Outcome] += hour.Count
	}
	if counted["corp refused"] != 1 || counted["google signed_in"] != 1 || len(counted) != 2 {
		t.Errorf("%+v", stats)
	}
	must(t, k.do("GET", "/logins/stats?since=2001-01-01T00:00:00Z", viewer, ""), http.StatusBadRequest)
}

// The error page is there before its login is in the book.
func TestWhoComesAtOnceWithAReferenceFindsTheLogin(t *testing.T) {
	k := newKit(t)
	s, token := k.signIn("corp", "alice", nil), k.robot()
	found := make(chan *answer)
	go func() { found <- k.do("GET", "/logins/AAAABBBBCCCCDDDD", token, "") }()
	must(t, k.do("GET", "/me", token, ""), http.StatusOK) // the other one is on its way
	if err := k.db.KeepLogins(t.Context(), []storage.Login{k.refused("AAAABBBBCCCCDDDD", s)}); err != nil {
		t.Fatal(err)
	}
	if a := <-found; a.StatusCode != http.StatusOK {
		t.Errorf("%s %s", a.Status, a.body)
	}
	must(t, k.do("GET", "/logins/AAAABBBBCCCCEEEE", token, ""), http.StatusNotFound)
}
