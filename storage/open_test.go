package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestC18_ASecondServerOnOneFileIsRefused(t *testing.T) {
	url := storagetest.SQLiteURL(t)
	first := storagetest.OpenURL(t, url)
	for range 3 {
		_, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: storagetest.Sealer(t)})
		if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), "stop the other server") {
			t.Fatalf("second: %v", err)
		}
	}
	if err := first.Ping(t.Context()); err != nil {
		t.Errorf("the first one suffers: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: storagetest.Sealer(t)})
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeOpenedSaysWhyAndNeverThePassword(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for why, url := range map[string]string{
		"no scheme":        "handstamp.db",
		"another scheme":   "mysql://root:hunter2@localhost/x",
		"no path":          "sqlite:",
		"memory":           "sqlite::memory:",
		"a folder":         "sqlite:" + dir,
		"not a database":   "sqlite:" + text,
		"an odd URL":       "postgres://u:hunter2@%zz/",
		"nobody listening": "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=2",
	} {
		db, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: storagetest.Sealer(t)})
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", why)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", why, err)
		}
	}
	if _, err := storage.Open(t.Context(), storage.Options{URL: storagetest.SQLiteURL(t)}); err == nil {
		t.Error("opened without a sealing key")
	}
}

func TestSQLiteIsDurableAndReadersCannotWrite(t *testing.T) {
	db := storagetest.Open(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		err := db.Write(t.Context(), func(ctx contextT, q storage.Runner) error {
			return q.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got)
		})
		if err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := db.Reader().ExecContext(t.Context(), `DELETE FROM audit`); err == nil {
		t.Error("a reader wrote")
	}
}

func TestC23_AConflictIsRetriedWithoutADoubleEffect(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for _, code := range []string{"40001", "40P01"} {
			if b.Name() == "TestC23_AConflictIsRetriedWithoutADoubleEffect/sqlite" {
				continue // SQLite's one writer has no such conflict
			}
			runs, before := 0, b.WriteTransactions()
			err := b.Write(t.Context(), func(ctx contextT, q storage.Runner) error {
				runs++
				if _, err := q.ExecContext(ctx, `INSERT INTO spent_states (hash, expires_at) VALUES ($1, 1)`, code); err != nil {
					return err
				}
				if runs <= 3 {
					return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code})
				}
				return nil
			})
			if err != nil || runs != 4 || b.WriteTransactions() != before+1 {
				t.Errorf("%s: %v after %d runs, %d commits", code, err, runs, b.WriteTransactions()-before)
			}
			runs = 0
			err = b.Write(t.Context(), func(contextT, storage.Runner) error {
				runs++
				return &pgconn.PgError{Code: code}
			})
			if !errors.Is(err, storage.ErrUnavailable) || runs != 4 {
				t.Errorf("%s for ever: %v after %d runs", code, err, runs)
			}
		}
	})
}

func TestC23_ARealDeadlockReachesNobody(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		one, _ := a.signIn("sub-1", "web")
		two, _ := a.signIn("sub-2", "web")
		met := make(chan struct{}, 2)
		var firstRuns atomic.Int32
		errs := race(2, func(i int) error {
			node, order, first := []*book{a, b}[i], [][]string{{one.UserID, two.UserID}, {two.UserID, one.UserID}}[i], true
			return node.Write(t.Context(), func(ctx contextT, q storage.Runner) error {
				for n, id := range order {
					if _, err := q.ExecContext(ctx, `UPDATE users SET name = name || 'x' WHERE id = $1`, id); err != nil {
						return err
					}
					if n == 0 && first && strings.HasSuffix(t.Name(), "postgres") {
						first = false // both hold their first row before either wants its second
						met <- struct{}{}
						for firstRuns.Load() == 0 && len(met) < 2 {
							runtime.Gosched()
						}
						firstRuns.Store(1)
					}
				}
				return nil
			})
		})
		if n := tally(errs); n["won"] != 2 {
			t.Fatalf("writes: %v", n)
		}
		for _, id := range []string{one.UserID, two.UserID} {
			u, err := a.User(t.Context(), id)
			a.must(err)
			if u.Name != "Alicexx" {
				t.Errorf("each write counts once: %q", u.Name)
			}
		}
	})
}

