package persona_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

func TestAPersonIsRememberedUntilSomebodyAsksAgain(t *testing.T) {
	for _, k := range kinds {
		c := &clock{time.Now()}
		a := newApp(t, k.start, persona.Options{Now: c.Now})
		authURL := func(name, value string) string {
			return a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam(name, value))
		}
		forms := func() int { return a.idp.Requests().Count(persona.SignInForm) }

		if q := a.back("alice", authURL("prompt", "none")); q.Get("error") != "login_required" {
			t.Errorf("%s: prompt=none in a fresh browser: %v", k.name, q)
		}
		a.signIn("alice")
		before := forms()
		if q := a.back("nobody", a.authURL(oauth2.GenerateVerifier())); q.Get("code") == "" || forms() != before {
			t.Errorf("%s: the session is not used: %v", k.name, q)
		}
		if q := a.back("nobody", authURL("prompt", "none")); q.Get("code") == "" {
			t.Errorf("%s: prompt=none in a session: %v", k.name, q)
		}
		if q := a.back("alice", authURL("prompt", "select_account")); q.Get("code") == "" || forms() != before+1 {
			t.Errorf("%s: prompt=select_account shows no page", k.name)
		}
		if q := a.back("bob", authURL("login_hint", "bob@gmail.example")); q.Get("code") == "" || forms() != before+2 {
			t.Errorf("%s: a hint at another shows no page", k.name)
		}
		c.now = c.now.Add(10 * time.Minute)
		a.back("alice", authURL("max_age", "60"))
		if asked := forms() == before+3; asked == (k.name == persona.KindGoogle) {
			t.Errorf("%s: max_age in an old session asked again: %v", k.name, asked)
		}
		c.now = c.now.Add(13 * time.Hour)
		if q := a.back("alice", authURL("prompt", "none")); q.Get("error") != "login_required" {
			t.Errorf("%s: the session of yesterday: %v", k.name, q)
		}
	}
}

func TestSignOutGoesOnlyWhereItMay(t *testing.T) {
	const bye = "http://127.0.0.1:1/bye"
	google := newApp(t, persona.Google, persona.Options{})
	var meta struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := google.provider.Claims(&meta); err != nil || meta.EndSession != "" {
		t.Errorf("Google has no end_session_endpoint: %q %v", meta.EndSession, err)
	}

	for _, k := range kinds[1:] {
		a := newApp(t, k.start, persona.Options{PostLogoutRedirectURIs: []string{bye}})
		if err := a.provider.Claims(&meta); err != nil || meta.EndSession == "" {
			t.Fatalf("%s: no end_session_endpoint: %v", k.name, err)
		}
		token, _, _ := a.signIn("alice")
		hint, _ := token.Extra("id_token").(string)
		a.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		leave := func(at string, q url.Values) (int, string) {
			t.Helper()
			resp, err := a.browser.Get(at + "?" + q.Encode())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode, resp.Header.Get("Location")
		}

		if status, to := leave(meta.EndSession, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye + "/"}}); status != 400 || to != "" {
			t.Errorf("%s: an unregistered address: HTTP %d to %q", k.name, status, to)
		}
		if q := a.back("nobody", a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("prompt", "none"))); q.Get("code") == "" {
			t.Errorf("%s: signed out by a refused request", k.name)
		}
		if status, to := leave(meta.EndSession, url.Values{"id_token_hint": {hint[:len(hint)-4] + "AAAA"}, "post_logout_redirect_uri": {bye}}); status != 200 || to != "" {
			t.Errorf("%s: a forged hint: HTTP %d to %q", k.name, status, to)
		}
		a.signIn("alice")
		if status, to := leave(meta.EndSession, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"a b"}}); status != 303 || to != bye+"?state=a+b" {
			t.Errorf("%s: HTTP %d to %q", k.name, status, to)
		}
		if q := a.back("alice", a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("prompt", "none"))); q.Get("error") != "login_required" {
			t.Errorf("%s: still signed in: %v", k.name, q)
		}
		if k.name != persona.KindAuth0 {
			continue
		}
		old := a.idp.BaseURL() + "/v2/logout"
		if status, to := leave(old, url.Values{"client_id": {a.idp.ClientID()}, "returnTo": {bye}}); status != 303 || to != bye {
			t.Errorf("/v2/logout: HTTP %d to %q", status, to)
		}
		if status, to := leave(old, url.Values{"client_id": {a.idp.ClientID()}, "returnTo": {"https://evil.example"}}); status != 400 || to != "" {
			t.Errorf("/v2/logout elsewhere: HTTP %d to %q", status, to)
		}
	}
}

func TestASessionIsAsStrongAsTheSignInThatMadeIt(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	ask := func(acr, prompt string) url.Values {
		return a.back("alice", a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("acr_values", acr), oauth2.SetAuthURLParam("prompt", prompt)))
	}
	a.signIn("alice")
	if q := ask("phr", "none"); q.Get("error") != "login_required" {
		t.Errorf("a password passes for a passkey: %v", q)
	}
	a.signIn("alice", oauth2.SetAuthURLParam("acr_values", "phr"))
	for _, acr := range []string{"phr", "urn:okta:loa:2fa:any", ""} {
		if q := ask(acr, "none"); q.Get("code") == "" {
			t.Errorf("after a passkey, %q: %v", acr, q)
		}
	}
	a.idp.SetUsers(persona.User{ID: "alice", Subject: "00u1", Email: "alice@acme.example", OneFactor: true})
	if q := ask("urn:okta:loa:2fa:any", "login"); q.Get("error") != "unmet_authentication_requirements" {
		t.Errorf("somebody with a password only: %v", q)
	}
}
