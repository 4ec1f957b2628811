package storage_test

import (
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestS11_TheSessionsRowDecidesItsLife(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		b.clock.Advance(idle - time.Second)
		got, err := b.Session(t.Context(), s.IDHash, idle)
		b.wants("a second before idle", err, nil)
		if got.SID != s.SID || got.User.Email != "alice@acme.example" || got.AMR[0] != "pwd" || !got.AuthTime.Equal(s.AuthTime) || got.UpstreamSID != "up" {
			t.Errorf("session: %+v", got)
		}
		b.clock.Advance(2 * time.Second)
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("a second after idle", err, storage.ErrNotFound)
		sso := b.grant("web")
		sso.SID = s.SID
		b.wants("a code on it", b.IssueCode(t.Context(), actor, s.UserID, *sso), storage.ErrNotFound)

		s, _ = b.signIn("sub-1", "web")
		began := b.clock.Now()
		use := func() { // single sign-on: a code on the session counts as use of it
			sso := b.grant("web")
			sso.SID = s.SID
			b.must(b.IssueCode(t.Context(), actor, s.UserID, *sso))
		}
		for b.clock.Now().Sub(began) < absolute-20*time.Minute {
			b.clock.Advance(10 * time.Minute)
			use()
		}
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("used all day", err, nil)
		for range 3 {
			b.clock.Advance(6 * time.Minute)
			use()
		}
		b.clock.Advance(6 * time.Minute)
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("past the absolute end", err, storage.ErrNotFound)

		one, _ := b.signIn("sub-1", "web")
		two, _ := b.signIn("sub-1", "web")
		list, err := b.SessionsOf(t.Context(), one.UserID)
		b.must(err)
		if len(list) != 2 {
			t.Errorf("%d live sessions, want 2", len(list))
		}
		b.must(b.EndSession(t.Context(), actor, one.SID))
		b.must(b.EndSession(t.Context(), actor, one.SID))
		_, err = b.Session(t.Context(), one.IDHash, idle)
		b.wants("a cookie that was stolen before the sign-out", err, storage.ErrNotFound)
		_, err = b.Session(t.Context(), two.IDHash, idle)
		b.wants("the other browser", err, nil)
		for _, s := range list { // sign out everywhere
			b.must(b.EndSession(t.Context(), actor, s.SID))
		}
		list, err = b.SessionsOf(t.Context(), one.UserID)
		b.must(err)
		if len(list) != 0 {
			t.Errorf("%d sessions after signing out everywhere", len(list))
		}
	})
}

func TestANewLoginEndsTheBrowsersOldSession(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		old, kept := b.login("sub-1", "web", online)
		in := b.signInOf("sub-1", nil)
		in.EndSession = old.IDHash
		renewed, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		_, err = b.Session(t.Context(), old.IDHash, idle)
		b.wants("the old session", err, storage.ErrNotFound)
		raw, err := b.refresh(kept.RefreshToken, "web")
		b.wants("the same person's apps go on", err, nil)
		g, err := b.Grant(t.Context(), kept.Grant.ID)
		b.must(err)
		if g.SID != renewed.SID {
			t.Error("the grant did not move to the new session")
		}
		in = b.signInOf("sub-2", nil)
		in.EndSession = renewed.IDHash
		_, err = b.SignIn(t.Context(), actor, in)
		b.must(err)
		_, err = b.refresh(raw, "web")
		b.wants("another person signs in: the apps of the first are signed out", err, storage.ErrRevoked)
	})
}

func TestOnlineAccessDiesWithTheSessionAndOfflineDoesNot(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, on := b.login("sub-1", "web", online)
		g := b.grant("cli")
		g.SID = s.SID
		b.must(b.IssueCode(t.Context(), actor, s.UserID, *g))
		off, err := b.TakeCode(t.Context(), actor, take(g, offline))
		b.must(err)
		b.must(b.EndSession(t.Context(), actor, s.SID))
		_, err = b.refresh(on.RefreshToken, "web")
		b.wants("online after sign-out", err, storage.ErrRevoked)
		_, err = b.Grant(t.Context(), on.Grant.ID)
		b.wants("its grant", err, storage.ErrRevoked)
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("the session", err, storage.ErrNotFound)
		raw, err := b.refresh(off.RefreshToken, "cli")
		b.wants("offline after sign-out", err, nil)
		_, err = b.Grant(t.Context(), off.Grant.ID)
		b.wants("its grant", err, nil)
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true))
		_, err = b.refresh(raw, "cli")
		b.wants("offline after a disable", err, storage.ErrRevoked)
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, false))
		_, err = b.refresh(raw, "cli")
		b.wants("enabling gives nothing back", err, storage.ErrRevoked)

		_, on = b.login("sub-2", "web", online)
		b.clock.Advance(absolute + time.Second)
		_, err = b.refresh(on.RefreshToken, "web")
		b.wants("online past the session's absolute end", err, storage.ErrExpired)
		_, err = b.Grant(t.Context(), on.Grant.ID)
		b.wants("its grant", err, storage.ErrRevoked)
	})
}

// A grant and its refresh tokens are marked together. Should one mark ever be
// missing, the other stops the refresh alone.
func TestEachMarkOfARevocationStopsARefreshAlone(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for why, statement := range map[string]string{
			"family": `UPDATE families SET revoked_at = 1 WHERE grant_id = $1`,
			"grant":  `UPDATE grants SET revoked_at = 1 WHERE id = $1`,
			"user":   `UPDATE users SET disabled = TRUE WHERE id = (SELECT user_id FROM grants WHERE id = $1)`,
		} {
			_, taken := b.login("sub-"+why, "web", offline)
			r, err := b.FindRefresh(t.Context(), taken.RefreshToken, "web", grace)
			b.must(err)
			b.must(b.Write(t.Context(), func(ctx contextT, q storage.Runner) error {
				_, err := q.ExecContext(ctx, statement, taken.Grant.ID)
				return err
			}))
			_, err = b.RotateRefresh(t.Context(), actor, r, grace, storage.GrantUpdate{})
			b.wants(why+" at the statement", err, storage.ErrRevoked)
			if _, err := b.FindRefresh(t.Context(), taken.RefreshToken, "web", grace); err == nil {
				t.Errorf("%s: still found", why)
			}
		}
	})
}
