package storage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestA09_OfFiftyWhoTakeAnAdminLinkOneWins(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		made, err := db.NewAdminLink(t.Context(), storage.Actor{Kind: "shell"}, linkHash("a link"), time.Now().Add(10*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.AdminLink(t.Context(), made); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a link that nobody took is a session: %v", err)
		}
		var winners atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				id, err := db.TakeAdminLink(context.WithoutCancel(t.Context()), storage.Actor{Kind: "link"}, linkHash("a link"), 30*time.Minute)
				switch {
				case err == nil && id == made:
					winners.Add(1)
				case !errors.Is(err, storage.ErrNotFound):
					t.Errorf("%q, %v", id, err)
				}
			})
		}
		all.Wait()
		if n := winners.Load(); n != 1 {
			t.Errorf("%d winners", n)
		}
		link, err := db.AdminLink(t.Context(), made)
		if err != nil || link.CreatedBy != "shell" || link.ExpiresAt.Before(time.Now().Add(29*time.Minute)) {
			t.Errorf("the session is %+v, %v", link, err)
		}
		if err := db.EndAdminLink(t.Context(), storage.Actor{Kind: "link"}, made); err != nil {
			t.Fatal(err)
		}
		if _, err := db.AdminLink(t.Context(), made); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("it was ended: %v", err)
		}
	})
}

func TestAnAdminLinkIsGoodForItsTimeAndItsSessionForThatOfTheSession(t *testing.T) {
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		offset.Store(0)
		for _, name := range []string{"late", "in time", "revoked"} {
			if _, err := db.NewAdminLink(t.Context(), storage.Actor{Kind: "shell"}, linkHash(name), now().Add(10*time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		id, err := db.TakeAdminLink(t.Context(), storage.Actor{Kind: "link"}, linkHash("in time"), 30*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		offset.Store(int64(11 * time.Minute))
		if _, err := db.TakeAdminLink(t.Context(), storage.Actor{Kind: "link"}, linkHash("late"), 30*time.Minute); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("after eleven minutes: %v", err)
		}
		if _, err := db.AdminLink(t.Context(), id); err != nil {
			t.Errorf("the session ended with the link's own time: %v", err)
		}
		offset.Store(int64(31 * time.Minute))
		if _, err := db.AdminLink(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("after half an hour: %v", err)
		}
		offset.Store(0)
		if n, err := db.RevokeAdminLinks(t.Context(), storage.Actor{Kind: "shell"}); err != nil || n == 0 {
			t.Errorf("%d revoked, %v", n, err)
		}
		if _, err := db.TakeAdminLink(t.Context(), storage.Actor{Kind: "link"}, linkHash("revoked"), time.Minute); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a revoked link: %v", err)
		}
		if _, err := db.AdminLink(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a revoked session: %v", err)
		}
	}, func(o *storage.Options) { o.Now = now })
}

func linkHash(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}
