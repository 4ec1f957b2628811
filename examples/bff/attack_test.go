package bff

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

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
	attacker.call("GET", "/login", "")
	victim := w.browser()
	victim.call("GET", answer, "")
	if got := victim.open(); got.Person != nil || !strings.Contains(got.Notice, "did not begin in this browser") {
		t.Errorf("the victim is signed in as the attacker: %+v", got)
	}
	if res, _ := attacker.call("HEAD", answer, ""); res.StatusCode != 405 {
		t.Errorf("S16: HEAD of a callback: %d", res.StatusCode)
	}
	attacker.CheckRedirect = nil
	attacker.call("GET", answer, "")
	if got := attacker.open(); got.Person == nil {
		t.Error("the victim's try, or a look at the link, used up the login")
	}
	fresh := attacker.cookie("-session").Value
	if attacker.call("GET", answer, ""); attacker.cookie("-session").Value != fresh {
		t.Error("an old answer counts twice")
	}
}

func TestTheAppRefusesAnswersThatAreNotForIt(t *testing.T) {
	for why, tc := range map[string]struct {
		lie  func(f *fakeBroker)
		says string
	}{
		"no iss": {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Del("iss"); return q } }, "somebody else"},
		"another iss": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values { q.Set("iss", "https://evil.example"); return q }
		}, "somebody else"},
		"another state": {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Set("state", random()); return q } }, "did not begin"},
		"a state that begins alike": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values { q.Set("state", q.Get("state")[:20]+random()); return q }
		}, "did not begin"},
		"two codes":      {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Add("code", "x"); return q } }, "something twice"},
		"another code":   {func(f *fakeBroker) { f.answer = func(q url.Values) url.Values { q.Set("code", "x"); return q } }, "could not be finished"},
		"another nonce":  {func(f *fakeBroker) { f.nonce = "x" }, "could not be finished"},
		"another client": {func(f *fakeBroker) { f.azp = "other" }, "could not be finished"},
		"a refusal": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values {
				return url.Values{"state": q["state"], "iss": q["iss"], "error": {"access_denied"}, "error_description": {"only people of acme.example may come in"}}
			}
		}, "Only people of acme.example may come in."},
		"a refusal as long as a book": {func(f *fakeBroker) {
			f.answer = func(q url.Values) url.Values {
				return url.Values{"state": q["state"], "iss": q["iss"], "error": {"access_denied"}, "error_description": {strings.Repeat("ü", 3000)}}
			}
		}, "Üüü"},
	} {
		w := newTown(t)
		w.broker.set(func() { tc.lie(w.broker) })
		b := w.browser()
		if got := b.signIn(); got.Person != nil || !strings.Contains(got.Notice, tc.says) || len([]rune(got.Notice)) > 300 {
			t.Errorf("%s: %+v, want %q", why, got, tc.says)
		}
	}
}

func TestS01_ASessionIdThatABrowserBringsIsNeverAdoptedAndAnOldOneDies(t *testing.T) {
	w := newTown(t)
	name := newCookies(w.browser().url()).prefix + "-session"
	planted := []*http.Cookie{{Name: name, Value: strings.Repeat("A", 43), Path: "/"}}
	victim := w.browser()
	victim.Jar.SetCookies(victim.url(), planted)
	victim.signIn()
	attacker := w.browser()
	attacker.Jar.SetCookies(attacker.url(), planted)
	if got := attacker.open(); got.Person != nil {
		t.Error("the planted id became the victim's session")
	}
	first := victim.cookie("-session").Value
	victim.signIn()
	if second := victim.cookie("-session").Value; second == first {
		t.Error("the id stays the same when somebody signs in again")
	}
	thief := w.browser()
	thief.Jar.SetCookies(thief.url(), []*http.Cookie{{Name: name, Value: first, Path: "/"}})
	if got := thief.open(); got.Person != nil {
		t.Error("the id of before still opens something")
	}
}

func TestS01_TheCookieOfBeforeSignOutOpensNothing(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	stolen := b.Jar.Cookies(b.url())
	b.call("POST", "/logout", "")
	thief := w.browser()
	thief.Jar.SetCookies(thief.url(), stolen)
	thief.pass = b.pass
	if res, _ := thief.call("GET", "/api/items", ""); res.StatusCode != 401 || w.api.calls() != 0 {
		t.Errorf("a stolen cookie outlives the sign-out: %d", res.StatusCode)
	}
	if res, _ := b.call("POST", "/logout", ""); res.StatusCode != 401 {
		t.Errorf("signed out twice: %d", res.StatusCode)
	}
}

