package broker_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker"
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
	k.clock.advance(20 * time.Minute) // the hint has expired, the session has not
	if to := logout("id_token_hint", hint, "post_logout_redirect_uri", appURL+"/bye", "state", "xyz").to(t); to.String() != appURL+"/bye?state=xyz" {
		t.Errorf("a good sign-out leads to %s", to)
	}
	l := k.login("web", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "login_required")
}

func TestI01_ALargeBodyIsRefused(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/token", "/revoke", "/authorize", "/userinfo"} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader("a=" + strings.Repeat("b", 1<<20))
			if chunked {
				body = io.MultiReader(body) // hides its length
			}
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer+path, body)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusRequestEntityTooLarge && a.StatusCode != http.StatusBadRequest {
				t.Errorf("%s chunked=%v: %s", path, chunked, a.Status)
			}
		}
	}
}

func TestI04_I06_I07_OddFormsAreInvalidRequests(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ why, kind, body string }{
		{"JSON", "application/json", `{"grant_type":"authorization_code"}`}, {"multipart", "multipart/form-data; boundary=x", "--x--"}, {"text", "text/plain", "grant_type=x"},
		{"no type", "", "grant_type=x"}, {"UTF-7", "application/x-www-form-urlencoded; charset=utf-7", "grant_type=x"},
		{"NUL", "application/x-www-form-urlencoded", "grant_type=a%00b&client_id=web"}, {"invalid UTF-8", "application/x-www-form-urlencoded", "client_id=%ff"},
		{"a byte order mark", "application/x-www-form-urlencoded", "client_id=%ef%bb%bfweb"}, {"D06: twice", "application/x-www-form-urlencoded", "client_id=web&client_id=web"},
		{"41 parameters", "application/x-www-form-urlencoded", strings.Repeat("a=b&", 41)}, {"a broken escape", "application/x-www-form-urlencoded", "a=%zz"},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer+"/token", strings.NewReader(row.body))
		if row.kind != "" {
			req.Header.Set("Content-Type", row.kind)
		}
		a := do(t, http.DefaultClient, req)
		if a.StatusCode != http.StatusBadRequest || a.json(t)["error"] != "invalid_request" {
			t.Errorf("%s: %s %s", row.why, a.Status, a.body)
		}
	}
	req := formRequest(t, k.issuer+"/token", url.Values{}, map[string]string{"Content-Encoding": "gzip"})
	if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("gzip: %s", a.Status)
	}
}

func TestI08_OtherMethodsAreRefusedWithoutEffect(t *testing.T) {
	k := newKit(t)
	for path, allowed := range map[string][]string{"/authorize": {"GET", "POST"}, "/token": {"POST", "OPTIONS"}, "/userinfo": {"GET", "POST", "OPTIONS"}, "/revoke": {"POST", "OPTIONS"},
		"/callback/google": {"GET", "POST"}, "/jwks": {"GET"}, "/.well-known/openid-configuration": {"GET"}, "/logout": {"GET", "POST"}, "/consent": {"GET", "POST"}} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "LINK"} {
			if slices.Contains(allowed, method) {
				continue
			}
			req, _ := http.NewRequestWithContext(t.Context(), method, k.issuer+path+"?grant_type=authorization_code&code=x", nil)
			req.Header.Set("X-HTTP-Method-Override", "POST")
			a := do(t, k.browser().Client, req)
			if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") == "" {
				t.Errorf("%s %s: %s, Allow %q", method, path, a.Status, a.Header.Get("Allow"))
			}
		}
	}
}

func TestI12_NoHeaderChangesAnAddress(t *testing.T) {
	k := newKit(t)
	want := k.browser().get(k.issuer + "/.well-known/openid-configuration").body
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Host"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+"/.well-known/openid-configuration", nil)
		req.Header.Set(name, "/evil.example")
		if a := do(t, http.DefaultClient, req); a.body != want {
			t.Errorf("%s changed the document", name)
		}
		l := k.login("web", "provider", "google")
		req, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, l.url(), nil)
		req.Header.Set(name, "evil.example")
		if to := do(t, k.browser().Client, req).to(t); to.Query().Get("redirect_uri") != k.issuer+"/callback/google" {
			t.Errorf("%s changed the redirect URI to %s", name, to.Query().Get("redirect_uri"))
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+"/.well-known/openid-configuration", nil)
	req.Host = "evil.example"
	if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign Host: %s", a.Status)
	}
}

func TestI13_SmugglingIsRefused(t *testing.T) {
	k := newKit(t)
	host := strings.TrimPrefix(k.issuer, "http://")
	for _, row := range []struct{ why, raw string }{
		{"two lengths", "POST /token HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
		{"a folded header", "GET /jwks HTTP/1.1\r\nHost: " + host + "\r\nX: a\r\n b\r\nX Y: z\r\n\r\n"},
		{"two hosts", "GET /jwks HTTP/1.1\r\nHost: " + host + "\r\nHost: evil.example\r\n\r\n"},
		{"an absolute foreign target", "GET http://evil.example/jwks HTTP/1.1\r\nHost: " + host + "\r\n\r\n"},
	} {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, row.raw)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode < 400 {
			t.Errorf("%s: %v %v", row.why, res, err)
		}
		c.Close()
	}
}

