package providers

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	maxIDToken  = 128 << 10 // Auth0 allows 100 KB of own claims
	leeway      = 60 * time.Second
	maxAge      = 10 * time.Minute // since it was issued: we asked for it a moment ago
	maxLifetime = 24 * time.Hour
	maxSubject  = 255
)

// idToken is an ID token that passed everything.
type idToken struct {
	subject   string
	authTime  time.Time // zero: not said
	acr       string
	amr       []string
	sessionID string
	claims    map[string]any
}

// expected is what a token must say.
type expected struct {
	issuer      string
	issuerAlias string // second spelling that the kind knows, or ""
	clientID    string
	nonce       string
	accessToken string
	now         time.Time
	algs        []string
}

// verifyIDToken is the strict wrapper around go-oidc, which by itself takes a
// token without sub, for other audiences, from next year, or with doubled claims
// (measured). go-oidc checks signature, issuer, audience and expiry; everything
// is then read again, exactly, from the bytes that were signed.
func verifyIDToken(ctx context.Context, raw string, keys *keySet, e expected) (*idToken, *Error) {
	if err := checkForm(raw, e.algs); err != nil {
		return nil, err
	}
	witness := &keyWitness{keys: keys, algs: e.algs}
	verifier := oidc.NewVerifier(e.issuer, witness, &oidc.Config{
		ClientID:             e.clientID,
		SupportedSigningAlgs: e.algs,
		Now:                  func() time.Time { return e.now.Add(-leeway) },
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case witness.err != nil:
		return nil, witness.err
	case witness.payload == nil:
		return nil, broken("the ID token cannot be read")
	}
	t, bad := readClaims(witness.payload, e) // first ours: its reasons can be told
	if bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, broken("the ID token is not valid")
	}
	// OpenID Connect Core §3.1.3.8: optional in the code flow, binding when there.
	if token.AccessTokenHash != "" && token.VerifyAccessToken(e.accessToken) != nil {
		return nil, broken("the ID token belongs to another access token")
	}
	return t, nil
}

// checkForm holds an ID token to its form. RFC 8725 §3.11: a logout token or an access
// token is no ID token.
func checkForm(raw string, algs []string) *Error {
	return checkJWS("the ID token", raw, algs, "jwt")
}

// checkJWS looks at a token before any cryptography: one compact JWS, strictly
// encoded, of one of the types if it names one, with a header that asks for nothing
// unusual (RFC 8725 §3.1, §3.10).
func checkJWS(what, raw string, algs []string, types ...string) *Error {
	if len(raw) > maxIDToken {
		return broken(what + " is too long")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return broken(what + " is not a signed JWT in compact form")
	}
	var decoded [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || strings.ContainsAny(p, "\r\n") {
			return broken(what + " is not strictly base64url")
		}
		decoded[i] = b
	}
	head, err := readObject(decoded[0])
	if err != nil {
		return &Error{ServerError, what + "'s header is not a strict JSON object", err}
	}
	if alg, _ := head["alg"].(string); !slices.Contains(algs, alg) {
		return broken(what + " is signed with an algorithm that is not allowed")
	}
	for _, name := range []string{"crit", "b64", "jwk", "enc", "zip"} {
		if _, there := head[name]; there {
			return broken(what + "'s header has a member that is not allowed")
		}
	}
	if typ, there := head["typ"]; there {
		s, _ := typ.(string)
		if !slices.Contains(types, strings.TrimPrefix(strings.ToLower(s), "application/")) { // RFC 7515 §4.1.9
			return broken(what + " has the type of another token")
		}
	}
	return nil
}

// keyWitness hands go-oidc our keys and keeps what it drops: why they failed, and
// the signed bytes.
type keyWitness struct {
	keys    *keySet
	algs    []string
	payload []byte
	err     *Error
}

func (w *keyWitness) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, len(w.algs))
	for i, a := range w.algs {
		algs[i] = jose.SignatureAlgorithm(a)
	}
	jws, err := jose.ParseSignedCompact(raw, algs)
	if err != nil || len(jws.Signatures) != 1 {
		w.err = broken("the ID token cannot be read")
		return nil, w.err
	}
	if w.payload, w.err = w.keys.verify(ctx, jws); w.err != nil {
		return nil, w.err
	}
	return w.payload, nil
}

