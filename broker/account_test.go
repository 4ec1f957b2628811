package broker_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

// forms are the buttons of the account page, by what they end.
func forms(body string) map[string][]url.Values {
	out := map[string][]url.Values{}
	for _, form := range regexp.MustCompile(`(?s)<form.*?</form>`).FindAllString(body, -1) {
		f := hidden(form)
		out[f.Get("end")] = append(out[f.Get("end")], f)
	}
	return out
}

// account opens the account page of a browser that is signed in.
func (b *browser) account() string {
	b.k.t.Helper()
	a := b.get(b.k.issuer + "/account")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "<h1>Your account</h1>") {
		b.k.t.Fatalf("no account page: %s %q %.300s", a.Status, a.Header.Get("Location"), a.body)
	}
	return a.body
}

// press presses a button of the account page and reads the page that follows.
func (b *browser) press(form url.Values) string {
	b.k.t.Helper()
	a := b.post(b.k.issuer+"/account", form)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != b.k.issuer+"/account" {
		b.k.t.Fatalf("%v: %s %q %.300s", form, a.Status, a.Header.Get("Location"), a.body)
	}
	return b.account()
}

// agree signs a person in to the third-party app and agrees to what it asks for.
func (b *browser) agree(provider, person string) *login {
	b.k.t.Helper()
	l := b.k.login("notes", "scope", "openid email items:read")
	form := hidden(b.get(l.signIn(b, provider, person).String()).body)
	form.Set("decision", "allow")
	if a := l.redeem(l.code(b.post(b.k.issuer+"/consent", form).to(b.k.t))); a.StatusCode != http.StatusOK {
		b.k.t.Fatalf("token: %s %s", a.Status, a.body)
	}
	return l
}

func TestS11_APersonSeesAndEndsTheirSessionsAppsAndConsents(t *testing.T) {
	k := newKit(t)
	phone, here := k.browser(), k.browser()
	kept := k.login("web").done(phone, "google", "alice")
	here.agree("google", "alice")
	mine := k.login("web", "prompt", "").done(here, "google", "alice")
	body := here.account()
	for what, want := range map[string]int{"this browser": 1, "Google": 3, "alice@": 2, `name="end" value="session"`: 1, `name="end" value="others"`: 1, `name="end" value="app"`: 2, `name="end" value="consent"`: 1,
		"Read items": 1, "notes.example": 2, "<strong><bdi>Web</bdi></strong>": 1, "It stays when you sign out.": 2, "It ends when you sign out.": 1, "127.0.0.1": 5} {
		if n := strings.Count(body, what); n < want {
			t.Errorf("%q stands %d times, want %d", what, n, want)
		}
	}
	buttons := forms(body)

	body = here.press(buttons["session"][0])
	if !strings.Contains(body, "That session has ended.") || len(forms(body)["session"])+len(forms(body)["others"]) != 0 {
		t.Error("the other session is still there, or nobody says that it is gone")
	}
	if strings.Contains(here.account(), "That session has ended.") {
		t.Error("the notice stays")
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(phone.get(l.url()).to(t), "login_required")
	if a := k.login("web").refresh(kept["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("offline access survives the end of a session: %s", a.body)
	}
	body = here.press(forms(body)["app"][1])
	if !strings.Contains(body, "no access any more") || strings.Contains(body, "<bdi>Web</bdi>") {
		t.Error("Web still has access")
	}
	mustFail(t, k.login("web").refresh(mine["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	l.code(here.get(l.url()).to(t)) // this browser is still signed in

	again := k.login("notes", "scope", "openid email items:read", "prompt", "none")
	again.code(here.get(again.url()).to(t))
	body = here.press(forms(body)["consent"][0])
	if !strings.Contains(body, "forgotten") || len(forms(body)["consent"]) != 0 {
		t.Error("the consent is still there")
	}
	again.mustGoBack(here.get(again.url()).to(t), "consent_required") // D33
	rows, err := k.db.Audit(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]storage.Actor{}
	for _, r := range rows {
		seen[r.Action] = r.Actor
	}
	for _, action := range []string{storage.AuditSignOut, storage.AuditAccessEnded, storage.AuditConsentForgotten} {
		if a := seen[action]; a.Kind != "person" || a.ID == "" || a.IP != "127.0.0.1" || a.RequestID == "" {
			t.Errorf("audit of %s: %+v", action, a)
		}
	}
}

func TestEndingAllOtherSessionsLeavesThisBrowser(t *testing.T) {
	k := newKit(t)
	here := k.browser()
	var others []*browser
	for range 3 {
		b := k.browser()
		k.login("web").done(b, "google", "alice")
		others = append(others, b)
	}
	k.login("web").done(here, "google", "alice")
	body := here.press(forms(here.account())["others"][0])
	if len(forms(body)["session"]) != 0 || !strings.Contains(body, "this browser") {
		t.Error("not only this browser is left")
	}
	l := k.login("web", "prompt", "none")
	for _, b := range others {
		l.mustGoBack(b.get(l.url()).to(t), "login_required")
	}
	l.code(here.get(l.url()).to(t))
}

func TestACancelledSignInToTheAccountPageIsTold(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	to := b.get(k.issuer + "/account?provider=google").to(t)
	a := b.get(k.issuer + "/callback/google?error=access_denied&iss=" + url.QueryEscape(k.google.Issuer()) + "&state=" + to.Query().Get("state"))
	mustBePage(t, a, http.StatusForbidden)
	if !strings.Contains(a.body, "cancelled or refused") {
		t.Errorf("%s", a.body)
	}
}

func TestTheAccountPageSignsInWithAPasswordOfThisHouse(t *testing.T) {
	k := newKit(t, withLocal)
	k.member("alice")
	b := k.browser()
	if a := k.fill(b, k.login("web").door(b), "username", "alice", "password", goodPassword); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s %.300s", a.Status, a.body)
	}
	other := k.browser()
	page := other.get(k.issuer + "/account?provider=local")
	if !strings.Contains(page.body, "Sign in to your account") {
		t.Fatalf("%s %.300s", page.Status, page.body)
	}
	if a := k.fill(other, page, "username", "alice", "password", "wrong"); a.problem() != wrongSentence {
		t.Errorf("a wrong password: %s %.300s", a.Status, a.body)
	}
	a := k.fill(other, other.get(k.issuer+"/account?provider=local"), "username", "alice", "password", goodPassword)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != k.issuer+"/account" {
		t.Fatalf("%s %q", a.Status, a.Header.Get("Location"))
	}
	if body := other.account(); !strings.Contains(body, "Member alice") || len(forms(body)["session"]) != 1 {
		t.Error("not alice's page, or her other session is missing")
	}
}

func TestAppsOfASessionThatIsEndedOnTheAccountPageAreTold(t *testing.T) {
	web := newReceiver(t, "web")
	k := tells(t, web)
	phone, here := k.browser(), k.browser()
	_, id := idToken(t, k.login("web").done(phone, "google", "alice"))
	k.login("other").done(here, "google", "alice")
	here.press(forms(here.account())["session"][0])
	if n := k.tellNow(); n != 1 {
		t.Errorf("told %d apps", n)
	}
	if got := web.told(); len(got) != 1 || got[0].sid != id["sid"] {
		t.Errorf("told %+v, want sid %v", got, id["sid"])
	}
}
