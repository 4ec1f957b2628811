package broker_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
)

func TestD01_AnUnknownOrDisabledClientIsAPage(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Clients[3].Disabled = true })
	for _, client := range []string{"nope", "other", "WEB", ""} {
		l := k.login("web")
		q := l.query()
		q.Set("client_id", client)
		q.Set("redirect_uri", "https://evil.example/")
		mustBePage(t, k.browser().get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
		q.Set("redirect_uri", appURL+"/callback")
		mustBePage(t, k.browser().get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
	}
}

func TestD02_ABadRedirectWinsOverEveryOtherFault(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	for _, fault := range [][2]string{{"response_type", "token"}, {"response_type", ""}, {"scope", "a\x00"}, {"code_challenge", ""}, {"code_challenge_method", "plain"}, {"prompt", "none"},
		{"prompt", "none login"}, {"request", "eyJ"}, {"request_uri", "https://x"}, {"response_mode", "fragment"}, {"max_age", "-1"}, {"resource", "https://nowhere.example"}, {"state", strings.Repeat("s", 600)}} {
		q := k.login("web").query()
		q.Set(fault[0], fault[1])
		for _, bad := range []string{"https://evil.example/cb", appURL + "/callback/", appURL + "/callback?x=1", appURL + "/callback#f", "https://app.example@evil.example/callback", "HTTPS://app.example/callback", ""} {
			q.Set("redirect_uri", bad)
			mustBePage(t, b.get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
		}
	}
}

func TestD06_ADoubledParameterGoesToThePageOrBack(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	for name := range l.query() {
		if name == "resource" {
			continue // RFC 8707 lets it repeat
		}
		q := l.query()
		q.Add(name, q.Get(name))
		a := k.browser().get(k.issuer + "/authorize?" + q.Encode())
		if name == "client_id" || name == "redirect_uri" {
			mustBePage(t, a, http.StatusBadRequest)
			continue
		}
		if got := a.to(t).Query(); got.Get("error") != "invalid_request" || got.Get("iss") != k.issuer {
			t.Errorf("%s twice: %s", name, a.Header.Get("Location"))
		}
	}
	a := do(t, k.browser().Client, formRequest(t, k.issuer+"/authorize?client_id=web", l.query(), nil))
	mustBePage(t, a, http.StatusBadRequest)
}

func TestD07_D08_D09_D20_FaultsGoBackToTheAppInTheQuery(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ name, value, code string }{
		{"response_type", "token", "unsupported_response_type"}, {"response_type", "code id_token", "unsupported_response_type"}, {"response_type", "", "invalid_request"},
		{"response_mode", "fragment", "invalid_request"}, {"response_mode", "web_message", "invalid_request"},
		{"code_challenge", "", "invalid_request"}, {"code_challenge_method", "plain", "invalid_request"},
		{"request", "eyJ", "request_not_supported"}, {"request_uri", "http://169.254.169.254/", "request_uri_not_supported"}, {"registration", "{}", "registration_not_supported"},
		{"prompt", "none login", "invalid_request"}, {"id_token_hint", "x.y.z", "invalid_request"}, {"resource", "https://nowhere.example", "invalid_target"},
	} {
		l := k.login("web")
		q := l.query()
		q.Set(row.name, row.value)
		to := k.browser().get(k.issuer + "/authorize?" + q.Encode()).to(t)
		l.mustGoBack(to, row.code)
		if to.Fragment != "" {
			t.Errorf("%s=%s: answered in a fragment", row.name, row.value)
		}
	}
}

func TestD17_AScopeThatIsNotForThisClientOrPersonIsNotGranted(t *testing.T) {
	k := newKit(t)
	got := k.login("web", "scope", "openid items:read items:write admin ITEMS:READ nonsense").done(k.browser(), "google", "alice")
	if got["scope"] != "openid items:read" {
		t.Errorf("granted %q", got["scope"])
	}
	erin := k.login("web", "scope", "openid items:read items:write").done(k.browser(), "okta", "erin")
	if erin["scope"] != "openid items:read items:write" {
		t.Errorf("an admin was granted %q", erin["scope"])
	}
}

func TestScopesOfTwoResourcesWithoutResourceNameBoth(t *testing.T) {
	k := newKit(t)
	l := k.login("web", "resource", "", "scope", "openid items:read other:read", "provider", "google")
	to := k.browser().get(l.url()).to(t)
	l.mustGoBack(to, "invalid_target")
	if d := to.Query().Get("error_description"); !strings.Contains(d, apiURL) || !strings.Contains(d, otherAPI) {
		t.Errorf("the description should name both resources: %s", d)
	}
}

func TestD18_PromptLoginAndMaxAgeAskUpstreamAnew(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	first := k.verify(k.login("web").done(b, "okta", "alice")["access_token"].(string), apiURL)
	k.clock.Advance(2 * time.Minute)
	l := k.login("web", "prompt", "login", "provider", "okta")
	if to := b.get(l.url()).to(t); !strings.HasPrefix(to.String(), k.okta.BaseURL()) || to.Query().Get("prompt") != "login" {
		t.Fatalf("prompt=login leads to %s", to)
	}
	second := k.verify(l.done(b, "okta", "alice")["access_token"].(string), apiURL)
	if !second.AuthTime.After(first.AuthTime) || second.SessionID == first.SessionID || second.Subject != first.Subject {
		t.Errorf("after prompt=login: %+v, before: %+v", second, first)
	}
	k.clock.Advance(2 * time.Minute)
	old := k.login("web", "max_age", "60", "provider", "okta")
	if to := b.get(old.url()).to(t); !strings.HasPrefix(to.String(), k.okta.BaseURL()) || to.Query().Get("max_age") != "60" {
		t.Errorf("a session older than max_age leads to %s", to)
	}
	young := k.login("web", "max_age", "10000", "provider", "okta")
	young.code(b.get(young.url()).to(t))
	silent := k.login("web", "max_age", "60", "prompt", "none")
	silent.mustGoBack(b.get(silent.url()).to(t), "login_required")
}

func TestSelectAccountOffersToContinueOrToBeSomebodyElse(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	l := k.login("web", "prompt", "select_account")
	a := b.get(l.url())
	if !strings.Contains(a.body, "alice@acme.example") || !strings.Contains(a.body, `id="continue"`) || !strings.Contains(a.body, `id="not-you"`) {
		t.Fatalf("no continue page: %s %s", a.Status, a.body)
	}
	l.code(b.get(linkOf(t, a.body, "continue")).to(t))
	other := b.get(linkOf(t, a.body, "not-you"))
	if !strings.Contains(other.body, "provider-google") {
		t.Errorf("not-you should lead to the chooser: %s %s", other.Status, other.Header.Get("Location"))
	}
}

func TestD21_D23_EveryRedirectIs303AndEveryAnswerNamesTheIssuer(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web", "provider", "google")
	a := b.get(l.url())
	if a.StatusCode != http.StatusSeeOther {
		t.Errorf("to the provider: %s", a.Status)
	}
	for _, path := range []string{"/token/", "/authorize/", "/consent/", "//token", "/token/../token"} {
		if a := do(t, b.Client, formRequest(t, k.issuer+path, url.Values{}, nil)); a.StatusCode != http.StatusNotFound {
			t.Errorf("POST %s: %s", path, a.Status)
		}
	}
	l.code(l.signIn(b, "google", "alice"))
}

func TestD22_WhatIsPostedAtConsentChangesNothing(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("notes", "scope", "openid items:read")
	form := hidden(b.get(l.signIn(b, "google", "alice").String()).body)
	form.Set("decision", "allow")
	for name, value := range map[string]string{"scope": "openid items:read items:write groups", "redirect_uri": "https://evil.example/", "client_id": "web", "nonce": "evil", "code_challenge": "evil", "state": "evil"} {
		form.Set(name, value)
	}
	got := l.redeem(l.code(b.post(k.issuer+"/consent", form).to(t))).json(t)
	if got["scope"] != "openid items:read" {
		t.Errorf("granted %v", got["scope"])
	}
	form.Set("tx", strings.Repeat("A", 22))
	mustBePage(t, b.post(k.issuer+"/consent", form), http.StatusBadRequest)
}

func TestD34_AHintOfSomebodyElseIsNotAnsweredWithThisSession(t *testing.T) {
	k := newKit(t)
	alice, bob := k.browser(), k.browser()
	hint := k.login("web").done(bob, "google", "bob")["id_token"].(string)
	own := k.login("web").done(alice, "google", "alice")["id_token"].(string)
	l := k.login("web", "prompt", "none", "id_token_hint", hint)
	l.mustGoBack(alice.get(l.url()).to(t), "login_required")
	l = k.login("web", "prompt", "none", "id_token_hint", own)
	l.code(alice.get(l.url()).to(t))
	k.clock.Advance(time.Hour) // an expired hint is still a hint, though the session has gone
	l = k.login("web", "provider", "google", "id_token_hint", hint)
	l.mustGoBack(l.signIn(alice, "google", "alice"), "login_required")
}

func TestL12_ADisabledUserIsStoppedOnEveryPath(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web")
	got := l.done(b, "google", "alice")
	running := k.login("web")
	code := running.code(b.get(running.url()).to(t))
	user, err := k.db.UserBySubject(t.Context(), k.verify(got["access_token"].(string), apiURL).Subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.db.SetUserDisabled(t.Context(), adminActor, user.ID, true); err != nil {
		t.Fatal(err)
	}
	mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
	mustFail(t, running.redeem(code), http.StatusBadRequest, "invalid_grant")
	mustFail(t, k.userinfo(got["access_token"].(string)), http.StatusUnauthorized, "invalid_token")
	sso := k.login("web", "prompt", "none")
	sso.mustGoBack(b.get(sso.url()).to(t), "login_required")
	fresh := k.login("web")
	fresh.mustGoBack(fresh.signIn(k.browser(), "google", "alice"), "access_denied")
	if again, err := k.db.User(t.Context(), user.ID); err != nil || !again.Disabled {
		t.Errorf("L13: signing in enabled the user again: %+v %v", again, err)
	}
}

func TestU35_D28_TheSameGateStandsOnEveryPath(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*directory.Document)
	}{
		{"provider disabled", func(d *directory.Document) { d.Providers[0].Disabled = true }},
		{"provider taken from the client", func(d *directory.Document) { d.Clients[0].Providers = []string{"okta"} }},
		{"domain no longer allowed", func(d *directory.Document) { d.Providers[0].AllowedDomains = []string{"elsewhere.example"} }},
		{"a deny rule came", func(d *directory.Document) {
			d.Rules[0].When, d.Rules[0].Deny, d.Rules[0].Scopes, d.Rules[0].Roles = "true", "closed today", nil, nil
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			k := newKit(t)
			b := k.browser()
			l := k.login("web")
			got := l.done(b, "google", "alice")
			k.change(row.change)
			sso := k.login("web", "prompt", "none")
			if q := b.get(sso.url()).to(t).Query(); q.Has("code") || q.Get("error") == "" {
				t.Error("single sign-on went on")
			}
			mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
			mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusBadRequest, "invalid_grant")
			mustFail(t, k.userinfo(got["access_token"].(string)), http.StatusUnauthorized, "invalid_token")
		})
	}
	t.Run("client disabled", func(t *testing.T) {
		k := newKit(t)
		l := k.login("web")
		got := l.done(k.browser(), "google", "alice")
		k.change(func(d *directory.Document) { d.Clients[0].Disabled = true })
		mustFail(t, l.refresh(got["refresh_token"].(string)), http.StatusUnauthorized, "invalid_client")
		mustFail(t, k.userinfo(got["access_token"].(string)), http.StatusUnauthorized, "invalid_token")
	})
}

