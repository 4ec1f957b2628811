package storage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func TestC19_TheJanitorTakesWhatIsDeadAndNothingElse(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		_, dead := b.login("sub-1", "web", &storage.NewFamily{Offline: true, Idle: time.Hour, Absolute: 2 * time.Hour})
		_, alive := b.login("sub-1", "web", offline)
		_, spent := b.login("sub-1", "web", nil)
		n, err := b.Sweep(t.Context())
		b.must(err)
		if n != 0 {
			t.Errorf("%d rows went at once", n)
		}
		b.must(b.Write(t.Context(), func(ctx contextT, q storage.Runner) error { // a week without a janitor
			for i := range 1200 {
				if _, err := q.ExecContext(ctx, `INSERT INTO spent_states (hash, expires_at) VALUES ($1, $2)`, fmt.Sprint("old-", i), i); err != nil {
					return err
				}
			}
			return nil
		}))
		b.clock.Advance(48 * time.Hour)
		_, err = b.refresh(dead.RefreshToken, "web")
		b.wants("dead before any janitor came", err, storage.ErrExpired)
		before := b.WriteTransactions()
		n, err = b.Sweep(t.Context())
		b.must(err)
		if want := int64(1200 + 3 + 2 + 3); n != want { // states, own states, grants, sessions
			t.Errorf("%d rows went, want %d", n, want)
		}
		if w := b.WriteTransactions() - before; w < 6 {
			t.Errorf("a backlog went in %d transactions: others would wait", w)
		}
		_, err = b.refresh(dead.RefreshToken, "web")
		b.wants("the dead family", err, storage.ErrNotFound)
		_, err = b.Grant(t.Context(), spent.Grant.ID)
		b.wants("the grant without a family", err, storage.ErrNotFound)
		_, err = b.refresh(alive.RefreshToken, "web")
		b.wants("the living family", err, nil)
		if b.audited(storage.AuditSignIn) != 3 {
			t.Error("the janitor touched the audit")
		}
	})
}

func TestKeysChangeByCompareAndSwap(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		key := func(id, state string) storage.StoredKey {
			return storage.StoredKey{ID: id, Alg: "ES256", State: state, PKCS8: []byte("private " + id), CreatedAt: a.clock.Now(), ActiveAt: a.clock.Now()}
		}
		none, generation, err := a.Keys(t.Context())
		a.must(err)
		if len(none) != 0 {
			t.Fatalf("keys before the first: %v", none)
		}
		errs := race(20, func(i int) error { // twenty nodes decide to rotate at once
			return []*book{a, b}[i%2].SaveKeys(t.Context(), actor, generation, []storage.StoredKey{key(fmt.Sprint("k", i), "active")})
		})
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, storage.ErrConflict):
				t.Error(err)
			}
		}
		keys, next, err := b.Keys(t.Context())
		b.must(err)
		if won != 1 || len(keys) != 1 || next != generation+1 {
			t.Fatalf("%d won, %d keys, generation %d after %d", won, len(keys), next, generation)
		}
		a.must(a.SaveKeys(t.Context(), actor, next, []storage.StoredKey{keys[0], key("z", "next")}))
		keys, _, err = b.Keys(t.Context())
		b.must(err)
		if len(keys) != 2 || string(keys[1].PKCS8) != "private z" || keys[1].State != "next" || !keys[1].RetireAt.IsZero() || !keys[1].ActiveAt.Equal(a.clock.Now()) {
			t.Errorf("keys: %v", keys)
		}
	})
}
