package providers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/oauth2"
)

// Kind oidc is any provider that speaks OpenID Connect as written: an issuer, a
// client id and a secret. The other kinds are presets on top of it.
func init() {
	(&preset{
		name: "oidc", title: "OpenID Connect",
		defaults: Settings{
			AuthMethod: "client_secret_basic", // the one that every server must know (RFC 6749 §2.3.1)
			Scopes:     ownedByOIDC,
			Algs:       []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"},
		},
	}).register()
}

const (
	maxParallel = 64      // logins in conversation with one upstream
	maxGoodbyes = 8       // logout tokens that are looked at at once
	maxCode     = 4 << 10 // of an authorization code
)

// upstream is one provider of any kind.
type upstream struct {
	preset   *preset
	settings Settings
	issuer   string
	hosts    hostSet
	client   *http.Client
	patience time.Duration // for all that one step takes
	places   chan struct{} // so that a hanging upstream cannot eat the whole broker
	goodbyes chan struct{} // likewise, for logout tokens

	discovery kept[*metadata]
	mapped    atomic.Pointer[[]string] // instead of Settings.MappedClaims, see MapClaims
	drifted   atomic.Bool              // the last document that came could not be trusted
	keys      keySet

	mu     sync.Mutex
	health Health

	calls metric.Float64Histogram // nil: nothing is measured
}

