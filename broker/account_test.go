package broker_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
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

func TestS15_S01_TheAccountPageSignsInAndComesBackOnlyToItself(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	stranger := k.browser()
	page := stranger.get(k.issuer + "/account?next=//evil.example&return_to=https://evil.example&redirect_uri=https://evil.example&provider=nobody")
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Sign in to <bdi>your account</bdi>") || strings.Contains(page.body, "evil") {
		t.Fatalf("%s %s", page.Status, page.body)
	}
	u, _ := url.Parse(k.issuer)
	planted := &http.Cookie{Name: "hs" + u.Port() + "-sid", Value: oauth.NewSecret(), Path: "/"}
	stranger.jar.SetCookies(u, []*http.Cookie{planted})
	href := regexp.MustCompile(`id="provider-google" href="([^"]+)"`).FindStringSubmatch(page.body)
	if len(href) != 2 || href[1] != k.issuer+"/account?provider=google" {
		t.Fatalf("the button leads to %q", href)
	}
	to := stranger.get(href[1] + "&next=https://evil.example").to(t)
	answer, err := persona.SignIn(t.Context(), stranger.Client, to.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	q := answer.Query()
	q.Set("next", "https://evil.example")
	q.Set("return_to", "//evil.example")
	answer.RawQuery = q.Encode()
	a := stranger.get(answer.String())
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != k.issuer+"/account" {
		t.Fatalf("after the sign-in: %s %q", a.Status, a.Header.Get("Location"))
	}
	for _, c := range stranger.jar.Cookies(u) {
		if c.Name == planted.Name && c.Value == planted.Value {
			t.Error("the planted session id was adopted")
		}
	}
	if body := stranger.account(); !strings.Contains(body, "alice@") || strings.Contains(body, "evil") {
		t.Error("not alice's page")
	}
	if a := stranger.get(answer.String()); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the same answer again: %s", a.Status)
	}
}

