package tokens

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
)

// Limits on a key set that somebody else wrote.
const (
	maxKeySetBytes = 256 << 10
	maxKeySetKeys  = 50
)

// KeySet is a fixed set of public keys by kid, as read from a JWKS document.
type KeySet map[string]PublicKey

// FindKey finds a key of the set.
func (s KeySet) FindKey(_ context.Context, kid string) (PublicKey, error) {
	k, ok := s[kid]
	if !ok {
		return PublicKey{}, ErrUnknownKey
	}
	return k, nil
}

// ErrKeySet refuses a document that is no usable key set.
var ErrKeySet = errors.New("the key set is not usable")

// ParseKeySet reads a JWKS document (RFC 7517 §5). A key that we cannot or should
// not use is skipped, as the RFC asks: an encryption or a symmetric key, a
// private one, one without kid, one too weak or absurdly large. When two keys
// share a kid, neither is trusted. It is an error if no key is left.
func ParseKeySet(body []byte) (KeySet, error) {
	if len(body) > maxKeySetBytes {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrKeySet, maxKeySetBytes)
	}
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON", ErrKeySet) // the cause could quote it at length
	}
	if len(doc.Keys) > maxKeySetKeys {
		return nil, fmt.Errorf("%w: it has more than %d keys", ErrKeySet, maxKeySetKeys)
	}
	set, twice := KeySet{}, map[string]bool{}
	for _, raw := range doc.Keys {
		k, ok := readJWK(raw)
		if !ok {
			continue
		}
		if _, there := set[k.ID]; there {
			twice[k.ID] = true
		}
		set[k.ID] = k
	}
	for kid := range twice {
		delete(set, kid)
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%w: it has no key for signatures that we know", ErrKeySet)
	}
	return set, nil
}

// readJWK reads one public signature key. go-jose checks that a point is on its curve.
func readJWK(raw []byte) (PublicKey, bool) {
	var j jose.JSONWebKey
	if err := j.UnmarshalJSON(raw); err != nil || !j.IsPublic() || !j.Valid() {
		return PublicKey{}, false
	}
	if j.Use != "" && j.Use != "sig" || j.KeyID == "" || len(j.KeyID) > 128 {
		return PublicKey{}, false
	}
	alg := Alg(j.Algorithm)
	switch alg {
	case "":
		alg = usualAlg(j.Key)
	case ed25519Name:
		alg = EdDSA // RFC 9864 §2.2: the same under another name
	}
	return PublicKey{ID: j.KeyID, Alg: alg, Key: j.Key}, fits(alg, j.Key)
}

// usualAlg is the algorithm of a key that does not name one (RFC 7517 §4.4).
func usualAlg(key any) Alg {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return ES256
		}
	case *rsa.PublicKey:
		return RS256
	case ed25519.PublicKey:
		return EdDSA
	}
	return ""
}
