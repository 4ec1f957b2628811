package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestASessionStandsUntilItsEndAlsoWhenNobodyIsSeen(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		other, _ := b.signIn("sub-2", "web")
		stands := func(user, sid string) bool {
			t.Helper()
			provider, subject, err := b.StandingSession(t.Context(), user, sid)
			if errors.Is(err, storage.ErrNotFound) {
				return false
			}
			b.must(err)
			if provider != s.ProviderID || subject == "" || user == s.UserID && subject != s.Subject {
				t.Errorf("the identity behind it is %s at %s", subject, provider)
			}
			return true
		}
		b.clock.Advance(idle + time.Second)
		if !stands(s.UserID, s.SID) || stands(other.UserID, s.SID) || stands(s.UserID, "") || stands(s.UserID, "another") {
			t.Error("idle: the wrong sessions stand")
		}
		b.must(b.EndSession(t.Context(), actor, s.SID))
		if stands(s.UserID, s.SID) || !stands(other.UserID, other.SID) {
			t.Error("signed out: the wrong sessions stand")
		}
		b.clock.Advance(absolute)
		if stands(other.UserID, other.SID) {
			t.Error("a session stands past its absolute end")
		}
	})
}