func TestL19_AScopeWhoseRuleIsGoneIsGoneAtTheNextRefresh(t *testing.T) {
	k := newKit(t)
	l := k.login("web", "scope", "openid offline_access items:read")
	got := l.done(k.browser(), "google", "alice")
	k.change(func(d *directory.Document) { d.Rules[0].Scopes = nil })
	after := l.refresh(got["refresh_token"].(string)).json(t)
	if after["scope"] != "openid offline_access" {
		t.Errorf("scope after the rule went: %v", after)
	}
}

// linkOf returns the address of a page's link by its id.
func linkOf(t *testing.T, page, id string) string {
	t.Helper()
	at := strings.Index(page, `id="`+id+`"`)
	if at < 0 {
		t.Fatalf("no link %s: %s", id, page)
	}
	start, end := strings.LastIndex(page[:at], "<a "), at+strings.Index(page[at:], ">")
	_, href, _ := strings.Cut(page[start:end], `href="`)
	href, _, _ = strings.Cut(href, `"`)
	return html.UnescapeString(href)
}

func TestI10_GuessingASecretIsSlowedDownAndNobodyIsLockedOut(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	good := l.secret
	l.secret = oauth.NewSecret()
	statuses := map[int]int{}
	for range 15 {
		statuses[l.redeem("x").StatusCode]++
	}
	if statuses[http.StatusUnauthorized] != 11 || statuses[http.StatusTooManyRequests] != 4 {
		t.Errorf("answers: %v", statuses)
	}
	a := l.redeem("x")
	if a.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	l.secret = good
	k.clock.Advance(2 * time.Minute)
	mustFail(t, l.redeem("x"), http.StatusBadRequest, "invalid_grant")
	other := k.login("other")
	mustFail(t, other.redeem("x"), http.StatusBadRequest, "invalid_grant")
}

