package interop

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/handstamp/handstamp/guard"
)

// verdict is what jose thinks of a token.
type verdict struct {
	Error, Claim    string
	Header, Payload map[string]any
}

// askJose hands a token to an API in Node that was built for one audience.
func askJose(t *testing.T, app *goApp, b *broker, audience, token string) verdict {
	t.Helper()
	npm(t, "jose")
	var meta struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := app.provider.Claims(&meta); err != nil {
		t.Fatal(err)
	}
	var v verdict
	node(t, "jose.mjs", map[string]any{"issuer": b.issuer, "jwksURI": meta.JWKSURI, "audience": audience, "token": token}).says(t, &v)
	return v
}

// An access token is a JWT of RFC 9068: any library can check it, with the broker's published keys and nothing else.
func TestJoseVerifiesATokenForItsAPI(t *testing.T) {
	b := brokerWithOkta(t)
	app := web(t, b, "items:read")
	alice := app.login(t, "okta", "Alice Acme", resource(items))

	v := askJose(t, app, b, items, alice.token.AccessToken)
	if v.Error != "" {
		t.Fatalf("jose refused a good token: %s %s", v.Error, v.Claim)
	}
	if v.Payload["sub"] != alice.id.Subject || v.Payload["client_id"] != "web" || v.Payload["scope"] == nil {
		t.Errorf("the API sees %v", v.Payload)
	}
	if v.Header["alg"] != "ES256" {
		t.Errorf("access tokens are signed with %v, want ES256", v.Header["alg"])
	}

	// RFC 9068 §4: who asks for one API cannot use the answer at another.
	if v := askJose(t, app, b, orders, alice.token.AccessToken); v.Error != "ERR_JWT_CLAIM_VALIDATION_FAILED" || v.Claim != "aud" {
		t.Errorf("a token for %s at %s: got %+v, want a refusal for its aud", items, orders, v)
	}
	// An ID token is for the app and opens no API.
	raw, _ := alice.token.Extra("id_token").(string)
	if v := askJose(t, app, b, items, raw); v.Error == "" {
		t.Errorf("an ID token opened an API: %v", v.Payload)
	}
}

// An API in Go, in a module of its own as a stranger's is, behind the guard. It began before there was a broker.
func TestATokenForOneAPIIsRefusedAtAnother(t *testing.T) {
	p := newPlan(t)
	p.upstream("okta", "upstream.mjs", map[string]any{"personality": "okta"})
	api := func(audience, scope string) string {
		g, err := guard.New(p.issuer, audience)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(g.Require(scope)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, _ := guard.From(r.Context())
			fmt.Fprint(w, token.Subject, " ", token.ClientID)
		})))
		t.Cleanup(server.Close)
		return server.URL
	}
	itemsAPI, ordersAPI := api(items, "items:read"), api(orders, "orders:read")
	itemsToWrite := api(items, "items:write")
	b := p.serve()

	bob := web(t, b, "items:read", "items:write").login(t, "okta", "Bob Private", resource(items))
	for _, call := range []struct {
		why, url, token string
		status          int
		challenge       string // RFC 6750 §3
	}{
		{"the API that it was made for", itemsAPI, bob.token.AccessToken, http.StatusOK, ""},
		{"another API of the same broker", ordersAPI, bob.token.AccessToken, http.StatusUnauthorized, `error="invalid_token"`},
		{"the right API, for more than was given", itemsToWrite, bob.token.AccessToken, http.StatusForbidden, `error="insufficient_scope"`},
		{"no token", itemsAPI, "", http.StatusUnauthorized, "Bearer"},
		{"the ID token", itemsAPI, bob.token.Extra("id_token").(string), http.StatusUnauthorized, `error="invalid_token"`},
		{"one letter of the signature changed", itemsAPI, tampered(bob.token.AccessToken), http.StatusUnauthorized, `error="invalid_token"`},
	} {
		req, err := http.NewRequest(http.MethodGet, call.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if call.token != "" {
			req.Header.Set("Authorization", "Bearer "+call.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != call.status || !strings.Contains(got, call.challenge) {
			t.Errorf("%s: got %d with %q, want %d with %q", call.why, res.StatusCode, got, call.status, call.challenge)
		}
	}
}

// tampered changes one letter in the middle of a token's signature.
func tampered(token string) string {
	i := strings.LastIndex(token, ".") + 20
	letter := "A"
	if token[i] == 'A' {
		letter = "B"
	}
	return token[:i] + letter + token[i+1:]
}

// Without `resource`, the API that owns the scopes is the audience; scopes of two APIs need a word which is meant.
func TestScopesOfTwoAPIsWithoutAResourceAreRefused(t *testing.T) {
	b := brokerWithOkta(t)
	app := web(t, b, "items:read")
	alice := app.login(t, "okta", "Alice Acme")
	if v := askJose(t, app, b, items, alice.token.AccessToken); v.Error != "" {
		t.Errorf("items:read alone means %s; jose says %s %s", items, v.Error, v.Claim)
	}

	both := web(t, b, "items:read", "orders:read")
	end := both.browser.open(t, both.config.AuthCodeURL("s", pkceOnly(), provider("okta"))).signIn(t, "Alice Acme")
	if end.doc != nil || end.url.Query().Get("error") != "invalid_target" {
		t.Errorf("scopes of two APIs ended at %s (%d), want error=invalid_target at the app", end.url, end.status)
	}
}

// kubelogin: a public client on a loopback address, and an API server that reads `groups` from the ID token and from nowhere else.
func TestKubeloginStyleSettingsPutGroupsInTheIDToken(t *testing.T) {
	b := brokerWithOkta(t)
	for _, at := range []struct{ why, redirect string }{
		{"kubelogin's default redirect URI, registered as it is", "http://localhost:8000"},
		{"a port of the moment on the loopback address (RFC 8252 §7.3)", "http://127.0.0.1:18000/callback"},
	} {
		app := newGoApp(t, b, "kubectl", "", at.redirect, oidc.ScopeOpenID, "email", "groups", "offline_access")
		alice := app.login(t, "okta", "Alice Acme")
		if got := words(alice.claims["groups"]); got != "Everyone Engineering" {
			t.Errorf("%s: groups in the ID token: %q", at.why, got)
		}
		if alice.claims["email"] != "alice@acme.example" {
			t.Errorf("%s: email in the ID token: %v", at.why, alice.claims["email"])
		}
		if alice.token.RefreshToken == "" {
			t.Errorf("%s: kubelogin keeps a refresh token, and none came", at.why)
		}
	}
}
