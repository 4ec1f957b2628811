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
	mustBePage(t, phone.post(k.issuer+"/account", form), http.StatusForbidden) // a page whose session has ended
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
	mustBePage(t, b.post(k.issuer+"/account", form), http.StatusForbidden) // a disabled person's button
	to := b.get(k.issuer + "/account?provider=google").to(t)
	answer, err := persona.SignIn(t.Context(), b.Client, to.String(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	mustBePage(t, b.get(answer.String()), http.StatusForbidden)

	bob := k.browser()
	k.login("web").done(bob, "google", "bob")
	bob.account()
	k.clock.Advance(31 * time.Minute)
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

func TestS11_ASessionEndsByItselfOnTheAccountPageToo(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	form := forms(b.account())["app"][0]
	for range 30 { // used all day
		k.clock.Advance(25 * time.Minute)
		b.get(k.issuer + "/account")
	}
	// No redirect: with one provider it would end there, and the page's form-action lets
	// no form lead away from here. The person would press a button and nothing would happen.
	a := b.post(k.issuer+"/account", form)
	mustBePage(t, a, http.StatusForbidden)
	if !strings.Contains(a.body, k.issuer+"/account") {
		t.Errorf("the page leads nowhere: %s", a.body)
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
