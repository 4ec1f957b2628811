package storage_test

import (
	"testing"

	"github.com/handstamp/handstamp/storage"
)

func TestAPersonIsMadeKnownOnceAndOwnsNothingByIt(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		errs := race(20, func(i int) error {
			in := a.signInOf("first-owner", nil)
			return []*book{a, b}[i%2].MakeKnown(t.Context(), actor, in)
		})
		if n := tally(errs); n["won"] != 20 {
			t.Fatalf("%v", n)
		}
		u, id, err := a.FindIdentity(t.Context(), a.provider, "first-owner")
		a.must(err)
		if u.EmailVerified || id.Claims["sub"] != "first-owner" || a.audited(storage.AuditUserCreated) != 1 {
			t.Errorf("%+v %+v", u, id)
		}
		if s, err := a.SessionsOf(t.Context(), u.ID); err != nil || len(s) != 0 {
			t.Errorf("sessions: %v %v", s, err)
		}
		again, err := b.SignIn(t.Context(), actor, b.signInOf("first-owner", nil))
		b.must(err)
		if again.UserID != u.ID || !again.User.EmailVerified {
			t.Errorf("the first sign-in found %+v", again.User)
		}
	})
}
