package storage_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

// secondIdentity gives a user another identity, as linking will.
func (b *book) secondIdentity(userID, subject string) {
	b.Helper()
	b.signIn(subject, "web")
	b.must(b.Write(b.Context(), func(ctx contextT, q storage.Runner) error {
		for _, statement := range []string{`UPDATE identities SET user_id = $1 WHERE subject = $2`, `UPDATE sessions SET user_id = $1 WHERE subject = $2`, `UPDATE grants SET user_id = $1 WHERE subject = $2`} {
			if _, err := q.ExecContext(ctx, statement, userID, subject); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (b *book) forgetIdentity(subject string) {
	b.Helper()
	b.must(b.Write(b.Context(), func(ctx contextT, q storage.Runner) error {
		_, err := q.ExecContext(ctx, `DELETE FROM identities WHERE subject = $1`, subject)
		return err
	}))
}

func TestUsersPageGoesThroughEverythingOnce(t *testing.T) {
	defer storage.SetWindow(5)()
	eachBook(t, func(t *testing.T, b *book) {
		for i := range 30 {
			if i%3 == 0 { // some at the very same time
				b.clock.Advance(time.Minute)
			}
			in := b.signInOf(fmt.Sprint("sub-", i), nil)
			in.Name, in.Email, in.NewSubject = fmt.Sprint("Person ", i, " 100%"), fmt.Sprintf("P%d@Example.com", i), fmt.Sprint("subject-", i)
			s, err := b.SignIn(t.Context(), actor, in)
			b.must(err)
			if i < 10 {
				b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true))
			}
		}
		yes, no := true, false
		for _, c := range []struct {
			why  string
			f    storage.UserFilter
			want int
		}{
			{"all", storage.UserFilter{}, 30},
			{"disabled", storage.UserFilter{Disabled: &yes}, 10},
			{"enabled", storage.UserFilter{Disabled: &no}, 20},
			{"part of a name", storage.UserFilter{Q: "pERSON 1"}, 11},
			{"part of an address", storage.UserFilter{Q: "p7@example"}, 1},
			{"a sub", storage.UserFilter{Q: "subject-7"}, 1},
			{"part of a sub", storage.UserFilter{Q: "subject-"}, 0},
			{"a percent sign", storage.UserFilter{Q: "100%"}, 30},
			{"what a percent sign would match", storage.UserFilter{Q: "P%n"}, 0},
			{"an underscore", storage.UserFilter{Q: "P_r"}, 0},
			{"a backslash", storage.UserFilter{Q: `\`}, 0},
			{"a quote", storage.UserFilter{Q: `' OR '1'='1`}, 0},
		} {
			seen := map[string]bool{}
			c.f.Limit = 4
			for pages := 0; ; pages++ {
				page, next, err := b.UsersPage(t.Context(), c.f)
				b.must(err)
				for _, u := range page {
					if seen[u.ID] {
						t.Errorf("%s: %s twice", c.why, u.Name)
					}
					seen[u.ID] = true
				}
				if c.f.Before = next; next == "" {
					break
				}
				if pages > 30 {
					t.Fatalf("%s: no end", c.why)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%s: %d, want %d", c.why, len(seen), c.want)
			}
		}
		for _, forged := range []string{"x", "1", "1:", ":a", "9223372036854775808:a", "1' OR 1=1:a"} {
			if _, _, err := b.UsersPage(t.Context(), storage.UserFilter{Before: forged}); err == nil {
				t.Errorf("A07: the cursor %q was taken", forged)
			}
		}
	})
}

func TestUnlinkTakesWhatRestsOnTheIdentity(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		s, taken := a.login("sub-1", "web", offline)
		a.wants("the last one", b.Unlink(t.Context(), actor, s.UserID, a.provider, "sub-1", false), storage.ErrLastIdentity)
		a.secondIdentity(s.UserID, "sub-2")
		other, otherTaken := a.login("sub-2", "web", offline)
		stranger, _ := a.login("sub-3", "web", nil)
		b.wants("somebody else's", b.Unlink(t.Context(), actor, stranger.UserID, a.provider, "sub-1", true), storage.ErrNotFound)
		b.wants("one that there is not", b.Unlink(t.Context(), actor, s.UserID, a.provider, "sub-9", true), storage.ErrNotFound)

		b.must(b.Unlink(t.Context(), actor, s.UserID, a.provider, "sub-1", false))
		_, err := a.refresh(taken.RefreshToken, "web")
		a.wants("its offline access", err, storage.ErrNotFound)
		_, err = a.Session(t.Context(), s.IDHash, idle)
		a.wants("its session", err, storage.ErrNotFound)
		_, _, err = a.FindIdentity(t.Context(), a.provider, "sub-1")
		a.wants("the identity", err, storage.ErrNotFound)
		_, err = a.refresh(otherTaken.RefreshToken, "web")
		a.must(err)
		_, err = a.Session(t.Context(), other.IDHash, idle)
		a.must(err)
		again, _ := a.signIn("sub-1", "web")
		if again.UserID == s.UserID {
			t.Error("an unlinked identity signs in as the user it was taken from")
		}
		if a.audited(storage.AuditIdentityUnlinked) != 1 {
			t.Error("not audited once")
		}
		b.must(b.Unlink(t.Context(), actor, s.UserID, a.provider, "sub-2", true))
		if left, err := a.Identities(t.Context(), s.UserID); err != nil || len(left) != 0 {
			t.Errorf("forced: %v, %v", left, err)
		}
	})
}

func TestASignInDoesNotSlipPastAnUnlink(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for round := range 15 {
			subject := fmt.Sprint("sub-", round)
			s, _ := a.signIn(subject, "web")
			a.secondIdentity(s.UserID, subject+"-b")
			again := a.signInOf(subject, a.grant("web"))
			var got *storage.Session
			race(2, func(i int) (err error) {
				if i == 0 {
					got, err = a.SignIn(t.Context(), actor, again)
					return err
				}
				return b.Unlink(t.Context(), actor, s.UserID, a.provider, subject, false)
			})
			if got != nil && got.UserID == s.UserID {
				if _, err := a.Session(t.Context(), got.IDHash, idle); err == nil {
					t.Fatalf("round %d: a session of the unlinked identity lives", round)
				}
			}
		}
	})
}

func TestNothingPersonalIsLeftOfAnErasedUser(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		refused := b.loginOf("BEFORE", "sub-1")
		refused.Person, refused.Claims = "Carol Canary", map[string]any{"name": "Carol Canary"}
		b.must(b.KeepLogins(t.Context(), []storage.Login{refused})) // before there was a user
		in := b.signInOf("sub-1", b.grant("web"))
		in.Name, in.Email, in.Claims = "Carol Canary", "carol@canary.example", map[string]any{"name": "Carol Canary"}
		in.Grant.RememberConsent, in.Grant.RedirectHost = true, "app.example"
		s, err := b.SignIn(t.Context(), storage.Actor{Kind: "person", Device: "Canary on Linux", IP: "192.0.2.99"}, in)
		b.must(err)
		_, err = b.TakeCode(t.Context(), actor, take(in.Grant, offline))
		b.must(err)
		kept := b.loginOf("AFTER", "sub-1")
		kept.UserID, kept.UserSubject, kept.Person = s.UserID, s.User.Subject, "Carol Canary"
		b.must(b.KeepLogins(t.Context(), []storage.Login{kept}))
		b.must(b.SetAdmin(t.Context(), actor, b.provider, "sub-1", storage.RoleViewer, false))

		b.must(b.EraseUser(t.Context(), actor, s.UserID, false))
		b.must(b.KeepLogins(t.Context(), []storage.Login{{Reference: "LATE", At: b.clock.Now(), Outcome: storage.LoginSignedIn, UserID: s.UserID, Person: "Carol Canary"}}))
		for column, values := range dump(t, raw(t, url)) {
			for _, v := range values {
				for _, canary := range []string{"Carol", "carol@canary", "Canary", "192.0.2.99"} {
					if strings.Contains(v, canary) && column != "audit.ip" { // where from, for as long as the audit is kept
						t.Errorf("%s still holds %q: %s", column, canary, v)
					}
				}
			}
		}
		for _, reference := range []string{"BEFORE", "AFTER", "LATE"} {
			_, err := b.Login(t.Context(), reference)
			b.wants(reference, err, storage.ErrNotFound)
		}
		b.wants("twice", b.EraseUser(t.Context(), actor, s.UserID, false), storage.ErrNotFound)
		if r := b.chain(); r.Broken != nil || b.audited(storage.AuditUserDeleted) != 1 {
			t.Errorf("the audit: %+v", r)
		}
		rows, _, err := b.AuditPage(t.Context(), storage.AuditFilter{Target: "user:" + s.UserID, Limit: 100})
		b.must(err)
		if len(rows) < 4 {
			t.Errorf("only %d audit rows are left of what happened", len(rows))
		}
	})
}

func TestAnExportHoldsAllThatIsKeptAndNoSecret(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, err := b.BindProvider(t.Context(), actor, "own", "urn:handstamp:own")
		b.must(err)
		b.must(b.MakeAccounts(t.Context(), actor, "own", storage.NewAccount{Subject: "acc-1", UserSubject: random(), Login: "alice", Hash: "canary-hash", TOTP: "canary-totp", Name: "Alice"}))
		account, err := b.Account(t.Context(), "own", "alice")
		b.must(err)
		u := account.User
		stranger, _ := b.signIn("sub-9", "web")
		b.secondIdentity(u.ID, "sub-1")
		g := b.grant("mobile")
		g.RememberConsent, g.RedirectHost = true, "app.example"
		s, err := b.SignIn(t.Context(), actor, b.signInOf("sub-1", g))
		b.must(err)
		_, err = b.TakeCode(t.Context(), actor, take(g, offline))
		b.must(err)
		b.must(b.SetAdmin(t.Context(), actor, b.provider, "sub-1", storage.RoleEditor, false))
		kept := b.loginOf("REF", "sub-1")
		kept.UserID = u.ID
		b.must(b.KeepLogins(t.Context(), []storage.Login{kept}))
		if s.UserID != u.ID {
			t.Fatal("the test's own linking")
		}
		x, err := b.ExportUser(t.Context(), u.ID)
		b.must(err)
		if x.User.ID != u.ID || len(x.Identities) != 2 || x.Account == nil || x.Account.Login != "alice" || !x.HasPassword || !x.HasTwoSteps || len(x.Admin) != 1 || len(x.Sessions) < 1 ||
			len(x.Access) != 1 || x.Access[0].GrantID != g.ID || string(x.Access[0].Trace) != `[{"rule":"everybody"}]` || x.Access[0].Roles[0] != "reader" || x.Access[0].Snapshot != "v1" ||
			len(x.Consents) != 1 || len(x.Logins) != 1 || x.Logins[0].Claims["sub"] != "sub-1" || len(x.Audit) < 3 {
			t.Errorf("export: %+v", x)
		}
		text, err := json.Marshal(x)
		b.must(err)
		if strings.Contains(string(text), "canary") {
			t.Errorf("the export holds a secret: %s", text)
		}
		_, err = b.ExportUser(t.Context(), "nobody")
		b.wants("nobody", err, storage.ErrNotFound)
		_, err = b.AccountOf(t.Context(), stranger.UserID)
		b.wants("the account of somebody without one", err, storage.ErrNotFound)
		n, err := b.EndSessionsOf(t.Context(), actor, u.ID)
		b.must(err)
		left, err := b.SessionsOf(t.Context(), u.ID)
		b.must(err)
		if n < 1 || len(left) != 0 {
			t.Errorf("signed out of %d sessions, %d left", n, len(left))
		}
	})
}

func TestNoticesPageGoesThroughEverythingOnce(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for i := range 9 {
			s, _ := b.login(fmt.Sprint("sub-", i), []string{"web", "mobile"}[i%2], nil)
			b.must(b.EndSession(t.Context(), actor, s.SID))
		}
		for want, f := range map[int]storage.NoticeFilter{9: {}, 4: {Client: "mobile"}, 5: {Client: "web", Outcome: storage.NoticeWaiting}, 0: {Outcome: storage.NoticeGaveUp}} {
			seen := map[string]bool{}
			f.Limit = 2
			for {
				page, next, err := b.NoticesPage(t.Context(), f)
				b.must(err)
				for _, n := range page {
					seen[n.ID] = true
				}
				if f.Before = next; next == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%+v: %d, want %d", f, len(seen), want)
			}
		}
	})
}

func TestC15_NothingThatABackupHeldLivesOn(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, taken := b.login("sub-1", "web", offline)
		_, g := b.signIn("sub-1", "web")
		link, used := hash(), hash()
		_, err := b.NewAdminLink(t.Context(), actor, link, b.clock.Now().Add(time.Hour))
		b.must(err)
		usedID, err := b.NewAdminLink(t.Context(), actor, used, b.clock.Now().Add(time.Hour))
		b.must(err)
		_, err = b.TakeAdminLink(t.Context(), actor, used, 10*time.Minute)
		b.must(err)
		before := b.WriteTransactions()
		b.restored()
		if n := b.WriteTransactions() - before; n != 1 {
			t.Errorf("it took %d transactions", n)
		}
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("a session", err, storage.ErrNotFound)
		_, err = b.Grant(t.Context(), taken.Grant.ID)
		b.wants("a grant", err, storage.ErrRevoked)
		_, err = b.refresh(taken.RefreshToken, "web")
		b.wants("a refresh token", err, storage.ErrRevoked)
		if _, err = b.TakeCode(t.Context(), actor, take(g, offline)); err == nil {
			t.Error("a code was redeemed")
		}
		_, err = b.TakeAdminLink(t.Context(), actor, link, 10*time.Minute)
		b.wants("an admin link", err, storage.ErrNotFound)
		_, err = b.AdminLink(t.Context(), usedID)
		b.wants("an owner's session", err, storage.ErrNotFound)
		rows, _, err := b.AuditPage(t.Context(), storage.AuditFilter{Action: storage.AuditRestored})
		b.must(err)
		if len(rows) != 1 || rows[0].Detail["sessions"] != "2" || rows[0].Detail["admin_links"] != "2" {
			t.Errorf("audited: %+v", rows)
		}
		_, again := b.login("sub-1", "web", offline)
		_, err = b.refresh(again.RefreshToken, "web")
		b.must(err)
	})
}
