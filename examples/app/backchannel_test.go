package app

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// tell sends the app a logout token, as the broker does.
func (t *town) tell(token string) int {
	t.Helper()
	resp, err := http.Post(t.app.URL+"/backchannel-logout", "application/x-www-form-urlencoded", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	status, _ := read(t.T, resp)
	return status
}

func (t *town) logoutToken(l tokens.Logout) string {
	t.Helper()
	raw, err := t.broker.mint.Logout(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestASessionThatEndedAtTheBrokerEndsHere(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	if status := w.tell(w.logoutToken(tokens.Logout{ClientID: "web", Subject: "usr_7Qm4cW2nXb8LrTzK", SessionID: "another"})); status != 200 {
		t.Errorf("a logout of another session: %d", status)
	}
	if _, body := w.get(b, "/"); !strings.Contains(body, "Alice Example") {
		t.Fatal("the logout of another session ended this one")
	}
	token := w.logoutToken(tokens.Logout{ClientID: "web", Subject: "usr_7Qm4cW2nXb8LrTzK", SessionID: "ses_x4"})
	if status := w.tell(token); status != 200 {
		t.Errorf("a good logout token: %d", status)
	}
	_, body := w.get(b, "/")
	if strings.Contains(body, "Alice Example") || !strings.Contains(body, `id="bye"`) || !strings.Contains(body, "ended at Handstamp") {
		t.Errorf("the page does not tell that the session ended:\n%s", body)
	}
	if _, body = w.get(b, "/"); strings.Contains(body, `id="bye"`) {
		t.Error("it is told twice")
	}
	if status := w.tell(token); status != 200 {
		t.Errorf("there is nothing left to end: %d", status)
	}
}

func TestU33_TheAppBelievesOnlyAGenuineLogoutToken(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	good := tokens.Logout{ClientID: "web", Subject: "usr_7Qm4cW2nXb8LrTzK", SessionID: "ses_x4"}
	elsewhere := good
	elsewhere.ClientID = "other"
	old := w.logoutToken(good)
	stranger := newTown(t)
	g := tokens.Granted{Subject: good.Subject, ClientID: "web", SessionID: "ses_x4", Audience: []string{"web"}}
	idToken, err := w.broker.mint.ID(context.Background(), g, tokens.IDToken{})
	if err != nil {
		t.Fatal(err)
	}
	access, _, err := w.broker.mint.Access(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	w.get(b, "/") // keys are known
	for why, token := range map[string]string{
		"nothing": "", "no JWT": "x", "an ID token": idToken, "an access token": access, "for another app": w.logoutToken(elsewhere),
		"of another broker": stranger.logoutToken(good), "with a broken signature": old[:len(old)-6] + "AAAAAA",
	} {
		if status := w.tell(token); status != 400 {
			t.Errorf("%s: %d", why, status)
		}
	}
	w.advance(time.Hour)
	if status := w.tell(old); status != 400 {
		t.Errorf("an old one: %d", status)
	}
	if _, body := w.get(b, "/"); !strings.Contains(body, "Alice Example") {
		t.Error("somebody was signed out by a forged token")
	}
}
