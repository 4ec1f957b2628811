package persona_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

// kept is the page error of a request that must not leave the persona.
func (a *app) kept(authURL, user string) *persona.PageError {
	a.t.Helper()
	to, err := persona.SignIn(a.t.Context(), a.browser, authURL, user)
	var page *persona.PageError
	if !errors.As(err, &page) {
		a.t.Fatalf("sent to %v (%v), want a page", to, err)
	}
	return page
}

func TestARedirectURIThatIsNotEqualByteByByteNeverRedirects(t *testing.T) {
	for _, k := range kinds {
		a := newApp(t, k.start, persona.Options{})
		for _, uri := range []string{
			callback + "?x=1", callback + "/", callback + "#x", "http://127.0.0.1:1/CALLBACK", "http://127.0.0.1:2/callback",
			"http://localhost:1/callback", "https://127.0.0.1:1/callback", "http://127.0.0.1:1/callback/../callback", "", "javascript:alert(1)", "//evil.example",
		} {
			a.conf.RedirectURL = uri
			if page := a.kept(a.authURL(oauth2.GenerateVerifier()), "alice"); page.Status != http.StatusBadRequest {
				t.Errorf("%s: redirect_uri %q: HTTP %d", k.name, uri, page.Status)
			}
		}
		a.conf.RedirectURL, a.conf.ClientID = callback, "somebody-else"
		if page := a.kept(a.authURL(oauth2.GenerateVerifier()), "alice"); page.Status != http.StatusBadRequest {
			t.Errorf("%s: unknown client: HTTP %d", k.name, page.Status)
		}
	}
}

func TestAFaultyRequestEndsAsTheVendorEndsIt(t *testing.T) {
	param := oauth2.SetAuthURLParam
	for _, k := range kinds {
		a := newApp(t, k.start, persona.Options{})
		for _, c := range []struct {
			why    string
			option oauth2.AuthCodeOption
			want   string
		}{
			{"no code flow", param("response_type", "token"), "unsupported_response_type"},
			{"no response type", param("response_type", ""), "invalid_request"},
			{"fragment answers", param("response_mode", "fragment"), "invalid_request"},
			{"an unknown prompt", param("prompt", "sing"), "invalid_request"},
			{"none with another prompt", param("prompt", "none consent"), "invalid_request"},
			{"an unknown PKCE method", param("code_challenge_method", "S512"), "invalid_request"},
			{"a short challenge", param("code_challenge", "short"), "invalid_request"},
			{"no scope", param("scope", " "), "invalid_scope"},
		} {
			authURL := a.authURL(oauth2.GenerateVerifier(), c.option)
			if k.name == persona.KindGoogle { // Google keeps the browser
				if page := a.kept(authURL, "alice"); page.Status != http.StatusBadRequest {
					t.Errorf("google: %s: HTTP %d", c.why, page.Status)
				}
				continue
			}
			if q := a.back("alice", authURL); q.Get("error") != c.want || q.Get("state") != "s-1" {
				t.Errorf("%s: %s: %v, want %s", k.name, c.why, q, c.want)
			}
		}
	}
}

func TestVendorsDifferInWhatTheyTake(t *testing.T) {
	param := oauth2.SetAuthURLParam
	google, okta, auth0 := newApp(t, persona.Google, persona.Options{}), newApp(t, persona.Okta, persona.Options{}), newApp(t, persona.Auth0, persona.Options{})
	verifier := oauth2.GenerateVerifier()

	google.kept(google.authURL(verifier, param("scope", "openid offline_access")), "alice")
	google.kept(google.authURL(verifier, param("prompt", "login")), "alice")
	if q := okta.back("alice", okta.authURL(verifier, param("scope", "openid no-such-scope"))); q.Get("error") != "invalid_scope" {
		t.Errorf("Okta takes an unknown scope: %v", q)
	}
	if q := okta.back("alice", okta.authURL(verifier, param("state", ""))); q.Get("error") != "invalid_request" {
		t.Errorf("Okta takes a request without state: %v", q)
	}
	if q := auth0.back("alice", auth0.authURL(verifier, param("scope", "openid no-such-scope"))); q.Get("code") == "" {
		t.Errorf("Auth0 refuses an unknown scope: %v", q)
	}

	google.kept(google.authURL(verifier), "carol")
	if q := okta.back("carol", okta.authURL(verifier)); q.Get("error") != "access_denied" {
		t.Errorf("disabled at Okta: %v", q)
	}
	auth0.browser.Jar = nil
	if q := auth0.back("carol", auth0.authURL(verifier)); q.Get("error") != "unauthorized" || q.Get("error_description") != "user is blocked" {
		t.Errorf("blocked at Auth0: %v", q)
	}
	for _, a := range []*app{google, okta, auth0} {
		a.browser.Jar = nil
		if q := a.back(persona.Cancel, a.authURL(verifier)); q.Get("error") != "access_denied" || q.Get("state") != "s-1" {
			t.Errorf("%s: cancelled: %v", a.idp.Kind(), q)
		}
	}
}

