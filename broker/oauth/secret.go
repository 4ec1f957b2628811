package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// NewSecret draws a one-time value: 256 bits, 43 characters of base64url.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails since Go 1.24: the program ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Hash is what storage keeps of a secret. The domain separates purposes, so that
// a value made for one can never be redeemed as another.
func Hash(domain, secret string) []byte {
	sum := sha256.Sum256([]byte(domain + "\x00" + secret))
	return sum[:]
}

// InvitationHash is what storage knows of the token in a link that sets a password.
func InvitationHash(token string) []byte { return Hash("invitation", token) }

// S256 computes the code challenge of a verifier (RFC 7636 §4.2); ok is false
// when the verifier is not 43 to 128 unreserved characters (§4.1).
func S256(verifier string) (challenge string, ok bool) {
	if len(verifier) < 43 || len(verifier) > 128 {
		return "", false
	}
	for i := range len(verifier) {
		if c := verifier[i]; !alphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return "", false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]), true
}

// validChallenge tells whether a string can be an S256 challenge: the strict
// base64url spelling of exactly 32 bytes.
func validChallenge(s string) bool {
	if len(s) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
