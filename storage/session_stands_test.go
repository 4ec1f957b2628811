package storage_test

import (
	"testing"
	"time"
)

func TestASessionStandsUntilItsEndAlsoWhenNobodyIsSeen(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		other, _ := b.signIn("sub-2", "web")
		stands := func(user, sid string) bool {
			t.Helper()
			is, err := b.SessionStands(t.Context(), user, sid)
			b.must(err)
			return is
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
