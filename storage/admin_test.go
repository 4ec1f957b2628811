package storage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func (b *book) owner(subject string) *storage.Session {
	b.Helper()
	s, _ := b.signIn(subject, "web")
	b.must(b.SetAdmin(b.Context(), actor, b.provider, subject, storage.RoleOwner, false))
	return s
}

func (b *book) role(subject string) string {
	b.Helper()
	role, err := b.AdminRole(b.Context(), b.provider, subject)
	b.must(err)
	return role
}

func TestAnAdminIsAnIdentityAndARole(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		a.wants("nobody", a.SetAdmin(t.Context(), actor, a.provider, "sub-1", storage.RoleOwner, true), storage.ErrNotFound)
		s := a.owner("sub-1")
		a.signIn("sub-2", "web")
		before, err := b.Generations(t.Context())
		b.must(err)
		a.must(a.SetAdmin(t.Context(), actor, a.provider, "sub-2", storage.RoleViewer, false))
		after, err := b.Generations(t.Context())
		b.must(err)
		if b.role("sub-1") != storage.RoleOwner || b.role("sub-2") != storage.RoleViewer || b.role("sub-3") != "" || after["admins"] <= before["admins"] {
			t.Errorf("roles %q %q, generations %v and %v", b.role("sub-1"), b.role("sub-2"), before, after)
		}
		list, err := b.Admins(t.Context())
		b.must(err)
		if len(list) != 2 || list[0].Role != storage.RoleOwner || list[0].UserID != s.UserID || list[0].UserSubject != s.User.Subject || list[0].Email != "alice@acme.example" ||
			list[0].CreatedBy != "person:test" || list[1].Subject != "sub-2" || list[0].UserDisabled {
			t.Errorf("admins: %+v", list)
		}
		if a.SetAdmin(t.Context(), actor, a.provider, "sub-2", "king", true) == nil {
			t.Error("a role that there is not was given")
		}
		a.must(a.SetAdmin(t.Context(), actor, a.provider, "sub-2", "", false))
		a.must(a.SetAdmin(t.Context(), actor, a.provider, "sub-2", "", false)) // twice is fine, and told once
		if b.role("sub-2") != "" || b.audited(storage.AuditAdminSet) != 3 {
			t.Errorf("role %q, audited %d times", b.role("sub-2"), b.audited(storage.AuditAdminSet))
		}
	})
}

func TestA15_TheLastOwnerStays(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		one, two := b.owner("sub-1"), b.owner("sub-2")
		b.must(b.SetUserDisabled(t.Context(), actor, two.UserID, true)) // there is another
		if b.role("sub-2") != "" {
			t.Error("somebody disabled is an admin")
		}
		for what, try := range map[string]func(force bool) error{
			"demoted": func(force bool) error {
				return b.SetAdmin(t.Context(), actor, b.provider, "sub-1", storage.RoleViewer, force)
			},
			"removed": func(force bool) error { return b.SetAdmin(t.Context(), actor, b.provider, "sub-1", "", force) },
			"disabled": func(force bool) error {
				if force {
					return b.ForceUserDisabled(t.Context(), actor, one.UserID)
				}
				return b.SetUserDisabled(t.Context(), actor, one.UserID, true)
			},
			"unlinked": func(force bool) error {
				b.secondIdentity(one.UserID, "other-"+one.UserID)
				err := b.Unlink(t.Context(), actor, one.UserID, b.provider, "sub-1", force)
				b.forgetIdentity("other-" + one.UserID)
				return err
			},
			"erased": func(force bool) error { return b.EraseUser(t.Context(), actor, one.UserID, force) },
		} {
			b.wants(what, try(false), storage.ErrLastOwner)
			if b.role("sub-1") != storage.RoleOwner {
				t.Fatalf("%s: the owner is gone", what)
			}
			if _, err := b.Session(t.Context(), one.IDHash, idle); err != nil {
				t.Fatalf("%s: the refusal did half of it: %v", what, err)
			}
			b.must(try(true))
			if b.role("sub-1") == storage.RoleOwner {
				t.Errorf("%s, forced: still an owner", what)
			}
			if err := b.SetUserDisabled(t.Context(), actor, one.UserID, false); err != nil && !errors.Is(err, storage.ErrNotFound) {
				t.Fatal(err)
			}
			one, _ = b.signIn("sub-1", "web")
			b.must(b.SetAdmin(t.Context(), actor, b.provider, "sub-1", storage.RoleOwner, false))
		}
	})
}

