package persona

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"sync"
)

// signingKey is one RSA key; all four vendors sign with RS256.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// keyring holds the keys of one persona. The first key is made when it is
// first needed: making one takes a tenth of a second.
type keyring struct {
	mu        sync.Mutex
	keys      []*signingKey // published; the last one signs
	withdrawn *signingKey   // published once
	private   *signingKey   // never published: what Okta's org server signs access tokens with
}

func (k *keyring) signer() *signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lockedSigner()
}

func (k *keyring) lockedSigner() *signingKey {
	if len(k.keys) == 0 {
		k.keys = append(k.keys, newKey())
	}
	return k.keys[len(k.keys)-1]
}

func (k *keyring) unpublished() *signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.private == nil {
		k.private = newKey()
	}
	return k.private
}

func (k *keyring) published() []*signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockedSigner()
	return append([]*signingKey(nil), k.keys...)
}

func (k *keyring) rotate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockedSigner()
	k.keys = append(k.keys, newKey())
}

func (k *keyring) withdraw() {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := k.lockedSigner()
	if len(k.keys) > 1 {
		k.withdrawn = k.keys[len(k.keys)-2]
	}
	k.keys = []*signingKey{last}
}

// formerSigner is the key that was withdrawn last, or one that never was.
func (k *keyring) formerSigner() *signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.withdrawn == nil {
		k.withdrawn = newKey()
	}
	return k.withdrawn
}

func (k *keyring) swap() {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.lockedSigner()
	fresh := newKey()
	fresh.id = old.id
	k.keys[len(k.keys)-1] = fresh
}

func newKey() *signingKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Sprintf("persona: make an RSA key: %v", err)) // the machine has no randomness
	}
	return &signingKey{id: random(20), private: private}
}

// strangerKey is the attacker's key: one for the whole process, published by
// nobody but the canary.
var strangerKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey().private })

func publicJWK(id string, key *rsa.PublicKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
		"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes()),
	}
}

// jwks answers with the public keys.
func (p *Persona) jwks(w http.ResponseWriter, _ *http.Request) {
	fault := p.faults.Current()
	keys := []any{}
	if fault.ExtraKeys > 0 {
		n := make([]byte, 256)
		_, _ = rand.Read(n)
		n[0], n[255] = n[0]|0x80, n[255]|1
		for i := range fault.ExtraKeys {
			keys = append(keys, map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": fmt.Sprintf("useless-%d", i), "n": b64(n), "e": "AQAB"})
		}
	}
	if !fault.DropKeys {
		for _, k := range p.keys.published() {
			keys = append(keys, publicJWK(k.id, &k.private.PublicKey))
		}
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// random is n letters of base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b64(b)[:n]
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// compactJSON is JSON without HTML escapes and without a line break.
func compactJSON(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("persona: a claim that is no JSON: %v", err)) // a test's own mistake
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(compactJSON(v))
}