func TestTheAccountPageMakesNobody(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	to := b.get(k.issuer + "/account?provider=google").to(t)
	answer, err := persona.SignIn(t.Context(), b.Client, to.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	a := b.get(answer.String())
	mustBePage(t, a, http.StatusForbidden)
	if !strings.Contains(a.body, "There is no account for this person.") || !strings.Contains(a.body, k.issuer+"/account") {
		t.Errorf("%s", a.body)
	}
	if users, err := k.db.Users(t.Context(), 10); err != nil || len(users) != 0 {
		t.Errorf("users %v, %v", users, err)
	}
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

func TestA05_ThePageEndsOnlyWhatIsOnesOwn(t *testing.T) {
	k := newKit(t)
	alice, bob := k.browser(), k.browser()
	alice.agree("google", "alice")
	bob.agree("google", "bob")
	k.login("web", "prompt", "").done(bob, "google", "bob")
	phone := k.browser()
	k.login("web").done(phone, "google", "bob")
	token := func(b *browser) string {
		id := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(b.account())
		return id[1]
	}
	buttons := forms(bob.account())
	if len(buttons["session"]) != 1 || len(buttons["app"]) != 2 || len(buttons["consent"]) != 1 {
		t.Fatalf("bob's buttons: %v", buttons)
	}
	mine := token(alice)
	alice.press(url.Values{"end": {"app"}, "client": {"notes"}, "token": {mine}}) // her own, so that only bob's are left
	alice.press(url.Values{"end": {"consent"}, "client": {"notes"}, "host": {"notes.example"}, "token": {mine}})
	for _, list := range buttons {
		for _, form := range list {
			if form.Get("end") == "others" {
				continue
			}
			if a := alice.post(k.issuer+"/account", form); a.StatusCode != http.StatusForbidden {
				t.Errorf("bob's own form in alice's browser: %s %v", a.Status, form)
			}
			form.Set("token", mine)
			mustBePage(t, alice.post(k.issuer+"/account", form), http.StatusNotFound)
		}
	}
	alice.press(url.Values{"end": {"others"}, "token": {mine}})
	now := forms(bob.account())
	if len(now["session"]) != 1 || len(now["app"]) != 2 || len(now["consent"]) != 1 {
		t.Errorf("bob has lost something: %v", now)
	}
	l := k.login("web", "prompt", "none")
	l.code(phone.get(l.url()).to(t))
}

func TestS05_TheAccountPageTakesNoForeignPost(t *testing.T) {
	k := newKit(t)
	b, phone := k.browser(), k.browser()
	k.login("web").done(phone, "google", "alice")
	k.login("web").done(b, "google", "alice")
	form := forms(b.account())["others"][0]
	for _, headers := range []map[string]string{
		{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
		{"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site", "Origin": k.issuer},
	} {
		if a := do(t, b.Client, formRequest(t, k.issuer+"/account", form, headers)); a.StatusCode != http.StatusForbidden {
			t.Errorf("with %v: %s", headers, a.Status)
		}
	}
	for why, change := range map[string]func(url.Values){
		"no token":          func(f url.Values) { f.Del("token") },
		"another's token":   func(f url.Values) { f.Set("token", oauth.NewSecret()) },
		"the logout token":  func(f url.Values) { f.Set("token", hidden(b.get(k.issuer+"/logout").body).Get("token")) },
		"the phone's token": func(f url.Values) { f.Set("token", forms(phone.account())["others"][0].Get("token")) },
	} {
		bad := url.Values{}
		for name, values := range form {
			bad[name] = values
		}
		change(bad)
		if a := b.post(k.issuer+"/account", bad); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", why, a.Status)
		}
	}
	form.Set("end", "everything")
	if a := b.post(k.issuer+"/account", form); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown word: %s", a.Status)
	}
	for _, query := range []string{"?end=others&token=" + form.Get("token"), "?end=session"} {
		if a := b.get(k.issuer + "/account" + query); a.StatusCode != http.StatusOK {
			t.Errorf("GET with %s: %s", query, a.Status)
		}
	}
	if len(forms(phone.account())["others"]) != 1 {
		t.Error("something ended that nobody asked for")
	}
	form.Set("end", "others")
	b.press(form)
	if a := phone.post(k.issuer+"/account", form); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != k.issuer+"/account" {
		t.Errorf("a page whose session has ended: %s", a.Status)
	}
}

func TestL12_D28_TheAccountPageHasTheSameGate(t *testing.T) {
	k := newKit(t)
	chooser := func(why string, b *browser) {
		t.Helper()
		a := b.get(k.issuer + "/account")
		if a.StatusCode != http.StatusOK || strings.Contains(a.body, "Your account</h1>") || !strings.Contains(a.body, "Sign in to") {
			t.Errorf("%s: %s %.200s", why, a.Status, a.body)
		}
	}
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	form := forms(b.account())["app"][0]
	users, err := k.db.Users(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.db.SetUserDisabled(t.Context(), storage.Actor{Kind: "system"}, users[0].ID, true); err != nil {
		t.Fatal(err)
	}
	chooser("a disabled person", b)
	if a := b.post(k.issuer+"/account", form); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a disabled person's button: %s", a.Status)
	}
	to := b.get(k.issuer + "/account?provider=google").to(t)
	answer, err := persona.SignIn(t.Context(), b.Client, to.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	mustBePage(t, b.get(answer.String()), http.StatusForbidden)

	bob := k.browser()
	k.login("web").done(bob, "google", "bob")
	bob.account()
	k.clock.advance(31 * time.Minute)
	chooser("an idle session", bob)
	k.login("web").done(bob, "google", "bob")
	k.change(func(d *directory.Document) { d.Providers[0].Disabled = true })
	chooser("a provider that is switched off", bob)
	k.change(func(d *directory.Document) {
		d.Providers[0].Disabled = false
		d.Rules = append(d.Rules, mapping.Rule{Name: "no bob", When: "user.email.startsWith('bob')", Deny: "not any more"})
	})
	a := bob.get(k.issuer + "/account")
	mustBePage(t, a, http.StatusForbidden)
	if !strings.Contains(a.body, "Not any more.") {
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

func TestS11_ASessionEndsByItselfOnTheAccountPageToo(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	form := forms(b.account())["app"][0]
	for range 30 { // used all day
		k.clock.advance(25 * time.Minute)
		b.get(k.issuer + "/account")
	}
	if a := b.post(k.issuer+"/account", form); a.StatusCode != http.StatusSeeOther {
		t.Errorf("%s", a.Status)
	}
	if a := b.get(k.issuer + "/account"); !strings.Contains(a.body, "Sign in to") {
		t.Errorf("past the absolute end: %s", a.Status)
	}
}

func TestTheAccountClientIsNoClient(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	q := k.login("web").query()
	q.Set("client_id", directory.AccountClient)
	q.Set("redirect_uri", k.issuer+"/account")
	mustBePage(t, b.get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
	for _, secret := range []string{"", "x"} {
		req := formRequest(t, k.issuer+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {directory.AccountClient}, "client_secret": {secret}}, nil)
		mustFail(t, do(t, http.DefaultClient, req), http.StatusUnauthorized, "invalid_client")
	}
}
