package storage_test

import (
	"fmt"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

func TestOneOfAHundredCallbacksWithOneStateWins(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for range 3 {
			state, sids := hash(), make([]string, 100)
			got := tally(race(100, func(i int) error {
				in := a.signInOf("sub-1", a.grant("web"))
				in.StateHash = state
				s, err := []*book{a, b}[i%2].SignIn(t.Context(), actor, in)
				if err == nil {
					sids[i] = s.SID
				}
				return err
			}))
			if got["won"] != 1 || got["spent"]+got["unavailable"] != 99 {
				t.Fatalf("callbacks: %v", got)
			}
			u, _, err := a.FindIdentity(t.Context(), a.provider, "sub-1")
			a.must(err)
			live, err := b.SessionsOf(t.Context(), u.ID)
			b.must(err)
			for _, s := range live {
				b.must(b.EndSession(t.Context(), actor, s.SID))
			}
			if len(live) != 1 {
				t.Errorf("%d sessions of one state", len(live))
			}
		}
	})
}

func TestC07_FiftyFirstLoginsOfOnePersonMakeOneUser(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for round := range 5 {
			subject, users := fmt.Sprintf("new-%d", round), make([]string, 50)
			errs := race(50, func(i int) error {
				s, err := []*book{a, b}[i%2].SignIn(t.Context(), actor, a.signInOf(subject, a.grant("web")))
				if err == nil {
					users[i] = s.UserID
				}
				return err
			})
			if n := tally(errs); n["won"] != 50 {
				t.Fatalf("logins: %v", n)
			}
			for _, u := range users {
				if u != users[0] {
					t.Fatal("one person became two users")
				}
			}
		}
		all, err := a.Users(t.Context(), 100)
		a.must(err)
		if len(all) != 5 || a.audited(storage.AuditUserCreated) != 5 {
			t.Errorf("%d users for five people", len(all))
		}
	})
}

func TestL08_AnIdentityNeverHasTwoUsers(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		s, _ := a.signIn("sub-1", "web")
		other, _ := a.signIn("sub-2", "web")
		for range 50 {
			again, err := b.SignIn(t.Context(), actor, b.signInOf("sub-1", nil))
			b.must(err)
			if again.UserID != s.UserID {
				t.Fatal("an identity changed its user")
			}
		}
		errs := race(50, func(i int) error { // links sub-1 to somebody else behind our back: the key refuses
			return []*book{a, b}[i%2].Write(t.Context(), func(ctx contextT, q storage.Runner) error {
				_, err := q.ExecContext(ctx, `INSERT INTO identities (provider_id, subject, user_id, issuer, claims, claims_at, created_at)
					VALUES ($1, $2, $3, $4, '', 0, 0)`, a.provider, "sub-1", other.UserID, issuer)
				return err
			})
		})
		for _, err := range errs {
			if err == nil {
				t.Fatal("an identity was linked twice")
			}
		}
	})
}

func TestL09_ASlugIsTiedToItsIssuerForEver(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		id, err := b.BindProvider(t.Context(), actor, "google", issuer)
		b.must(err)
		if id != b.provider {
			t.Error("the id of a slug changed")
		}
		_, err = b.BindProvider(t.Context(), actor, "google", "https://evil.example")
		b.wants("the slug with another issuer", err, storage.ErrIssuerChanged)
		other, err := b.BindProvider(t.Context(), actor, "google-2", "https://evil.example")
		b.must(err)
		if other == b.provider {
			t.Fatal("two slugs share an id")
		}
		in := b.signInOf("sub-1", nil)
		in.ProviderID, in.Issuer = other, "https://evil.example"
		stranger, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		if stranger.UserID == s.UserID {
			t.Error("the same sub at another provider is another person")
		}
		in = b.signInOf("sub-1", nil)
		in.Issuer = "https://evil.example"
		_, err = b.SignIn(t.Context(), actor, in)
		b.wants("a known identity from another issuer", err, storage.ErrIssuerChanged)
		in = b.signInOf("sub-9", nil)
		in.Issuer = "https://evil.example"
		_, err = b.SignIn(t.Context(), actor, in)
		b.wants("a new identity from another issuer", err, storage.ErrIssuerChanged)
	})
}

