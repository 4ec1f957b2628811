package tokens

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// PublicKey is the half that verifies, bound to its one algorithm.
type PublicKey struct {
	ID  string
	Alg Alg
	Key crypto.PublicKey
}

// KeyFinder finds the public key that a token's kid names.
type KeyFinder interface {
	// FindKey returns ErrUnknownKey when no such key is trusted.
	FindKey(ctx context.Context, kid string) (PublicKey, error)
}

// ErrUnknownKey means that no trusted key has this kid.
var ErrUnknownKey = errors.New("no trusted key has this kid")

// Ring holds the signing keys of a node: parsed once, swapped as a whole. The
// key set document is ready bytes, made when the keys change.
type Ring struct{ now atomic.Pointer[ring] }

type ring struct {
	sign map[Alg]*signingKey
	find map[string]PublicKey
	algs []Alg
	jwks []byte
	etag string
}

// NewRing returns a ring of keys; at least one must be active.
func NewRing(keys ...*Key) (*Ring, error) {
	r := &Ring{}
	if err := r.Swap(keys); err != nil {
		return nil, err
	}
	return r, nil
}

// Swap replaces all keys at once. On an error the old ones stay.
func (r *Ring) Swap(keys []*Key) error {
	next := &ring{sign: map[Alg]*signingKey{}, find: map[string]PublicKey{}}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if k.State == Gone {
			continue
		}
		if _, twice := next.find[k.ID]; twice {
			return fmt.Errorf("two keys with kid %s", k.ID)
		}
		if !fits(k.Alg, k.Private.Public()) {
			return fmt.Errorf("key %s: %w", k.ID, ErrWeakKey)
		}
		next.find[k.ID] = PublicKey{ID: k.ID, Alg: k.Alg, Key: k.Private.Public()}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Alg), Use: "sig"})
		if k.State == Active {
			if next.sign[k.Alg] != nil {
				return fmt.Errorf("two active %s keys", k.Alg)
			}
			next.sign[k.Alg] = newSigningKey(k)
			next.algs = append(next.algs, k.Alg)
		}
	}
	if len(next.sign) == 0 {
		return errors.New("no active signing key")
	}
	var err error
	if next.jwks, err = json.Marshal(set); err != nil {
		return err
	}
	sum := sha256.Sum256(next.jwks)
	next.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	r.now.Store(next)
	return nil
}

// Algs lists what the ring can sign with now.
func (r *Ring) Algs() []Alg { return slices.Clone(r.now.Load().algs) }

// JWKS returns the public key set (RFC 7517 §5) and its entity tag. The bytes are
// shared: do not write into them.
func (r *Ring) JWKS() (body []byte, etag string) {
	now := r.now.Load()
	return now.jwks, now.etag
}

// FindKey finds a published key: next, active or retiring. It never leaves memory.
func (r *Ring) FindKey(_ context.Context, kid string) (PublicKey, error) {
	k, ok := r.now.Load().find[kid]
	if !ok {
		return PublicKey{}, ErrUnknownKey
	}
	return k, nil
}

// signer returns the active key of the algorithm asked for. Nobody asked: the
// usual one, or whatever the operator configured instead of it.
func (r *Ring) signer(asked, usual Alg) (*signingKey, error) {
	now := r.now.Load()
	if asked != "" {
		if k := now.sign[asked]; k != nil {
			return k, nil
		}
		return nil, fmt.Errorf("no active %s key", asked)
	}
	if k := now.sign[usual]; k != nil {
		return k, nil
	}
	return now.sign[now.algs[0]], nil
}

// signingKey is an active key with everything that its tokens share.
type signingKey struct {
	*Key
	method       jwt.SigningMethod
	sigLen       int    // of the signature, in base64url
	accessHeader string // encoded, with the dot: `{"alg":…,"typ":"at+jwt","kid":…}.`
	idHeader     string
	logoutHeader string
}

func newSigningKey(k *Key) *signingKey {
	sig := 64 // ES256 (RFC 7518 §3.4) and Ed25519
	if pub, ok := k.Private.Public().(*rsa.PublicKey); ok {
		sig = pub.Size()
	}
	s := &signingKey{Key: k, method: methods[k.Alg], sigLen: base64.RawURLEncoding.EncodedLen(sig)}
	header := func(typ string) string {
		// Nothing here needs escaping: alg and typ are ours, kid is base64url.
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+string(k.Alg)+`","typ":"`+typ+`","kid":"`+k.ID+`"}`)) + "."
	}
	s.accessHeader, s.idHeader, s.logoutHeader = header("at+jwt"), header("JWT"), header("logout+jwt")
	return s
}

// methods are the signatures of golang-jwt that we use, one for each algorithm.
var methods = map[Alg]jwt.SigningMethod{
	ES256: jwt.SigningMethodES256,
	RS256: jwt.SigningMethodRS256,
	PS256: jwt.SigningMethodPS256,
	EdDSA: jwt.SigningMethodEdDSA,
}

// size is that of a token with so many bytes of claims.
func (k *signingKey) size(header string, claims int) int {
	return len(header) + base64.RawURLEncoding.EncodedLen(claims) + 1 + k.sigLen
}

// sign returns the finished token (RFC 7515 §7.1).
func (k *signingKey) sign(header string, claims []byte) (string, error) {
	b := make([]byte, 0, k.size(header, len(claims)))
	b = append(b, header...)
	b = base64.RawURLEncoding.AppendEncode(b, claims)
	sig, err := k.method.Sign(string(b), k.Private)
	if err != nil {
		return "", fmt.Errorf("sign with %s key %s: %w", k.Alg, k.ID, err)
	}
	b = append(b, '.')
	return string(base64.RawURLEncoding.AppendEncode(b, sig)), nil
}
