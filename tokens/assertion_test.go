package tokens

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

func testKey(t *testing.T, alg Alg) *Key {
	t.Helper()
	k, err := NewKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// asserted signs claims with a key as a client would.
func asserted(t *testing.T, k *Key, kid string, claims jwt.MapClaims) string {
	t.Helper()
	tok := jwt.NewWithClaims(jwt.GetSigningMethod(string(k.Alg)), claims)
	tok.Header["kid"] = kid
	raw, err := tok.SignedString(k.Private)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestT25_EachFaultOfAnAssertionIsNamed(t *testing.T) {
	key, stranger := testKey(t, ES256), testKey(t, ES256)
	keys := KeySet{"k": {ID: "k", Alg: ES256, Key: key.Private.Public()}}
	v := &AssertionVerifier{Audience: testIssuer, Now: func() time.Time { return noon }}
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() } // a fraction earlier than noon
	good := jwt.MapClaims{"iss": "job", "sub": "job", "aud": testIssuer, "jti": "1", "exp": in(5 * time.Minute), "iat": in(0)}
	for _, row := range []struct {
		why    string
		change jwt.MapClaims // nil values take a claim away
		told   string        // of ErrAssertion; "" is accepted
	}{
		{"good", nil, ""},
		{"without iat", jwt.MapClaims{"iat": nil}, ""},
		{"a clock a little ahead", jwt.MapClaims{"iat": in(20 * time.Second), "nbf": in(20 * time.Second), "exp": in(5*time.Minute + 20*time.Second)}, ""},
		{"fractions of a second", jwt.MapClaims{"exp": float64(in(time.Minute)) + 0.5}, ""},
		{"token endpoint", jwt.MapClaims{"aud": testIssuer + "/token"}, "aud"},
		{"a list of one", jwt.MapClaims{"aud": []string{testIssuer}}, "aud"},
		{"no aud", jwt.MapClaims{"aud": nil}, "aud"},
		{"another iss", jwt.MapClaims{"iss": "other"}, "iss and sub"},
		{"another sub", jwt.MapClaims{"sub": "other"}, "iss and sub"},
		{"another client's", jwt.MapClaims{"iss": "other", "sub": "other"}, "iss and sub"},
		{"no jti", jwt.MapClaims{"jti": nil}, "jti"},
		{"a number as jti", jwt.MapClaims{"jti": 1}, "wrong type: jti"},
		{"no exp", jwt.MapClaims{"exp": nil}, "exp"},
		{"exp now", jwt.MapClaims{"exp": in(0)}, "exp"},
		{"exp too far", jwt.MapClaims{"exp": in(5*time.Minute + 31*time.Second)}, "5 minutes"},
		{"exp in a day", jwt.MapClaims{"exp": in(24 * time.Hour)}, "5 minutes"},
		{"exp beyond any calendar", jwt.MapClaims{"exp": 1e300}, "wrong type: exp"},
		{"iat ahead", jwt.MapClaims{"iat": in(31 * time.Second)}, "iat or nbf"},
		{"nbf ahead", jwt.MapClaims{"nbf": in(31 * time.Second)}, "iat or nbf"},
	} {
		claims := maps.Clone(good)
		for name, value := range row.change {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		raw := asserted(t, key, "k", claims)
		got, err := v.Verify(t.Context(), raw, "job", keys)
		if row.told == "" {
			if err != nil || got.ID != "1" {
				t.Errorf("%s: %v", row.why, err)
			}
		} else if !errors.Is(err, ErrAssertion) || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.told) {
			t.Errorf("%s: got %v, want %q", row.why, err, row.told)
		}
		// Whose signature is wrong learns nothing about the rest.
		if _, err := v.Verify(t.Context(), asserted(t, stranger, "k", claims), "job", keys); errors.Is(err, ErrAssertion) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, by a stranger: %v", row.why, err)
		}
	}
	if _, err := v.Verify(t.Context(), asserted(t, key, "k", jwt.MapClaims{"iss": "", "sub": "", "aud": testIssuer, "jti": "1", "exp": in(time.Minute)}), "", keys); err == nil {
		t.Error("a client without a name was accepted")
	}
}