func TestEmailNeverFindsAUser(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		one, _ := b.signIn("sub-1", "web")
		two, _ := b.signIn("sub-2", "web") // the same verified e-mail
		if one.UserID == two.UserID {
			t.Error("an e-mail linked two identities")
		}
		upper, _ := b.signIn("SUB-1", "web")
		if upper.UserID == one.UserID {
			t.Error("subjects are compared without case")
		}
	})
}

func TestL12_ADisabledUserGetsNothing(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		s, taken := a.login("sub-1", "web", offline)
		pending := a.grant("other")
		pending.SID = s.SID
		a.must(a.IssueCode(t.Context(), actor, s.UserID, *pending))
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true)) // on the other node
		sso := a.grant("third")
		sso.SID = s.SID
		for _, c := range []struct {
			path string
			try  func() error
			want error
		}{
			{"login", func() error {
				_, err := a.SignIn(t.Context(), actor, a.signInOf("sub-1", a.grant("web")))
				return err
			}, storage.ErrDisabled},
			{"single sign-on session", func() error { _, err := a.Session(t.Context(), s.IDHash, idle); return err }, storage.ErrNotFound},
			{"code for single sign-on", func() error { return a.IssueCode(t.Context(), actor, s.UserID, *sso) }, storage.ErrDisabled},
			{"code redemption", func() error { _, err := a.TakeCode(t.Context(), actor, take(pending, nil)); return err }, storage.ErrRevoked},
			{"refresh", func() error { _, err := a.refresh(taken.RefreshToken, "web"); return err }, storage.ErrRevoked},
			{"userinfo", func() error { _, err := a.Grant(t.Context(), taken.Grant.ID); return err }, storage.ErrRevoked},
		} {
			a.wants(c.path, c.try(), c.want)
		}
		u, err := a.User(t.Context(), s.UserID)
		a.must(err)
		if !u.Disabled {
			t.Error("the user is not shown as disabled")
		}
		a.wants("a user who is not there", a.SetUserDisabled(t.Context(), actor, "nobody", true), storage.ErrNotFound)
	})
}

func TestL13_ASignInNeverEnablesADisabledUserNorChangesIds(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		before, err := b.User(t.Context(), s.UserID)
		b.must(err)
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, true))
		in := b.signInOf("sub-1", nil)
		in.Name, in.Email, in.Claims = "Mallory", "mallory@evil.example", map[string]any{"active": true, "disabled": false}
		_, err = b.SignIn(t.Context(), actor, in)
		b.wants("a disabled user signs in", err, storage.ErrDisabled)
		after, err := b.User(t.Context(), s.UserID)
		b.must(err)
		if !after.Disabled || after.Name != before.Name || after.Email != before.Email || after.Subject != before.Subject {
			t.Errorf("the row changed: %+v", after)
		}
		_, err = b.SignIn(t.Context(), actor, in)
		b.wants("the same callback again", err, storage.ErrStateSpent)
		if b.audited(storage.AuditSignInRefused) != 1 {
			t.Error("the refusal is not in the audit")
		}
		b.must(b.SetUserDisabled(t.Context(), actor, s.UserID, false))
		in = b.signInOf("sub-1", nil)
		in.Name, in.Email, in.EmailVerified, in.NewSubject = "", "", true, "chosen-by-upstream"
		_, err = b.SignIn(t.Context(), actor, in)
		b.must(err)
		after, err = b.User(t.Context(), s.UserID)
		b.must(err)
		if after.Subject != before.Subject || after.ID != before.ID || after.CreatedAt != before.CreatedAt {
			t.Error("a login changed ids")
		}
		if after.Name != "Alice" || after.Email != "" || after.EmailVerified {
			t.Errorf("profile: a name that is not told stays, an e-mail that is not told goes and is not verified: %+v", after)
		}
	})
}

