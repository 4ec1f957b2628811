package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// broker is what the app knows of the broker. It is learnt when the first person
// signs in, so that app and broker may start in any order.
type broker struct {
	config Config

	mu    sync.Mutex
	known *metadata
}

// metadata is the broker's discovery document, read once.
type metadata struct {
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	oauth      oauth2.Config
	endSession string
}

func newBroker(c Config) *broker { return &broker{config: c} }

// with gives both libraries our HTTP client.
func (b *broker) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, b.config.HTTPClient)
}

// learn reads the discovery document unless that was done. A failure is not kept.
func (b *broker) learn(ctx context.Context) (*metadata, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known != nil {
		return b.known, nil
	}
	provider, err := oidc.NewProvider(b.with(ctx), b.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("read the broker's discovery document: %w", err)
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read the broker's discovery document: %w", err)
	}
	endpoint := provider.Endpoint()
	// Left to itself the library tries one way to send the secret, then the other:
	// a one-time code would be spent twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if b.config.ClientSecret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	b.known = &metadata{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: b.config.ClientID, Now: b.config.Now,
			SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}}),
		oauth: oauth2.Config{ClientID: b.config.ClientID, ClientSecret: b.config.ClientSecret, Endpoint: endpoint,
			RedirectURL: b.config.RedirectURI(), Scopes: b.config.Scopes},
		endSession: more.EndSession,
	}
	return b.known, nil
}

// attempt is one login on its way, kept in a cookie of the browser that began it.
type attempt struct{ State, Nonce, Verifier string }

// authorizeURL is where a login begins.
func (m *metadata) authorizeURL(a attempt, provider, resource string, more ...oauth2.AuthCodeOption) string {
	opts := append([]oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}, more...)
	if provider != "" {
		opts = append(opts, oauth2.SetAuthURLParam("provider", provider))
	}
	if resource != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", resource))
	}
	return m.oauth.AuthCodeURL(a.State, opts...)
}

// identity is what a successful login or refresh gives.
type identity struct {
	IDToken, AccessToken, RefreshToken string
	Subject                            string
	Scopes                             []string
	Expires                            time.Time // of the access token
	Info                               map[string]any
}

// redeem turns a code into tokens and checks all that the libraries leave to the
// app: that the ID token belongs to this login (nonce) and to this access token
// (at_hash), and that it names a person.
func (b *broker) redeem(ctx context.Context, a attempt, code string) (*identity, error) {
	m, err := b.learn(ctx)
	if err != nil {
		return nil, err
	}
	token, err := m.oauth.Exchange(b.with(ctx), code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := b.checkIDToken(ctx, m, raw, token.AccessToken)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return nil, errors.New("the ID token belongs to another login")
	}
	return b.tell(ctx, m, token, raw, id.Subject), nil
}

// renew spends a refresh token. The person may not change on the way
// (OpenID Connect Core §12.2).
func (b *broker) renew(ctx context.Context, old *identity) (*identity, error) {
	m, err := b.learn(ctx)
	if err != nil {
		return nil, err
	}
	token, err := m.oauth.TokenSource(b.with(ctx), &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" { // a refresh may leave it out
		raw = old.IDToken
	} else {
		id, err := b.checkIDToken(ctx, m, raw, token.AccessToken)
		if err != nil {
			return nil, err
		}
		if id.Subject != old.Subject {
			return nil, errors.New("the refresh answered with another person")
		}
	}
	return b.tell(ctx, m, token, raw, old.Subject), nil
}

func (b *broker) checkIDToken(ctx context.Context, m *metadata, raw, access string) (*oidc.IDToken, error) {
	if raw == "" {
		return nil, errors.New("the broker sent no ID token")
	}
	id, err := m.verifier.Verify(b.with(ctx), raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("check ID token: %w", err)
	case id.Subject == "":
		return nil, errors.New("the ID token names nobody")
	case len(id.Audience) != 1: // the library is content when we are one of many
		return nil, errors.New("the ID token is for others, too")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(access); err != nil {
			return nil, fmt.Errorf("check at_hash: %w", err)
		}
	}
	return id, nil
}

// tell asks for userinfo, where the broker explains itself. The login stands
// without it.
func (b *broker) tell(ctx context.Context, m *metadata, token *oauth2.Token, rawID, subject string) *identity {
	who := &identity{IDToken: rawID, AccessToken: token.AccessToken, RefreshToken: token.RefreshToken, Subject: subject, Expires: token.Expiry}
	if scope, ok := token.Extra("scope").(string); ok {
		who.Scopes = strings.Fields(scope)
	} else { // RFC 6749 §5.1: left out when it is what was asked for
		who.Scopes = b.config.Scopes
	}
	info, err := m.provider.UserInfo(b.with(ctx), oauth2.StaticTokenSource(token))
	if err != nil {
		b.config.Logger.Warn("userinfo", "cause", err.Error()[:min(len(err.Error()), 256)])
		return who
	}
	// OpenID Connect Core §5.3.2: userinfo about somebody else must not be used.
	if info.Subject == subject && info.Claims(&who.Info) != nil {
		who.Info = nil
	}
	return who
}

// leaveURL is where a person signs out of the broker, too (RP-Initiated Logout §2).
func (b *broker) leaveURL(ctx context.Context, idToken, state string) string {
	m, err := b.learn(ctx)
	if err != nil || m.endSession == "" {
		return ""
	}
	r, err := http.NewRequest(http.MethodGet, m.endSession, nil)
	if err != nil {
		return ""
	}
	q := r.URL.Query()
	q.Set("client_id", b.config.ClientID)
	q.Set("post_logout_redirect_uri", b.config.PostLogoutRedirectURI())
	q.Set("id_token_hint", idToken)
	q.Set("state", state)
	r.URL.RawQuery = q.Encode()
	return r.URL.String()
}
