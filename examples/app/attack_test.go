package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestTheSessionCookieOfBeforeSignOutOpensNothing(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	u, err := url.Parse(w.app.URL)
	if err != nil {
		t.Fatal(err)
	}
	stolen := b.Jar.Cookies(u)
	w.post(b, "/logout")
	thief := w.browser()
	thief.Jar.SetCookies(u, stolen)
	if _, body := w.get(thief, "/"); strings.Contains(body, "Alice") {
		t.Error("a stolen cookie outlives the sign-out")
	}
}

func TestTheAppRefusesAnswersThatAreNotForIt(t *testing.T) {
	for name, tc := range map[string]struct {
		lie    func(f *fakeBroker)
		status int
		says   string
	}{
		"no iss": {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Del("iss"); return q } }, 400, "somebody else"},
		"another iss": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values { q.Set("iss", "https://evil.example"); return q }
		}, 400, "somebody else"},
		"another state": {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Set("state", random()); return q } }, 400, "did not begin here"},
		"a state that begins alike": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values { q.Set("state", q.Get("state")[:20]+random()); return q }
		}, 400, "did not begin here"},
		"no state":                {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Del("state"); return q } }, 400, "did not begin here"},
		"two codes":               {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Add("code", "x"); return q } }, 400, "something twice"},
		"a code that is not good": {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Set("code", "x"); return q } }, 502, "The code is not good."},
		"another nonce":           {func(f *fakeBroker) { f.nonce = "x" }, 502, "could not be finished"},
		"another access token":    {func(f *fakeBroker) { f.hash = "x" }, 502, "could not be finished"},
		"another audience":        {func(f *fakeBroker) { f.azp = "other-app" }, 502, "could not be finished"},
		"a refusal": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values {
				q.Del("code")
				q.Set("error", "access_denied")
				q.Set("error_description", "Only people of acme.example may come in.")
				return q
			}
		}, 403, "Only people of acme.example may come in."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.broker.set(func() { tc.lie(w.broker) })
			b := w.browser()
			status, body := w.get(b, "/login")
			if status != tc.status || !strings.Contains(body, tc.says) {
				t.Errorf("%d, want %d and %q:\n%s", status, tc.status, tc.says, body)
			}
			if _, body := w.get(b, "/"); strings.Contains(body, "Alice") {
				t.Error("and yet somebody is signed in")
			}
		})
	}
}

// U01 toward the broker: the attacker's answer in the victim's browser.
func TestACallbackInAnotherBrowserSignsNobodyIn(t *testing.T) {
	w := newTown(t)
	attacker := w.browser()
	var answer string
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			answer = r.URL.RequestURI()
			return http.ErrUseLastResponse
		}
		return nil
	}
	w.get(attacker, "/login")
	victim := w.browser()
	w.get(victim, "/") // a person with an open tab
	if status, body := w.get(victim, answer); status != 400 || strings.Contains(body, "Alice") {
		t.Errorf("%d: the victim is signed in as the attacker", status)
	}
	attacker.CheckRedirect = nil
	if _, body := w.get(attacker, answer); !strings.Contains(body, "Alice") {
		t.Error("the victim's try used up the attacker's login")
	}
	if status, _ := w.get(attacker, answer); status != 400 {
		t.Errorf("an old answer counts twice: %d", status)
	}
}

func TestTwoTabsSignInSideBySide(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	var answers []string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			answers = append(answers, r.URL.RequestURI())
			return http.ErrUseLastResponse
		}
		return nil
	}
	w.get(b, "/login")
	w.get(b, "/login")
	b.CheckRedirect = nil
	for _, answer := range answers {
		if status, body := w.get(b, answer); status != 200 || !strings.Contains(body, "Alice") {
			t.Errorf("%d: one tab's login broke the other's", status)
		}
	}
}

func TestS01_ASessionIdThatABrowserBringsIsNeverAdopted(t *testing.T) {
	w := newTown(t)
	u, err := url.Parse(w.app.URL)
	if err != nil {
		t.Fatal(err)
	}
	name := newCookies(u).session()
	victim := w.browser()
	victim.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: strings.Repeat("A", 43), Path: "/"}})
	w.get(victim, "/login")
	attacker := w.browser()
	attacker.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: strings.Repeat("A", 43), Path: "/"}})
	if _, body := w.get(attacker, "/"); strings.Contains(body, "Alice") {
		t.Error("the attacker's planted id became the victim's session")
	}
}

func TestS02_CookiesAreAsNarrowAsTheyCanBe(t *testing.T) {
	for base, want := range map[string]struct {
		prefix string
		secure bool
	}{"https://desk.example": {"__Host-desk", true}, "http://127.0.0.1:9000": {"desk9000", false}} {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		c := newCookies(u)
		w := httptest.NewRecorder()
		c.set(w, c.session(), "x", sessionLife)
		c.set(w, c.attempt(random()), "x", attemptLife)
		c.set(w, c.bye(), "x", time.Minute)
		for _, k := range w.Result().Cookies() {
			if !strings.HasPrefix(k.Name, want.prefix) || k.Secure != want.secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode || k.MaxAge <= 0 {
				t.Errorf("%s: %s", base, k.Raw)
			}
			if strings.Contains(k.Name, "login") && k.MaxAge != 600 {
				t.Errorf("a login may take ten minutes: %s", k.Raw)
			}
		}
	}
}

