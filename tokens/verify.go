package tokens

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxLength is the longest token that is looked at. It is checked before
// anything is split or decoded, so that a megabyte of dots costs nothing.
const MaxLength = 8 << 10

// clockSkew is how far in the future another node's iat may be. It is no leeway
// for exp: a token that has expired has expired.
const clockSkew = 5 * time.Second

// The reasons for which a token is refused: errors.Is(err, ErrInvalid) holds for
// every one of them. An error that is not ErrInvalid says nothing about the
// token: the KeyFinder could not be asked.
var (
	ErrInvalid  = errors.New("the token is not valid")
	ErrExpired  = fmt.Errorf("%w: it has expired", ErrInvalid)
	ErrAudience = fmt.Errorf("%w: it is for another audience", ErrInvalid)
)

// Verifier checks tokens of one issuer. It is strict where JWT libraries are not
// by default: one algorithm a key, strict decoding, a fixed typ, and the claims
// that make a token safe are required. It is safe for concurrent use.
type Verifier struct {
	Issuer string
	Keys   KeyFinder
	Algs   []Alg            // what is accepted; nil is all that Alg names
	Leeway time.Duration    // how long past exp a token still counts; 0 is not at all
	Now    func() time.Time // nil is time.Now
}

// Access verifies an access token (RFC 9068 §4) that is meant for audience.
func (v *Verifier) Access(ctx context.Context, raw, audience string) (*Claims, error) {
	c, err := v.access(ctx, raw)
	if err != nil {
		return nil, err
	}
	// Before the times: a token that is expired and for another API is not merely expired.
	if audience == "" || !slices.Contains(c.Audience, audience) {
		return nil, ErrAudience
	}
	if err := v.inTime(c); err != nil {
		return nil, err
	}
	return c, nil
}

// AccessForAnyAudience verifies an access token without asking for whom it is. It
// is right in one case only: the issuer itself looks at a token of its own, to
// revoke or to describe it. A resource server must never call it.
func (v *Verifier) AccessForAnyAudience(ctx context.Context, raw string) (*Claims, error) {
	c, err := v.access(ctx, raw)
	if err != nil {
		return nil, err
	}
	if err := v.inTime(c); err != nil {
		return nil, err
	}
	return c, nil
}

func (v *Verifier) access(ctx context.Context, raw string) (*Claims, error) {
	c, err := v.open(ctx, raw, "at+jwt")
	switch {
	case err != nil:
		return nil, err
	case c.ID == "":
		return nil, refused("jti is missing")
	case c.ClientID == "":
		return nil, refused("client_id is missing")
	}
	return c, nil
}

// IDHint verifies an ID token of our own that an app shows again, as
// id_token_hint. It may have expired: it is a hint about who and which app, and
// proves nothing more (OpenID Connect RP-Initiated Logout §2). The caller checks
// Audience against the client.
func (v *Verifier) IDHint(ctx context.Context, raw string) (*Claims, error) {
	c, err := v.open(ctx, raw, "jwt")
	if err != nil {
		return nil, err
	}
	if c.IssuedAt.After(v.now().Add(v.Leeway + clockSkew)) {
		return nil, refused("iat is in the future")
	}
	return c, nil
}

// open checks everything about a token of the issuer's that does not depend on what
// it is used for.
func (v *Verifier) open(ctx context.Context, raw, typ string) (*Claims, error) {
	body, err := opened(ctx, raw, v.Keys, v.Algs, typ)
	if err != nil {
		return nil, err
	}
	c, err := readClaims(body)
	if err != nil {
		return nil, err
	}
	if v.Issuer == "" || c.Issuer != v.Issuer {
		return nil, refused("it is of another issuer")
	}
	return c, nil
}

// opened returns the claims of a token of one of the kinds typs, as bytes, once its
// signature is verified. The cheapest comes first: nothing is decoded before the length
// is known, no claim is read before the signature is verified.
func opened(ctx context.Context, raw string, keys KeyFinder, algs []Alg, typs ...string) ([]byte, error) {
	if len(raw) > MaxLength {
		return nil, refused("it is too long")
	}
	h, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	// RFC 8725 §3.11: the kind of a token is part of what is checked, so that an ID
	// token is no access token. RFC 7515 §4.1.9: "application/" may be left out.
	if !slices.Contains(typs, strings.TrimPrefix(strings.ToLower(h.typ), "application/")) {
		return nil, refused("its typ is another one")
	}
	key, err := keys.FindKey(ctx, h.kid)
	if errors.Is(err, ErrUnknownKey) {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, ErrUnknownKey)
	}
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	if h.alg == ed25519Name && key.Alg == EdDSA && (algs == nil || slices.Contains(algs, EdDSA)) {
		return openedEd25519(raw, key.Key)
	}
	// RFC 8725 §3.1: the key says which algorithm is right, never the token.
	parser := parsers[key.Alg]
	if h.alg != string(key.Alg) || parser == nil || algs != nil && !slices.Contains(algs, key.Alg) {
		return nil, refused("its alg is another one")
	}
	var body payload
	if _, err := parser.ParseWithClaims(raw, &body, func(*jwt.Token) (any, error) { return key.Key, nil }); err != nil {
		return nil, refused("its signature or form is wrong") // the cause quotes the token
	}
	return body.json, nil
}

// ed25519Name is what RFC 9864 calls EdDSA with this curve. golang-jwt does not know the
// name, and newer clients sign with no other.
const ed25519Name = "Ed25519"

func openedEd25519(raw string, key any) ([]byte, error) {
	public, ok := key.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, refused("its alg is another one")
	}
	end := strings.LastIndexByte(raw, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(raw[end+1:])
	if err != nil || !ed25519.Verify(public, []byte(raw[:end]), signature) {
		return nil, refused("its signature or form is wrong")
	}
	_, middle, _ := strings.Cut(raw[:end], ".")
	body, err := base64.RawURLEncoding.Strict().DecodeString(middle)
	if err != nil {
		return nil, refused("its signature or form is wrong")
	}
	return body, nil
}

// inTime checks exp, iat and nbf against the clock.
func (v *Verifier) inTime(c *Claims) error {
	now := v.now()
	switch {
	case c.IssuedAt.After(now.Add(v.Leeway + clockSkew)):
		return refused("iat is in the future")
	case c.notBefore.After(now.Add(v.Leeway + clockSkew)):
		return refused("nbf is in the future")
	case !now.Before(c.ExpiresAt.Add(v.Leeway)):
		return ErrExpired // RFC 7519 §4.1.4: on or after exp
	}
	return nil
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// parsers verify signatures with golang-jwt, each for one algorithm only. What
// the library checks of claims is skipped: by default it wants neither exp nor a
// past iat, and it reads claims before it has verified the signature. Without
// WithStrictDecoding an RS256 token has fifteen more spellings. (An ECDSA signature
// always has a second one, so a list of denied tokens must go by jti.)
var parsers = func() map[Alg]*jwt.Parser {
	p := map[Alg]*jwt.Parser{}
	for alg := range methods {
		p[alg] = jwt.NewParser(jwt.WithValidMethods([]string{string(alg)}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	}
	return p
}()

// payload keeps the claims as bytes until the signature is verified.
type payload struct {
	jwt.MapClaims // only for its methods; nil
	json          []byte
}

// UnmarshalJSON keeps b.
func (p *payload) UnmarshalJSON(b []byte) error {
	p.json = append([]byte(nil), b...)
	return nil
}

// refused is ErrInvalid with a reason in fixed words: nothing of the token is in it.
func refused(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }
