package persona_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

// The personas are asked here by go-oidc and x/oauth2: a client that we did not
// write.

const callback = "http://127.0.0.1:1/callback"

var kinds = []struct {
	name  string
	start func(persona.Options) *persona.Persona
}{
	{persona.KindGoogle, persona.Google},
	{persona.KindOkta, persona.Okta},
	{persona.KindOktaOrg, persona.OktaOrg},
	{persona.KindAuth0, persona.Auth0},
}

// app is a small relying party.
type app struct {
	t        *testing.T
	idp      *persona.Persona
	provider *oidc.Provider
	conf     oauth2.Config
	browser  *http.Client
}

func newApp(t *testing.T, kind func(persona.Options) *persona.Persona, o persona.Options) *app {
	t.Helper()
	if o.RedirectURIs == nil {
		o.RedirectURIs = []string{callback}
	}
	idp := persona.Start(t, kind, o)
	provider, err := oidc.NewProvider(t.Context(), idp.Issuer())
	if err != nil {
		t.Fatalf("discovery: %v", err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	jar, _ := cookiejar.New(nil)
	return &app{t: t, idp: idp, provider: provider, browser: &http.Client{Jar: jar}, conf: oauth2.Config{
		ClientID: idp.ClientID(), ClientSecret: idp.ClientSecret(), Endpoint: endpoint,
		RedirectURL: callback, Scopes: []string{"openid", "email", "profile"},
	}}
}

// authURL is an authorization request with everything in it.
func (a *app) authURL(verifier string, more ...oauth2.AuthCodeOption) string {
	more = append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce("n-1")}, more...)
	return a.conf.AuthCodeURL("s-1", more...)
}

// back signs a person in and returns what comes back.
func (a *app) back(user, authURL string) url.Values {
	a.t.Helper()
	to, err := persona.SignIn(a.t.Context(), a.browser, authURL, user)
	if err != nil {
		a.t.Fatalf("sign in as %q: %v", user, err)
	}
	if !strings.HasPrefix(to.String(), callback+"?") {
		a.t.Fatalf("sent to %s", to)
	}
	return to.Query()
}

func (a *app) signIn(user string, more ...oauth2.AuthCodeOption) (*oauth2.Token, *oidc.IDToken, map[string]any) {
	a.t.Helper()
	verifier := oauth2.GenerateVerifier()
	q := a.back(user, a.authURL(verifier, more...))
	if q.Get("state") != "s-1" {
		a.t.Fatalf("answer without our state: %v", q)
	}
	token, err := a.conf.Exchange(a.t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		a.t.Fatalf("exchange: %v", err)
	}
	id, claims := a.verify(token)
	return token, id, claims
}

func (a *app) verify(token *oauth2.Token) (*oidc.IDToken, map[string]any) {
	a.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: a.idp.ClientID()}).Verify(a.t.Context(), raw)
	if err != nil {
		a.t.Fatalf("verify: %v", err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		a.t.Fatal(err)
	}
	return id, claims
}

func (a *app) userInfo(token *oauth2.Token) map[string]any {
	a.t.Helper()
	info, err := a.provider.UserInfo(a.t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		a.t.Fatalf("userinfo: %v", err)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		a.t.Fatal(err)
	}
	return claims
}

func TestAnIndependentClientSignsInAtEveryPersona(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			a := newApp(t, k.start, persona.Options{})
			token, id, _ := a.signIn("alice")
			alice, _ := a.idp.User("alice")
			if id.Subject != alice.Subject || id.Nonce != "n-1" || id.Issuer != a.idp.Issuer() {
				t.Errorf("sub %q nonce %q iss %q", id.Subject, id.Nonce, id.Issuer)
			}
			if id.AccessTokenHash != "" {
				if err := id.VerifyAccessToken(token.AccessToken); err != nil {
					t.Errorf("at_hash: %v", err)
				}
			}
			info := a.userInfo(token)
			if info["sub"] != alice.Subject || info["email"] != "alice@acme.example" || info["email_verified"] != true || info["name"] != "Alice Acme" {
				t.Errorf("userinfo: %v", info)
			}
		})
	}
}
