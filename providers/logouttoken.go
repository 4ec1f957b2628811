package providers

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Goodbye is an upstream's word that a person signed out there. At least one of
// Subject and SessionID is set.
type Goodbye struct {
	Subject   string // "" means: whoever has the session
	SessionID string // "" means: every session of the subject
	TokenID   string // jti: the same word counts once
	Expires   time.Time
}

// LogoutReader is a provider whose upstream can send logout tokens.
type LogoutReader interface {
	// ReadLogout believes a logout token that the upstream's keys signed for us. Whether
	// it came before is for the caller to know.
	ReadLogout(ctx context.Context, raw string) (*Goodbye, error)
}

// logoutEvent names what a logout token is about (OpenID Connect Back-Channel Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// ReadLogout checks a logout token as OpenID Connect Back-Channel Logout 1.0 §2.6 asks,
// and as strictly as an ID token: the same form, the same keys, the same algorithms.
func (u *upstream) ReadLogout(ctx context.Context, raw string) (*Goodbye, error) {
	const what = "the logout token"
	ctx, cancel := context.WithTimeout(ctx, u.patience)
	defer cancel()
	// §2.4 recommends the type logout+jwt; Keycloak and others long said JWT or nothing.
	// What tells it from an ID token for certain is events, and that nonce is missing.
	if err := checkJWS(what, raw, u.settings.Algs, "logout+jwt", "jwt"); err != nil {
		return nil, err
	}
	algs := make([]jose.SignatureAlgorithm, len(u.settings.Algs))
	for i, a := range u.settings.Algs {
		algs[i] = jose.SignatureAlgorithm(a)
	}
	jws, err := jose.ParseSignedCompact(raw, algs)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, broken(what + " cannot be read")
	}
	select { // not a login's place: anybody can send us tokens
	case u.goodbyes <- struct{}{}:
		defer func() { <-u.goodbyes }()
	default:
		return nil, &Error{TemporarilyUnavailable, "too many logout tokens at once", nil}
	}
	payload, bad := u.keys.verifyOfStranger(ctx, jws)
	if bad != nil {
		return nil, bad
	}
	g, bad := u.readGoodbye(payload)
	if bad != nil {
		return nil, bad
	}
	return g, nil
}

func (u *upstream) readGoodbye(payload []byte) (*Goodbye, *Error) {
	claims, err := readStrict(payload)
	if err != nil {
		return nil, &Error{ServerError, "the logout token's payload is not a strict JSON object", err}
	}
	events, _ := claims["events"].(map[string]any)
	event, isObject := events[logoutEvent].(map[string]any)
	_, hasNonce := claims["nonce"]
	switch {
	case claims["iss"] != u.issuer:
		return nil, broken("the logout token is of another issuer")
	case !onlyFor(claims["aud"], u.settings.ClientID):
		return nil, broken("the logout token is not for us alone")
	case !isObject || event == nil:
		return nil, broken("the logout token does not say that it is about a logout")
	case hasNonce: // §2.4: so that no ID token can pass for one
		return nil, broken("the logout token has a nonce")
	}
	iat, bad := u.logoutTimes(claims)
	if bad != nil {
		return nil, bad
	}
	g := &Goodbye{Expires: iat.Add(maxAge + leeway)} // then it is too old anyway
	g.TokenID, _ = claims["jti"].(string)
	if g.TokenID == "" || len(g.TokenID) > maxSubject {
		return nil, broken("the logout token has no usable jti")
	}
	if sub, there := claims["sub"]; there {
		if g.Subject, _ = sub.(string); !validSubject(g.Subject) {
			return nil, broken("the logout token has no usable sub")
		}
	}
	if sid, there := claims["sid"]; there {
		if g.SessionID, _ = sid.(string); g.SessionID == "" || len(g.SessionID) > maxSubject {
			return nil, broken("the logout token has no usable sid")
		}
	}
	if g.Subject == "" && g.SessionID == "" {
		return nil, broken("the logout token names neither a person nor a session")
	}
	return g, nil
}

// logoutTimes checks the times. Not every upstream sends exp, which came late to the
// specification; without it the age decides.
func (u *upstream) logoutTimes(claims map[string]any) (iat time.Time, _ *Error) {
	now := u.settings.Now()
	iat, err := numericDate(claims, "iat")
	if err != nil {
		return iat, broken("the logout token does not say, in whole seconds, when it was issued")
	}
	exp, err := numericDate(claims, "exp")
	switch {
	case iat.After(now.Add(leeway)):
		return iat, broken("the logout token was issued in the future: compare the clocks")
	case now.Sub(iat) > maxAge+leeway:
		return iat, broken("the logout token was issued too long ago: compare the clocks")
	case err != nil && !errors.Is(err, errAbsent):
		return iat, broken("the logout token does not say, in whole seconds, when it expires")
	case err == nil && (now.Sub(exp) >= leeway || !exp.After(iat)):
		return iat, broken("the logout token is expired: compare the clocks")
	}
	return iat, nil
}
