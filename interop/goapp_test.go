package interop

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A goApp is what most Go programs are: go-oidc and x/oauth2, with PKCE, state and nonce.
type goApp struct {
	config   oauth2.Config
	provider *oidc.Provider
	browser  *browser
	ctx      context.Context // carries the client that trusts the broker
}

// newGoApp sets up a client of testdata/handstamp.yaml with what discovery says.
func newGoApp(t *testing.T, b *broker, clientID, secret, redirect string, scopes ...string) *goApp {
	t.Helper()
	part(t, "go-oidc", moduleVersion(t, "github.com/coreos/go-oidc/v3"))
	provider, err := oidc.NewProvider(b.context(), b.issuer)
	if err != nil {
		t.Fatalf("discover the broker: %v", err)
	}
	app := &goApp{provider: provider, browser: b.browser(t), ctx: b.context()}
	app.browser.stop = redirect
	app.config = oauth2.Config{ClientID: clientID, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: scopes}
	return app
}

// web is the goApp that the settings call so.
func web(t *testing.T, b *broker, scopes ...string) *goApp {
	t.Helper()
	return newGoApp(t, b, "web", b.secret, b.app+"/callback", append([]string{oidc.ScopeOpenID}, scopes...)...)
}

// A login is what an app holds after one.
type login struct {
	token  *oauth2.Token
	id     *oidc.IDToken
	claims map[string]any // of the ID token
}

// login sends a person through the whole chain: app, broker, upstream and back.
func (a *goApp) login(t *testing.T, slug, person string, more ...oauth2.AuthCodeOption) *login {
	t.Helper()
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	options := append([]oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("provider", slug)}, more...)
	p := a.browser.open(t, a.config.AuthCodeURL(state, options...)).signIn(t, person)
	if p.doc != nil {
		t.Fatalf("the login ended at %s with %d instead of at the app:\n%s", p.url, p.status, p.body)
	}
	back := p.url.Query()
	if back.Get("error") != "" {
		t.Fatalf("the app got an error: %s", p.url)
	}
	if back.Get("state") != state {
		t.Fatalf("state: got %q, want %q", back.Get("state"), state)
	}
	// RFC 9207 §2.4: the app compares iss with the issuer that it asked.
	var meta struct{ Issuer string }
	if err := a.provider.Claims(&meta); err != nil {
		t.Fatal(err)
	}
	if back.Get("iss") != meta.Issuer {
		t.Errorf("iss in the answer: got %q, want %q", back.Get("iss"), meta.Issuer)
	}
	token, err := a.config.Exchange(a.ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatalf("redeem the code: %v", err)
	}
	l := a.read(t, token)
	if l.id.Nonce != nonce {
		t.Fatalf("nonce: got %q, want %q", l.id.Nonce, nonce)
	}
	if err := l.id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Fatalf("at_hash: %v", err)
	}
	return l
}

// read verifies the ID token beside an access token.
func (a *goApp) read(t *testing.T, token *oauth2.Token) *login {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: a.config.ClientID}).Verify(a.ctx, raw)
	if err != nil {
		t.Fatalf("verify the ID token: %v", err)
	}
	l := &login{token: token, id: id}
	if err := id.Claims(&l.claims); err != nil {
		t.Fatal(err)
	}
	return l
}

// userinfo asks /userinfo and returns all that it says.
func (a *goApp) userinfo(t *testing.T, token *oauth2.Token) map[string]any {
	t.Helper()
	info, err := a.provider.UserInfo(a.ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatalf("userinfo: %v", err)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// resource asks for a token for one API (RFC 8707 §2).
func resource(id string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam("resource", id) }

// moduleVersion is the version of a Go module that this one requires.
func moduleVersion(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		t.Fatalf("which version of %s: %v", module, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}

// words makes the words of a JSON list, or of a space-separated string, comparable.
func words(v any) string {
	if list, ok := v.([]any); ok {
		return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(list), "[]")), " ")
	}
	s, _ := v.(string)
	return s
}

// scopesOf reads the scopes of a token answer. RFC 6749 §5.1: they must be said where they differ from what was asked.
func scopesOf(l *login) []string {
	s, _ := l.token.Extra("scope").(string)
	return strings.Fields(s)
}

// expired is the token as x/oauth2 must see it to refresh it.
func expired(token *oauth2.Token) *oauth2.Token {
	return &oauth2.Token{RefreshToken: token.RefreshToken}
}

// provider names the upstream, as a "Sign in with …" button does.
func provider(slug string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam("provider", slug) }

// pkceOnly is a challenge whose verifier nobody needs, for logins that are not meant to give a code.
func pkceOnly() oauth2.AuthCodeOption { return oauth2.S256ChallengeOption(oauth2.GenerateVerifier()) }
