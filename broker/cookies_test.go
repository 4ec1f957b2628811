package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
)

// pages are all the places where a person can land.
func pages(t *testing.T, k *kit, b *browser) map[string]*answer {
	t.Helper()
	l := k.login("notes")
	consent := b.get(l.signIn(b, "google", "alice").String())
	return map[string]*answer{
		"chooser": k.browser().get(k.login("web").url()), "consent": consent, "continue": b.get(k.login("web", "prompt", "select_account").url()),
		"error": b.get(k.issuer + "/authorize"), "404": b.get(k.issuer + "/nothing"), "405": b.get(k.issuer + "/token"),
		"callback": b.get(k.issuer + "/callback/google"), "logout": b.get(k.issuer + "/logout"),
		"account": b.get(k.issuer + "/account"), "account sign-in": k.browser().get(k.issuer + "/account"),
		"form_post": b.get(k.login("web", "response_mode", "form_post").url()),
	}
}

func TestS06_S08_S09_S10_U18_EveryPageCarriesItsProtection(t *testing.T) {
	k := newKit(t)
	for name, a := range pages(t, k, k.browser()) {
		csp := a.Header.Get("Content-Security-Policy")
		for header, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin"} {
			if a.Header.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, a.Header.Get(header))
			}
		}
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "base-uri 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", name, csp)
		}
		if strings.Contains(a.body, "<script") != (name == "form_post") {
			t.Errorf("%s: script where none is needed, or none where it is", name)
		}
	}
}

func TestS02_EveryCookieIsTight(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web", "provider", "google")
	_, port, _ := strings.Cut(strings.TrimPrefix(k.issuer, "http://"), ":")
	all := b.get(l.url()).Cookies()
	_, answer := begun(t, k, b, "google", "alice")
	all = append(all, b.get(answer).Cookies()...)
	if len(all) < 2 {
		t.Fatalf("saw %d cookies", len(all))
	}
	for _, c := range all {
		if !strings.HasPrefix(c.Name, "hs"+port+"-") || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.Secure {
			t.Errorf("cookie %s", c.Raw)
		}
		if len(c.Value) > 2048 {
			t.Errorf("cookie %s has %d bytes", c.Name, len(c.Value))
		}
	}
}

func TestS01_T21_AnUnknownSessionIsNeverAdoptedAndIdsAreFresh(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	u, _ := url.Parse(k.issuer)
	planted := oauth.NewSecret()
	name := "hs" + u.Port() + "-sid"
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: planted, Path: "/"}})
	first := k.verify(k.login("web").done(b, "google", "alice")["access_token"].(string), apiURL)
	id := func() string {
		for _, c := range b.jar.Cookies(u) {
			if c.Name == name {
				return c.Value
			}
		}
		return ""
	}
	one := id()
	if one == planted || one == "" {
		t.Fatal("the planted id was adopted")
	}
	second := k.verify(k.login("web", "prompt", "login").done(b, "google", "bob")["access_token"].(string), apiURL)
	if id() == one || second.SessionID == first.SessionID || second.Subject == first.Subject {
		t.Error("a second sign-in kept something of the first")
	}
	stolen := k.browser()
	stolen.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: one, Path: "/"}})
	l := k.login("web", "prompt", "none")
	l.mustGoBack(stolen.get(l.url()).to(t), "login_required")
}

func TestS03_S04_APlantedTwinOfTheSessionCookieCountsAsNone(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	u, _ := url.Parse(k.issuer)
	l := k.login("web", "prompt", "none")
	for _, twinFirst := range []bool{true, false} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url(), nil)
		var real string
		for _, c := range b.jar.Cookies(u) {
			if strings.HasSuffix(c.Name, "-sid") {
				real = c.Name + "=" + c.Value
			}
		}
		twin := "hs" + u.Port() + "-sid=" + oauth.NewSecret()
		pair := []string{real, twin}
		if twinFirst {
			slices.Reverse(pair)
		}
		req.Header.Set("Cookie", strings.Join(pair, "; "))
		l.mustGoBack(do(t, &http.Client{CheckRedirect: b.CheckRedirect}, req).to(t), "login_required")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url(), nil)
	req.Header.Set("Cookie", strings.Repeat("a=b; ", 60))
	if a := do(t, &http.Client{CheckRedirect: b.CheckRedirect}, req); a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("60 cookies: %s", a.Status)
	}
}

func TestS05_ACrossSitePostWithCookiesIsRefused(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("notes")
	consent := hidden(b.get(l.signIn(b, "google", "alice").String()).body)
	consent.Set("decision", "allow")
	leave := hidden(b.get(k.issuer + "/logout").body)
	for path, form := range map[string]url.Values{"/consent": consent, "/logout": leave} {
		for _, headers := range []map[string]string{
			{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
			{"Sec-Fetch-Site": "cross-site", "Origin": k.issuer},
		} {
			if a := do(t, b.Client, formRequest(t, k.issuer+path, form, headers)); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %s", path, headers, a.Status)
			}
		}
	}
	l.code(b.post(k.issuer+"/consent", consent).to(t))
	if a := b.post(k.issuer+"/logout", leave); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "signed out") {
		t.Errorf("one's own form: %s %s", a.Status, a.body)
	}
}

func TestD24_SigningOutNeedsProofOrAnAnswer(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	got := k.login("web").done(b, "google", "alice")
	bob := k.login("web").done(k.browser(), "google", "bob")
	still := func(why string) {
		t.Helper()
		l := k.login("web", "prompt", "none")
		if q := b.get(l.url()).to(t).Query(); q.Get("code") == "" {
			t.Fatalf("%s: signed out", why)
		}
	}
	logout := func(pairs ...string) *answer {
		q := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return b.get(k.issuer + "/logout?" + q.Encode())
	}
	hint := got["id_token"].(string)
	if a := logout(); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="sign-out"`) {
		t.Errorf("no parameters: %s %s", a.Status, a.body)
	}
	still("without a hint")
	for _, uri := range []string{"https://evil.example/", appURL + "/bye/", appURL + "/bye?x=1", "https://app.example@evil.example/bye", "HTTPS://app.example/bye"} {
		mustBePage(t, logout("id_token_hint", hint, "post_logout_redirect_uri", uri), http.StatusBadRequest)
	}
	still("with an unregistered address")
	mustBePage(t, logout("post_logout_redirect_uri", appURL+"/bye"), http.StatusBadRequest)
	mustBePage(t, logout("id_token_hint", hint[:len(hint)-4]+"AAAA", "post_logout_redirect_uri", appURL+"/bye"), http.StatusBadRequest)
	mustBePage(t, logout("id_token_hint", hint, "client_id", "other"), http.StatusBadRequest)
	mustBePage(t, logout("id_token_hint", got["access_token"].(string)), http.StatusBadRequest) // T08
	if a := logout("id_token_hint", bob["id_token"].(string), "post_logout_redirect_uri", appURL+"/bye"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="sign-out"`) {
		t.Errorf("another person's hint: %s", a.Status)
	}
	still("with another person's hint")
	k.clock.Advance(20 * time.Minute) // the hint has expired, the session has not
	if to := logout("id_token_hint", hint, "post_logout_redirect_uri", appURL+"/bye", "state", "xyz").to(t); to.String() != appURL+"/bye?state=xyz" {
		t.Errorf("a good sign-out leads to %s", to)
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "login_required")
}
