package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// A person signs out at the broker, and Apache, where nobody clicked anything, closes its page: it was told by the back channel.
func TestModAuthOpenIDCIsToldThatASessionEnded(t *testing.T) {
	b := brokerWithOkta(t)
	apache(t, b)
	me := newBrowser(t)
	if wiki := me.open(t, b.app+"/protected/").signIn(t, "Alice Acme"); !strings.Contains(wiki.body, "hello alice@acme.example") {
		t.Fatalf("the protected page answered %d at %s:\n%s", wiki.status, wiki.url, wiki.body)
	}
	other := newBrowser(t)
	if wiki := other.open(t, b.app+"/protected/").signIn(t, "Alice Acme"); !strings.Contains(wiki.body, "hello alice@acme.example") {
		t.Fatalf("in another browser the page answered %d at %s:\n%s", wiki.status, wiki.url, wiki.body)
	}

	ask := me.open(t, b.issuer+"/logout")
	if end := ask.click(t, ask.find(byID("sign-out"))); end.status != http.StatusOK || !strings.Contains(end.body, "signed out") {
		t.Fatalf("signing out ended at %s with %d", end.url, end.status)
	}
	b.until(t, "Apache closes the page", func() bool { return !strings.Contains(me.open(t, b.app+"/protected/").body, "hello") })
	if wiki := other.open(t, b.app+"/protected/"); !strings.Contains(wiki.body, "hello alice@acme.example") {
		t.Errorf("her session in another browser ended as well: %d at %s", wiki.status, wiki.url)
	}
}

// oidcProviderAsAuth0 is the broker with a certified upstream that ends sessions in both directions.
func oidcProviderAsAuth0(t *testing.T) (b *broker, upstream string) {
	t.Helper()
	npm(t, "oidc-provider")
	p := newPlan(t)
	p.upstream("auth0", "upstream.mjs", map[string]any{"personality": "auth0", "postLogoutRedirectURIs": []string{p.issuer + "/logout/return"},
		"backchannelLogoutURI": p.issuer + "/backchannel/auth0"})
	return p.serve(), p.upstreamIssuer["auth0"]
}

// Signing out of an app leads by way of the provider, which asks by itself, and back to the app with its state.
func TestSigningOutGoesByWayOfOidcProvider(t *testing.T) {
	b, upstream := oidcProviderAsAuth0(t)
	app := web(t, b, "email")
	hint := app.login(t, "auth0", "Alice Acme").token.Extra("id_token").(string)
	app.browser.stop = b.app + "/bye"
	page := app.browser.open(t, b.issuer+"/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {b.app + "/bye"}, "state": {"s p+c"}}.Encode())
	if !strings.HasPrefix(page.url.String(), upstream) {
		t.Fatalf("signing out leads to %s, not to the provider", page.url)
	}
	if button := page.find(clickable("Yes")); button != nil {
		page = page.click(t, button)
	}
	if page.doc != nil || page.url.Query().Get("state") != "s p+c" || len(page.url.Query()) != 1 {
		t.Fatalf("signing out ended at %s with %d:\n%s", page.url, page.status, page.body)
	}
	app.browser.stop = app.config.RedirectURL
	if again := app.browser.open(t, app.config.AuthCodeURL("s", pkceOnly(), provider("auth0"))); again.doc == nil || again.find(clickable("Bob Private")) == nil {
		t.Errorf("the provider still knows the person: the next login ended at %s", again.url)
	}
}

// Somebody signs out at the provider, and the provider tells us: our session is over.
func TestOidcProviderEndsOurSession(t *testing.T) {
	b, upstream := oidcProviderAsAuth0(t)
	app := web(t, b, "email")
	app.login(t, "auth0", "Alice Acme")
	silently := func() url.Values {
		return app.browser.open(t, app.config.AuthCodeURL("s", pkceOnly(), oauth2.SetAuthURLParam("prompt", "none"))).url.Query()
	}
	if got := silently(); got.Get("code") == "" {
		t.Fatalf("not signed in after the login: %v", got)
	}
	page := app.browser.open(t, upstream+"oidc/logout")
	if page = page.click(t, page.find(clickable("Yes"))); page.status != http.StatusOK {
		t.Fatalf("signing out at the provider ended at %s with %d", page.url, page.status)
	}
	b.until(t, "our session ends", func() bool { return silently().Get("error") == "login_required" })
}
