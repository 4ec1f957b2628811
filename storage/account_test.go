package storage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

// at is an actor at a place.
func at(ip, device string) storage.Actor {
	return storage.Actor{Kind: "person", ID: "test", IP: ip, Device: device, RequestID: "req-1"}
}

func TestS11_APersonSeesWhereTheyAreSignedInAndWhoComesBack(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		g := b.grant("web")
		s, err := b.SignIn(t.Context(), at("198.51.100.7", "Firefox on Linux"), b.signInOf("sub-1", g))
		b.must(err)
		began := b.clock.Now()
		taken, err := b.TakeCode(t.Context(), at("203.0.113.9", ""), take(g, offline))
		b.must(err)
		b.clock.Advance(5 * time.Minute)
		_, err = b.refresh(taken.RefreshToken, "web")
		b.must(err)

		sessions, err := b.SessionsOf(t.Context(), s.UserID)
		b.must(err)
		if len(sessions) != 1 || sessions[0].IP != "198.51.100.7" || sessions[0].Device != "Firefox on Linux" || !sessions[0].CreatedAt.Equal(began) || sessions[0].ProviderID != b.provider {
			t.Errorf("sessions: %+v", sessions)
		}
		access, err := b.AccessOf(t.Context(), s.UserID)
		b.must(err)
		if len(access) != 1 {
			t.Fatalf("access: %+v", access)
		}
		if a := access[0]; a.ClientID != "web" || a.IP != "198.51.100.7" || a.Device != "Firefox on Linux" || a.FirstIP != "203.0.113.9" || !a.Offline ||
			!a.StartedAt.Equal(began) || !a.LastUsedAt.Equal(b.clock.Now()) || !a.ExpiresAt.After(b.clock.Now()) || !slices.Equal(a.Scopes, g.Scopes) {
			t.Errorf("access: %+v", a)
		}
		ids, err := b.Identities(t.Context(), s.UserID)
		b.must(err)
		if len(ids) != 1 || !ids[0].CreatedAt.Equal(began) {
			t.Errorf("identities: %+v", ids)
		}
		b.clock.Advance(15 * 24 * time.Hour)
		access, err = b.AccessOf(t.Context(), s.UserID)
		b.must(err)
		if len(access) != 0 {
			t.Error("a family that is idle for two weeks is still listed")
		}
	})
}

func TestA05_NobodyEndsWhatIsAnothers(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		var people []*storage.Session
		tokens := map[string]string{}
		for _, sub := range []string{"alice", "bob"} {
			g := b.grant("notes")
			g.RememberConsent, g.RedirectHost = true, "notes.example"
			s, err := b.SignIn(t.Context(), actor, b.signInOf(sub, g))
			b.must(err)
			taken, err := b.TakeCode(t.Context(), actor, take(g, online))
			b.must(err)
			people, tokens[s.UserID] = append(people, s), taken.RefreshToken
		}
		alice, bob := people[0], people[1]
		b.wants("another's session", b.EndSessionOf(t.Context(), actor, alice.UserID, bob.SID), storage.ErrNotFound)
		b.wants("a session that never was", b.EndSessionOf(t.Context(), actor, alice.UserID, "nothing"), storage.ErrNotFound)
		n, err := b.EndOtherSessions(t.Context(), actor, alice.UserID, alice.SID)
		b.must(err)
		if n != 0 {
			t.Errorf("ended %d sessions of somebody", n)
		}
		b.must(b.EndAccess(t.Context(), actor, alice.UserID, "notes"))
		b.must(b.ForgetConsent(t.Context(), actor, alice.UserID, "notes", "notes.example"))
		b.must(b.EndSessionOf(t.Context(), actor, alice.UserID, alice.SID))

		_, err = b.Session(t.Context(), bob.IDHash, idle)
		b.wants("bob's session", err, nil)
		scopes, err := b.Consent(t.Context(), bob.UserID, "notes", "notes.example")
		b.must(err)
		if scopes == nil {
			t.Error("bob's consent is gone")
		}
		if list, err := b.Consents(t.Context(), bob.UserID); err != nil || len(list) != 1 || list[0].ClientID != "notes" || list[0].RedirectHost != "notes.example" {
			t.Errorf("bob's consents: %+v, %v", list, err)
		}
		if list, err := b.AccessOf(t.Context(), bob.UserID); err != nil || len(list) != 1 {
			t.Errorf("bob's access: %+v, %v", list, err)
		}
		_, err = b.refresh(tokens[bob.UserID], "notes")
		b.wants("bob's app", err, nil)

		_, err = b.Session(t.Context(), alice.IDHash, idle)
		b.wants("alice's session", err, storage.ErrNotFound)
		_, err = b.refresh(tokens[alice.UserID], "notes")
		b.wants("alice's app", err, storage.ErrRevoked)
		if list, err := b.Consents(t.Context(), alice.UserID); err != nil || len(list) != 0 {
			t.Errorf("alice's consents: %+v, %v", list, err)
		}
		b.wants("the same again", b.EndAccess(t.Context(), actor, alice.UserID, "notes"), storage.ErrNotFound)
		b.wants("the same again", b.ForgetConsent(t.Context(), actor, alice.UserID, "notes", "notes.example"), storage.ErrNotFound)
		b.wants("the same again", b.EndSessionOf(t.Context(), actor, alice.UserID, alice.SID), storage.ErrNotFound)
		for action, want := range map[string]int{storage.AuditAccessEnded: 1, storage.AuditConsentForgotten: 1, storage.AuditSignOut: 1} {
			if n := b.audited(action); n != want {
				t.Errorf("%d audit rows say %s, want %d", n, action, want)
			}
		}
	})
}

