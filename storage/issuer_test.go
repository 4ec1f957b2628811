package storage_test

import (
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

func TestO14_OfNodesWithDifferentIssuersOneDecides(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		kept := make([]string, 40)
		for _, err := range race(len(kept), func(i int) (err error) {
			kept[i], err = []*book{a, b}[i%2].KeepIssuer(t.Context(), fmt.Sprintf("https://%d.example", i%5))
			return err
		}) {
			a.must(err)
		}
		for _, k := range kept {
			if k == "" || k != kept[0] {
				t.Fatalf("nodes do not agree: %v", kept)
			}
		}
	})
}

func TestO14_AnIssuerMovesOnceAndEndsWhatNamesIt(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		_, err := a.KeepIssuer(t.Context(), "https://old.example")
		a.must(err)
		s, taken := a.login("sub-1", "web", offline)
		_, g := a.signIn("sub-1", "web")
		_, generation, err := a.Keys(t.Context())
		a.must(err)
		keys := storage.NewKeys{Generation: generation, Keys: []storage.StoredKey{{ID: "new", Alg: "ES256", State: "active", PKCS8: []byte("new")}}}
		_, err = a.MoveIssuer(t.Context(), actor, "https://another.example", "https://new.example", keys)
		a.wants("from one that it is not of", err, storage.ErrConflict)
		_, err = a.Session(t.Context(), s.IDHash, idle)
		a.wants("a session after a move that was refused", err, nil)
		n := tally(race(20, func(i int) error {
			_, err := []*book{a, b}[i%2].MoveIssuer(t.Context(), actor, "https://old.example", "https://new.example", keys)
			return err
		}))
		if n["won"] != 1 || n["won"]+n[storage.ErrConflict.Error()]+n["change the issuer: "+storage.ErrConflict.Error()] != 20 {
			t.Errorf("moves: %v", n)
		}
		for _, node := range []*book{a, b} {
			kept, err := node.KeepIssuer(t.Context(), "https://old.example")
			a.must(err)
			if kept != "https://new.example" {
				t.Errorf("it is of %s", kept)
			}
		}
		_, err = b.Session(t.Context(), s.IDHash, idle)
		a.wants("a session", err, storage.ErrNotFound)
		_, err = b.refresh(taken.RefreshToken, "web")
		a.wants("a refresh token", err, storage.ErrRevoked)
		if _, err = b.TakeCode(t.Context(), actor, take(g, offline)); err == nil {
			t.Error("a code was redeemed")
		}
		if n := a.audited(storage.AuditIssuerChanged); n != 1 {
			t.Errorf("audited %d times", n)
		}
	})
}
