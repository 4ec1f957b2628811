package interop

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// openid-client's defaults are the strictest reading of the protocol that is in wide use: `iss` in the answer, content types,
// the subject of userinfo, RS256 for an ID token unless the app registered otherwise.
func TestOpenIDClientWorksWithItsDefaults(t *testing.T) {
	npm(t, "openid-client")
	b := brokerWithOkta(t)
	app := node(t, "openid-client.mjs", map[string]any{
		"issuer": b.issuer, "clientID": "web", "clientSecret": b.secret, "provider": "okta", "scope": "openid email offline_access",
		"redirectURI": b.app + "/callback", "postLogoutRedirectURI": b.app + "/bye",
	})
	var first struct{ Open string }
	app.says(t, &first)
	me := newBrowser(t)
	if end := me.open(t, first.Open).signIn(t, "Alice Acme"); !strings.HasPrefix(end.url.String(), b.app+"/callback?") {
		t.Fatalf("the login ended at %s with %d:\n%s", end.url, end.status, end.body)
	}

	var got struct {
		Error, Message string
		Cause          json.RawMessage
		Result         struct {
			Claims, Userinfo                                      map[string]any
			AfterRevocation, Reused, Scope, TokenType, EndSession string
			ExpiresIn                                             int
			Rotated                                               bool
			RefreshedSub                                          string
		}
	}
	app.says(t, &got)
	if got.Error != "" {
		t.Fatalf("openid-client refused the broker's answer: %s: %s (%s)", got.Error, got.Message, got.Cause)
	}
	r := got.Result
	for _, check := range []struct {
		why       string
		got, want any
	}{
		{"token_type, in the lower case that RFC 6749 lets the client ignore", strings.ToLower(r.TokenType), "bearer"},
		{"userinfo is about the same person", r.Userinfo["sub"], r.Claims["sub"]},
		{"userinfo has what scope email asks for", r.Userinfo["email"], "alice@acme.example"},
		{"a refresh rotates", r.Rotated, true},
		{"a refresh keeps the person", r.RefreshedSub, r.Claims["sub"]},
		{"a revoked refresh token is dead (RFC 7009 §2.1)", r.AfterRevocation, "invalid_grant"},
		{"a code works once (RFC 6749 §4.1.2)", r.Reused, "invalid_grant"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.why, check.got, check.want)
		}
	}
	if r.ExpiresIn <= 0 {
		t.Errorf("expires_in is %d", r.ExpiresIn)
	}

	// RP-Initiated Logout 1.0 §2: with our own ID token as hint the app gets its person, and its state, back.
	me.stop = b.app + "/bye"
	end := me.open(t, r.EndSession)
	if end.doc != nil {
		next := end.find(byID("sign-out"))
		if next == nil {
			next = end.find(clickable("Yes"))
		}
		end = end.click(t, next)
	}
	if end.doc != nil || end.url.Query().Get("state") != "bye" {
		t.Errorf("signing out ended at %s (%d); want %s/bye?state=bye", end.url, end.status, b.app)
	}
}

// An app in the page has no secret and no server: discovery, keys, token and userinfo all come by CORS.
func TestOIDCClientTSWorksInARealPage(t *testing.T) {
	npm(t, "oidc-client-ts")
	part(t, "chromium", version(t, need(t, "chromium", "chromium-browser", "google-chrome"), "--version"))
	b := brokerWithOkta(t)
	page := node(t, "oidc-client-ts.mjs", map[string]any{
		"issuer": b.issuer, "clientID": "page", "app": b.app, "scope": "openid email profile", "person": "Alice Acme",
	})
	type user struct {
		Error         string
		Profile       map[string]any
		Scope, Access string
		Refresh       bool
	}
	var got struct {
		SignedIn, Renewed user
		SignedOut         string
		Refused           []string
	}
	page.says(t, &got)
	if got.SignedIn.Error != "" || got.Renewed.Error != "" {
		t.Fatalf("sign-in: %q; renewal: %q; the page's console: %q", got.SignedIn.Error, got.Renewed.Error, got.Refused)
	}
	if got.SignedIn.Profile["email"] != "alice@acme.example" || got.SignedIn.Profile["name"] != "Alice Acme" {
		t.Errorf("the page sees %v", got.SignedIn.Profile)
	}
	if got.Renewed.Profile["sub"] != got.SignedIn.Profile["sub"] || got.Renewed.Access == got.SignedIn.Access {
		t.Errorf("renewal gave %v, sub %v; signed in was %v", got.Renewed.Access, got.Renewed.Profile["sub"], got.SignedIn.Profile["sub"])
	}
	if u, err := url.Parse(got.SignedOut); err != nil || u.Scheme+"://"+u.Host != b.app {
		t.Errorf("signing out ended at %s, want %s/", got.SignedOut, b.app)
	}
	if len(got.Refused) > 0 {
		t.Errorf("the page's console complains: %q", got.Refused)
	}
}