// A public client has no secret that could be guessed, and its people share addresses:
// one of them must not be able to make all others in the house wait.
func TestI10_NobodyHoldsUpAPublicClientForTheirNeighbours(t *testing.T) {
	k := newKit(t)
	l := k.login("spa")
	for i := range 30 {
		req := l.tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_secret": {"a guess"}})
		if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusUnauthorized {
			t.Fatalf("guess %d: %s", i, a.Status)
		}
	}
	if got := k.login("spa").done(k.browser(), "google", "alice"); got["access_token"] == nil {
		t.Errorf("a neighbour gets %v", got)
	}
}

func TestARestrictionOnUpstreamClaimsAdmitsWhomItShouldOnEveryPath(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Providers[0].HostedDomain = "acme.example" })
	b := k.browser()
	l := k.login("web")
	got := l.done(b, "google", "alice")
	for _, why := range []string{"as it was", "after an unrelated change"} {
		if a := k.userinfo(got["access_token"].(string)); a.StatusCode != http.StatusOK {
			t.Errorf("%s: userinfo %s", why, a.body)
		}
		if got = l.refresh(got["refresh_token"].(string)).json(t); got["access_token"] == nil {
			t.Fatalf("%s: refresh %v", why, got)
		}
		sso := k.login("other")
		if a := sso.redeem(sso.code(b.get(sso.url()).to(t))); a.StatusCode != http.StatusOK {
			t.Errorf("%s: single sign-on %s", why, a.body)
		}
		k.change(func(d *directory.Document) { d.Clients[1].Name = "Notes, renamed" })
	}
	bob := k.login("web")
	bob.mustGoBack(bob.signIn(k.browser(), "google", "bob"), "access_denied")
}