func TestS02_EveryCookieOfARealVisitIsHttpOnlyAndLax(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	seen := map[string]bool{}
	b.Transport = transport(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			for _, k := range resp.Cookies() {
				seen[strings.Split(k.Name, "-")[1]] = true
				if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
					t.Errorf("%s sets %s", r.URL.Path, k.Raw)
				}
			}
		}
		return resp, err
	})
	w.get(b, "/login")
	w.post(b, "/logout")
	for _, name := range []string{"session", "login", "bye"} {
		if !seen[name] {
			t.Errorf("no %s cookie was seen", name)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestS04_TwoSessionCookiesAreNone(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	u, err := url.Parse(w.app.URL)
	if err != nil {
		t.Fatal(err)
	}
	name := newCookies(u).session()
	var value string
	for _, k := range b.Jar.Cookies(u) {
		if k.Name == name {
			value = k.Value
		}
	}
	for _, cookie := range []string{name + "=x; " + name + "=" + value, name + "=" + value + "; " + name + "=x"} {
		req, err := http.NewRequest("GET", w.app.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", cookie)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, resp); value == "" || strings.Contains(body, "Alice") {
			t.Errorf("%q: somebody else's cookie decides", cookie)
		}
	}
}

func TestS18_LoginsThatNobodyEndsDoNotFillTheCookieJar(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u, err := url.Parse(w.app.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.get(b, "/login")
		if n := len(b.Jar.Cookies(u)); n > 9 {
			t.Fatalf("%d cookies", n)
		}
	}
	b.CheckRedirect = nil
	if _, body := w.get(b, "/login"); !strings.Contains(body, "Alice") {
		t.Error("and then nobody can sign in")
	}
}

func TestS05_NoOtherSiteCanPressAButton(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	for _, path := range []string{"/api/read", "/api/write", "/refresh", "/logout"} {
		for _, tc := range []struct{ site, origin, why string }{
			{"", "", "says nothing"},
			{"cross-site", "https://evil.example", "another site"},
			{"same-site", "https://evil.example", "a neighbour"},
			{"", "https://evil.example", "an old browser on another site"},
			{"", "null", "a sandboxed frame"},
			{"cross-site", "", "another site that hides its name"},
		} {
			req, err := http.NewRequest("POST", w.app.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tc.site != "" {
				req.Header.Set("Sec-Fetch-Site", tc.site)
			}
			if tc.origin != "" {
				req.Header.Set("Origin", tc.origin)
			}
			resp, err := b.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := read(t, resp); status != 403 {
				t.Errorf("POST %s: %d: %s", path, status, tc.why)
			}
		}
	}
	if _, body := w.get(b, "/"); !strings.Contains(body, "Alice") || !strings.Contains(body, "not yet") {
		t.Error("something was pressed after all")
	}
	if status, _ := w.get(b, "/logout"); status == 200 {
		t.Error("a link can sign people out")
	}
}

func TestS06_S08_S09_S10_EveryAnswerCarriesItsHeaders(t *testing.T) {
	w := newTown(t)
	for _, path := range []string{"/", "/callback", "/nowhere", "/login?provider=%3Cscript%3E", "/app.css", "/icon.svg"} {
		resp, err := http.Get(w.app.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
		h := resp.Header
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestS08_NothingThatAPersonOrAProviderWroteBecomesMarkup(t *testing.T) {
	for _, evil := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title><script>`, "`' onclick=alert(1) '", "\u2028<svg onload=alert(1)>"} {
		w := newTown(t)
		w.broker.set(func() {
			w.broker.name = evil
			w.broker.info = map[string]any{"email": evil, "groups": []string{evil}, "handstamp_why": []map[string]any{{"rule": evil, "scopes": []string{evil}, "roles": []string{evil}}}}
		})
		_, body := w.get(w.browser(), "/login")
		doc, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%q makes <%s %s>", evil, n.Data, a.Key)
				}
			}
			if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img") {
				t.Errorf("%q makes a <%s>", evil, n.Data)
			}
		}
		if !strings.Contains(body, html.EscapeString("alert(1)")) && !strings.Contains(body, "&lt;/title&gt;") {
			t.Errorf("%q is not shown at all", evil)
		}
	}
}

func TestUserinfoAboutSomebodyElseIsNotShown(t *testing.T) {
	w := newTown(t)
	w.broker.set(func() { w.broker.info["sub"] = "usr_mallory"; w.broker.name = "Mallory" })
	_, body := w.get(w.browser(), "/login")
	if strings.Contains(body, "Mallory") || !strings.Contains(body, "Hello, <bdi>usr_7Qm4cW2nXb8LrTzK") {
		t.Errorf("userinfo of another subject was used:\n%s", body)
	}
}
