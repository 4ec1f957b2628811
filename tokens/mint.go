package tokens

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// How long tokens live when nobody says otherwise, and at most. A JWT is believed
// until it expires, so this is also how long a revoked one may still be used at
// an API that only verifies offline.
const (
	DefaultAccessTTL = 5 * time.Minute
	DefaultIDTTL     = 10 * time.Minute
	MaxTTL           = time.Hour
)

// MaxMinted is the size that no token of ours exceeds: with it a request's
// headers stay below the 8 KiB that proxies commonly allow.
const MaxMinted = 6 << 10

// Reasons for which a Mint coins nothing.
var (
	// ErrIncomplete means that a grant forgot something that every token needs.
	ErrIncomplete = errors.New("the grant is incomplete")
	// ErrTooLarge means that the claims do not fit into MaxMinted, even without groups.
	ErrTooLarge = errors.New("the claims are too large for a token")
	// ErrKeyEnds means that the token would outlive the key that verifies it: this
	// node missed a rotation.
	ErrKeyEnds = errors.New("the signing key ends before the token would")
)

// Mint coins tokens for one issuer. It is the only place that signs.
type Mint struct {
	Issuer string
	Ring   *Ring
	Now    func() time.Time // nil is time.Now

	AccessTTL time.Duration // 0 is DefaultAccessTTL
	IDTTL     time.Duration // 0 is DefaultIDTTL
}

// Access coins an access token (RFC 9068) and says how long it lives. Its jti is
// the grant's id, a dot and 128 random bits.
func (m *Mint) Access(ctx context.Context, g Granted) (raw string, ttl time.Duration, err error) {
	if m.Issuer == "" || g.Subject == "" || g.ClientID == "" || len(g.Audience) == 0 {
		return "", 0, fmt.Errorf("%w: an access token needs issuer, subject, client and audience", ErrIncomplete)
	}
	k, err := m.Ring.signer(g.Alg, ES256)
	if err != nil {
		return "", 0, err
	}
	iat, ttl := m.span(g.TTL, m.AccessTTL, DefaultAccessTTL)
	raw, err = coin(ctx, k, k.accessHeader, iat.Add(ttl), accessToken{
		Issuer:        m.Issuer,
		Subject:       g.Subject,
		Audience:      oneOrMany(g.Audience),
		Expires:       iat.Add(ttl).Unix(),
		IssuedAt:      iat.Unix(),
		ID:            newJTI(g.GrantID),
		ClientID:      g.ClientID,
		Scope:         strings.Join(g.Scopes, " "),
		Roles:         g.Roles,
		sessionClaims: signIn(g, iat),
	}, unreserved(g.Claims))
	return raw, ttl, err
}

// ID coins an ID token (OpenID Connect Core §2) for the client of a grant.
func (m *Mint) ID(ctx context.Context, g Granted, id IDToken) (string, error) {
	if m.Issuer == "" || g.Subject == "" || g.ClientID == "" {
		return "", fmt.Errorf("%w: an ID token needs issuer, subject and client", ErrIncomplete)
	}
	k, err := m.Ring.signer(id.Alg, RS256)
	if err != nil {
		return "", err
	}
	iat, ttl := m.span(id.TTL, m.IDTTL, DefaultIDTTL)
	return coin(ctx, k, k.idHeader, iat.Add(ttl), idToken{
		Issuer:        m.Issuer,
		Subject:       g.Subject,
		Audience:      g.ClientID,
		Azp:           g.ClientID,
		Expires:       iat.Add(ttl).Unix(),
		IssuedAt:      iat.Unix(),
		Nonce:         id.Nonce,
		AtHash:        atHash(k.Alg, id.AccessToken),
		sessionClaims: signIn(g, iat),
	}, unreserved(id.Claims, "roles")) // a client may ask for roles; what they are is the grant's word
}

