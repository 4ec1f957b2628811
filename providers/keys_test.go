package providers

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestU22_UnknownKeysCauseOneFetchAMinute(t *testing.T) {
	e := newEvil(t)
	ec := newECKey()
	e.rotate(evilKey{"e1", jose.ES256, ec})
	p := e.provider("oidc")
	if _, err := e.login(p); err != nil {
		t.Fatal(err)
	}
	flood := func(n int) {
		before := e.count("/jwks")
		var next atomic.Int32
		e.idToken = func(_ string, c map[string]any) string {
			return signWith(evilKey{fmt.Sprint("random", next.Add(1)), jose.ES256, ec}, must(json.Marshal(c)), nil)
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range n / 10 {
					if _, err := e.login(p); err == nil {
						t.Error("a token of an unknown key was taken")
					}
				}
			})
		}
		wg.Wait()
		e.idToken = nil
		if got := e.count("/jwks") - before; got > 1 {
			t.Errorf("%d fetches of the keys during %d bad logins, want 1", got, n)
		}
	}
	flood(1000)
	if _, err := e.login(p); err != nil {
		t.Errorf("the honest key meanwhile: %v", err)
	}
	e.clock.Advance(unknownRest * 11 / 10)
	flood(100)
}

func TestU28_NewKeysAtOnceAndWithdrawnOnesNotForLong(t *testing.T) {
	e := newEvil(t)
	old, fresh := evilKey{"k1", jose.RS256, rsaKey()}, evilKey{"k2", jose.RS256, otherRSA()}
	p := e.provider("oidc")
	login := func(why string, ok bool) {
		t.Helper()
		if _, err := e.login(p); (err == nil) != ok {
			t.Errorf("%s: %v", why, err)
		}
	}
	login("first", true)
	e.rotate(fresh, old)
	login("a new key that we have not seen", true)
	if n := e.count("/jwks"); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}

	e.rotate(fresh) // k1 is withdrawn, perhaps stolen
	e.idToken = func(_ string, c map[string]any) string { return signWith(old, must(json.Marshal(c)), nil) }
	e.clock.Advance(keysLife + time.Second)
	login("a withdrawn key after the cache's life", false)

	e.idToken = nil
	e.clock.Advance(2 * unknownRest)
	e.rotate(evilKey{"k2", jose.RS256, rsaKey()})
	login("other material under the same kid", true)
}