func TestS02_EveryCookieIsAsNarrowAsItCanBe(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		w := openTown(t, overTLS)
		b := w.browser()
		want := "shelf" + b.url().Port() + "-"
		if overTLS {
			want = "__Host-shelf-"
		}
		seen := map[string]bool{}
		b.Transport = transport(func(r *http.Request) (*http.Response, error) {
			res, err := w.app.Client().Transport.RoundTrip(r)
			if err != nil || r.URL.Host != b.url().Host {
				return res, err
			}
			for _, k := range res.Cookies() {
				part, ok := strings.CutPrefix(k.Name, want)
				part, _, _ = strings.Cut(part, "-")
				seen[part] = true
				site := map[bool]http.SameSite{true: http.SameSiteStrictMode, false: http.SameSiteLaxMode}[part == "session"]
				if !ok || !k.HttpOnly || k.Secure != overTLS || k.SameSite != site || k.Path != "/" || k.Domain != "" || k.MaxAge == 0 || part == "login" && k.MaxAge > 600 {
					t.Errorf("%s sets %s", r.URL.Path, k.Raw)
				}
			}
			return res, err
		})
		b.signIn()
		b.call("POST", "/logout", "")
		b.call("GET", "/goodbye", "")
		for _, part := range []string{"session", "login", "notice"} {
			if !seen[part] {
				t.Errorf("no %s cookie was seen: %v", part, seen)
			}
		}
	}
}

func TestS03_ACookieWithoutThePrefixIsNotRead(t *testing.T) {
	w := openTown(t, true)
	b := w.browser()
	b.signIn()
	good := b.cookie("-session")
	for _, line := range []string{"shelf-session=" + good.Value, "__host-shelf-session=" + good.Value, "shelf" + b.url().Port() + "-session=" + good.Value} {
		if res, _ := w.browser().call("GET", "/api/items", "", "Cookie", line, "X-Shelf", b.pass); res.StatusCode != 401 {
			t.Errorf("%.20s… was read: %d", line, res.StatusCode)
		}
	}
	for _, line := range []string{"shelf-session=evil; " + good.Name + "=" + good.Value, good.Name + "=" + good.Value + "; shelf-session=evil"} {
		if res, _ := w.browser().call("GET", "/api/items", "", "Cookie", line, "X-Shelf", b.pass); res.StatusCode != 200 {
			t.Errorf("a tossed twin locks people out: %d", res.StatusCode)
		}
	}
}

func TestS04_CookiesThatNoBrowserSendsOpenNothing(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	good := b.cookie("-session")
	pair := good.Name + "=" + good.Value
	for _, row := range []struct {
		line   string
		status int
		why    string
	}{
		{pair, 200, "the cookie itself"},
		{good.Name + "=x; " + pair, 401, "two values, ours last"},
		{pair + "; " + good.Name + "=x", 401, "two values, ours first"},
		{pair + "; " + pair, 401, "twice the same"},
		{good.Name + "=", 401, "empty"},
		{good.Name + `="` + good.Value[:20] + `; a="` + good.Value[20:] + `"`, 401, "a sandwich of quotes"},
		{good.Name + "=" + strings.Repeat("A", 8<<10), 401, "an endless value"},
		{pair + strings.Repeat("; a=b", 60), 431, "a jar full of crumbs"},
		{pair + "; big=" + strings.Repeat("A", 17<<10), 431, "a jar with a loaf"},
	} {
		res, body := w.browser().call("GET", "/api/items", "", "Cookie", row.line, "X-Shelf", b.pass)
		if res.StatusCode != row.status {
			t.Errorf("%s: %d %s, want %d", row.why, res.StatusCode, body, row.status)
		}
		if row.status == 401 && !strings.Contains(row.why, "sandwich") { // Go reads no cookie out of that at all
			if cleared := res.Cookies(); len(cleared) != 1 || cleared[0].Name != good.Name || cleared[0].MaxAge >= 0 {
				t.Errorf("%s: not cleared: %v", row.why, cleared)
			}
		}
	}
}

