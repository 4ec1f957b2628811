package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/door"
)

func TestA10_TheAPITakesNoCookieAndTheConsoleNoToken(t *testing.T) {
	w := newTown(t)
	if a := w.erin.get("/api/v1/me"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the API took the console's cookie: %s", a.Status)
	}
	link, err := w.shell().NewAdminLink(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link.Link)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := api.New(w.url, nil).TakeLink(t.Context(), u.Query().Get("token"))
	if err != nil {
		t.Fatal(err)
	}
	stranger := w.browser()
	for _, path := range []string{"/", "/users", "/audit"} {
		req := stranger.request("GET", path, nil)
		req.Header.Set("Authorization", "Bearer "+taken.AccessToken)
		if a := stranger.do(req); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
			t.Errorf("the console took a token at %s: %s", path, a.Status)
		}
	}
	if _, err := api.New(w.url, &http.Client{Transport: api.Bearer(taken.AccessToken, nil)}).Me(t.Context()); err != nil {
		t.Errorf("the token itself is good: %v", err)
	}
}

func TestA01_NoPageOpensToAStranger(t *testing.T) {
	w := newTown(t)
	stranger := w.browser()
	for _, path := range w.pages() {
		a := stranger.get(path)
		if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in?") {
			t.Errorf("GET %s: %s", path, a.Status)
		}
		req := stranger.request("POST", path, url.Values{"_reason": {"x"}})
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if a := stranger.do(req); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %s", path, a.Status)
		}
	}
}

func TestA02_AViewerSeesNoButtonThatTheyCannotUse(t *testing.T) {
	w := newTown(t)
	viewer := w.signedIn("dave", "viewer")
	for _, path := range w.pages() {
		a := viewer.get(path)
		switch a.StatusCode {
		case http.StatusForbidden: // a page for those who may
			continue
		case http.StatusOK:
		default:
			t.Errorf("GET %s: %s", path, a.Status)
			continue
		}
		for _, form := range formsOf(t, a.body) {
			if form != "/sign-out" {
				t.Errorf("%s: a viewer is offered a form to %s", path, form)
			}
		}
		for _, to := range linksOf(t, a.body) {
			if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "/sign-in") || strings.HasPrefix(to, "/assets/") {
				continue
			}
			if b := viewer.get(to); b.StatusCode >= 400 && b.StatusCode != 404 {
				t.Errorf("%s leads a viewer to %s: %s", path, to, b.Status)
			}
		}
	}
	for _, path := range []string{"/users/" + w.alice.Sub + "/disable", "/users/" + w.alice.Sub + "/erase", "/keys/rotate", "/revisions/1/rollback", "/administrators/okta/" + w.aliceAt} {
		if a := viewer.post(path, "_reason", "because", "role", "owner", "phrase", w.alice.Email); a.StatusCode != http.StatusForbidden {
			t.Errorf("a viewer posted to %s: %s", path, a.Status)
		}
	}
}

func TestS05_AFormOfAnotherSiteOrSessionChangesNothing(t *testing.T) {
	w := newTown(t)
	other := w.signedIn("dave", "editor").token()
	good := w.erin.token()
	path := "/users/" + w.alice.Sub + "/disable"
	for why, row := range map[string]struct {
		token   string
		headers map[string]string
	}{
		"another site":                  {good, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}},
		"a site beside ours":            {good, map[string]string{"Sec-Fetch-Site": "same-site", "Origin": w.issuer}},
		"a bookmark":                    {good, map[string]string{"Sec-Fetch-Site": "none"}},
		"an old browser, another site":  {good, map[string]string{"Origin": "https://evil.example"}},
		"an old browser, the broker":    {good, map[string]string{"Origin": w.issuer}},
		"neither header":                {good, nil},
		"an opaque origin":              {good, map[string]string{"Origin": "null"}},
		"no token":                      {"", map[string]string{"Sec-Fetch-Site": "same-origin"}},
		"the token of another session":  {other, map[string]string{"Sec-Fetch-Site": "same-origin"}},
		"a token that is not whole":     {good[:20], map[string]string{"Sec-Fetch-Site": "same-origin"}},
		"JSON that a form could not be": {good, map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}},
		"text/plain":                    {good, map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}},
	} {
		req := w.erin.request("POST", path, url.Values{"_form": {row.token}})
		for name, value := range row.headers {
			req.Header.Set(name, value)
		}
		if a := w.erin.do(req); a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	if n := len(w.events); n != 10 || w.events[0] != door.EventCrossSite { // the last two are no forms at all
		t.Errorf("%d events: %v", n, w.events)
	}
	u, err := w.shell().User(t.Context(), w.alice.Sub)
	if err != nil || u.Disabled {
		t.Fatalf("alice was disabled by a stranger's form: %v", err)
	}
	w.erin.done(path) // the same with everything right
	for _, p := range w.pages() {
		w.erin.page(p) // and GETs change nothing
	}
	if u, _ = w.shell().User(t.Context(), w.alice.Sub); !u.Disabled {
		t.Error("a GET enabled alice")
	}
}

