package providers

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// endpoints are the four places where an upstream answers us directly.
var endpoints = []string{discoveryPath, "/jwks", "/token", "/userinfo"}

func alwaysUserInfo(s *Settings) { s.UserInfo = "always" }

func TestU07_DiscoveryCannotNameForeignHosts(t *testing.T) {
	var foreign atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { foreign.Add(1) }))
	t.Cleanup(trap.Close)
	rows := []struct {
		why   string
		spoil func(m map[string]any)
	}{
		{"token endpoint elsewhere", func(m map[string]any) { m["token_endpoint"] = trap.URL + "/token" }},
		{"keys elsewhere", func(m map[string]any) { m["jwks_uri"] = trap.URL + "/jwks" }},
		{"userinfo elsewhere", func(m map[string]any) { m["userinfo_endpoint"] = trap.URL + "/userinfo" }},
		{"sign-in page elsewhere", func(m map[string]any) { m["authorization_endpoint"] = trap.URL + "/authorize" }},
		{"an inner address", func(m map[string]any) { m["token_endpoint"] = "http://169.254.169.254/token" }},
		{"another port", func(m map[string]any) { m["token_endpoint"] = "http://127.0.0.1:1/token" }},
		{"a user name that looks like the host", func(m map[string]any) {
			m["token_endpoint"] = strings.Replace(m["token_endpoint"].(string), "http://", "http://"+strings.TrimPrefix(trap.URL, "http://")+"@", 1)
		}},
		{"a fragment", func(m map[string]any) { m["authorization_endpoint"] = m["authorization_endpoint"].(string) + "#x" }},
		{"a relative URL", func(m map[string]any) { m["token_endpoint"] = "/token" }},
		{"no token endpoint", func(m map[string]any) { delete(m, "token_endpoint") }},
		{"token endpoint as a list", func(m map[string]any) { m["token_endpoint"] = []any{m["token_endpoint"]} }},
		{"a script", func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" }},
		{"another issuer", func(m map[string]any) { m["issuer"] = trap.URL }},
		{"a trailing slash", func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" }},
		{"no issuer", func(m map[string]any) { delete(m, "issuer") }},
		{"issuer as a list", func(m map[string]any) { m["issuer"] = []any{m["issuer"]} }},
	}
	for _, row := range rows {
		e := newEvil(t)
		e.metadata = row.spoil
		_, err := e.login(e.provider("oidc", alwaysUserInfo))
		wantError(t, err, ServerError, row.why+", from the start")

		e = newEvil(t)
		p := e.provider("oidc", alwaysUserInfo)
		a := newAttempt()
		answer := e.signIn(must(p.Begin(t.Context(), a)).Redirect)
		if _, err := e.login(p); err != nil {
			t.Fatalf("%s: honest: %v", row.why, err)
		}
		e.metadata = row.spoil
		e.clock.Advance(metadataFresh + time.Second)
		if err := p.Probe(t.Context()); err == nil {
			t.Errorf("%s: the probe saw no drift", row.why)
		}
		before := e.count("/token")
		_, err = p.Finish(t.Context(), a, answer)
		if pe := wantError(t, err, ServerError, row.why+", later"); errors.Is(pe, ErrMixUp) {
			t.Errorf("%s: refused for another reason: %v", row.why, pe)
		}
		if e.count("/token") != before || !p.Health().Down {
			t.Errorf("%s: the code was redeemed after the document had changed, or nobody was told", row.why)
		}
		e.metadata = nil
		e.clock.Advance(failureRest + time.Second)
		if _, err := e.login(p); err != nil {
			t.Errorf("%s: honest again: %v", row.why, err)
		}
	}
	if n := foreign.Load(); n != 0 {
		t.Errorf("%d requests reached the foreign host", n)
	}
}

func TestAnOutageOfDiscoveryAloneStopsNobodyWhoKnowsIt(t *testing.T) {
	for why, outage := range map[string]http.HandlerFunc{
		"gone":               http.NotFound,
		"out of order":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"a maintenance page": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sorry", 302) },
		"not strict":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"issuer":1,"ISSUER":2}`)) },
	} {
		e := newEvil(t)
		p := e.provider("oidc")
		if _, err := e.login(p); err != nil {
			t.Fatal(err)
		}
		e.replace(discoveryPath, outage)
		e.clock.Advance(metadataFresh + time.Second)
		if err := p.Probe(t.Context()); err == nil || !p.Health().Down {
			t.Errorf("%s: nobody is told", why)
		}
		if _, err := e.login(p); err != nil {
			t.Errorf("%s: %v", why, err)
		}
		_, err := e.login(e.provider("oidc"))
		if err == nil {
			t.Errorf("%s: a newcomer found its way", why)
		}
	}
}

func TestEndpointHostsAreApprovedByTheAdmin(t *testing.T) {
	e := newEvil(t)
	other := httptest.NewServer(e)
	t.Cleanup(other.Close)
	e.metadata = func(m map[string]any) { m["userinfo_endpoint"] = other.URL + "/userinfo" }
	host := strings.TrimPrefix(other.URL, "http://")
	p := e.provider("oidc", alwaysUserInfo, func(s *Settings) { s.EndpointHosts = []string{host} })
	if _, err := e.login(p); err != nil {
		t.Errorf("approved: %v", err)
	}
	_, err := e.login(e.provider("oidc", alwaysUserInfo))
	if pe := wantError(t, err, ServerError, "not approved"); !strings.Contains(pe.Error(), host) {
		t.Errorf("the operator is not told which host: %v", pe)
	}
	if _, err := e.login(e.provider("oidc")); err != nil {
		t.Errorf("userinfo is never asked, so its host does not matter: %v", err)
	}
}

func TestU23_EndlessAnswersAreCutOff(t *testing.T) {
	for _, path := range endpoints {
		for _, announced := range []bool{false, true} {
			why := fmt.Sprintf("%s, length announced: %t", path, announced)
			e := newEvil(t)
			p := e.provider("oidc", alwaysUserInfo)
			var sent atomic.Int64
			e.replace(path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if announced {
					w.Header().Set("Content-Length", "268435456")
				}
				chunk := []byte(strings.Repeat(" ", 64<<10))
				for range 4096 { // 256 MiB
					n, err := w.Write(chunk)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			_, err := e.login(p)
			wantError(t, err, ServerError, why)
			if n := sent.Load(); n > 32<<20 { // kernel buffers included
				t.Errorf("%s: %d bytes were taken", why, n)
			}
		}
	}
	e := newEvil(t)
	e.metadata = func(m map[string]any) { m["x"] = strings.Repeat("x", maxMetadata) }
	_, err := e.login(e.provider("oidc"))
	wantError(t, err, ServerError, "a discovery document of more than 64 KiB")
}

func TestU25_RedirectsAreNotFollowed(t *testing.T) {
	var canary atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary.Add(1) }))
	t.Cleanup(trap.Close)
	for _, path := range endpoints {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, to := range []string{trap.URL, "/elsewhere"} {
				e := newEvil(t)
				p := e.provider("oidc", alwaysUserInfo)
				e.replace(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) })
				why := fmt.Sprintf("%s %d to %s", path, status, to)
				_, err := e.login(p)
				wantError(t, err, ServerError, why)
				if e.count("/elsewhere") != 0 {
					t.Errorf("%s: followed", why)
				}
			}
		}
	}
	if n := canary.Load(); n != 0 {
		t.Errorf("%d requests were led away", n)
	}
}