// The wire forms. Field order is what a person reads first when they decode one.
type (
	accessToken struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience any      `json:"aud"`
		Expires  int64    `json:"exp"`
		IssuedAt int64    `json:"iat"`
		ID       string   `json:"jti"`
		ClientID string   `json:"client_id"`
		Scope    string   `json:"scope,omitempty"` // RFC 8693 §4.2: one string
		Roles    []string `json:"roles,omitempty"` // RFC 9068 §2.2.3.1
		sessionClaims
	}
	idToken struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		Azp      string `json:"azp"`
		Expires  int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
		Nonce    string `json:"nonce,omitempty"`
		AtHash   string `json:"at_hash,omitempty"`
		sessionClaims
	}
	// sessionClaims is what both kinds say about the sign-in.
	sessionClaims struct {
		SID      string   `json:"sid,omitempty"`
		AuthTime int64    `json:"auth_time,omitempty"`
		ACR      string   `json:"acr,omitempty"`
		AMR      []string `json:"amr,omitempty"`
	}
)

func signIn(g Granted, iat time.Time) sessionClaims {
	s := sessionClaims{SID: g.SessionID, ACR: g.ACR, AMR: g.AMR}
	if !g.AuthTime.IsZero() {
		s.AuthTime = min(g.AuthTime.Unix(), iat.Unix()) // another node's clock may be ahead of ours
	}
	return s
}

// span returns when a token begins and how long it lives, both in whole seconds:
// rounded down, so that a token is never from the future (RFC 7519 §2 would
// allow fractions, but some libraries refuse them).
func (m *Mint) span(asked, usual, fallback time.Duration) (iat time.Time, ttl time.Duration) {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	for _, d := range []time.Duration{asked, usual, fallback} {
		if d > 0 {
			ttl = d
			break
		}
	}
	return now().Truncate(time.Second), min(max(ttl.Truncate(time.Second), time.Second), MaxTTL)
}

// coin joins the claims, and signs them unless they are too large.
func coin(ctx context.Context, k *signingKey, header string, expires time.Time, own any, extra map[string]any) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err // nobody waits for it: spare the signature
	}
	if !k.GoneAt.IsZero() && expires.After(k.GoneAt) {
		return "", fmt.Errorf("%w: %s key %s ends at %s", ErrKeyEnds, k.Alg, k.ID, k.GoneAt.UTC().Format(time.RFC3339))
	}
	claims, err := merge(own, extra)
	if err != nil {
		return "", err
	}
	if size := k.size(header, len(claims)); size > MaxMinted {
		if claims, err = merge(own, withoutGroups(extra)); err != nil {
			return "", err
		}
		if size = k.size(header, len(claims)); size > MaxMinted {
			return "", fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, size, MaxMinted)
		}
	}
	return k.sign(header, claims)
}

// merge writes own claims and extra ones as one JSON object. Their names differ:
// the reserved ones were taken from extra.
func merge(own any, extra map[string]any) ([]byte, error) {
	claims, err := json.Marshal(own)
	if err != nil || len(extra) == 0 {
		return claims, err
	}
	more, err := json.Marshal(extra)
	if err != nil {
		return nil, fmt.Errorf("write extra claims: %w", err)
	}
	claims[len(claims)-1] = ','
	return append(claims, more[1:]...), nil
}

// withoutGroups leaves out the whole list of groups and says so. Half a list would
// be worse than none: an API could not tell it from a whole one.
func withoutGroups(extra map[string]any) map[string]any {
	less := make(map[string]any, len(extra)+1)
	for name, value := range extra {
		if name == "groups" {
			name, value = "groups_overflow", true
		}
		less[name] = value
	}
	return less
}

// oneOrMany writes a single audience as a string (RFC 7519 §4.1.3).
func oneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func newJTI(grantID string) string {
	var random [16]byte
	rand.Read(random[:]) // never fails: the runtime stops the process instead
	id := base64.RawURLEncoding.EncodeToString(random[:])
	if grantID == "" {
		return id
	}
	return grantID + "." + id
}

// atHash is the left half of the access token's hash, with the hash function of
// the ID token's own algorithm (OpenID Connect Core §3.1.3.6). Ed25519 hashes
// with SHA-512 inside, and that is what other libraries use for it.
func atHash(alg Alg, accessToken string) string {
	if accessToken == "" {
		return ""
	}
	if alg == EdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
