package bff

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

// What the library leaves to the app, each as the only thing that is wrong.
func TestAnIDTokenThatIsNotQuiteOursIsRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := newBroker(Config{Issuer: "https://login.example", ClientID: "bff", Now: time.Now})
	m := &metadata{verifier: oidc.NewVerifier("https://login.example", &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}},
		&oidc.Config{ClientID: "bff", SupportedSigningAlgs: []string{oidc.ES256}})}
	for _, row := range []struct {
		why    string
		change func(jwt.MapClaims)
		ok     bool
	}{
		{"as it should be", func(jwt.MapClaims) {}, true},
		{"a list of one", func(c jwt.MapClaims) { c["aud"] = []string{"bff"} }, true},
		{"for others, too", func(c jwt.MapClaims) { c["aud"] = []string{"bff", "other"} }, false},
		{"for another app", func(c jwt.MapClaims) { c["aud"] = "other" }, false},
		{"about nobody", func(c jwt.MapClaims) { c["sub"] = "" }, false},
		{"with another access token", func(c jwt.MapClaims) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, false},
		{"of another broker", func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }, false},
		{"too old", func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, false},
		{"with a subject in another place", func(c jwt.MapClaims) { c["subject"] = "usr_mallory" }, true},
	} {
		claims := jwt.MapClaims{"iss": "https://login.example", "aud": "bff", "sub": "usr_alice", "nonce": "n", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()}
		row.change(claims)
		raw, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		held := &tokens{access: "a", idToken: raw}
		nonce, err := b.readIDToken(t.Context(), m, held)
		if (err == nil) != row.ok || row.ok && (nonce != "n" || held.person.Subject != "usr_alice") {
			t.Errorf("%s: %+v, %v", row.why, held.person, err)
		}
	}
	if _, err := b.readIDToken(t.Context(), m, &tokens{access: "a"}); err == nil {
		t.Error("no ID token at all was taken")
	}
}
