// Package tokens mints and verifies the stamp: it owns signing keys in memory,
// the JWT wire format and every check on a token we are shown.
//
//	Granted ──▶ Mint ──▶ JWT ┄┄ the world ┄┄▶ Verifier ──▶ Claims
//	             │                               │
//	           Ring (private) ──▶ JWKS ──▶ KeyFinder (public): Ring, KeySet, RemoteKeys
//
// No HTTP, no SQL, no gin: storage keeps the keys, the broker serves the JWKS.
package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Alg is a JWS algorithm that we sign with (RFC 7518 §3, RFC 8037).
type Alg string

// The algorithms of a signing key. Each key has exactly one (RFC 8725 §3.1).
const (
	ES256 Alg = "ES256"
	RS256 Alg = "RS256"
	PS256 Alg = "PS256"
	EdDSA Alg = "EdDSA"
)

// State is where a key stands: published before it signs, kept after it stopped.
type State string

// A key's life: next → active → retiring → gone.
const (
	Next     State = "next"
	Active   State = "active"
	Retiring State = "retiring"
	Gone     State = "gone"
)

// Key is a signing key. It never prints its private half.
type Key struct {
	ID      string // RFC 7638 thumbprint
	Alg     Alg
	State   State
	Private crypto.Signer

	CreatedAt, ActiveAt, RetireAt, GoneAt time.Time
}

// String names the key without its secret.
func (k *Key) String() string { return fmt.Sprintf("%s key %s (%s)", k.Alg, k.ID, k.State) }

// GoString keeps %#v from printing the private key.
func (k *Key) GoString() string { return k.String() }

// ErrWeakKey refuses a key below today's strength.
var ErrWeakKey = errors.New("the key is too weak or of the wrong kind for its algorithm")

// NewKey makes a key; RSA keys have 2048 bits.
func NewKey(alg Alg) (*Key, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case ES256:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256, PS256:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case EdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("unknown algorithm %q", alg)
	}
	if err != nil {
		return nil, err
	}
	return wrap(alg, signer)
}

// MarshalPKCS8 returns the private key for sealing at rest.
func (k *Key) MarshalPKCS8() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.Private) }

// ParseKey reads a key that MarshalPKCS8 wrote.
func ParseKey(alg Alg, pkcs8 []byte) (*Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, errors.New("the stored key is not PKCS #8") // the cause could quote key bytes
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, ErrWeakKey
	}
	return wrap(alg, signer)
}

func wrap(alg Alg, signer crypto.Signer) (*Key, error) {
	if !fits(alg, signer.Public()) {
		return nil, ErrWeakKey
	}
	jwk := jose.JSONWebKey{Key: signer.Public()}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return &Key{ID: base64.RawURLEncoding.EncodeToString(sum), Alg: alg, State: Active, Private: signer}, nil
}

// fits tells whether a public key is of the kind and strength its algorithm needs.
func fits(alg Alg, pub crypto.PublicKey) bool {
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		return alg == ES256 && p.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return (alg == RS256 || alg == PS256) && p.N.BitLen() >= 2048 && p.N.BitLen() <= 8192 && p.E >= 3 && p.E%2 == 1
	case ed25519.PublicKey:
		return alg == EdDSA && len(p) == ed25519.PublicKeySize
	}
	return false
}