func TestKeysSurviveABlipButNotAnOutage(t *testing.T) {
	e := newEvil(t)
	p := e.provider("oidc")
	if _, err := e.login(p); err != nil {
		t.Fatal(err)
	}
	e.replace("/jwks", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	e.clock.Advance(keysFresh + time.Second)
	if _, err := e.login(p); err != nil {
		t.Errorf("a blip: %v", err)
	}
	e.clock.Advance(keysLife - keysFresh)
	_, err := e.login(p)
	wantError(t, err, TemporarilyUnavailable, "keys too old to know whether they were withdrawn")
	e.replace("/jwks", nil)
	e.clock.Advance(failureRest + time.Second)
	if _, err := e.login(p); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestU27_HostileKeySets(t *testing.T) {
	algs := []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}
	b64 := base64.RawURLEncoding.EncodeToString
	good := publicJWK("good", jose.RS256, rsaKey().Public())
	edit := func(from map[string]any, kv ...any) map[string]any {
		m := map[string]any{"kid": "bad"}
		for k, v := range from {
			if k != "kid" {
				m[k] = v
			}
		}
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] == nil {
				delete(m, kv[i].(string))
				continue
			}
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	bits := func(n int) string {
		b := make([]byte, n/8)
		b[0], b[len(b)-1] = 0x80, 1
		return b64(b)
	}
	ec := publicJWK("ec", jose.ES256, newECKey().Public())
	p521 := publicJWK("p521", "ES512", must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)).Public())
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	for why, bad := range map[string]any{
		"RSA of 1024 bits":           edit(good, "n", bits(1024)),
		"RSA of 8192 bits":           edit(good, "n", bits(8192)),
		"RSA of 16384 bits":          edit(good, "n", bits(16384)),
		"RSA of a million bits":      edit(good, "n", bits(1<<20)),
		"an even modulus":            edit(good, "n", b64(append(make([]byte, 0, 256), append([]byte{0x80}, make([]byte, 255)...)...))),
		"e = 1":                      edit(good, "e", b64([]byte{1})),
		"e = 2":                      edit(good, "e", b64([]byte{2})),
		"e = 0":                      edit(good, "e", b64([]byte{0})),
		"a huge e":                   edit(good, "e", bits(2048)),
		"no e":                       edit(good, "e", nil),
		"a point off the curve":      edit(ec, "y", ec["x"]),
		"a point of zeros":           edit(ec, "x", b64(make([]byte, 32)), "y", b64(make([]byte, 32))),
		"an unknown curve":           edit(ec, "crv", "P-999"),
		"secp256k1":                  edit(ec, "crv", "secp256k1"),
		"P-521":                      edit(p521),
		"Ed25519 too short":          map[string]any{"kid": "bad", "kty": "OKP", "crv": "Ed25519", "x": b64(make([]byte, 31))},
		"X25519":                     map[string]any{"kid": "bad", "kty": "OKP", "crv": "X25519", "x": b64(make([]byte, 32))},
		"a symmetric key":            map[string]any{"kid": "bad", "kty": "oct", "k": b64(make([]byte, 32))},
		"a private exponent":         edit(good, "d", "AQAB"),
		"a private EC key":           edit(ec, "d", ec["x"]),
		"for encryption":             edit(good, "use", "enc"),
		"use as a number":            edit(good, "use", 1),
		"only to encrypt":            edit(good, "key_ops", []any{"encrypt"}),
		"another algorithm":          edit(good, "alg", "RSA-OAEP"),
		"HS256 on an RSA key":        edit(good, "alg", "HS256"),
		"alg none":                   edit(good, "alg", "none"),
		"alg as a list":              edit(good, "alg", []any{"RS256"}),
		"unknown kty":                map[string]any{"kid": "bad", "kty": "PQC"},
		"no kty":                     map[string]any{"kid": "bad"},
		"kid as a number":            edit(good, "kid", 7),
		"not an object":              "key",
		"null":                       nil,
		"KTY beside kty":             edit(good, "KTY", "oct"),
		"a number out of range":      edit(good, "x-y", json.RawMessage("1e400")),
		"a certificate that is none": edit(good, "x5c", []any{"AAAA"}),
	} {
		set := must(json.Marshal(map[string]any{"keys": []any{bad, good}}))
		keys, err := readKeys(set, algs)
		if err != nil {
			t.Errorf("%s: the whole set was refused: %v", why, err)
			continue
		}
		if len(keys) != 1 || keys[0].id != "good" {
			t.Errorf("%s: got %d keys, the first %q", why, len(keys), keys[0].id)
		}
		if _, err := readKeys(must(json.Marshal(map[string]any{"keys": []any{bad}})), algs); err == nil {
			t.Errorf("%s: taken as the only key", why)
		}
	}
	for why, fine := range map[string]any{
		"RSA without alg and use": edit(good, "alg", nil, "use", nil),
		"RSA of 4096 bits":        edit(good, "n", bits(4096)),
		"e = 3":                   edit(good, "e", b64([]byte{3})),
		"P-256":                   ec,
		"P-384":                   publicJWK("", jose.ES384, must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).Public()),
		"Ed25519":                 publicJWK("", jose.EdDSA, ed),
	} {
		if _, err := readKeys(must(json.Marshal(map[string]any{"keys": []any{fine}})), algs); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	many := make([]any, 50_000)
	for i := range many {
		many[i] = map[string]any{"kty": "x"}
	}
	for why, set := range map[string]string{
		"50,000 keys": string(must(json.Marshal(map[string]any{"keys": many}))), "51 keys": string(must(json.Marshal(map[string]any{"keys": many[:51]}))),
		"no keys": `{}`, "an empty list": `{"keys":[]}`, "keys as an object": `{"keys":{}}`, "a list": `[]`, "nothing": ``, "keys twice": `{"keys":[],"keys":[]}`,
	} {
		if _, err := readKeys([]byte(set), algs); err == nil {
			t.Errorf("%s: taken", why)
		}
	}
}

func TestKeysThatShareAKidAreAllTried(t *testing.T) {
	e := newEvil(t)
	e.rotate(evilKey{"same", jose.RS256, rsaKey()}, evilKey{"same", jose.RS256, otherRSA()}, evilKey{"same", jose.ES256, newECKey()})
	p := e.provider("oidc")
	for _, k := range e.keys {
		e.idToken = func(_ string, c map[string]any) string { return signWith(k, must(json.Marshal(c)), nil) }
		if _, err := e.login(p); err != nil {
			t.Errorf("%s: %v", k.alg, err)
		}
	}
}

func FuzzKeySet(f *testing.F) {
	for _, s := range []string{`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, string(must(json.Marshal(map[string]any{"keys": []any{publicJWK("k", jose.RS256, rsaKey().Public())}})))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := readKeys(b, allAlgs)
		if err == nil && (len(keys) == 0 || len(keys) > maxKeys) {
			t.Errorf("%d keys", len(keys))
		}
		for _, k := range keys {
			if !strong(k.jwk.Key) || !k.jwk.IsPublic() {
				t.Errorf("took %T", k.jwk.Key)
			}
			if r, ok := k.jwk.Key.(*rsa.PublicKey); ok && r.N.Cmp(big.NewInt(0)) <= 0 {
				t.Error("a modulus that is not positive")
			}
		}
	})
}