func TestL20_WhoComesBackAfterADeletionIsSomebodyNew(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, taken := b.login("sub-1", "web", offline)
		before, err := b.User(t.Context(), s.UserID)
		b.must(err)
		b.must(b.EraseUser(t.Context(), actor, s.UserID, true))
		_, err = b.refresh(taken.RefreshToken, "web")
		b.wants("the old refresh token", err, storage.ErrNotFound)
		_, err = b.Grant(t.Context(), taken.Grant.ID)
		b.wants("the old grant", err, storage.ErrNotFound)
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("the old session", err, storage.ErrNotFound)
		again, _ := b.signIn("sub-1", "web")
		if again.UserID == before.ID || again.User.Subject == before.Subject {
			t.Error("an id was reused")
		}
		_, err = b.refresh(taken.RefreshToken, "web")
		b.wants("the old refresh token after the return", err, storage.ErrNotFound)
		b.wants("twice", b.EraseUser(t.Context(), actor, s.UserID, true), storage.ErrNotFound)
	})
}

func TestWithoutSignUpAStrangerLeavesNoTrace(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		before := b.WriteTransactions()
		for range 20 {
			in := b.signInOf("stranger", b.grant("web"))
			in.Create = false
			_, err := b.SignIn(t.Context(), actor, in)
			b.wants("a stranger", err, storage.ErrNoUser)
		}
		for why, change := range map[string]func(*storage.SignIn){
			"no subject":      func(in *storage.SignIn) { in.Subject = "" },
			"a long subject":  func(in *storage.SignIn) { in.Subject = string(make([]byte, 256)) },
			"no state":        func(in *storage.SignIn) { in.StateHash = nil },
			"no session id":   func(in *storage.SignIn) { in.Session.IDHash = nil },
			"no limits":       func(in *storage.SignIn) { in.Session.Idle = 0 },
			"a new user: sub": func(in *storage.SignIn) { in.NewSubject = "" },
		} {
			in := b.signInOf("odd", nil)
			change(&in)
			if _, err := b.SignIn(t.Context(), actor, in); err == nil {
				t.Errorf("%s: signed in", why)
			}
		}
		if n := b.WriteTransactions() - before; n != 0 {
			t.Errorf("%d writes for people who are not known", n)
		}
	})
}

func TestListsAndLookups(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.signIn("sub-1", "web")
		u, err := b.UserBySubject(t.Context(), s.User.Subject)
		b.must(err)
		if u.ID != s.UserID || !u.EmailVerified || u.Name != "Alice" || !u.CreatedAt.Equal(b.clock.Now()) {
			t.Errorf("user: %+v", u)
		}
		i, err := b.Identity(t.Context(), u.ID, b.provider)
		b.must(err)
		if i.Subject != "sub-1" || i.Claims["hd"] != "acme.example" || i.Issuer != issuer || !i.ClaimsAt.Equal(b.clock.Now()) {
			t.Errorf("identity: %+v", i)
		}
		all, err := b.Identities(t.Context(), u.ID)
		b.must(err)
		if len(all) != 1 {
			t.Errorf("identities: %+v", all)
		}
		for why, err := range map[string]error{
			"user": errOf(b.User(t.Context(), "x")), "sub": errOf(b.UserBySubject(t.Context(), "x")), "grant": errOf(b.Grant(t.Context(), "x")),
			"identity": errOf(b.Identity(t.Context(), u.ID, "x")),
		} {
			b.wants(why, err, storage.ErrNotFound)
		}
		_, _, err = b.FindIdentity(t.Context(), b.provider, "x")
		b.wants("identity by subject", err, storage.ErrNotFound)
		g := b.grant("web")
		g.SID = s.SID
		b.wants("a code for nobody", b.IssueCode(t.Context(), actor, "x", *g), storage.ErrNoUser)
		g.SID = "x"
		b.wants("a code on no session", b.IssueCode(t.Context(), actor, u.ID, *g), storage.ErrNotFound)
		b.must(b.Note(t.Context(), actor, "probe", "client:web", map[string]string{"why": "test"}))
		rows, err := b.Audit(t.Context(), 1)
		b.must(err)
		if r := rows[0]; r.Action != "probe" || r.Actor != actor || r.Target != "client:web" || r.Detail["why"] != "test" || !r.At.Equal(b.clock.Now()) {
			t.Errorf("audit: %+v", r)
		}
		b.must(b.Ping(t.Context()))
	})
}

func errOf[T any](_ T, err error) error { return err }