func TestEndingOneAppLeavesTheOthers(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, web := b.login("sub-1", "web", offline)
		_, cli := b.login("sub-1", "cli", offline)
		_, again := b.login("sub-1", "web", online)
		b.must(b.EndAccess(t.Context(), actor, s.UserID, "web"))
		for why, row := range map[string]struct {
			raw, client string
			want        error
		}{"offline": {web.RefreshToken, "web", storage.ErrRevoked}, "another family": {again.RefreshToken, "web", storage.ErrRevoked}, "another app": {cli.RefreshToken, "cli", nil}} {
			_, err := b.refresh(row.raw, row.client)
			b.wants(why, err, row.want)
		}
		_, err := b.Session(t.Context(), s.IDHash, idle)
		b.wants("the session stays", err, nil)
	})
}

func TestEndingAllOtherSessionsKeepsThisOne(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		one, _ := b.login("sub-1", "web", online)
		two, kept := b.login("sub-1", "web", online)
		idleOne, _ := b.login("sub-1", "web", online)
		b.clock.Advance(idle + time.Minute) // all are idle now: a cookie of one would be refused, its apps not
		this, mine := b.login("sub-1", "web", online)
		n, err := b.EndOtherSessions(t.Context(), actor, this.UserID, this.SID)
		b.must(err)
		if n != 3 {
			t.Errorf("ended %d, want 3: %s %s %s", n, one.SID, two.SID, idleOne.SID)
		}
		_, err = b.refresh(kept.RefreshToken, "web")
		b.wants("an app of another session", err, storage.ErrRevoked)
		_, err = b.refresh(mine.RefreshToken, "web")
		b.wants("an app of this session", err, nil)
		_, err = b.Session(t.Context(), this.IDHash, idle)
		b.wants("this session", err, nil)
	})
}

// A code that is redeemed while the person ends the app's access: whoever is first,
// no refresh token survives.
func TestEndingAccessRacesWithTheCode(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for range 20 {
			s, g := a.signIn("sub-1", "web")
			var taken *storage.Taken
			race(2, func(i int) error {
				if i == 0 {
					return a.EndAccess(t.Context(), actor, s.UserID, "web")
				}
				got, err := b.TakeCode(t.Context(), actor, take(g, offline))
				taken = got
				return err
			})
			if taken != nil {
				if _, err := a.refresh(taken.RefreshToken, "web"); err == nil {
					t.Fatal("a refresh token outlived the end of the access")
				}
			}
		}
	})
}

func TestSigningOutEverywhereElseIsOneStepAndOneRow(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		kept, _ := b.signIn("sub-1", "web")
		for range 3 {
			b.login("sub-1", "web", online)
		}
		other, _ := b.signIn("sub-2", "web")
		for _, want := range []int{3, 0} {
			if n, err := b.EndOtherSessions(t.Context(), actor, kept.UserID, kept.SID); err != nil || n != want {
				t.Errorf("%d ended, not %d: %v", n, want, err)
			}
		}
		if n := b.audited(storage.AuditSignOut); n != 1 {
			t.Errorf("%d rows of the audit", n)
		}
		for _, s := range []*storage.Session{kept, other} {
			_, err := b.Session(t.Context(), s.IDHash, idle)
			b.must(err)
		}
	})
}
