package tokens

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	jose "github.com/go-jose/go-jose/v4"
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
	sign map[Alg]*Key
	find map[string]PublicKey
	algs []Alg
	jwks []byte
	etag string
}

// NewRing returns a ring of keys; at least one must be active.
func NewRing(keys ...*Key) (*Ring, error) {
	r := &Ring{}
	return r, r.Swap(keys)
}

// Swap replaces all keys at once. On an error the old ones stay.
func (r *Ring) Swap(keys []*Key) error {
	next := &ring{sign: map[Alg]*Key{}, find: map[string]PublicKey{}}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if k.State == Gone {
			continue
		}
		if _, twice := next.find[k.ID]; twice {
			return fmt.Errorf("two keys with kid %s", k.ID)
		}
		next.find[k.ID] = PublicKey{ID: k.ID, Alg: k.Alg, Key: k.Private.Public()}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Alg), Use: "sig"})
		if k.State == Active {
			if next.sign[k.Alg] != nil {
				return fmt.Errorf("two active %s keys", k.Alg)
			}
			next.sign[k.Alg] = k
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
func (r *Ring) Algs() []Alg { return r.now.Load().algs }

// JWKS returns the public key set (RFC 7517 §5) and its entity tag.
func (r *Ring) JWKS() (body []byte, etag string) {
	now := r.now.Load()
	return now.jwks, now.etag
}

// FindKey finds a published key: next, active or retiring.
func (r *Ring) FindKey(_ context.Context, kid string) (PublicKey, error) {
	k, ok := r.now.Load().find[kid]
	if !ok {
		return PublicKey{}, ErrUnknownKey
	}
	return k, nil
}

// signer returns the active key of an algorithm.
func (r *Ring) signer(alg Alg) (*Key, error) {
	k := r.now.Load().sign[alg]
	if k == nil {
		return nil, fmt.Errorf("no active %s key", alg)
	}
	return k, nil
}
