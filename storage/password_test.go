package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

const own = "local"

// eachLocal runs a test on both databases with an account for alice.
func eachLocal(t *testing.T, run func(t *testing.T, b *book, alice *storage.Account)) {
	t.Helper()
	eachBook(t, func(t *testing.T, b *book) {
		run(t, b, b.account("alice"))
	})
}

func (b *book) account(login string) *storage.Account {
	b.Helper()
	_, err := b.BindProvider(b.Context(), actor, own, "handstamp:local")
	b.must(err)
	b.must(b.MakeAccounts(b.Context(), actor, own, newAccount(login)))
	a, err := b.Account(b.Context(), own, login)
	b.must(err)
	return a
}

func newAccount(login string) storage.NewAccount {
	return storage.NewAccount{Subject: "s-" + login, UserSubject: random(), Login: login, Hash: "hash-of-" + login, TOTP: "totp-of-" + login,
		Name: strings.ToTitle(login), Email: login + "@acme.example", EmailVerified: true, Groups: []string{"Staff", "Keys"}}
}

func TestAnAccountComesWithItsUserAndIdentity(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, alice *storage.Account) {
		if alice.Hash != "hash-of-alice" || alice.TOTP != "totp-of-alice" || alice.Email != "alice@acme.example" || !alice.EmailVerified ||
			fmt.Sprint(alice.Groups) != "[Staff Keys]" || alice.Provider != own || !alice.LastSignIn.IsZero() {
			t.Errorf("it came back different: %+v", alice)
		}
		id, err := b.BindProvider(t.Context(), actor, own, "handstamp:local")
		b.must(err)
		u, i, err := b.FindIdentity(t.Context(), id, "s-alice")
		b.must(err)
		if u.ID != alice.User.ID || u.EmailVerified || i.Issuer != "handstamp:local" {
			t.Errorf("user %+v, identity %+v", u, i)
		}
		list, err := b.Accounts(t.Context(), own, 10)
		b.must(err)
		if len(list) != 1 || list[0].Login != "alice" {
			t.Errorf("listed: %+v", list)
		}
		b.must(b.EraseUser(t.Context(), actor, u.ID, true))
		_, err = b.Account(t.Context(), own, "alice")
		b.wants("the account goes with its user", err, storage.ErrNotFound)
	})
}

func TestAccountsAreMadeAllOrNone(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, _ *storage.Account) {
		users, err := b.Users(t.Context(), 100)
		b.must(err)
		err = b.MakeAccounts(t.Context(), actor, own, newAccount("bob"), newAccount("carol"), storage.NewAccount{Subject: "other", UserSubject: "other", Login: "alice"})
		b.wants("a taken name", err, storage.ErrConflict)
		if err == nil || !strings.Contains(err.Error(), "alice") {
			t.Errorf("the error must name it: %v", err)
		}
		_, err = b.Account(t.Context(), own, "bob")
		b.wants("the others of the same call", err, storage.ErrNotFound)
		after, err := b.Users(t.Context(), 100)
		b.must(err)
		if len(after) != len(users) {
			t.Errorf("%d users before, %d after", len(users), len(after))
		}
		b.wants("no such provider", b.MakeAccounts(t.Context(), actor, "nowhere", newAccount("dave")), storage.ErrNotFound)
	})
}

func TestI20_AnUnknownNameFindsItsNeighbour(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, _ *storage.Account) {
		for i := range 40 {
			b.must(b.MakeAccounts(t.Context(), actor, own, newAccount(fmt.Sprintf("user%d", i))))
		}
		neighbours := map[string]bool{}
		for i := range 40 {
			name := fmt.Sprintf("nobody%d", i)
			a, err := b.AccountAt(t.Context(), own, name)
			if errors.Is(err, storage.ErrNotFound) {
				continue // behind the last one
			}
			b.must(err)
			again, err := b.AccountAt(t.Context(), own, name)
			b.must(err)
			if a.Login == name || again.Login != a.Login {
				t.Errorf("%s found %s, then %s", name, a.Login, again.Login)
			}
			neighbours[a.Login] = true
			_, err = b.Account(t.Context(), own, name)
			b.wants("asked for exactly", err, storage.ErrNotFound)
		}
		if len(neighbours) < 10 {
			t.Errorf("forty strangers share %d neighbours", len(neighbours))
		}
	})
}