func TestD15_AnUnknownKeyCostsASignatureCheckToo(t *testing.T) {
	v := &AssertionVerifier{Audience: testIssuer, Now: func() time.Time { return noon }}
	for _, alg := range []Alg{ES256, RS256, PS256, EdDSA} {
		key := testKey(t, alg)
		raw := asserted(t, key, "k", jwt.MapClaims{"iss": "job", "sub": "job", "aud": testIssuer, "jti": "1", "exp": noon.Add(time.Minute).Unix()})
		_, err := v.Verify(t.Context(), raw, "job", KeySet{})
		// "No such key" would mean that no signature was looked at.
		if !errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnknownKey) || !strings.Contains(err.Error(), "signature") {
			t.Errorf("%s: %v", alg, err)
		}
		if fits := fits(alg, decoys()[alg].Key); !fits {
			t.Errorf("the decoy for %s is no such key", alg)
		}
	}
	away := errors.New("away")
	raw := asserted(t, testKey(t, ES256), "k", jwt.MapClaims{"sub": "job"})
	if _, err := v.Verify(t.Context(), raw, "job", finder(func() (PublicKey, error) { return PublicKey{}, away })); errors.Is(err, ErrInvalid) || !errors.Is(err, away) {
		t.Errorf("keys that cannot be had are no proof against a client: %v", err)
	}
}

type finder func() (PublicKey, error)

func (f finder) FindKey(context.Context, string) (PublicKey, error) { return f() }

func TestAClaimedSubjectIsReadStrictlyOrNotAtAll(t *testing.T) {
	key := testKey(t, ES256)
	if got := UnverifiedSubject(asserted(t, key, "k", jwt.MapClaims{"sub": "job"})); got != "job" {
		t.Errorf("got %q", got)
	}
	for why, raw := range map[string]string{"empty": "", "no JWT": "job", "two parts": "e30.e30", "no base64": "e30.!.e30", "no JSON": "e30.am9i.e30",
		"sub is a number": "e30.eyJzdWIiOjF9.e30", "sub twice (U14)": "e30.eyJzdWIiOiJhIiwic3ViIjoiYiJ9.e30", "sub in two cases": "e30.eyJzdWIiOiJhIiwiU1VCIjoiYiJ9.e30",
		"dots": strings.Repeat(".", MaxLength+1)} {
		if got := UnverifiedSubject(raw); got != "" {
			t.Errorf("%s: got %q", why, got)
		}
	}
}

// RFC 9864 §2.2 gives EdDSA with Ed25519 a name of its own, and openid-client signs with it.
func TestEd25519IsEdDSAUnderItsFullName(t *testing.T) {
	key, stranger := testKey(t, EdDSA), testKey(t, EdDSA)
	claims := object{"iss": "job", "sub": "job", "aud": testIssuer, "jti": "1", "exp": noon.Add(time.Minute).Unix()}
	sign := func(k *Key) string {
		return forge(t, jwt.SigningMethodEdDSA, k.Private, object{"alg": "Ed25519", "kid": "k"}, claims)
	}
	b, err := jose.JSONWebKey{Key: key.Private.Public(), KeyID: "k", Algorithm: "Ed25519"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeySet([]byte(`{"keys":[` + string(b) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	v := &AssertionVerifier{Audience: testIssuer, Now: func() time.Time { return noon }}
	good := sign(key)
	if _, err := v.Verify(t.Context(), good, "job", keys); err != nil {
		t.Error(err)
	}
	es := testKey(t, ES256)
	for why, row := range map[string]struct {
		raw  string
		keys KeySet
	}{
		"by a stranger":                  {sign(stranger), keys},
		"unknown key":                    {good, KeySet{}},
		"the name for a key of ES256":    {good, KeySet{"k": {ID: "k", Alg: ES256, Key: es.Private.Public()}}},
		"another spelling of its end":    {good[:len(good)-1] + string(good[len(good)-1]+1), keys},
		"without a signature":            {good[:strings.LastIndexByte(good, '.')+1], keys},
		"a key that is not what it says": {good, KeySet{"k": {ID: "k", Alg: EdDSA, Key: es.Private.Public()}}},
	} {
		if _, err := v.Verify(t.Context(), row.raw, "job", row.keys); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
