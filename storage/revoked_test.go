package storage_test

import (
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestT11_ARevokedTokenIsKnownByItsJTIUntilItExpires(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		knows := func(why, jti string, want bool) {
			t.Helper()
			got, err := b.TokenRevoked(t.Context(), jti)
			b.must(err)
			if got != want {
				t.Errorf("%s: revoked is %v", why, got)
			}
		}
		ends := b.clock.Now().Add(5 * time.Minute)
		knows("before", "jti-1", false)
		for range 2 { // the second time is fine, and tells nothing new
			b.must(b.RevokeToken(t.Context(), actor, "jti-1", "nightly", ends))
		}
		knows("after", "jti-1", true)
		knows("another one", "jti-2", false)
		knows("a longer one", "jti-1x", false)
		if n := b.audited(storage.AuditTokenRevoked); n != 1 {
			t.Errorf("%d in the audit, want 1", n)
		}
		if b.RevokeToken(t.Context(), actor, "", "nightly", ends) == nil || b.RevokeToken(t.Context(), actor, "jti-3", "nightly", time.Time{}) == nil {
			t.Error("a token without jti or end was noted")
		}

		b.clock.Advance(24 * time.Hour)
		_, err := b.Sweep(t.Context())
		b.must(err)
		knows("a day later, not swept yet", "jti-1", true)
		b.clock.Advance(6 * time.Minute)
		n, err := b.Sweep(t.Context())
		b.must(err)
		knows("swept", "jti-1", false)
		if n != 1 {
			t.Errorf("%d rows swept", n)
		}
	})
}

func TestC01_AHundredRevocationsOfOneTokenMakeOneRow(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		errs := race(100, func(i int) error {
			return []*book{a, b}[i%2].RevokeToken(t.Context(), actor, "jti", "nightly", a.clock.Now().Add(time.Minute))
		})
		if n := tally(errs); n["won"] != 100 {
			t.Errorf("revocations: %v", n)
		}
		if n := a.audited(storage.AuditTokenRevoked); n != 1 {
			t.Errorf("%d in the audit, want 1", n)
		}
		if revoked, err := b.TokenRevoked(t.Context(), "jti"); err != nil || !revoked {
			t.Errorf("the other node: %v, %v", revoked, err)
		}
	})
}
