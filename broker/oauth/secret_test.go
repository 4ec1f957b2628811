package oauth

import (
	"bytes"
	"strings"
	"testing"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func TestS256IsTheExampleOfRFC7636(t *testing.T) {
	got, ok := S256(verifier)
	if !ok || got != challenge || !validChallenge(got) {
		t.Errorf("got %q, %v; want %q", got, ok, challenge)
	}
}

func TestD10_AVerifierOtherThanTheRightOneDoesNotFit(t *testing.T) {
	for _, row := range []struct {
		why, verifier string
		wellFormed    bool
	}{
		{"empty", "", false},
		{"42 characters", verifier[1:], false},
		{"129 characters", strings.Repeat("a", 129), false},
		{"plus is no unreserved character", verifier[:42] + "+", false},
		{"NUL", verifier[:42] + "\x00", false},
		{"not ASCII", verifier[:41] + "é", false},
		{"the challenge itself", challenge, true},
		{"another session's", strings.Repeat("a", 43), true},
		{"other letters", strings.ToUpper(verifier), true},
		{"one more character", verifier + "a", true},
	} {
		got, ok := S256(row.verifier)
		if ok != row.wellFormed || got == challenge {
			t.Errorf("%s: got %q, %v", row.why, got, ok)
		}
	}
}

func TestD09_OnlyTheCanonicalSpellingOf32BytesIsAChallenge(t *testing.T) {
	for _, row := range []struct{ why, challenge string }{
		{"empty", ""},
		{"42 characters", challenge[:42]},
		{"44 characters", challenge + "A"},
		{"padded", challenge[:42] + "="},
		{"bits behind the last byte", challenge[:42] + "N"},
		{"standard alphabet", strings.ReplaceAll(challenge, "-", "+")},
		{"line end, which lenient decoders skip", challenge[:21] + "\n" + challenge[21:42]},
		{"64 hexadecimal digits", strings.Repeat("ab", 32)},
	} {
		if validChallenge(row.challenge) {
			t.Errorf("%s: %q must be refused", row.why, row.challenge)
		}
	}
}

func TestT20_ASecretOfOnePurposeHasAnotherHashInAnother(t *testing.T) {
	s := NewSecret()
	if len(s) != 43 || s == NewSecret() {
		t.Fatal("a secret is 256 fresh bits")
	}
	if bytes.Equal(Hash("code", s), Hash("session", s)) {
		t.Error("purposes must not share hashes")
	}
}