func TestS12_PasswordHashesAndSecondFactorsAreSealed(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		b.account("alice")
		b.must(b.Invite(t.Context(), actor, own, "s-alice", []byte("canary-of-an-invitation-link"), b.clock.Now().Add(time.Hour)))
		for column, list := range dump(t, raw(t, url)) {
			for _, v := range list {
				if strings.Contains(v, "hash-of-alice") || strings.Contains(v, "totp-of-alice") {
					t.Errorf("%s holds it in clear", column)
				}
			}
		}
	})
}

func TestANewPasswordEndsWhatTheAccountHeld(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, alice *storage.Account) {
		id, err := b.BindProvider(t.Context(), actor, own, "handstamp:local")
		b.must(err)
		g := b.grant("web")
		in := b.signInOf("s-alice", g)
		in.ProviderID, in.Issuer, g.ProviderID, in.Create = id, "handstamp:local", id, false
		s, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		taken, err := b.TakeCode(t.Context(), actor, take(g, offline))
		b.must(err)
		link := hash()
		b.must(b.Invite(t.Context(), actor, own, "s-alice", link, b.clock.Now().Add(time.Hour)))

		b.must(b.UpgradePassword(t.Context(), own, "s-alice", "hash-of-alice", "better"))
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.must(err) // a better hash of the same password changes nothing else
		b.must(b.UpgradePassword(t.Context(), own, "s-alice", "hash-of-alice", "stale"))

		b.must(b.SetPassword(t.Context(), actor, own, "s-alice", "new"))
		b.must(b.UpgradePassword(t.Context(), own, "s-alice", "better", "late"))
		after, err := b.Account(t.Context(), own, "alice")
		b.must(err)
		if after.Hash != "new" {
			t.Errorf("the hash is %q", after.Hash)
		}
		_, err = b.Session(t.Context(), s.IDHash, idle)
		b.wants("the session", err, storage.ErrNotFound)
		_, err = b.refresh(taken.RefreshToken, "web")
		b.wants("the refresh token", err, storage.ErrRevoked)
		_, err = b.Invitation(t.Context(), link)
		b.wants("an open link", err, storage.ErrNotFound)
		b.wants("nobody", b.SetPassword(t.Context(), actor, own, "nobody", "x"), storage.ErrNotFound)
		if b.audited(storage.AuditPasswordSet) != 1 {
			t.Error("no audit row")
		}
	})
}

func TestALinkSetsAPasswordOnceAndInTime(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, alice *storage.Account) {
		link := hash()
		b.must(b.Invite(t.Context(), actor, own, "s-alice", hash(), b.clock.Now().Add(time.Hour)))
		b.must(b.Invite(t.Context(), actor, own, "s-alice", link, b.clock.Now().Add(time.Hour)))
		a, err := b.Invitation(t.Context(), link)
		b.must(err)
		if a.Login != "alice" {
			t.Errorf("it is for %q", a.Login)
		}
		errs := race(100, func(i int) error { return b.AcceptInvitation(t.Context(), actor, link, fmt.Sprint("password-", i)) })
		if got := tally(errs); got["won"] != 1 || got["not found"] != 99 {
			t.Errorf("a hundred used one link: %v", got)
		}
		late := hash()
		b.must(b.Invite(t.Context(), actor, own, "s-alice", late, b.clock.Now().Add(time.Hour)))
		b.clock.Advance(time.Hour)
		_, err = b.Invitation(t.Context(), late)
		b.wants("too late to see", err, storage.ErrNotFound)
		b.wants("too late to use", b.AcceptInvitation(t.Context(), actor, late, "x"), storage.ErrNotFound)
		b.wants("made up", b.AcceptInvitation(t.Context(), actor, hash(), "x"), storage.ErrNotFound)
		b.wants("for nobody", b.Invite(t.Context(), actor, own, "nobody", hash(), b.clock.Now().Add(time.Hour)), storage.ErrNotFound)
	})
}

