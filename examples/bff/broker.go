package bff

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	verifier           *oidc.IDTokenVerifier
	oauth              oauth2.Config
	endSession, revoke string
}

// tokens are what a session holds.
type tokens struct {
	access, refresh, idToken string
	expires                  time.Time // of the access token
	person                   person
}

// person is what the ID token says; the broker's id_token_claims puts name and
// e-mail address into it.
type person struct {
	Subject string `json:"subject"`
	Name    string `json:"name,omitempty"`
	Email   string `json:"email,omitempty"`
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
		Revoke     string `json:"revocation_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read the broker's discovery document: %w", err)
	}
	endpoint := provider.Endpoint()
	// Left to itself the library tries one way to send the secret, then the other:
	// a one-time code would be spent twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	b.known = &metadata{
		verifier: provider.Verifier(&oidc.Config{ClientID: b.config.ClientID, Now: b.config.Now,
			SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}}),
		oauth: oauth2.Config{ClientID: b.config.ClientID, ClientSecret: b.config.ClientSecret, Endpoint: endpoint,
			RedirectURL: b.config.RedirectURI(), Scopes: b.config.Scopes},
		endSession: more.EndSession, revoke: more.Revoke,
	}
	return b.known, nil
}

// authorizeURL is where a login begins.
func (m *metadata) authorizeURL(a attempt, resource string) string {
	opts := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if resource != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", resource))
	}
	return m.oauth.AuthCodeURL(a.State, opts...)
}

// redeem turns a code into tokens, and checks that they belong to this login.
func (b *broker) redeem(ctx context.Context, a attempt, code string) (*tokens, error) {
	m, err := b.learn(ctx)
	if err != nil {
		return nil, err
	}
	got, err := m.oauth.Exchange(b.with(ctx), code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	raw, _ := got.Extra("id_token").(string)
	t := &tokens{access: got.AccessToken, refresh: got.RefreshToken, idToken: raw, expires: b.ends(got)}
	nonce, err := b.readIDToken(ctx, m, t)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(nonce), []byte(a.Nonce)) != 1 {
		return nil, errors.New("the ID token belongs to another login")
	}
	return t, nil
}

// renew spends a refresh token. errOver says that there is no use in trying again.
func (b *broker) renew(ctx context.Context, old *tokens) (*tokens, error) {
	if old.refresh == "" {
		return nil, fmt.Errorf("%w: the broker gave no refresh token", errOver)
	}
	m, err := b.learn(ctx)
	if err != nil {
		return nil, err
	}
	got, err := m.oauth.TokenSource(b.with(ctx), &oauth2.Token{RefreshToken: old.refresh}).Token()
	var answer *oauth2.RetrieveError
	switch {
	case errors.As(err, &answer) && answer.Response.StatusCode/100 == 4 && answer.Response.StatusCode != http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: %w", errOver, err)
	case err != nil:
		return nil, fmt.Errorf("refresh: %w", err)
	}
	t := &tokens{access: got.AccessToken, refresh: got.RefreshToken, idToken: old.idToken, expires: b.ends(got), person: old.person}
	raw, _ := got.Extra("id_token").(string)
	if raw == "" { // a refresh may leave it out
		return t, nil
	}
	t.idToken = raw
	if _, err := b.readIDToken(ctx, m, t); err != nil {
		return nil, fmt.Errorf("%w: %w", errOver, err)
	}
	if t.person.Subject != old.person.Subject { // OpenID Connect Core §12.2
		return nil, fmt.Errorf("%w: the refresh answered with another person", errOver)
	}
	return t, nil
}

// ends is when an access token does, by our own clock.
func (b *broker) ends(t *oauth2.Token) time.Time {
	return b.config.Now().Add(time.Duration(t.ExpiresIn) * time.Second)
}

// readIDToken checks the ID token, also what the library leaves to the app: that it
// is for us alone, names a person, and belongs to the access token beside it.
func (b *broker) readIDToken(ctx context.Context, m *metadata, t *tokens) (nonce string, err error) {
	if t.idToken == "" {
		return "", errors.New("the broker sent no ID token")
	}
	id, err := m.verifier.Verify(b.with(ctx), t.idToken)
	switch {
	case err != nil:
		return "", fmt.Errorf("check ID token: %w", err)
	case id.Subject == "":
		return "", errors.New("the ID token names nobody")
	case len(id.Audience) != 1: // the library is content when we are one of many
		return "", errors.New("the ID token is for others, too")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(t.access); err != nil {
			return "", fmt.Errorf("check at_hash: %w", err)
		}
	}
	if err := id.Claims(&t.person); err != nil {
		return "", fmt.Errorf("read ID token: %w", err)
	}
	t.person.Subject = id.Subject
	return id.Nonce, nil
}

// revoke takes a refresh token back, and with it all that came of it (RFC 7009).
func (b *broker) revoke(ctx context.Context, token string) error {
	m, err := b.learn(ctx)
	if err != nil || m.revoke == "" || token == "" {
		return err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.revoke, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(b.config.ClientID), url.QueryEscape(b.config.ClientSecret)) // RFC 6749 §2.3.1
	res, err := b.config.HTTPClient.Do(req)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke: the broker answered %s", res.Status)
	}
	return nil
}

// leaveURL is where a person signs out of the broker, too (RP-Initiated Logout §2).
func (b *broker) leaveURL(ctx context.Context, idToken string) (string, error) {
	m, err := b.learn(ctx)
	if err != nil {
		return "", err
	}
	to, err := url.Parse(m.endSession)
	if err != nil || m.endSession == "" {
		return "", errors.New("the broker names no end_session_endpoint")
	}
	q := to.Query()
	q.Set("client_id", b.config.ClientID)
	q.Set("post_logout_redirect_uri", b.config.PostLogoutRedirectURI())
	q.Set("id_token_hint", idToken)
	to.RawQuery = q.Encode()
	return to.String(), nil
}
