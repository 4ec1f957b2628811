package storage_test

import (
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestAGrantRemembersTheLoginItComesFrom(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		g := b.grant("web")
		g.Login = "O3WPX2ILA3263YSS"
		_, err := b.SignIn(t.Context(), actor, b.signInOf("sub-1", g))
		b.must(err)
		find := func(why string) {
			t.Helper()
			id, login, err := b.LoginOfCode(t.Context(), g.Code.Hash)
			if b.must(err); id != g.ID || login != g.Login {
				t.Errorf("%s: %q %q", why, id, login)
			}
			if login, err := b.LoginOfGrant(t.Context(), g.ID); err != nil || login != g.Login {
				t.Errorf("%s: %q %v", why, login, err)
			}
		}
		find("fresh")
		_, err = b.TakeCode(t.Context(), actor, take(g, offline))
		b.must(err)
		find("used")
		b.clock.Advance(2 * time.Minute)
		b.must(b.RevokeGrant(t.Context(), actor, g.ID, "test"))
		find("revoked and expired")
		_, _, err = b.LoginOfCode(t.Context(), []byte("sixteen bytes that never were a code"))
		b.wants("a code that never was", err, storage.ErrNotFound)
		_, err = b.LoginOfGrant(t.Context(), "nothing")
		b.wants("a grant that never was", err, storage.ErrNotFound)
	})
}
