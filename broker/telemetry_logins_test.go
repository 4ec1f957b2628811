package broker_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

func TestClientsBeyondTheLimitAreCountedTogether(t *testing.T) {
	w := newWatched(t, 0, func(d *directory.Document) {
		for i := range 9 {
			d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("app-%d", i), FirstParty: true, Secrets: []providers.Secret{otherSecret},
				RedirectURIs: []string{appURL + "/callback"}, Scopes: []string{"openid"}})
		}
	})
	for i := range 9 {
		w.login(fmt.Sprintf("app-%d", i), "scope", "openid", "resource", "").done(w.browser(), "google", "alice")
	}
	logins := w.series("handstamp.logins")
	var names []string
	for s, n := range logins {
		name, _, _ := strings.Cut(strings.TrimPrefix(s[strings.Index(s, "client="):], "client="), " ")
		names = append(names, fmt.Sprint(name, " ", n))
	}
	slices.Sort(names)
	if got := strings.Join(names, ", "); got != "app-0 1, app-1 1, app-2 1, other 6" {
		t.Errorf("logins are counted as %s", got)
	}
}

func TestLoginsAndTokensAreCountedByWhatBecameOfThem(t *testing.T) {
	w := newWatched(t, 0)
	l := w.login("web")
	code := l.code(l.signIn(w.browser(), "google", "alice"))
	l.redeem(code)
	l.redeem(code)
	b := w.browser()
	b.get(w.login("web", "prompt", "none", "provider", "google").url())
	for instrument, want := range map[string]map[string]int64{
		"handstamp.logins":                 {"cause=none client=web outcome=signed_in provider=google": 1},
		"handstamp.login.duration":         {"outcome=signed_in provider=google": 1},
		"handstamp.token.requests":         {"client=web grant=authorization_code outcome=ok": 1, "client=web grant=authorization_code outcome=invalid_grant": 1},
		"handstamp.security.events":        {"event=code_replayed": 1, "event=mix_up": 0},
		"handstamp.audit.rows":             {"action=sign_in": 1, "action=code_taken": 1, "action=code_replayed": 1},
		"handstamp.upstream.duration":      {"endpoint=token outcome=ok provider=google": 1},
		"handstamp.storage.write.duration": {"act=sign in outcome=ok": 1, "act=take code outcome=refused": 1},
	} {
		got := w.series(instrument)
		for series, n := range want {
			if got[series] != n {
				t.Errorf("%s{%s} is %d, want %d; there are %v", instrument, series, got[series], n, got)
			}
		}
	}
}

// A login goes through three requests here and is counted once, when it has ended.
func TestALoginIsCountedOnceHoweverItPausesForConsent(t *testing.T) {
	w := newWatched(t, 0)
	b := w.browser()
	l := w.login("notes")
	page := b.get(l.signIn(b, "google", "alice").String())
	if got := w.series("handstamp.logins"); len(got) != 0 {
		t.Errorf("it has not ended: %v", got)
	}
	form := page.form(t, "decision", "allow")
	l.code(b.post(w.issuer+"/consent", form).to(t))
	mustBePage(t, b.post(w.issuer+"/consent", form), http.StatusBadRequest) // the button twice
	if got := w.series("handstamp.logins"); len(got) != 1 || got["cause=none client=notes outcome=signed_in provider=google"] != 1 {
		t.Errorf("counted as %v", got)
	}
}