// readClaims checks a payload (OpenID Connect Core §2, §3.1.3.7). Names are
// matched exactly, so that SUB is not sub.
func readClaims(payload []byte, e expected) (*idToken, *Error) {
	claims, err := readStrict(payload)
	if err != nil {
		return nil, &Error{ServerError, "the ID token's payload is not a strict JSON object", err}
	}
	iss, _ := claims["iss"].(string)
	if iss != e.issuer && (e.issuerAlias == "" || iss != e.issuerAlias) {
		return nil, broken("the ID token is of another issuer")
	}
	if !onlyFor(claims["aud"], e.clientID) {
		return nil, broken("the ID token is not for us alone")
	}
	if azp, there := claims["azp"]; there && azp != e.clientID {
		return nil, broken("the ID token was issued to another client")
	}
	if err := checkTimes(claims, e.now); err != nil {
		return nil, err
	}
	nonce, _ := claims["nonce"].(string)
	if e.nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(e.nonce)) != 1 {
		return nil, broken("the ID token has not the nonce of this attempt")
	}
	sub, _ := claims["sub"].(string)
	if !validSubject(sub) {
		return nil, broken("the ID token has no usable sub")
	}
	t := &idToken{subject: sub, claims: claims, amr: texts(claims["amr"])}
	t.acr, _ = claims["acr"].(string)
	if sid, _ := claims["sid"].(string); len(sid) <= maxSubject {
		t.sessionID = sid
	}
	if _, there := claims["auth_time"]; there {
		at, err := numericDate(claims, "auth_time")
		if err != nil || at.After(e.now.Add(leeway)) {
			return nil, broken("the ID token's auth_time is not a time that has been")
		}
		t.authTime = at
	}
	if err := floats(claims); err != nil {
		return nil, &Error{ServerError, "the ID token's payload cannot be read", err}
	}
	return t, nil
}

// onlyFor holds when aud is our client id and nothing else.
func onlyFor(aud any, clientID string) bool {
	if s, ok := aud.(string); ok {
		return s == clientID
	}
	list, ok := aud.([]any)
	return ok && len(list) == 1 && list[0] == clientID
}

// validSubject holds for 1 to 255 printable ASCII bytes without a space at either
// end (OpenID Connect Core §2). It is never trimmed or folded.
func validSubject(sub string) bool {
	if sub == "" || len(sub) > maxSubject || sub[0] == ' ' || sub[len(sub)-1] == ' ' {
		return false
	}
	for i := range len(sub) {
		if sub[i] < ' ' || sub[i] > '~' {
			return false
		}
	}
	return true
}

func checkTimes(claims map[string]any, now time.Time) *Error {
	iat, err := numericDate(claims, "iat")
	if err != nil {
		return broken("the ID token does not say, in whole seconds, when it was issued")
	}
	exp, err := numericDate(claims, "exp")
	if err != nil {
		return broken("the ID token does not say, in whole seconds, when it expires")
	}
	switch {
	case iat.After(now.Add(leeway)):
		return broken("the ID token was issued in the future: compare the clocks")
	case now.Sub(iat) > maxAge+leeway:
		return broken("the ID token was issued too long ago: compare the clocks")
	case now.Sub(exp) >= leeway:
		return broken("the ID token is expired: compare the clocks")
	case !exp.After(iat) || exp.Sub(iat) > maxLifetime:
		return broken("the ID token has a lifetime that makes no sense")
	}
	nbf, err := numericDate(claims, "nbf")
	if err != nil && !errors.Is(err, errAbsent) || err == nil && nbf.After(now.Add(leeway)) {
		return broken("the ID token is not valid yet")
	}
	return nil
}

var errAbsent = errors.New("not there")

// numericDate reads a time in whole seconds (RFC 7519 §2) from its JSON spelling,
// which a decoded number has lost.
func numericDate(claims map[string]any, name string) (time.Time, error) {
	v, there := claims[name]
	if !there {
		return time.Time{}, errAbsent
	}
	spelling, _ := v.(json.Number)
	n, err := strconv.ParseInt(spelling.String(), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, errors.New("not a whole number of seconds")
	}
	return time.Unix(n, 0), nil
}
