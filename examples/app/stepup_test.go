package app

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const emptied = `<code id="empty-status">200 OK</code>`

// oldSignIn is a person who may write and signed in an hour ago.
func oldSignIn(t *testing.T) *town {
	w := newTown(t)
	w.broker.set(func() { w.broker.ago, w.broker.scopes = time.Hour, w.broker.scopes+" items:write" })
	return w
}

func TestAnAPIThatWantsAYoungSignInGetsOneAndThenTheCall(t *testing.T) {
	w := oldSignIn(t)
	b := w.browser()
	_, body := w.get(b, "/login?provider=okta")
	if !strings.Contains(body, `id="call-empty"`) || !strings.Contains(body, w.broker.URL+`/account"`) {
		t.Fatalf("no button, or no way to the account page:\n%s", body)
	}
	hint := w.broker.asked
	_, body = w.post(b, "/api/empty")
	q := w.broker.asked
	if q.Get("max_age") != "300" || q.Get("acr_values") != "" || q.Get("id_token_hint") == "" || q.Get("resource") != "https://api.example" || q.Get("state") == hint.Get("state") {
		t.Errorf("the broker was asked with %v", q)
	}
	if !strings.Contains(body, emptied) || !strings.Contains(body, "&#34;deleted&#34;: 3") {
		t.Errorf("the shelf was not emptied after the new sign-in:\n%s", body)
	}
	if _, body = w.post(b, "/api/read"); !strings.Contains(body, "&#34;items&#34;: []") {
		t.Errorf("something is left:\n%s", body)
	}
	asked := w.broker.asked
	if _, body = w.post(b, "/api/empty"); !strings.Contains(body, emptied) || w.broker.asked.Get("state") != asked.Get("state") {
		t.Error("a young sign-in was asked for again")
	}
}

func TestABrokerThatDoesNotHelpEndsInARefusalAndNotInACircle(t *testing.T) {
	w := oldSignIn(t)
	w.broker.set(func() { w.broker.deaf = true })
	b := w.browser()
	w.get(b, "/login")
	_, body := w.post(b, "/api/empty")
	if !strings.Contains(body, `<code id="empty-status">401 Unauthorized</code>`) || !strings.Contains(body, "insufficient_user_authentication") || !strings.Contains(body, "Hello") {
		t.Errorf("the refusal is not shown:\n%s", body)
	}
}

func TestSomebodyElseWhoComesBackFinishesNothing(t *testing.T) {
	w := oldSignIn(t)
	b := w.browser()
	w.get(b, "/login")
	w.broker.set(func() { w.broker.sub = "usr_mallory" })
	_, body := w.post(b, "/api/empty")
	if !strings.Contains(body, "You came back as somebody else") || strings.Contains(body, "empty-status") {
		t.Errorf("bob did what alice wanted:\n%s", body)
	}
}

func TestWhoCancelsStaysSignedInAndLaterSignInsFinishNothing(t *testing.T) {
	w := oldSignIn(t)
	b := w.browser()
	w.get(b, "/login")
	w.broker.set(func() {
		w.broker.answer = func(q url.Values) url.Values {
			return url.Values{"error": {"access_denied"}, "error_description": {"the person cancelled"}, "state": q["state"], "iss": q["iss"]}
		}
	})
	_, body := w.post(b, "/api/empty")
	if !strings.Contains(body, "You did not sign in again") || !strings.Contains(body, "The person cancelled.") || !strings.Contains(body, "Hello") {
		t.Errorf("not told, or signed out:\n%s", body)
	}
	w.broker.set(func() { w.broker.answer, w.broker.ago = nil, 0 })
	if _, body = w.get(b, "/login"); strings.Contains(body, emptied) {
		t.Error("a later sign-in finished what was cancelled")
	}

	// One that was left at the broker, in another tab, is not finished by this tab's login.
	w.broker.set(func() { w.broker.ago = time.Hour })
	w.get(b, "/login")
	w.broker.set(func() {
		w.broker.answer = func(q url.Values) url.Values { return url.Values{"state": {"lost"}, "iss": q["iss"]} }
	})
	w.post(b, "/api/empty")
	w.broker.set(func() { w.broker.answer, w.broker.ago = nil, 0 })
	if _, body = w.get(b, "/login"); strings.Contains(body, emptied) {
		t.Error("a sign-in of another tab finished it")
	}
}

func TestAChallengeIsReadAsItIsMeant(t *testing.T) {
	for challenge, want := range map[string]string{
		`Bearer realm="x", error="insufficient_user_authentication", error_description="a, b=c", acr_values="phr phrh", max_age="300"`: "phr phrh 300",
		`bearer error=insufficient_user_authentication,max_age=5`:                                                                      "5",
		`Bearer error="insufficient_user_authentication", acr_values="a\"b"`:                                                           `a"b`,
		`Bearer error="insufficient_scope", max_age="300"`:                                                                             "none",
		`Bearer error="insufficient_user_authentication"`:                                                                              "none",
		`Bearer error="insufficient_user_authentication", max_age="-1"`:                                                                "none",
		`Basic error="insufficient_user_authentication", max_age="1"`:                                                                  "none",
		`Bearer error="insufficient_user_authentication", max_age="1`:                                                                  "none",
		`Bearer`: "none", ``: "none", `Bearer ,,,=`: "none",
	} {
		got := "none"
		if _, wanted := stepUp(challenge); wanted {
			c := parameters(challenge)
			got = strings.TrimSpace(fmt.Sprint(c["acr_values"], " ", c["max_age"]))
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", challenge, got, want)
		}
	}
}