func TestA15_TwoOwnersCannotRemoveEachOtherAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		for round := range 10 {
			one, two := fmt.Sprint("one-", round), fmt.Sprint("two-", round)
			first, second := a.owner(one), a.owner(two)
			if round > 0 { // those of the round before
				for _, before := range []string{"one-", "two-"} { // one of them may be erased by now
					if err := a.SetAdmin(t.Context(), actor, a.provider, fmt.Sprint(before, round-1), "", false); !errors.Is(err, storage.ErrNotFound) {
						a.must(err)
					}
				}
			}
			got := tally(race(4, func(i int) error {
				switch i {
				case 0:
					return a.SetAdmin(t.Context(), actor, a.provider, one, "", false)
				case 1:
					return b.SetAdmin(t.Context(), actor, b.provider, two, storage.RoleEditor, false)
				case 2:
					return a.SetUserDisabled(t.Context(), actor, second.UserID, true)
				}
				return b.EraseUser(t.Context(), actor, first.UserID, false)
			}))
			if a.role(one) != storage.RoleOwner && a.role(two) != storage.RoleOwner {
				t.Fatalf("round %d: no owner is left: %v", round, got)
			}
		}
	})
}

func TestOfFiftyVisitsToOneAdminLinkOneGetsIn(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		h := hash()
		id, err := a.NewAdminLink(t.Context(), storage.Actor{Kind: "admin", ID: "shell"}, h, a.clock.Now().Add(10*time.Minute))
		a.must(err)
		_, err = b.AdminLink(t.Context(), id)
		b.wants("a session before its link was used", err, storage.ErrNotFound)
		ids := make([]string, 50)
		errs := race(50, func(i int) (err error) {
			ids[i], err = []*book{a, b}[i%2].TakeAdminLink(t.Context(), actor, h, 10*time.Minute)
			return err
		})
		if got := tally(errs); got["won"] != 1 || got["not found"] != 49 {
			t.Fatalf("%v", got)
		}
		for i, err := range errs {
			if err == nil && ids[i] != id {
				t.Errorf("the winner got %q", ids[i])
			}
		}
		l, err := b.AdminLink(t.Context(), id)
		b.must(err)
		if l.ID != id || l.CreatedBy != "admin:shell" || l.UsedAt.IsZero() || !l.ExpiresAt.Equal(a.clock.Now().Add(10*time.Minute)) {
			t.Errorf("the session: %+v", l)
		}
		if a.audited(storage.AuditAdminLinkMade) != 1 || a.audited(storage.AuditAdminLinkTaken) != 1 {
			t.Error("not audited once each")
		}
	})
}

func TestAnAdminLinkEnds(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		link := func() (string, []byte) {
			h := hash()
			id, err := b.NewAdminLink(t.Context(), actor, h, b.clock.Now().Add(10*time.Minute))
			b.must(err)
			return id, h
		}
		gone := func(why, id string, h []byte) {
			t.Helper()
			if h != nil {
				_, err := b.TakeAdminLink(t.Context(), actor, h, 10*time.Minute)
				b.wants(why+": the link", err, storage.ErrNotFound)
			}
			_, err := b.AdminLink(t.Context(), id)
			b.wants(why+": the session", err, storage.ErrNotFound)
		}
		late, lateHash := link()
		b.clock.Advance(10 * time.Minute)
		gone("too late", late, lateHash)

		used, usedHash := link()
		unused, unusedHash := link()
		_, err := b.TakeAdminLink(t.Context(), actor, usedHash, 10*time.Minute)
		b.must(err)
		n, err := b.RevokeAdminLinks(t.Context(), actor)
		b.must(err)
		if n != 2 || b.audited(storage.AuditAdminLinksEnded) != 1 {
			t.Errorf("%d links ended", n)
		}
		gone("revoked", used, usedHash)
		gone("revoked", unused, unusedHash)

		own, ownHash := link()
		_, err = b.TakeAdminLink(t.Context(), actor, ownHash, 10*time.Minute)
		b.must(err)
		b.must(b.EndAdminLink(t.Context(), actor, own))
		b.must(b.EndAdminLink(t.Context(), actor, own))
		gone("signed out", own, nil)

		b.clock.Advance(48 * time.Hour)
		_, err = b.Sweep(t.Context())
		b.must(err)
		var left int
		b.must(b.Reader().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM admin_links`).Scan(&left))
		if left != 0 {
			t.Errorf("%d links left", left)
		}
		for why, try := range map[string]func() error{
			"a link that is no hash": func() error {
				return errOf(b.NewAdminLink(t.Context(), actor, []byte("short"), b.clock.Now().Add(time.Minute)))
			},
			"a link without an end": func() error { return errOf(b.NewAdminLink(t.Context(), actor, hash(), time.Time{})) },
		} {
			if try() == nil {
				t.Errorf("%s was made", why)
			}
		}
	})
}