func TestS05_NoOtherSiteCanUseTheCookie(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	own := w.app.URL
	for _, route := range []struct{ method, path, body string }{
		{"POST", "/api/items", `{"name":"x"}`}, {"POST", "/session/renew", ""}, {"POST", "/logout", ""}, {"GET", "/api/items", ""}, {"GET", "/session", ""},
	} {
		for _, row := range []struct{ site, origin, pass, why string }{
			{"cross-site", "https://evil.example", b.pass, "another site"},
			{"same-site", "http://127.0.0.1:1", b.pass, "a neighbour's port"},
			{"", "https://evil.example", b.pass, "an old browser on another site"},
			{"", "null", b.pass, "a sandboxed frame"},
			{"cross-site", "", b.pass, "another site that hides its name"},
			{"same-origin", "https://evil.example", b.pass, "two stories"},
			{"none", "", b.pass, "typed, or from a mail"},
			{"same-origin", own, "", "no header: a form of ours, or injected markup"},
			{"same-origin", own, "guessed", "a pass of another session"},
			{"", "", b.pass, "says nothing"},
		} {
			reading := route.method == "GET"
			if reading && (row.why == "says nothing" || route.path == "/session" && row.pass == "guessed") {
				continue // an old browser's own page; and a page that just opens has no pass yet
			}
			res, body := b.call(route.method, route.path, route.body, "Sec-Fetch-Site", row.site, "Origin", row.origin, "X-Shelf", row.pass)
			if res.StatusCode != 403 || strings.Contains(body, "Alice") {
				t.Errorf("%s %s: %s: %d %s", route.method, route.path, row.why, res.StatusCode, body)
			}
		}
	}
	if got := b.open(); w.api.calls() != 0 || w.broker.renewed != 0 || got.Person == nil {
		t.Errorf("something was done after all: %d calls, %d refreshes, %+v", w.api.calls(), w.broker.renewed, got)
	}
	for why, headers := range map[string][]string{
		"a browser of today":              {"Origin", own},
		"one that hides where it is from": {"Sec-Fetch-Site", "", "Origin", own},
	} {
		if res, body := b.call("POST", "/api/items", `{"name":"x"}`, headers...); res.StatusCode != 200 {
			t.Errorf("%s is locked out: %d %s", why, res.StatusCode, body)
		}
	}
}

func TestS05_LinksChangeNothing(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	for _, path := range []string{"/logout", "/goodbye", "/session/renew", "/api/items", "/callback", "/"} {
		b.call("GET", path, "", "Sec-Fetch-Site", "cross-site", "X-Shelf", "")
	}
	if got := b.open(); got.Person == nil || w.broker.renewed != 0 || w.broker.left != nil || w.api.calls() != 0 {
		t.Errorf("a link signed somebody out, or more: %+v", got)
	}
	asked := w.broker.asked.Get("state")
	if b.call("GET", "/login", "", "Sec-Fetch-Site", "cross-site"); w.broker.asked.Get("state") != asked {
		t.Error("another site's link began a sign-in that nobody asked for")
	}
}

func TestS05_NoAnswerInvitesAnotherOrigin(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	for _, path := range []string{"/session", "/api/items", "/logout", "/"} {
		res, _ := b.call("OPTIONS", path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-shelf", "Sec-Fetch-Site", "cross-site")
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers a preflight with %s", path, name)
			}
		}
	}
}

// S13: a page that was opened as Alice does not act as Bob.
func TestS13_APageOfAnEarlierSessionMayNotAct(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	alices := b.pass
	w.broker.set(func() { w.broker.subject = "usr_bob" })
	b.signIn()
	for _, route := range []struct{ method, path string }{{"POST", "/api/items"}, {"GET", "/api/items"}, {"POST", "/session/renew"}, {"POST", "/logout"}} {
		if res, body := b.call(route.method, route.path, "", "X-Shelf", alices); res.StatusCode != 403 || !strings.Contains(body, "another_session") {
			t.Errorf("%s %s: %d %s", route.method, route.path, res.StatusCode, body)
		}
	}
	if got := b.open(); got.Person == nil || got.Person.Name != "Bob" || w.api.calls() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestS06_S09_S10_EveryAnswerCarriesItsHeaders(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/", "/page.js", "/door.js", "/page.css", "/icon.svg", "/session", "/api/items", "/api/nowhere", "/nowhere", "/login", "/callback", "/goodbye", "/logout", "/livez"} {
		for _, method := range []string{"GET", "POST"} {
			res, _ := b.call(method, path, "")
			csp := res.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s %s (%d): the policy lacks %s: %q", method, path, res.StatusCode, want, csp)
				}
			}
			for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
				if res.Header.Get(name) != want {
					t.Errorf("%s %s (%d): %s: %q", method, path, res.StatusCode, name, res.Header.Get(name))
				}
			}
		}
	}
}

func TestS18_LoginsThatNobodyEndsDoNotFillTheCookieJar(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range 50 {
		b.call("GET", "/login", "")
		if n := len(b.Jar.Cookies(b.url())); n > 9 {
			t.Fatalf("%d cookies", n)
		}
	}
	b.CheckRedirect = nil
	if got := b.signIn(); got.Person == nil {
		t.Error("and then nobody can sign in")
	}
}

func TestTheAppStartsWhileTheBrokerIsDownAndRecovers(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	away := true
	h, err := New(Config{Issuer: w.broker.URL, ClientID: "bff", ClientSecret: "s3cret", BaseURL: w.app.URL, Logger: quiet, HTTPClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if away {
			return nil, io.ErrUnexpectedEOF
		}
		return http.DefaultTransport.RoundTrip(r)
	})}})
	if err != nil {
		t.Fatal(err)
	}
	w.app.Config.Handler = h
	if got := b.signIn(); got.Person != nil || !strings.Contains(got.Notice, "does not answer") {
		t.Errorf("%+v", got)
	}
	away = false
	if got := b.signIn(); got.Person == nil {
		t.Error("one failure was kept")
	}
}