func TestS13_AFormOfOnePersonIsNotSentByTheNext(t *testing.T) {
	w := newTown(t)
	old := w.erin.token()
	out := w.erin.post("/sign-out")
	if to := out.Header.Get("Refresh"); out.StatusCode != http.StatusOK || !strings.HasPrefix(to, "0; url="+w.issuer+"/logout?") {
		t.Errorf("the sign-out does not go on at the broker: %s %q", out.Status, to)
	}
	w.erin.page("/").has(t, "Signed out") // where the broker leads back
	b := w.signedIn("dave", "owner")
	req := b.request("POST", "/users/"+w.alice.Sub+"/disable", url.Values{"_form": {old}})
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if a := b.do(req); a.StatusCode != http.StatusForbidden {
		t.Errorf("an old tab's form: %s", a.Status)
	}
}

func TestA18_OnlyTheOneSpellingOfAnAddressAnswers(t *testing.T) {
	w := newTown(t)
	for _, path := range []string{"//users", "/users/", "/./users", "/x/../users", "/x/..;/users", "/%75sers", "/users%2f" + w.alice.Sub, "/users;x=1", "/users//" + w.alice.Sub, `/users\`, "/users/%2e%2e/audit", "/%2e/users", "/assets/../users", "/keys%00"} {
		req := w.erin.request("GET", "/", nil)
		req.URL.Opaque = "//" + strings.TrimPrefix(w.url, "http://") + path
		if a := w.erin.do(req); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusBadRequest {
			t.Errorf("GET %s: %s %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	req := w.erin.request("GET", "/", nil)
	req.Host = "evil.example"
	if a := w.erin.do(req); a.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another Host: %s", a.Status)
	}
	if a := w.erin.do(w.erin.request("DELETE", "/users", nil)); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE: %s, Allow %q", a.Status, a.Header.Get("Allow"))
	}
}

func TestA12_AChangeThatNeedsANewSignInLosesNothingTyped(t *testing.T) {
	w := newTown(t)
	path := "/administrators/okta/" + w.aliceAt
	w.clock.Advance(6 * time.Minute)
	a := w.erin.post(path, "role", "editor", "_reason", "she knows how")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/confirm/") {
		t.Fatalf("%s %s", a.Status, a.Header.Get("Location"))
	}
	waiting := a.Header.Get("Location")
	if strings.Contains(waiting, "knows") || strings.Contains(waiting, "editor") {
		t.Errorf("what was typed stands in the address: %s", waiting)
	}
	w.erin.page(waiting).has(t, "Is it still you?", "What you typed is kept")
	id := strings.TrimPrefix(waiting, "/confirm/")

	stranger := w.signedIn("dave", "owner")
	if a := stranger.get("/again/" + id); a.StatusCode != http.StatusGone {
		t.Errorf("somebody else sees the form: %s", a.Status)
	}
	to, err := w.erin.follow(w.url+"/sign-in?as=again&to=/again/"+id, "erin")
	if err != nil || to != w.url+"/again/"+id {
		t.Fatalf("after signing in again: %s, %v", to, err)
	}
	form := w.erin.page("/again/" + id)
	form.has(t, "Nothing was lost", "she knows how", "editor")
	fields := []string{"role", "editor", "_reason", "she knows how"}
	w.erin.post(path, append(fields, "_again", "open")...).has(t, "she knows how", "Give this role")
	w.erin.done(path, fields...).has(t, "is editor now")
}

func TestA12_AnotherPersonCannotConfirmForTheFirst(t *testing.T) {
	w := newTown(t)
	w.signedIn("dave", "owner")
	to, err := w.erin.follow(w.url+"/sign-in?as=again&to=/keys", "dave")
	if err == nil && to == w.url+"/keys" {
		t.Fatal("dave confirmed as erin")
	}
	// The broker has ended erin's session, since the browser is dave's now; nobody is in.
	if a := w.erin.get("/"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("somebody is in: %s %s", a.Status, shortened(a.body))
	}
}
