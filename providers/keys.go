package providers

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys = 50

	keysFresh = 10 * time.Minute // then they are fetched again before use
	keysLife  = 15 * time.Minute // then an unrefreshed key is dead: it may have been withdrawn

	unknownRest = 60 * time.Second // between two fetches because of a key that we do not have
)

// keySet are the upstream's signing keys. It stands in for go-oidc's own remote
// set, which has no cooldown, no limits and quotes the upstream in its errors.
type keySet struct {
	kept kept[[]signingKey]

	mu        sync.Mutex
	unknown   time.Time // before it no unknown key of a login causes another fetch
	strangers time.Time // nor one of a token that anybody could bring
}

type signingKey struct {
	id  string
	alg string // the only algorithm it may be used with; "": any of its family
	jwk jose.JSONWebKey
}

// verify finds the key of a signed token and returns the signed bytes.
func (s *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, *Error) {
	return s.verifyAt(ctx, jws, &s.unknown)
}

// verifyOfStranger is verify for a token that came from anywhere, and not from the
// upstream's own endpoint: with forged ones nobody keeps a login from learning that
// the upstream has new keys.
func (s *keySet) verifyOfStranger(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, *Error) {
	return s.verifyAt(ctx, jws, &s.strangers)
}

func (s *keySet) verifyAt(ctx context.Context, jws *jose.JSONWebSignature, rest *time.Time) ([]byte, *Error) {
	head := jws.Signatures[0].Header
	for range 3 { // each round has seen newer keys than the last
		keys, turn, err := s.current(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if k.id != head.KeyID || k.alg != "" && k.alg != head.Algorithm || !family(k.jwk.Key, head.Algorithm) {
				continue
			}
			if payload, err := jws.Verify(&k.jwk); err == nil {
				return payload, nil
			}
		}
		// OpenID Connect Core §10.1.1: an unknown key may be a new one.
		newer, err := s.newer(ctx, turn, rest)
		if err != nil {
			return nil, err
		}
		if !newer {
			break
		}
	}
	return nil, broken("the token is signed by none of the upstream's keys")
}

// current returns keys that are young enough, and their turn.
func (s *keySet) current(ctx context.Context) ([]signingKey, int, *Error) {
	v := s.kept.look()
	usable := v.turn > 0 && v.age <= keysLife
	if usable && v.age <= keysFresh {
		return v.value, v.turn, nil
	}
	if v.failure != nil && v.rest <= failureRest && !v.running {
		if usable {
			return v.value, v.turn, nil
		}
		return nil, 0, v.failure
	}
	if err := s.kept.start(ctx).wait(ctx); err != nil && !usable {
		return nil, 0, err
	}
	v = s.kept.look()
	return v.value, v.turn, nil
}

// newer tells whether there are newer keys than those of a turn; it fetches at
// most once a minute, a little apart on each node, however many unknown keys come.
func (s *keySet) newer(ctx context.Context, turn int, rest *time.Time) (bool, *Error) {
	v := s.kept.look()
	if v.turn != turn {
		return true, nil
	}
	if !v.running && !s.mayFetch(rest) {
		return false, nil
	}
	if err := s.kept.start(ctx).wait(ctx); err != nil {
		return false, err
	}
	return s.kept.look().turn != turn, nil
}

func (s *keySet) mayFetch(rest *time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.kept.now()
	if now.Before(*rest) {
		return false
	}
	*rest = now.Add(unknownRest + rand.N(unknownRest/10))
	return true
}

// fetchKeys loads the key set (RFC 7517 §5).
func (u *upstream) fetchKeys(ctx context.Context) ([]signingKey, *Error) {
	m, err := u.metadata(ctx)
	if err != nil {
		return nil, err
	}
	body, err := u.get(ctx, "the key set", m.keysURL, maxBody, "")
	u.heard(err)
	if err != nil {
		return nil, err
	}
	return readKeys(body, u.settings.Algs)
}

// readKeys takes the usable keys of a set and skips the others, as RFC 7517 §5
// asks; a set that has none is an error.
func readKeys(body []byte, algs []string) ([]signingKey, *Error) {
	if err := StrictJSON(body); err != nil {
		return nil, &Error{ServerError, "the key set is not a strict JSON object", err}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, broken("the key set has no list of keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, broken("the key set has more than 50 keys")
	}
	var keys []signingKey
	for _, raw := range set.Keys {
		if k, ok := readKey(raw, algs); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, broken("the key set has no usable signing key")
	}
	return keys, nil
}

func readKey(raw []byte, algs []string) (signingKey, bool) {
	m, err := readObject(raw)
	if err != nil {
		return signingKey{}, false
	}
	for _, private := range []string{"k", "d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, there := m[private]; there {
			return signingKey{}, false // a secret that everybody can read signs nothing
		}
	}
	if use, there := m["use"]; there && use != "sig" {
		return signingKey{}, false
	}
	if ops, there := m["key_ops"]; there && !slices.Contains(texts(ops), "verify") {
		return signingKey{}, false
	}
	alg, isText := m["alg"].(string)
	if _, there := m["alg"]; there && (!isText || !slices.Contains(algs, alg)) {
		return signingKey{}, false
	}
	if n, _ := m["n"].(string); len(n) > 700 { // 4096 bits are 683 characters: no bigger number is even built
		return signingKey{}, false
	}
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(raw) != nil || !jwk.Valid() || !strong(jwk.Key) {
		return signingKey{}, false
	}
	return signingKey{id: jwk.KeyID, alg: alg, jwk: jwk}, true
}

// strong holds for RSA of 2048 to 4096 bits (go-jose knows no bigger) with an odd exponent from 3, for
// P-256 and P-384, and for Ed25519.
func strong(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return bits >= 2048 && bits <= 4096 && k.N.Bit(0) == 1 && k.E >= 3 && k.E <= 1<<31-1 && k.E%2 == 1
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize
	default:
		return false
	}
}

// family holds when a key can be used with an algorithm at all (RFC 7518 §3).
func family(key any, alg string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256() || alg == "ES384" && k.Curve == elliptic.P384()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	default:
		return false
	}
}
