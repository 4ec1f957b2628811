package storage

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A write whose caller gave up in the middle commits later, with an id from before.
func TestA16_LinksWaitForAWriteWhoseOutcomeIsUnknown(t *testing.T) {
	var offset atomic.Int64
	begun := time.Now()
	sealer, err := NewSealer([]byte(strings.Repeat("k", keySize)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "a.db"), Sealer: sealer, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return begun.Add(time.Duration(offset.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, giveUp := context.WithCancel(t.Context())
	inside, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := write(ctx, d, "test", func(ctx context.Context, q runner) (struct{}, error) {
			err := d.audit(ctx, q, Actor{Kind: "test"}, "slow", "thing", nil)
			close(inside)
			<-goOn
			return struct{}{}, err
		})
		done <- err
	}()
	<-inside
	giveUp()
	if err := <-done; !errors.Is(err, ErrOutcomeUnknown) {
		t.Fatalf("the caller who gave up: %v", err)
	}
	later := d.stamps.next(d.now()) // as if another node's write had come in between
	if at := d.chain.settled(&d.stamps, d.clock()); at >= timeOf(later) {
		t.Error("links would pass a write of which nobody knows the end")
	}
	close(goOn)
	if err := d.Note(t.Context(), Actor{Kind: "test"}, "quick", "thing", nil); err != nil { // behind it in the writer's queue
		t.Fatal(err)
	}
	if n, err := d.ChainAudit(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rows were linked meanwhile, %v", n, err)
	}
	offset.Add(int64(doubt + time.Second))
	if n, err := d.ChainAudit(t.Context()); n != 2 || err != nil {
		t.Errorf("%d rows were linked in the end, %v", n, err)
	}
	if r, err := d.AuditChain(t.Context()); err != nil || r.Broken != nil || r.Rows != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
