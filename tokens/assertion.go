package tokens

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// MaxAssertionTTL is how far ahead the exp of an assertion may be. Its jti has to be
// remembered until then, so a day would be a way to fill the memory.
const MaxAssertionTTL = 5 * time.Minute

// assertionSkew is how far a client's clock may be ahead of ours.
const assertionSkew = 30 * time.Second

// Assertion is a verified statement of a client about itself.
type Assertion struct {
	ID        string    // jti: whoever accepts it remembers this until ExpiresAt
	ExpiresAt time.Time // no later than MaxAssertionTTL and a little from now
}

// AssertionVerifier checks what clients sign to prove who they are (private_key_jwt:
// RFC 7523 §3, OpenID Connect Core §9). It is as strict as Verifier, and safe for
// concurrent use.
type AssertionVerifier struct {
	Audience string           // the issuer, which an assertion names as one string
	Now      func() time.Time // nil is time.Now
}

// AssertionAlgs are the algorithms that a client may sign with, for discovery.
func AssertionAlgs() []string {
	return []string{string(ES256), string(RS256), string(PS256), string(EdDSA), ed25519Name}
}

// ErrAssertion refuses an assertion whose signature is right: by then its client may be
// told why. Everything before is only ErrInvalid.
var ErrAssertion = errors.New("the assertion is not acceptable")

// Verify checks an assertion of one client by its keys. The caller refuses an
// Assertion.ID that it has seen before.
//
// When keys has no key of that kid, a signature is verified all the same, by a key that
// nobody has: so a client that does not exist, with KeySet{}, costs the same work.
func (v *AssertionVerifier) Verify(ctx context.Context, raw, clientID string, keys KeyFinder) (*Assertion, error) {
	if len(raw) > MaxLength {
		return nil, refused("it is too long")
	}
	h, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	// RFC 7523 asks for no typ; its successor wants the last one.
	alg := Alg(h.alg)
	if h.alg == ed25519Name {
		alg = EdDSA
	}
	body, err := opened(ctx, raw, orDecoy{keys, alg}, nil, "", "jwt", "client-authentication+jwt")
	if err != nil {
		return nil, err
	}
	all, err := strictObject(body)
	if err != nil {
		return nil, refused("its claims are not strict JSON")
	}
	r := reader{all: all}
	iss, sub, aud, jti := r.text("iss"), r.text("sub"), r.text("aud"), r.text("jti")
	exp, iat, nbf := r.time("exp"), r.time("iat"), r.time("nbf")
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	ahead := now().Add(assertionSkew)
	switch {
	case r.odd == "aud" || aud != v.Audience || aud == "":
		// A list could name another server too, which could then use the assertion here.
		return nil, unacceptable("its aud must be the issuer, as one string")
	case r.odd != "":
		return nil, unacceptable("a claim has the wrong type: " + r.odd)
	case iss != clientID || sub != clientID || clientID == "":
		return nil, unacceptable("its iss and sub must be the client_id")
	case jti == "":
		return nil, unacceptable("its jti is missing")
	case exp.IsZero() || !now().Before(exp):
		return nil, unacceptable("its exp is missing or past")
	case exp.After(ahead.Add(MaxAssertionTTL)):
		return nil, unacceptable("its exp is more than 5 minutes ahead")
	case iat.After(ahead) || nbf.After(ahead):
		return nil, unacceptable("its iat or nbf is in the future")
	}
	return &Assertion{ID: jti, ExpiresAt: exp}, nil
}

func unacceptable(why string) error { return &assertionFault{why} }

// assertionFault is ErrAssertion and ErrInvalid with a reason in fixed words.
type assertionFault struct{ why string }

func (f *assertionFault) Error() string   { return f.why }
func (f *assertionFault) Unwrap() []error { return []error{ErrAssertion, ErrInvalid} }

// UnverifiedSubject reads whom an assertion claims to come from, or "". Nothing is
// proven by it: it is right for one thing only, finding the keys that Verify needs.
func UnverifiedSubject(raw string) string {
	if len(raw) > MaxLength || !compact(raw) {
		return ""
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		return ""
	}
	all, err := strictObject(b)
	if err != nil {
		return ""
	}
	sub, _ := all["sub"].(string)
	return sub
}

// orDecoy finds a key that verifies nothing where there is none.
type orDecoy struct {
	keys KeyFinder
	alg  Alg
}

func (d orDecoy) FindKey(ctx context.Context, kid string) (PublicKey, error) {
	key, err := d.keys.FindKey(ctx, kid)
	if errors.Is(err, ErrUnknownKey) {
		if decoy, ok := decoys()[d.alg]; ok {
			return decoy, nil
		}
	}
	return key, err
}

// decoys are keys whose private halves were never kept, or never existed.
var decoys = sync.OnceValue(func() map[Alg]PublicKey {
	keys := map[Alg]PublicKey{}
	if k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
		keys[ES256] = PublicKey{Alg: ES256, Key: &k.PublicKey}
	}
	if pub, _, err := ed25519.GenerateKey(rand.Reader); err == nil {
		keys[EdDSA] = PublicKey{Alg: EdDSA, Key: pub}
	}
	modulus := make([]byte, 256)
	rand.Read(modulus)
	modulus[0] |= 0x80   // 2048 bits
	modulus[255] |= 0x01 // and odd: of unknown factors, and good enough to compute with
	rsaKey := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	keys[RS256], keys[PS256] = PublicKey{Alg: RS256, Key: rsaKey}, PublicKey{Alg: PS256, Key: rsaKey}
	return keys
})
