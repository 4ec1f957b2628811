package broker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
)

// upstreamTokens are genuine tokens of a provider, for our own client id: what another app
// of the same vendor, or somebody at the provider, may hold.
func (k *kit) upstreamTokens(p *persona.Persona) (access, id string) {
	k.t.Helper()
	b := k.browser()
	verifier, redirect := oauth.NewSecret(), k.issuer+"/callback/okta"
	challenge, _ := oauth.S256(verifier)
	meta := do(k.t, http.DefaultClient, mustGet(k.t, p.Issuer()+"/.well-known/openid-configuration")).json(k.t)
	q := url.Values{"client_id": {p.ClientID()}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid email profile"}, "state": {"x"}, "nonce": {"y"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	back, err := persona.SignIn(k.t.Context(), b.Client, meta["authorization_endpoint"].(string)+"?"+q.Encode(), "alice")
	if err != nil {
		k.t.Fatal(err)
	}
	req := formRequest(k.t, meta["token_endpoint"].(string), url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {redirect},
		"code_verifier": {verifier}}, nil)
	req.SetBasicAuth(url.QueryEscape(p.ClientID()), url.QueryEscape(p.ClientSecret()))
	got := do(k.t, http.DefaultClient, req).json(k.t)
	return got["access_token"].(string), got["id_token"].(string)
}

func mustGet(t testing.TB, to string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// No door takes a provider's token for a person: who somebody is comes only from a code
// that we redeemed ourselves.
func TestU16_NoDoorTakesAnUpstreamToken(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant, machines)
	access, id := k.upstreamTokens(k.okta)
	names := []string{"token", "access_token", "id_token", "id_token_hint", "subject_token", "actor_token", "assertion", "client_assertion", "logout_token", "code", "refresh_token", "credential", "g_csrf_token", "username"}
	grants := []string{"", "authorization_code", "refresh_token", "password", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"}
	tried := 0
	for _, route := range k.broker.Routes() {
		if strings.Contains(route.Path, "*file") {
			continue
		}
		path := strings.NewReplacer(":slug", "okta").Replace(route.Path)
		for _, raw := range []string{access, id} {
			for _, grant := range grants {
				if grant != "" && path != "/token" {
					continue
				}
				form := url.Values{"grant_type": {grant}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "provider": {"okta"}}
				for _, name := range names {
					form.Set(name, raw)
				}
				for _, bearer := range []bool{false, true} {
					b := k.browser()
					to, body := k.issuer+path, url.Values{}
					if route.Method == http.MethodGet {
						to += "?" + form.Encode()
					} else {
						body = form
					}
					req := formRequest(t, to, body, map[string]string{"Sec-Fetch-Site": "same-origin"})
					req.Method = route.Method
					if bearer {
						req.Header.Set("Authorization", "Bearer "+raw)
					} else if path == "/token" || path == "/introspect" || path == "/revoke" {
						req.SetBasicAuth("web", webSecret.Reveal())
					}
					a := do(t, b.Client, req)
					tried++
					if sessions(t, b) != 0 || a.StatusCode == http.StatusOK && (strings.Contains(a.body, "alice@") || strings.Contains(a.body, `"access_token":"`) || strings.Contains(a.body, `"active":true`)) || strings.Contains(a.Header.Get("Location"), "code=") {
						t.Errorf("%s %s with %s: %s %.200s", route.Method, path, grant, a.Status, a.body)
					}
				}
			}
		}
	}
	if users, err := k.db.Users(t.Context(), 10); err != nil || len(users) != 0 || tried < 100 {
		t.Errorf("%d requests made %v, %v", tried, users, err)
	}
}

// A stranger who is somebody else in every request makes nothing grow: whatever a request
// can name is either bounded or not remembered.
func TestI15_UniqueStrangersTakeBoundedMemory(t *testing.T) {
	k := newKit(t)
	nowhere := &discarding{http.Header{}}
	n := 0
	flood := func(times int) {
		for range times {
			n++
			u := fmt.Sprint("u", n)
			for _, req := range []*http.Request{
				httptest.NewRequest(http.MethodGet, k.issuer+"/authorize?client_id="+u+"&redirect_uri=https://"+u+".example/", nil),
				httptest.NewRequest(http.MethodGet, k.issuer+"/authorize?"+k.login("web", "ui_locales", "de-x-"+u, "provider", u, "login_hint", u, "acr_values", u).query().Encode(), nil),
				httptest.NewRequest(http.MethodGet, k.issuer+"/callback/"+u+"?state="+u, nil),
				httptest.NewRequest(http.MethodGet, k.issuer+"/"+u, nil),
				httptest.NewRequest(http.MethodPost, k.issuer+"/token", strings.NewReader("grant_type="+u+"&client_id="+u)),
				httptest.NewRequest(http.MethodGet, k.issuer+"/userinfo", nil),
			} {
				req.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
				req.Header.Set("User-Agent", u)
				req.Header.Set("Accept-Language", "x-"+u)
				req.Header.Set("Authorization", "Bearer "+u)
				req.Header.Set("Cookie", u+"="+u)
				if req.Method == http.MethodPost {
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					req.Header.Del("Authorization")
				}
				k.broker.ServeHTTP(nowhere, req)
			}
		}
		k.settled()
		if err := k.journal.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		k.logs.Forget()
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	flood(11_000) // every bounded table is full now
	before := heap()
	flood(6_000)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("6000 more strangers took %d KiB", grown>>10)
	}
}

// discarding is a reader of answers that keeps nothing.
type discarding struct{ h http.Header }

func (d *discarding) Header() http.Header         { return d.h }
func (d *discarding) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarding) WriteHeader(int)             {}
