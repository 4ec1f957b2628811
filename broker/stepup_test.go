package broker_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/providers/persona"
)

const twoFactors = "urn:okta:loa:2fa:any"

// strong is a kit whose Okta can prove more than a password.
func strong(t testing.TB) *kit {
	return newKit(t, func(d *directory.Document) { d.Providers[1].ACRValues = []string{twoFactors, "phr"} })
}

// guarded is an API that wants more than a token, and what it answers.
func (k *kit) guarded(token string, needs ...guard.Need) (status int, challenge string) {
	k.t.Helper()
	g, err := guard.New(k.issuer, apiURL, guard.WithKeys(k.ring), guard.WithClock(k.clock.Now))
	if err != nil {
		k.t.Fatal(err)
	}
	r := httptest.NewRequest("DELETE", "/items", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	g.RequireAuth(needs...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
	return w.Code, w.Header().Get("WWW-Authenticate")
}

// asked reads a parameter of a challenge.
func asked(challenge, name string) string {
	if m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(challenge); m != nil {
		return m[1]
	}
	return ""
}

func TestD18_D35_AnAPIsChallengeLeadsToAStrongerSignIn(t *testing.T) {
	k := strong(t)
	b := k.browser()
	weak := k.login("web").done(b, "okta", "alice")
	needs := []guard.Need{guard.ACR("phr", twoFactors), guard.MaxAge(5 * time.Minute)}
	status, challenge := k.guarded(weak["access_token"].(string), needs...)
	if status != http.StatusUnauthorized || asked(challenge, "error") != "insufficient_user_authentication" || asked(challenge, "acr_values") != "phr "+twoFactors || asked(challenge, "max_age") != "300" {
		t.Fatalf("%d %s", status, challenge)
	}
	k.clock.Advance(10 * time.Minute)
	l := k.login("web", "acr_values", asked(challenge, "acr_values"), "max_age", asked(challenge, "max_age"), "id_token_hint", weak["id_token"].(string))
	up := b.get(l.url()).to(t) // no chooser: the provider that knows the person is asked
	q := up.Query()
	if !strings.HasPrefix(up.String(), k.okta.BaseURL()) || q.Get("acr_values") != "phr "+twoFactors || q.Get("max_age") != "300" {
		t.Fatalf("a session that does not suffice leads to %s", up)
	}
	strong := l.done(b, "", "alice")
	var id struct {
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AuthTime int64    `json:"auth_time"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(strong["id_token"].(string), ".")[1])
	if err != nil || json.Unmarshal(payload, &id) != nil || id.ACR != "phr" || len(id.AMR) != 3 || k.clock.Now().Unix()-id.AuthTime > 5 {
		t.Errorf("the ID token says %s", payload)
	}
	access := k.verify(strong["access_token"].(string), apiURL)
	if access.ACR != "phr" || !slices.Equal(access.AMR, []string{"hwk", "mfa", "pwd"}) || k.clock.Now().Sub(access.AuthTime) > 5*time.Second {
		t.Errorf("the token says acr %q, amr %v, auth_time %s", access.ACR, access.AMR, access.AuthTime)
	}
	if status, challenge := k.guarded(strong["access_token"].(string), needs...); status != http.StatusOK {
		t.Errorf("%d %s", status, challenge)
	}

	// The session remembers, the next app gets it without a word, and a refresh says the same as the grant.
	other := k.login("other", "acr_values", "phr")
	if got := k.verify(other.redeem(other.code(b.get(other.url()).to(t))).json(t)["access_token"].(string), apiURL); got.ACR != "phr" {
		t.Errorf("single sign-on says acr %q", got.ACR)
	}
	k.clock.Advance(10 * time.Minute)
	again := k.login("web").refresh(strong["refresh_token"].(string)).json(t)
	if got := k.verify(again["access_token"].(string), apiURL); got.ACR != "phr" || !got.AuthTime.Equal(access.AuthTime) {
		t.Errorf("a refresh made the sign-in younger or other: %+v", got)
	}
	if status, challenge := k.guarded(again["access_token"].(string), needs...); status != http.StatusUnauthorized || asked(challenge, "max_age") != "300" {
		t.Errorf("a refresh is no sign-in: %d %s", status, challenge)
	}
	old := k.login("web").refresh(weak["refresh_token"].(string)).json(t)
	if got := k.verify(old["access_token"].(string), apiURL); got.ACR != "" {
		t.Errorf("the grant from before the step-up says acr %q", got.ACR)
	}
}

func TestD35_WhatTheProviderDidNotProveIsInNoToken(t *testing.T) {
	k := strong(t)
	for why, row := range map[string]struct {
		claims persona.Claims
		acr    string
	}{
		"no acr although asked": {persona.Claims{"acr": persona.Absent, "amr": persona.Absent}, ""},
		"a weaker one":          {persona.Claims{"acr": "urn:okta:loa:1fa:any", "amr": []string{"pwd"}}, "urn:okta:loa:1fa:any"},
		"a list for an acr":     {persona.Claims{"acr": []string{"phr"}}, ""},
	} {
		k.okta.Faults().Set(persona.Fault{Claims: row.claims})
		got := k.login("web", "acr_values", "phr").done(k.browser(), "okta", "alice")
		k.okta.Faults().Reset()
		if token := k.verify(got["access_token"].(string), apiURL); token.ACR != row.acr {
			t.Errorf("%s: the token says acr %q", why, token.ACR)
		}
		if status, _ := k.guarded(got["access_token"].(string), guard.ACR("phr")); status != http.StatusUnauthorized {
			t.Errorf("%s: the guard says %d", why, status)
		}
	}
	k.okta.SetUsers(persona.User{ID: "alice", Subject: "00u1", Email: "alice@acme.example", EmailVerified: true, OneFactor: true})
	l := k.login("web", "acr_values", "phr")
	l.mustGoBack(l.signIn(k.browser(), "okta", "alice"), "unmet_authentication_requirements")
}

func TestS17_AStepUpAsksTheProviderOfTheSessionOrLetsThePersonChoose(t *testing.T) {
	k := strong(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	k.clock.Advance(10 * time.Minute)
	for _, row := range []struct {
		why  string
		ask  []string
		want string // where it leads; "": the chooser
	}{
		{"a young session is asked for", []string{"max_age", "300"}, k.google.BaseURL()},
		{"a class that only another provider proves", []string{"acr_values", "phr", "max_age", "300"}, ""},
		{"a class that nobody is known to prove", []string{"acr_values", "gold", "max_age", "300"}, k.google.BaseURL()},
		{"prompt=login: perhaps somebody else", []string{"max_age", "300", "prompt", "login"}, ""},
		{"the app names a provider", []string{"max_age", "300", "provider", "okta"}, k.okta.BaseURL()},
	} {
		a := b.get(k.login("web", row.ask...).url())
		if to := a.Header.Get("Location"); row.want == "" && (a.StatusCode != http.StatusOK || !strings.Contains(a.body, "provider-okta")) || row.want != "" && !strings.HasPrefix(to, row.want) {
			t.Errorf("%s: %s %q", row.why, a.Status, to)
		}
	}
	google := k.login("web", "max_age", "300") // Google does not know max_age: the moment of its answer counts
	if token := k.verify(google.done(b, "", "alice")["access_token"].(string), apiURL); k.clock.Now().Sub(token.AuthTime) > 5*time.Second {
		t.Errorf("auth_time %s", token.AuthTime)
	}
	k.clock.Advance(10 * time.Minute)
	stranger := k.browser()
	bob := k.login("web").done(stranger, "google", "bob")
	l := k.login("web", "max_age", "300", "id_token_hint", bob["id_token"].(string))
	if a := b.get(l.url()); a.StatusCode != http.StatusOK {
		t.Errorf("a hint of somebody else: %s %q", a.Status, a.Header.Get("Location"))
	}
	okta := k.login("okta-only", "scope", "openid", "resource", "", "max_age", "300")
	if to := b.get(okta.url()).to(t); !strings.HasPrefix(to.String(), k.okta.BaseURL()) {
		t.Errorf("an app for Okta only: %s", to)
	}
}
