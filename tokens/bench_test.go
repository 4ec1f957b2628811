package tokens

import (
	"context"
	"testing"
	"time"
)

func benchmarkMint(b *testing.B) (*Mint, Granted) {
	b.Helper()
	var keys []*Key
	for _, alg := range []Alg{ES256, RS256, EdDSA} {
		k, err := NewKey(alg)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, k)
	}
	ring, err := NewRing(keys...)
	if err != nil {
		b.Fatal(err)
	}
	return &Mint{Issuer: "https://id.example", Ring: ring}, Granted{
		GrantID: "01jd0grant", Subject: "usr_8kq2", ClientID: "web", SessionID: "Qx3k", Audience: []string{"https://api.example", "https://id.example"},
		Scopes: []string{"openid", "profile", "items:read"}, Roles: []string{"reader"},
		Claims:   map[string]any{"department": "press", "https://handstamp.example/tier": "gold"},
		AuthTime: time.Now(), ACR: "1", AMR: []string{"pwd", "mfa"},
	}
}

func BenchmarkMint(b *testing.B) {
	m, g := benchmarkMint(b)
	for _, alg := range m.Ring.Algs() {
		b.Run("Access/"+string(alg), func(b *testing.B) {
			g := g
			g.Alg = alg
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := m.Access(context.Background(), g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("ID/ES256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.ID(context.Background(), g, IDToken{Alg: ES256, Nonce: "n-0S6_WzA2Mj", AccessToken: "x"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The bare signature, to see what the rest of a token costs.
	b.Run("signature/ES256", func(b *testing.B) {
		k, err := m.Ring.signer(ES256, ES256)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.method.Sign("x", k.Private); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	m, g := benchmarkMint(b)
	v := &Verifier{Issuer: m.Issuer, Keys: m.Ring}
	for _, alg := range m.Ring.Algs() {
		b.Run(string(alg), func(b *testing.B) {
			g := g
			g.Alg = alg
			raw, _, err := m.Access(context.Background(), g)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Access(context.Background(), raw, "https://api.example"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
