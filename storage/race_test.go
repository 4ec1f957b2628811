package storage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestC02_FiftyParallelRefreshesGiveOneSuccessor(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for range 5 {
			_, taken := a.login("sub-1", "web", offline)
			got := make([]string, 50)
			errs := race(50, func(i int) (err error) {
				got[i], err = []*book{a, b}[i%2].refresh(taken.RefreshToken, "web")
				return err
			})
			if n := tally(errs); n["won"] != 50 {
				t.Fatalf("within the grace: %v", n)
			}
			for _, raw := range got {
				if raw != got[0] {
					t.Fatal("two successors of one token")
				}
			}
			_, err := b.refresh(got[0], "web")
			b.must(err)
			_, err = a.refresh(taken.RefreshToken, "web")
			a.wants("the old one, once the successor is used", err, storage.ErrReused)
		}
		_, taken := a.login("sub-1", "web", offline)
		b.clock.Advance(time.Hour)
		first := make([]*storage.Refresh, 50)
		for i := range first { // all found before any rotates; no grace
			r, err := a.FindRefresh(t.Context(), taken.RefreshToken, "web", 0)
			b.must(err)
			first[i] = r
		}
		_, err := a.RotateRefresh(t.Context(), actor, first[0], grace, storage.GrantUpdate{})
		b.must(err)
		a.clock.Advance(grace + time.Second)
		got := tally(race(49, func(i int) error {
			_, err := []*book{a, b}[i%2].RotateRefresh(t.Context(), actor, first[i+1], grace, storage.GrantUpdate{})
			return err
		}))
		if got["won"] != 0 || got["reused"] != 1 || got["revoked"] != 48 {
			t.Errorf("after the grace: %v", got)
		}
	})
}

func TestC03_NoRefreshSucceedsAfterAWithdrawalWasAnswered(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		withdrawals := map[string]func(s *storage.Session, g storage.Grant) error{
			"revoke": func(_ *storage.Session, g storage.Grant) error {
				return b.RevokeGrant(t.Context(), actor, g.ID, "test")
			},
			"logout": func(s *storage.Session, _ storage.Grant) error { return b.EndSession(t.Context(), actor, s.SID) },
			"disable": func(s *storage.Session, _ storage.Grant) error {
				return b.SetUserDisabled(t.Context(), actor, s.UserID, true)
			},
			"delete": func(s *storage.Session, _ storage.Grant) error {
				return b.EraseUser(t.Context(), actor, s.UserID, true)
			},
		}
		for name, withdraw := range withdrawals {
			for round := range 15 {
				s, taken := a.login(fmt.Sprintf("%s-%d", name, round), "web", online)
				newest, done := taken.RefreshToken, make(chan error, 1)
				start := make(chan struct{})
				go func() {
					<-start
					done <- withdraw(s, taken.Grant)
				}()
				close(start)
				for i := 0; i < 200; i++ {
					next, err := a.refreshWith(newest, "web", storage.GrantUpdate{Changed: i%2 == 0, Scopes: []string{"openid"}})
					if err != nil {
						if !errors.Is(err, storage.ErrRevoked) && !errors.Is(err, storage.ErrNotFound) {
							t.Errorf("%s: %v", name, err)
						}
						break
					}
					newest = next
				}
				b.must(<-done)
				if _, err := a.refresh(newest, "web"); err == nil {
					t.Errorf("%s round %d: a token made in the race still refreshes", name, round)
				}
				if _, err := b.Grant(t.Context(), taken.Grant.ID); err == nil {
					t.Errorf("%s round %d: the grant lives", name, round)
				}
			}
		}
	})
}

// The same for the code: a family must not be born behind a withdrawal's back.
func TestC03_NoCodeOrLoginSlipsPastADisable(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for round := range 25 {
			s, g := a.signIn(fmt.Sprintf("sub-%d", round), "web")
			sso := a.grant("other")
			sso.SID = s.SID
			again := a.signInOf(fmt.Sprintf("sub-%d", round), a.grant("web"))
			var taken *storage.Taken
			race(4, func(i int) (err error) {
				switch i {
				case 0:
					taken, err = a.TakeCode(t.Context(), actor, take(g, offline))
				case 1:
					err = b.SetUserDisabled(t.Context(), actor, s.UserID, true)
				case 2:
					err = a.IssueCode(t.Context(), actor, s.UserID, *sso)
				case 3:
					_, err = a.SignIn(t.Context(), actor, again)
				}
				return err
			})
			if taken != nil {
				if _, err := a.refresh(taken.RefreshToken, "web"); err == nil {
					t.Errorf("round %d: a family outlived the disable", round)
				}
			}
			for why, id := range map[string]string{"the code": g.ID, "single sign-on": sso.ID, "the second login": again.Grant.ID} {
				if _, err := b.Grant(t.Context(), id); err == nil {
					t.Errorf("round %d: %s left a live grant", round, why)
				}
			}
			for _, h := range [][]byte{s.IDHash, again.Session.IDHash} {
				if _, err := b.Session(t.Context(), h, idle); err == nil {
					t.Errorf("round %d: a session outlived the disable", round)
				}
			}
		}
	})
}