func TestA18_OnlyTheCanonicalPathIsServed(t *testing.T) {
	k := newKit(t)
	host := strings.TrimPrefix(k.issuer, "http://")
	for _, path := range []string{"/%6awks", "//jwks", "/./jwks", "/x/../jwks", "/jwks/", "/jwks%2f", "/x/..;/jwks", "/jwks;a=b", "/JWKS", "/\\jwks"} {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v %v", path, res, err)
		}
		c.Close()
	}
}

func TestI16_I17_LineBreaksReachNeitherHeadersNorTheLog(t *testing.T) {
	k := newKit(t)
	evil := "x\r\nSet-Cookie: evil=1\n{\"level\":\"INFO\"}\x1b[31m"
	for _, name := range []string{"state", "redirect_uri", "client_id", "login_hint", "nonce", "scope", "provider"} {
		q := k.login("web").query()
		q.Set(name, evil)
		a := k.browser().get(k.issuer + "/authorize?" + q.Encode())
		for _, c := range a.Cookies() {
			if c.Name == "evil" {
				t.Errorf("%s set a cookie", name)
			}
		}
		if a.StatusCode >= 500 {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", k.issuer+"/nothing", nil)
	req.Header.Set("User-Agent", strings.Repeat("u", 10000))
	do(t, http.DefaultClient, req)
	for _, line := range strings.Split(strings.TrimSpace(k.logs.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || len(line) > 4096 {
			t.Errorf("not one short JSON record: %.300s", line)
		}
	}
}

func TestO04_T23_NoSecretIsEverLogged(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l, answer := begun(t, k, b, "google", "alice")
	up, _ := url.Parse(answer)
	canaries := []string{l.state, l.nonce, l.verifier, l.secret, up.Query().Get("code"), up.Query().Get("state"), k.google.ClientSecret()}
	code := l.code(b.get(answer).to(t))
	got := l.redeem(code).json(t)
	l.redeem(code) // a replay, an error path
	canaries = append(canaries, code, got["access_token"].(string), got["refresh_token"].(string), got["id_token"].(string))
	k.userinfo(got["access_token"].(string))
	l.refresh(got["refresh_token"].(string))
	u, _ := url.Parse(k.issuer)
	for _, c := range b.jar.Cookies(u) {
		canaries = append(canaries, c.Value)
	}
	log := k.logs.String()
	for i, secret := range canaries {
		if len(secret) > 8 && strings.Contains(log, secret) {
			t.Errorf("canary %d is in the log", i)
		}
	}
	if !strings.Contains(log, `"path":"/token"`) {
		t.Error("the log does not tell of requests")
	}
}

func TestO06_NothingForDebuggingIsServed(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics", "/swagger", "/.env", "/.git/config", "/admin", "/config", "/"} {
		if a := k.browser().get(k.issuer + path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

func TestO09_HealthTellsNothingButItsStatus(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/livez", "/readyz"} {
		if a := k.browser().get(k.issuer + path); a.StatusCode != http.StatusOK || a.body != "" {
			t.Errorf("%s: %s %q", path, a.Status, a.body)
		}
	}
	k.broker.Stopping()
	if a := k.browser().get(k.issuer + "/readyz"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz while stopping: %s", a.Status)
	}
}

func TestI11_AForwardedAddressCountsOnlyFromATrustedProxy(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	l.secret = oauth.NewSecret()
	for i := range 12 { // were the header believed, each try would come from another address
		req := l.tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {"x"}})
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("6.6.6.%d", i))
		req.Header.Set("X-Real-Ip", fmt.Sprintf("6.6.7.%d", i))
		a := do(t, http.DefaultClient, req)
		if (a.StatusCode == http.StatusTooManyRequests) != (i >= 11) {
			t.Errorf("try %d: %s", i, a.Status)
		}
	}
}

func TestC12_D26_WithoutADatabaseNothingIsIssuedAndTheKeysAreStillServed(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web")
	got := l.done(b, "google", "alice")
	other := k.browser()
	_, answer := begun(t, k, other, "google", "bob")
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*shown{
		"token": {l.redeem(oauth.NewSecret()), true}, "refresh": {l.refresh(got["refresh_token"].(string)), true}, "userinfo": {k.userinfo(got["access_token"].(string)), true},
		"callback": {other.get(answer), false}, "single sign-on": {b.get(k.login("web").url()), false},
	} {
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s, Location %q, Retry-After %q", name, a.Status, a.Header.Get("Location"), a.Header.Get("Retry-After"))
		}
		if a.json && a.answer.json(t)["error"] != "temporarily_unavailable" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	req := l.tokenRequest(url.Values{"token": {got["refresh_token"].(string)}})
	req.URL.Path = "/revoke"
	if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("revocation said %s although nothing was revoked", a.Status)
	}
	for path, status := range map[string]int{"/jwks": 200, "/.well-known/openid-configuration": 200, "/livez": 200, "/readyz": 503} {
		if a := b.get(k.issuer + path); a.StatusCode != status {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

type shown struct {
	*answer
	json bool
}

func TestADefaultPortInTheHostHeaderIsTheSameHost(t *testing.T) {
	for _, row := range []struct {
		issuer, host string
		same         bool
	}{
		{"https://sso.example", "sso.example:443", true}, {"https://sso.example", "SSO.example", true}, {"https://sso.example:8443", "sso.example", false},
		{"https://sso.example", "sso.example:8443", false}, {"https://sso.example", "sso.example.evil", false}, {"https://sso.example", "", false},
	} {
		if got := broker.SameHost(row.issuer, row.host); got != row.same {
			t.Errorf("issuer %s, Host %q: %v", row.issuer, row.host, got)
		}
	}
}