// Begin makes the authorization request (OpenID Connect Core §3.1.2.1): always
// the code flow, always with state, nonce and an S256 challenge, whatever the
// upstream says it supports (RFC 9700 §2.1.1).
func (u *upstream) Begin(ctx context.Context, a Attempt) (Step, error) {
	if err := a.complete(); err != nil {
		return Step{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, u.patience)
	defer cancel()
	m, err := u.metadata(ctx)
	if err != nil {
		return Step{}, err
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	q := url.Values{
		"response_type":         {"code"},
		"client_id":             {u.settings.ClientID},
		"redirect_uri":          {a.RedirectURI},
		"scope":                 {strings.Join(u.settings.Scopes, " ")},
		"state":                 {a.State},
		"nonce":                 {a.Nonce},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	for name, value := range u.settings.Params {
		q.Set(name, value)
	}
	for name, value := range map[string]string{ // the app's wishes win over params
		"prompt":     a.Prompt,
		"login_hint": a.LoginHint,
		"acr_values": strings.Join(a.ACRValues, " "),
		"ui_locales": a.UILocales,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if a.MaxAge != nil && !u.preset.silentAuthTime {
		q.Set("max_age", strconv.FormatInt(*a.MaxAge, 10))
	}
	if u.preset.adjust != nil {
		u.preset.adjust(u.settings, q)
	}
	return Step{Redirect: withQuery(m.authURL, q)}, nil
}

// complete holds the broker to drawing every secret: without them no check below
// would mean anything.
func (a *Attempt) complete() error {
	if a.State == "" || a.Nonce == "" || a.RedirectURI == "" || len(a.Verifier) < 43 || len(a.Verifier) > 128 {
		return broken("the attempt lacks state, nonce, redirect URI or a PKCE verifier")
	}
	return nil
}

// withQuery keeps the query that an endpoint already has (RFC 6749 §3.1).
func withQuery(endpoint string, q url.Values) string {
	if base, query, ok := strings.Cut(endpoint, "?"); ok && query != "" {
		return base + "?" + query + "&" + q.Encode()
	}
	return strings.TrimSuffix(endpoint, "?") + "?" + q.Encode()
}

// Finish redeems an answer: once, with the one agreed client authentication, and
// believes only what the upstream's keys signed for this very attempt.
func (u *upstream) Finish(ctx context.Context, a Attempt, answer url.Values) (*Identity, error) {
	if err := a.complete(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, u.patience)
	defer cancel()
	code, err := u.readAnswer(ctx, a, answer)
	if err != nil {
		return nil, err
	}
	leave, err := u.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	m, err := u.metadata(ctx)
	if err != nil {
		return nil, err
	}
	rawID, access, err := u.redeem(ctx, m, a, code)
	if err != nil {
		return nil, err
	}
	token, err := verifyIDToken(ctx, rawID, &u.keys, u.expect(a, access))
	if err != nil {
		return nil, err
	}
	if err := u.admit(a, token); err != nil {
		return nil, err
	}
	claims, err := u.completeClaims(ctx, m, token, access)
	if err != nil {
		return nil, err
	}
	return &Identity{
		Issuer: u.issuer, Subject: token.subject,
		AuthTime: token.authTime, ACR: token.acr, AMR: token.amr, SessionID: token.sessionID, IDToken: u.hint(rawID),
		Claims: claims, EmailVerified: u.emailVerified(claims),
	}, nil
}

// readAnswer takes the code out of an answer that belongs to the attempt.
func (u *upstream) readAnswer(ctx context.Context, a Attempt, answer url.Values) (code string, _ *Error) {
	for _, name := range []string{"state", "iss", "code", "error", "error_description", "error_uri"} {
		if len(answer[name]) > 1 { // RFC 6749 §3.1
			return "", mixedUp("the answer has a parameter twice")
		}
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return "", mixedUp("the answer has another state")
	}
	// RFC 9207 §2.4: an iss that is there must be the issuer's, before all else
	// and also beside an error; one that was promised must be there.
	if answer.Has("iss") && answer.Get("iss") != u.issuer {
		return "", mixedUp("the answer has another issuer")
	}
	if !answer.Has("iss") {
		m, err := u.metadata(ctx)
		if err != nil {
			return "", err
		}
		if m.issParameter {
			return "", mixedUp("the answer lacks the issuer that discovery promises")
		}
	}
	code = answer.Get("code")
	switch {
	case answer.Has("error") && code == "":
		return "", refusedBy(answer.Get("error"))
	case answer.Has("error"):
		return "", broken("the answer has both a code and an error")
	case code == "" || len(code) > maxCode:
		return "", broken("the answer has no usable code")
	}
	return code, nil
}

// refusedBy reads the upstream's no (RFC 6749 §4.1.2.1, OpenID Connect Core
// §3.1.2.6). Its description is for nobody: anybody could have written it.
func refusedBy(code string) *Error {
	err := &Error{Err: errors.New("error " + oauthCode(code))}
	switch code {
	case "login_required", "interaction_required", "account_selection_required", "consent_required":
		err.Code, err.Reason = LoginRequired, "the upstream would have to ask the person"
	case "unmet_authentication_requirements": // OpenID Connect Core Error Code unmet_authentication_requirements 1.0
		err.Code, err.Reason = UnmetAuthentication, "the person cannot sign in at the upstream as surely as acr_values asks"
	case "temporarily_unavailable":
		err.Code, err.Reason = TemporarilyUnavailable, "the upstream says that it is out of order"
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
		"invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported",
		"registration_not_supported", "invalid_client", "redirect_uri_mismatch", "invalid_target":
		err.Code, err.Reason = ServerError, "the upstream does not accept our request"
	default: // access_denied, and the words that vendors made up for it
		err.Code, err.Reason = AccessDenied, "the upstream or the person said no"
	}
	return err
}

// enter takes one of the places for conversations with this upstream.
func (u *upstream) enter(ctx context.Context) (leave func(), _ *Error) {
	select {
	case u.places <- struct{}{}:
		return func() { <-u.places }, nil
	case <-ctx.Done():
		return nil, &Error{TemporarilyUnavailable, "too many logins wait for this upstream", ctx.Err()}
	}
}

// redeem trades the code for tokens (OpenID Connect Core §3.1.3), in exactly one request.
func (u *upstream) redeem(ctx context.Context, m *metadata, a Attempt, code string) (idToken, access string, _ *Error) {
	const what = "the token endpoint"
	c := &oauth2.Config{
		ClientID: u.settings.ClientID, ClientSecret: u.settings.ClientSecret.Reveal(), RedirectURL: a.RedirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: m.tokenURL, AuthStyle: authStyle(u.settings.AuthMethod)},
	}
	ctx, told := u.ask(ctx, "token")
	token, err := c.Exchange(context.WithValue(ctx, oauth2.HTTPClient, u.client), code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		failure := u.exchangeFailure(ctx, what, err)
		u.heard(failure)
		told(failure)
		return "", "", failure
	}
	u.heard(nil)
	told(nil)
	idToken, _ = token.Extra("id_token").(string)
	switch {
	case idToken == "":
		return "", "", broken(what + " gave no ID token")
	case !strings.EqualFold(token.Type(), "Bearer"):
		return "", "", broken(what + " gave a token of an unknown type")
	}
	return idToken, token.AccessToken, nil
}

// exchangeFailure keeps status and error code; x/oauth2 keeps the whole body.
func (u *upstream) exchangeFailure(ctx context.Context, what string, err error) *Error {
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		return refusal(what, refused.Response.StatusCode, refused.ErrorCode)
	case errors.As(err, &transport):
		return unreachable(what, transport.Err)
	case ctx.Err() != nil: // while the body came
		return unreachable(what, ctx.Err())
	default:
		return broken(what + " gave an answer that cannot be read")
	}
}

func (u *upstream) expect(a Attempt, accessToken string) expected {
	e := expected{issuer: u.issuer, clientID: u.settings.ClientID, nonce: a.Nonce, accessToken: accessToken,
		now: u.settings.Now(), algs: u.settings.Algs}
	if u.preset.aliasOf != nil {
		e.issuerAlias = u.preset.aliasOf(u.issuer)
	}
	return e
}

// admit holds the token to what was asked for: hints alone bind nobody.
func (u *upstream) admit(a Attempt, t *idToken) *Error {
	if a.MaxAge != nil && !u.preset.silentAuthTime {
		// OpenID Connect Core §3.1.3.7 (13)
		if t.authTime.IsZero() {
			return broken("the ID token has no auth_time, although max_age was sent")
		}
		if age := u.settings.Now().Sub(t.authTime); age > time.Duration(*a.MaxAge)*time.Second+leeway {
			return &Error{LoginRequired, "the upstream did not sign the person in anew", nil}
		}
	}
	if u.preset.admit != nil {
		return u.preset.admit(u.settings, t.claims)
	}
	return nil
}

// get fetches a JSON document; with an access token it is userinfo, whose media
// type matters: a signed answer (application/jwt) would need another reading.
func (u *upstream) get(ctx context.Context, what, where string, limit int64, accessToken string) ([]byte, *Error) {
	ctx, told := u.ask(ctx, endpointWords[what])
	body, err := u.fetch(ctx, what, where, limit, accessToken)
	told(err)
	return body, err
}

func (u *upstream) fetch(ctx context.Context, what, where string, limit int64, accessToken string) ([]byte, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, broken(what + " has an unusable URL")
	}
	if accessToken != "" {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	resp, err := u.client.Do(req)
	if err != nil {
		return nil, unreachable(what, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(what, resp.StatusCode, "")
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); accessToken != "" && media != "application/json" {
		return nil, broken(what + " is not application/json")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, unreachable(what, err)
	case int64(len(body)) > limit:
		return nil, unreachable(what, errTooLarge)
	}
	return body, nil
}

// Probe fetches discovery and keys anew, and compares what can be compared.
func (u *upstream) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, u.patience)
	defer cancel()
	if err := u.discovery.start(ctx).wait(ctx); err != nil {
		return err
	}
	if err := u.keys.kept.start(ctx).wait(ctx); err != nil {
		return err
	}
	m := u.discovery.look().value
	if m.authMethods != nil && !slices.Contains(m.authMethods, u.settings.AuthMethod) {
		return broken("discovery does not list our auth_method " + u.settings.AuthMethod)
	}
	if u.cannotLeave(m) {
		return broken("upstream_logout is on, but discovery names no end_session_endpoint that can be used")
	}
	return nil
}