func TestACodeIsBoundToEverythingAndForOneUse(t *testing.T) {
	for _, k := range kinds {
		a := newApp(t, k.start, persona.Options{RedirectURIs: []string{callback, callback + "2"}})
		for why, spoil := range map[string]func(url.Values){
			"another verifier":     func(f url.Values) { f.Set("code_verifier", oauth2.GenerateVerifier()) },
			"no verifier":          func(f url.Values) { f.Del("code_verifier") },
			"another redirect URI": func(f url.Values) { f.Set("redirect_uri", callback+"2") },
			"no redirect URI":      func(f url.Values) { f.Del("redirect_uri") },
			"another secret":       func(f url.Values) { f.Set("client_secret", "x") },
			"no secret":            func(f url.Values) { f.Del("client_secret") },
			"another client":       func(f url.Values) { f.Set("client_id", "x") },
			"another grant type":   func(f url.Values) { f.Set("grant_type", "password") },
			"no grant type":        func(f url.Values) { f.Del("grant_type") },
			"another code":         func(f url.Values) { f.Set("code", "x") },
			"a doubled parameter":  func(f url.Values) { f.Add("code", f.Get("code")) },
		} {
			form := a.redeemable()
			spoil(form)
			if resp, body := a.rawToken(form); resp.StatusCode < 400 || strings.Contains(body, "access_token") {
				t.Errorf("%s: %s: HTTP %d %s", k.name, why, resp.StatusCode, body)
			}
		}

		form := a.redeemable()
		if resp, body := a.rawToken(form); resp.StatusCode != 200 {
			t.Fatalf("%s: HTTP %d %s", k.name, resp.StatusCode, body)
		}
		if resp, _ := a.rawToken(form); resp.StatusCode < 400 {
			t.Errorf("%s: the same code was redeemed twice", k.name)
		}
	}
}

func TestAReplayedCodeRevokesWhatItGave(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	verifier := oauth2.GenerateVerifier()
	q := a.back("alice", a.authURL(verifier))
	token, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	a.userInfo(token)
	if _, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Error("redeemed twice")
	}
	if _, err := a.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
		t.Error("the token of a stolen code lives on")
	}
}

func TestAVerifierForARequestWithoutAChallengeIsRefused(t *testing.T) {
	a := newApp(t, persona.Auth0, persona.Options{})
	q := a.back("alice", a.conf.AuthCodeURL("s-1"))
	if _, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("a PKCE downgrade passes")
	}
}

func TestBothWaysToSendASecretWorkAndTheirMixtureDoesNot(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{ClientID: "id:with/odd chars", ClientSecret: "s%cret+ä"})
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		a.conf.Endpoint.AuthStyle = style
		a.browser.Jar = nil
		a.signIn("alice")
	}
	form := a.redeemable()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, a.conf.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(a.idp.ClientID()), url.QueryEscape(a.idp.ClientSecret()))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("both at once: HTTP %d", resp.StatusCode)
	}
}

// clock is a clock that stands still until it is moved.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestCodesAndAccessTokensExpire(t *testing.T) {
	c := &clock{time.Now()}
	a := newApp(t, persona.Okta, persona.Options{Now: c.Now})
	form := a.redeemable()
	c.now = c.now.Add(61 * time.Second)
	if resp, _ := a.rawToken(form); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a code of yesterday: HTTP %d", resp.StatusCode)
	}
	token, _, _ := a.signIn("alice")
	c.now = c.now.Add(2 * time.Hour)
	token.Expiry = time.Time{}
	if _, err := a.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
		t.Error("an access token lives for ever")
	}
}

func TestUserInfoWantsALivingTokenInTheHeader(t *testing.T) {
	a := newApp(t, persona.Auth0, persona.Options{})
	token, _, _ := a.signIn("alice")
	for why, c := range map[string]struct {
		url, header string
		want        int
	}{
		"the header":       {"", "Bearer " + token.AccessToken, 200},
		"no token":         {"", "", 401},
		"a made-up token":  {"", "Bearer made-up", 401},
		"Basic":            {"", "Basic " + token.AccessToken, 401},
		"in the address":   {"?access_token=" + url.QueryEscape(token.AccessToken), "", 401},
		"a token too many": {"", "Bearer " + token.AccessToken + " x", 401},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, a.idp.BaseURL()+"/userinfo"+c.url, nil)
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: HTTP %d, want %d", why, resp.StatusCode, c.want)
		}
		if c.want == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", why, resp.Header.Get("WWW-Authenticate"))
		}
	}
}
