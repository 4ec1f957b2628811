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

	"github.com/handstamp/handstamp/broker/oauth"
)

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
	if !strings.Contains(k.logs.String(), "Host is evil.example, the issuer's is "+req.URL.Host) {
		t.Error("the log does not say which Host came and which was expected")
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