func TestL12_ADisabledPersonsLinkOpensNothing(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, alice *storage.Account) {
		link := hash()
		b.must(b.Invite(t.Context(), actor, own, "s-alice", link, b.clock.Now().Add(time.Hour)))
		b.must(b.SetUserDisabled(t.Context(), actor, alice.User.ID, true))
		_, err := b.Invitation(t.Context(), link)
		b.wants("to see", err, storage.ErrNotFound)
		b.wants("to use", b.AcceptInvitation(t.Context(), actor, link, "x"), storage.ErrNotFound)
		after, err := b.Account(t.Context(), own, "alice")
		b.must(err)
		if after.Hash != "hash-of-alice" || !after.User.Disabled {
			t.Errorf("%+v", after)
		}
	})
}

func TestACodeIsSpentOnceOnAllNodes(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		a.account("alice")
		nodes := []*book{a, b}
		won := 0
		for _, err := range race(100, func(i int) error {
			ok, err := nodes[i%2].SpendTOTP(t.Context(), own, "s-alice", 1000)
			if err == nil && !ok {
				err = errors.New("lost")
			}
			return err
		}) {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of a hundred used one code", won)
		}
		for step, want := range map[int64]bool{999: false, 1000: false} {
			if ok, err := a.SpendTOTP(t.Context(), own, "s-alice", step); err != nil || ok != want {
				t.Errorf("step %d: %v %v", step, ok, err)
			}
		}
		if ok, err := b.SpendTOTP(t.Context(), own, "s-alice", 1001); err != nil || !ok {
			t.Errorf("the next step: %v %v", ok, err)
		}
	})
}

func TestResealReachesAccounts(t *testing.T) {
	storagetest.EachURL(t, func(t *testing.T, url string) {
		c := newClock()
		db := storagetest.OpenURL(t, url, c.set)
		b := newBook(t, db, c)
		b.account("alice")
		b.must(db.Close())
		sealer, err := storage.NewSealer([]byte("a-newer-key-of-thirty-two-bytes!"), storagetest.Key)
		b.must(err)
		b = newBook(t, storagetest.OpenURL(t, url, c.set, func(o *storage.Options) { o.Sealer = sealer }), c)
		_, err = b.Reseal(t.Context(), actor)
		b.must(err)
		b.must(b.Close())
		only, err := storage.NewSealer([]byte("a-newer-key-of-thirty-two-bytes!"))
		b.must(err)
		b = newBook(t, storagetest.OpenURL(t, url, c.set, func(o *storage.Options) { o.Sealer = only }), c)
		a, err := b.Account(t.Context(), own, "alice")
		b.must(err)
		if a.Hash != "hash-of-alice" || a.TOTP != "totp-of-alice" {
			t.Errorf("%+v", a)
		}
	})
}

func TestASignInWithAPasswordThatWasChangedMeanwhileIsRefused(t *testing.T) {
	eachLocal(t, func(t *testing.T, b *book, alice *storage.Account) {
		id, err := b.BindProvider(t.Context(), actor, own, "handstamp:local")
		b.must(err)
		in := b.signInOf(alice.Subject, nil)
		in.ProviderID, in.Issuer, in.Create, in.PasswordSince = id, "handstamp:local", false, alice.ChangedAt
		b.clock.Advance(time.Second)
		b.must(b.UpgradePassword(t.Context(), own, alice.Subject, alice.Hash, "a better hash of it"))
		_, err = b.SignIn(t.Context(), actor, in)
		b.must(err)
		b.must(b.SetPassword(t.Context(), actor, own, alice.Subject, "another"))
		in.StateHash, in.Session.IDHash, in.Session.SID = []byte("another state, sixteen"), []byte("another id, sixteen or more"), "another"
		_, err = b.SignIn(t.Context(), actor, in)
		b.wants("the old password", err, storage.ErrPasswordChanged)
		sessions, err := b.SessionsOf(t.Context(), alice.User.ID)
		b.must(err)
		if len(sessions) != 0 {
			t.Errorf("sessions: %+v", sessions)
		}
	})
}
