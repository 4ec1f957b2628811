package tokens

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzVerify(f *testing.F) {
	m := testMint(f, EdDSA)
	v := testVerifier(m)
	k := signerOf(f, m)
	raw := access(f, m, alice())
	f.Add(raw)
	f.Add(mintID(f, m, alice(), IDToken{}))
	f.Add(strings.Repeat(".", 100))
	f.Add(forge(f, k.method, k.Private, with(goodHeader(k), "crit", []string{"x"}), goodClaims()))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := v.Access(context.Background(), s, testAudience)
		if (err == nil) != (c != nil) {
			t.Fatal("both or neither")
		}
		if err == nil && s != raw && c.ID == part(t, raw, 1)["jti"] {
			t.Fatalf("another spelling of our token: %q", s)
		}
	})
}

// FuzzClaims reads claims that a stolen or foolish key has signed.
func FuzzClaims(f *testing.F) {
	good, _ := json.Marshal(goodClaims())
	f.Add(good)
	f.Add([]byte(`{"sub":"a","SUB":"b"}`))
	f.Add([]byte(`{"a":{"b":":"},"c\"":"\\"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if members, err := strictObject(b); err == nil {
			var lax map[string]any
			if json.Unmarshal(b, &lax) != nil || len(lax) != len(members) {
				t.Fatalf("%q: %v", b, members)
			}
		}
		c, err := readClaims(b)
		if err == nil && (c.Subject == "" || len(c.Audience) == 0 || c.ExpiresAt.IsZero() || c.IssuedAt.IsZero()) {
			t.Fatalf("%+v", c)
		}
	})
}
