package broker_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

var adminActor = storage.Actor{Kind: "admin", ID: "test"}

func TestD10_NoVerifierNoTokens(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ why, verifier string }{
		{"absent", ""}, {"wrong", oauth.NewSecret()}, {"too short", "short"}, {"the challenge itself", "challenge"},
	} {
		l := k.login("web")
		code := l.code(l.signIn(k.browser(), "google", "alice"))
		verifier := row.verifier
		if verifier == "challenge" {
			verifier = l.query().Get("code_challenge")
		}
		mustFail(t, l.redeem(code, "code_verifier", verifier), http.StatusBadRequest, "invalid_grant")
		if a := l.redeem(code); a.StatusCode != http.StatusOK {
			t.Errorf("%s: afterwards the honest client is refused: %s", row.why, a.body)
		}
	}
}

func TestD10_TheSixthWrongVerifierBurnsTheCode(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	for range 6 {
		mustFail(t, l.redeem(code, "code_verifier", oauth.NewSecret()), http.StatusBadRequest, "invalid_grant")
	}
	mustFail(t, l.redeem(code), http.StatusBadRequest, "invalid_grant")
}

func TestD10_AVerifierWithoutAChallengeIsRefused(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Clients[0].PKCE = directory.PKCEOptional })
	l := k.login("web", "code_challenge", "", "code_challenge_method", "")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	mustFail(t, l.redeem(code), http.StatusBadRequest, "invalid_request")
	if a := l.redeem(code, "code_verifier", ""); a.StatusCode != http.StatusOK {
		t.Errorf("a client exempted from PKCE: %s %s", a.Status, a.body)
	}
}

func TestD11_T03_AnotherClientsTryIsRefusedAndHarmsNothing(t *testing.T) {
	k := newKit(t)
	l, thief := k.login("web"), k.login("other")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	thief.verifier = l.verifier
	mustFail(t, thief.redeem(code), http.StatusBadRequest, "invalid_grant")
	spa := k.login("spa")
	spa.verifier, spa.redirect = l.verifier, l.redirect
	mustFail(t, spa.redeem(code), http.StatusBadRequest, "invalid_grant")
	got := l.redeem(code).json(t)
	mustFail(t, thief.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	mustFail(t, spa.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	if a := l.refresh(got["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("the owner is refused after a thief's try: %s", a.body)
	}
}

func TestD12_TheRedirectURIMustBeTheSame(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	for _, uri := range []string{"", "https://evil.example/", appURL + "/callback/", "HTTPS://app.example/callback"} {
		mustFail(t, l.redeem(code, "redirect_uri", uri), http.StatusBadRequest, "invalid_grant")
	}
	if a := l.redeem(code); a.StatusCode != http.StatusOK {
		t.Error(a.body)
	}
}

func TestD13_AReplayedCodeRevokesWhatItGave(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	got := l.redeem(code).json(t)
	mustFail(t, l.redeem(code, "code_verifier", oauth.NewSecret()), http.StatusBadRequest, "invalid_grant")
	if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusOK {
		t.Errorf("an invalid replay revoked the grant: %s", a.body)
	}
	k.clock.Advance(30 * time.Second)
	mustFail(t, l.redeem(code), http.StatusBadRequest, "invalid_grant")
	mustFail(t, k.userinfo(got["access_token"].(string)), http.StatusUnauthorized, "invalid_token")
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
}

func TestD14_ACodeLivesAMinuteAndEveryCharacterCounts(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	if len(code) < 43 {
		t.Errorf("a code of %d characters", len(code))
	}
	for _, bad := range []string{code[1:], code + "A", strings.ToLower(code), strings.ToUpper(code), "", " " + code} {
		if a := l.redeem(bad); a.StatusCode != http.StatusBadRequest {
			t.Errorf("code %q: %s", bad, a.Status)
		}
	}
	k.clock.Advance(61 * time.Second)
	mustFail(t, l.redeem(code), http.StatusBadRequest, "invalid_grant")
}

func TestD15_ClientsProveThemselvesInOneWay(t *testing.T) {
	k := newKit(t)
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	web := string(webSecret.Reveal())
	for _, row := range []struct {
		why, authorization string
		form               url.Values
		status             int
		code               string
	}{
		{"wrong secret", basic("web", "wrong"), nil, 401, "invalid_client"},
		{"empty secret", basic("web", ""), nil, 401, "invalid_client"},
		{"unknown client", basic("nobody", web), nil, 401, "invalid_client"},
		{"no secret", "", url.Values{"client_id": {"web"}}, 401, "invalid_client"},
		{"nothing at all", "", nil, 401, "invalid_client"},
		{"a public client with a secret", basic("spa", "x"), nil, 401, "invalid_client"},
		{"both ways at once", basic("web", web), url.Values{"client_secret": {web}}, 400, "invalid_request"},
		{"another client in the body", basic("web", web), url.Values{"client_id": {"other"}}, 400, "invalid_request"},
		{"another scheme", "Bearer " + web, url.Values{"client_id": {"web"}}, 401, "invalid_client"},
		{"not base64", "Basic !!!", nil, 401, "invalid_client"},
		{"right by Basic", basic("web", web), nil, 400, "invalid_grant"},
		{"right by body", "", url.Values{"client_id": {"web"}, "client_secret": {web}}, 400, "invalid_grant"},
	} {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {appURL + "/callback"}}
		for name, values := range row.form {
			form[name] = values
		}
		headers := map[string]string{}
		if row.authorization != "" {
			headers["Authorization"] = row.authorization
		}
		a := do(t, http.DefaultClient, formRequest(t, k.issuer+"/token", form, headers))
		mustFail(t, a, row.status, row.code)
		if (row.status == 401) != strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: WWW-Authenticate %q", row.why, a.Header.Get("WWW-Authenticate"))
		}
		if t.Failed() {
			t.Fatalf("at: %s", row.why)
		}
	}
	a := do(t, http.DefaultClient, formRequest(t, k.issuer+"/token?client_id=web&client_secret="+web, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}, nil))
	mustFail(t, a, 401, "invalid_client") // credentials in the query never count
}