func TestC16_ACancelledReadNeverGivesAnotherRow(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		subjects := make([]string, 20)
		users := map[string]string{}
		for i := range subjects {
			subjects[i] = fmt.Sprintf("sub-%d", i)
			s, _ := b.signIn(subjects[i], "web")
			users[subjects[i]] = s.UserID
		}
		errs := race(32, func(worker int) error {
			for i := range 150 {
				want := subjects[(worker*7+i)%len(subjects)]
				ctx, cancel := context.WithCancel(context.Background())
				if i%2 == 0 {
					go cancel()
				}
				u, id, err := b.FindIdentity(ctx, b.provider, want)
				cancel()
				switch {
				case err == nil && (id.Subject != want || id.Claims["sub"] != want || u.ID != users[want] || id.UserID != users[want]):
					return fmt.Errorf("asked for %s, got %s %v", want, id.Subject, id.Claims["sub"])
				case err != nil && i%2 != 0:
					return fmt.Errorf("another caller's cancellation reached this read: %w", err)
				case err != nil && !errors.Is(err, storage.ErrUnavailable):
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			b.wants("a reader", err, nil)
		}
	})
}

func TestC17_TwoHundredParallelLoginsAllSucceed(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		errs := race(200, func(i int) error {
			node, subject := []*book{a, b}[i%2], fmt.Sprintf("sub-%d", i%40)
			g := node.grant("web")
			s, err := node.SignIn(t.Context(), actor, node.signInOf(subject, g))
			if err != nil {
				return err
			}
			taken, err := node.TakeCode(t.Context(), actor, take(g, offline))
			if err != nil {
				return err
			}
			if taken.Grant.UserID != s.UserID || taken.Grant.User.ID != s.UserID {
				return errors.New("two people were mixed up")
			}
			_, id, err := node.FindIdentity(t.Context(), node.provider, subject)
			if err != nil {
				return err
			}
			if id.UserID != s.UserID {
				return errors.New("two people were mixed up")
			}
			_, err = node.refresh(taken.RefreshToken, "web")
			return err
		})
		for _, err := range errs {
			a.wants("a login under load", err, nil)
		}
	})
}

func TestC12_ADatabaseThatIsGoneIsUnavailable(t *testing.T) {
	storagetest.EachURL(t, func(t *testing.T, url string) {
		c := newClock()
		db, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: storagetest.Sealer(t), Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		b := newBook(t, db, c)
		_, taken := b.login("sub-1", "web", offline)
		_, g := b.signIn("sub-1", "web")
		r, err := b.FindRefresh(t.Context(), taken.RefreshToken, "web", grace)
		b.must(err)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = b.TakeCode(cancelled, actor, take(g, nil))
		b.wants("a caller that has left", err, storage.ErrUnavailable)
		_, err = b.TakeCode(t.Context(), actor, take(g, nil))
		b.wants("left the code alone", err, nil)
		if _, err := raw(t, url).Exec(`ALTER TABLE audit RENAME TO audit_gone`); err != nil { // every write fails half way
			t.Fatal(err)
		}
		before := b.WriteTransactions()
		_, err = b.SignIn(t.Context(), actor, b.signInOf("sub-9", nil))
		if err == nil || b.WriteTransactions() != before {
			t.Errorf("a sign-in without its audit row: %v", err)
		}
		if _, _, err := b.FindIdentity(t.Context(), b.provider, "sub-9"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("half a sign-in is there: %v", err)
		}
		if _, err := raw(t, url).Exec(`ALTER TABLE audit_gone RENAME TO audit`); err != nil {
			t.Fatal(err)
		}
		_, err = b.SignIn(t.Context(), actor, b.signInOf("sub-9", nil))
		b.wants("afterwards", err, nil)
		b.must(b.Close())
		_, err = b.RotateRefresh(t.Context(), actor, r, grace, storage.GrantUpdate{})
		b.wants("a write after close", err, storage.ErrUnavailable)
		b.wants("a ping after close", b.Ping(t.Context()), storage.ErrUnavailable)
	})
}

func TestC12_AFullDiskWritesNothingAndRecoversAlone(t *testing.T) {
	c := newClock()
	b := newBook(t, storagetest.Open(t, c.set), c)
	pages := func(limit string) {
		t.Helper()
		b.must(b.Write(t.Context(), func(ctx contextT, q storage.Runner) error {
			var n int
			return q.QueryRowContext(ctx, `PRAGMA max_page_count(`+limit+`)`).Scan(&n)
		}))
	}
	pages("1") // SQLite rounds this up to what is there
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		_, full = b.SignIn(t.Context(), actor, b.signInOf(fmt.Sprint("sub-", i), b.grant("web")))
	}
	b.wants("on a full disk", full, storage.ErrUnavailable)
	users, err := b.Users(t.Context(), 2000)
	b.must(err)
	if n := b.audited(storage.AuditSignIn); n != len(users) {
		t.Errorf("%d users and %d sign-ins: a half was written", len(users), n)
	}
	pages("1000000")
	b.signIn("sub-after", "web")
}
