package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

func jwks(keys ...any) []byte {
	b, err := json.Marshal(object{"keys": keys})
	if err != nil {
		panic(err)
	}
	return b
}

// publicJWK is the JSON of a fresh public key.
func publicJWK(t testing.TB, alg Alg) object {
	t.Helper()
	k, err := NewKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return jwkOf(t, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(alg), Use: "sig"})
}

func jwkOf(t testing.TB, j jose.JSONWebKey) (o object) {
	t.Helper()
	b, err := j.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOurOwnKeySetReadsBack(t *testing.T) {
	m := testMint(t, ES256, RS256, PS256, EdDSA)
	body, _ := m.Ring.JWKS()
	set, err := ParseKeySet(body)
	if err != nil || len(set) != 4 {
		t.Fatal(len(set), err)
	}
	v := &Verifier{Issuer: testIssuer, Keys: set, Now: m.Now}
	for _, alg := range m.Ring.Algs() {
		g := alice()
		g.Alg = alg
		passes(t, v, string(alg), access(t, m, g))
	}
	if _, err := set.FindKey(context.Background(), "other"); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
}

func TestU27_AKeyThatMustNotVerifyIsSkipped(t *testing.T) {
	good := publicJWK(t, ES256)
	rsaKey := publicJWK(t, RS256)
	private := func() object {
		k, err := NewKey(ES256)
		if err != nil {
			t.Fatal(err)
		}
		return jwkOf(t, jose.JSONWebKey{Key: k.Private, KeyID: "private", Algorithm: "ES256"})
	}()
	modulus := func(bits int) string {
		return segment(new(big.Int).SetBit(big.NewInt(1), bits-1, 1).Bytes())
	}
	for why, bad := range map[string]any{
		"symmetric":               object{"kty": "oct", "kid": "x", "k": "c2VjcmV0", "alg": "HS256"},
		"private":                 private,
		"for encryption":          with(publicJWK(t, RS256), "use", "enc"),
		"without kid":             with(publicJWK(t, ES256), "kid", nil),
		"with a huge kid":         with(publicJWK(t, ES256), "kid", strings.Repeat("k", 200)),
		"of an unknown type":      object{"kty": "LATTICE", "kid": "x"},
		"off its curve":           with(publicJWK(t, ES256), "x", segment(make([]byte, 32))),
		"RSA of 1024 bits":        with(with(rsaKey, "n", modulus(1024)), "kid", "small"),
		"RSA of 16384 bits":       with(with(rsaKey, "n", modulus(16384)), "kid", "large"),
		"RSA with e = 1":          with(with(rsaKey, "e", "AQ"), "kid", "one"),
		"RSA with an even e":      with(with(rsaKey, "e", "Ag"), "kid", "two"),
		"RSA with e = 4":          with(with(rsaKey, "e", "BA"), "kid", "four"),
		"for another algorithm":   with(publicJWK(t, ES256), "alg", "RS256"),
		"for HS256":               with(publicJWK(t, RS256), "alg", "HS256"),
		"for none":                with(publicJWK(t, ES256), "alg", "none"),
		"no object":               "key",
		"null":                    nil,
		"empty":                   object{},
		"with a broken chain":     with(publicJWK(t, ES256), "x5c", []string{"AAAA"}),
		"EC without a coordinate": with(publicJWK(t, ES256), "y", nil),
	} {
		set, err := ParseKeySet(jwks(bad, good))
		if err != nil || len(set) != 1 || set[good["kid"].(string)].Key == nil {
			t.Errorf("%s: %v, %v", why, set, err)
		}
		if _, err := ParseKeySet(jwks(bad)); !errors.Is(err, ErrKeySet) {
			t.Errorf("%s, alone: %v", why, err)
		}
	}
}

func TestU27_TwoKeysUnderOneKidAreNotTrusted(t *testing.T) {
	good, a, b := publicJWK(t, ES256), publicJWK(t, ES256), publicJWK(t, RS256)
	a["kid"], b["kid"] = "same", "same"
	set, err := ParseKeySet(jwks(a, good, b, a))
	if err != nil || len(set) != 1 {
		t.Errorf("%v, %v", set, err)
	}
}

func TestU27_AKeySetOutOfAllProportionIsRefused(t *testing.T) {
	good := publicJWK(t, ES256)
	for why, body := range map[string][]byte{
		"51 keys":   jwks(slices.Repeat([]any{good}, 51)...),
		"too large": append(jwks(good), []byte(strings.Repeat(" ", maxKeySetBytes))...),
		"no JSON":   []byte("<html>" + strings.Repeat("evil ", 1000)),
		"no keys":   []byte(`{}`),
		"a list":    []byte(`[]`),
		"nothing":   nil,
	} {
		if set, err := ParseKeySet(body); !errors.Is(err, ErrKeySet) || set != nil || len(err.Error()) > 200 || strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: %v, %.300v", why, set, err)
		}
	}
}

func TestAKeyThatNamesNoAlgorithmGetsItsUsualOne(t *testing.T) {
	for _, alg := range []Alg{ES256, RS256, EdDSA} {
		set, err := ParseKeySet(jwks(with(publicJWK(t, alg), "alg", nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range set {
			if k.Alg != alg {
				t.Errorf("%s key got %s", alg, k.Alg)
			}
		}
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(jwks(publicJWK(f, ES256), publicJWK(f, RS256), publicJWK(f, EdDSA)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AA","e":"AQ"},{"kty":"EC","crv":"P-256","kid":"b","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"c","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := ParseKeySet(b)
		if (err == nil) != (len(set) > 0) {
			t.Fatal(len(set), err)
		}
		for kid, k := range set {
			if kid == "" || k.ID != kid || !fits(k.Alg, k.Key) {
				t.Fatalf("%q: %+v", kid, k)
			}
			// Whatever got in must be usable without a panic.
			methods[k.Alg].Verify("x", make([]byte, 256), k.Key)
		}
	})
}

func Example() {
	key, err := NewKey(ES256)
	if err != nil {
		panic(err)
	}
	ring, err := NewRing(key)
	if err != nil {
		panic(err)
	}
	mint := &Mint{Issuer: "https://id.example", Ring: ring}
	raw, ttl, err := mint.Access(context.Background(), Granted{GrantID: "g1", Subject: "usr_alice", ClientID: "web",
		Audience: []string{"https://api.example"}, Scopes: []string{"items:read"}})
	if err != nil {
		panic(err)
	}
	verifier := &Verifier{Issuer: "https://id.example", Keys: ring}
	claims, err := verifier.Access(context.Background(), raw, "https://api.example")
	if err != nil {
		panic(err)
	}
	fmt.Println(claims.Subject, claims.Scopes, ttl)
	_, err = verifier.Access(context.Background(), raw, "https://other.example")
	fmt.Println(err)
	// Output:
	// usr_alice [items:read] 5m0s
	// the token is not valid: it is for another audience
}