func TestD16_AGrantTypeNeedsToExistAndToBeTheClients(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Clients[3].RefreshTokens, d.Clients[3].Scopes = directory.RefreshNone, nil
	})
	for _, row := range []struct{ client, grantType, code string }{
		{"web", "password", "unsupported_grant_type"}, {"web", "implicit", "unsupported_grant_type"}, {"web", "urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"},
		{"web", "", "invalid_request"}, {"other", "refresh_token", "unauthorized_client"},
	} {
		mustFail(t, k.login(row.client).token(url.Values{"grant_type": {row.grantType}, "refresh_token": {"x"}}), http.StatusBadRequest, row.code)
	}
}

func TestD26_RevocationIsOnesOwnAndWhole(t *testing.T) {
	k := newKit(t)
	l, other := k.login("web"), k.login("other")
	revoke := func(l *login, token string) *answer {
		req := l.tokenRequest(url.Values{"token": {token}})
		req.URL.Path = "/revoke"
		return do(t, http.DefaultClient, req)
	}
	got := l.done(k.browser(), "google", "alice")
	mustFail(t, revoke(other, got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	mustFail(t, revoke(other, got["access_token"].(string)), http.StatusBadRequest, "invalid_grant")
	mustFail(t, revoke(l, ""), http.StatusBadRequest, "invalid_request")
	for _, garbage := range []string{"garbage", "hsr_x", "a.b.c"} {
		if a := revoke(l, garbage); a.StatusCode != http.StatusOK {
			t.Errorf("garbage: %s", a.Status)
		}
	}
	if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusOK {
		t.Fatal("a foreign revocation had an effect")
	}
	if a := revoke(l, got["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	mustFail(t, k.userinfo(got["access_token"].(string)), http.StatusUnauthorized, "invalid_token")
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	again := l.done(k.browser(), "google", "alice")
	if a := revoke(l, again["access_token"].(string)); a.StatusCode != http.StatusOK {
		t.Fatal(a.body)
	}
	mustFail(t, l.refresh(again["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
}

func TestD27_T08_T13_UserinfoTakesOneGoodAccessTokenOnly(t *testing.T) {
	k := newKit(t)
	got := k.login("web").done(k.browser(), "google", "alice")
	apiOnly := k.login("web", "scope", "items:read").done(k.browser(), "google", "alice")
	access := got["access_token"].(string)
	ask := func(authorization string, query string, form url.Values) *answer {
		method, body := http.MethodGet, ""
		if form != nil {
			method, body = http.MethodPost, form.Encode()
		}
		req, err := http.NewRequestWithContext(t.Context(), method, k.issuer+"/userinfo"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		return do(t, http.DefaultClient, req)
	}
	for _, row := range []struct {
		why    string
		answer *answer
		status int
		code   string
	}{
		{"no token", ask("", "", nil), 401, ""},
		{"in the query", ask("", "?access_token="+access, nil), 401, ""},
		{"an ID token", ask("Bearer "+got["id_token"].(string), "", nil), 401, "invalid_token"},
		{"a refresh token", ask("Bearer "+got["refresh_token"].(string), "", nil), 401, "invalid_token"},
		{"aud lacks the issuer", ask("Bearer "+apiOnly["access_token"].(string), "", nil), 401, "invalid_token"},
		{"twice", ask("Bearer "+access, "", url.Values{"access_token": {access}}), 400, "invalid_request"},
		{"a tab", ask("bearer\t"+access, "", nil), 401, "invalid_token"},
		{"a tail", ask("Bearer "+access+" x", "", nil), 401, "invalid_token"},
		{"T15: dots", ask("Bearer "+strings.Repeat(".", 20000), "", nil), 401, "invalid_token"},
	} {
		challenge := row.answer.Header.Get("WWW-Authenticate")
		if row.answer.StatusCode != row.status || !strings.HasPrefix(challenge, "Bearer ") || strings.Contains(challenge, "error=") != (row.code != "") || !strings.Contains(challenge, row.code) {
			t.Errorf("%s: %s, WWW-Authenticate %q", row.why, row.answer.Status, challenge)
		}
	}
	for _, good := range []*answer{ask("Bearer "+access, "", nil), ask("bearer "+access, "", nil), ask("Bearer "+access, "", url.Values{}), ask("", "", url.Values{"access_token": {access}})} {
		if good.StatusCode != http.StatusOK || good.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a good token: %s %s", good.Status, good.body)
		}
	}
	k.clock.Advance(6 * time.Minute)
	mustFail(t, k.userinfo(access), http.StatusUnauthorized, "invalid_token")
}

func TestT13_ATokenNamesOneResourceAndTheIssuerForUserinfo(t *testing.T) {
	k := newKit(t)
	got := k.login("web").done(k.browser(), "google", "alice")
	c := k.verify(got["access_token"].(string), apiURL)
	if len(c.Audience) != 2 || c.Audience[0] != apiURL || c.Audience[1] != k.issuer {
		t.Errorf("aud is %v", c.Audience)
	}
	only := k.login("web", "scope", "items:read").done(k.browser(), "google", "alice")
	if c := k.verify(only["access_token"].(string), apiURL); len(c.Audience) != 1 {
		t.Errorf("without openid, aud is %v", c.Audience)
	}
}

func TestT20_ASecretOfOneKindIsNoOtherKind(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web")
	code := l.code(l.signIn(b, "google", "alice"))
	u, _ := url.Parse(k.issuer)
	for _, c := range b.jar.Cookies(u) {
		mustFail(t, l.redeem(c.Value), http.StatusBadRequest, "invalid_grant")
		mustFail(t, l.refresh(c.Value), http.StatusBadRequest, "invalid_grant")
	}
	mustFail(t, l.refresh(code), http.StatusBadRequest, "invalid_grant")
	got := l.redeem(code).json(t)
	mustFail(t, l.redeem(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	fresh := k.browser()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, k.login("web", "prompt", "none").url(), nil)
	for _, c := range b.jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "-sid") {
			req.AddCookie(&http.Cookie{Name: c.Name, Value: code})
		}
	}
	if q := do(t, fresh.Client, req).to(t).Query(); q.Get("error") != "login_required" {
		t.Errorf("a code as a session: %v", q)
	}
}

func TestC01_TwoHundredRedemptionsHaveOneWinner(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	won := make(chan string, 200)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			a, err := try(http.DefaultClient, l.tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}))
			switch {
			case err != nil:
				t.Error(err)
			case a.StatusCode == http.StatusOK:
				won <- a.body
			case a.StatusCode != http.StatusBadRequest:
				t.Errorf("%s %s", a.Status, a.body)
			}
		})
	}
	all.Wait()
	if len(won) > 1 {
		t.Errorf("%d winners", len(won))
	}
}

func TestD29_OnlyTheClientsOwnOriginsMayRead(t *testing.T) {
	k := newKit(t)
	l := k.login("spa")
	code := l.code(l.signIn(k.browser(), "google", "alice"))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}
	for _, row := range []struct {
		origin string
		ok     bool
	}{{"https://evil.example", false}, {"null", false}, {"https://spa.example", true}} {
		req := l.tokenRequest(form)
		req.Header.Set("Origin", row.origin)
		a := do(t, http.DefaultClient, req)
		if (a.StatusCode == http.StatusOK) != row.ok || (a.Header.Get("Access-Control-Allow-Origin") == row.origin) != row.ok || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %s %v", row.origin, a.Status, a.Header)
		}
		preflight, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, k.issuer+"/token", nil)
		preflight.Header.Set("Origin", row.origin)
		preflight.Header.Set("Access-Control-Request-Method", "POST")
		if a := do(t, http.DefaultClient, preflight); (a.Header.Get("Access-Control-Allow-Origin") == row.origin) != row.ok {
			t.Errorf("preflight of %s: %v", row.origin, a.Header)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, k.login("spa").url(), nil)
	req.Header.Set("Origin", "https://spa.example")
	if a := do(t, k.browser().Client, req); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("/authorize must not answer cross-origin reads")
	}
}
