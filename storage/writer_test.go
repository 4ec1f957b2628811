package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// openBook opens a SQLite book with its insides in reach.
func openBook(t testing.TB) (*DB, *groupWriter) {
	t.Helper()
	sealer, err := NewSealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "book.db"), Sealer: sealer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, d.engine.(*sqliteEngine).writer
}

const insertState = `INSERT INTO spent_states (hash, expires_at) VALUES ($1, $2)`

func insert(name string) closure {
	return func(ctx context.Context, q runner) error {
		_, err := q.ExecContext(ctx, insertState, name, 1)
		return err
	}
}

func rows(t *testing.T, d *DB) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := each(t.Context(), d.engine.reader(), func(row scanner) error {
		var name string
		err := row.Scan(&name)
		out[name] = true
		return err
	}, `SELECT hash FROM spent_states`)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// No row without an answer that allows it, no success without a row: 64 writers, a
// third of which give up at random, some refused by the database, one in a while
// breaking the whole batch.
func TestSixtyFourWritersAThirdGivingUp(t *testing.T) {
	d, w := openBook(t)
	const writers, each = 64, 60
	type outcome struct {
		name string
		err  error
	}
	results := make(chan outcome, writers*each)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 42))
			for j := range each {
				name := fmt.Sprintf("w%d-%d", i, j)
				ctx, cancel := context.WithCancel(context.Background())
				if i%3 == 0 {
					patience := r.IntN(20000)
					go func() { // gives up at some point of the write's way
						for range patience {
							runtime.Gosched()
							if ctx.Err() != nil {
								return
							}
						}
						cancel()
					}()
				}
				fn := insert(name)
				if j%20 == 7 && i%7 == 0 { // destroys its batch, as SQLite does on some errors
					fn = func(ctx context.Context, q runner) error {
						if _, err := q.ExecContext(ctx, "ROLLBACK"); err != nil {
							return err
						}
						return errors.New("broke the batch")
					}
				}
				err := w.do(ctx, fn)
				cancel()
				results <- outcome{name, err}
			}
		})
	}
	wg.Wait()
	close(results)
	if err := w.do(t.Context(), insert("barrier")); err != nil { // whatever was begun has ended
		t.Fatal(err)
	}
	there := rows(t, d)
	answers := map[string]int{}
	for o := range results {
		switch {
		case o.err == nil:
			answers["written"]++
			if !there[o.name] {
				t.Errorf("%s was answered with success and has no row", o.name)
			}
		case errors.Is(o.err, ErrOutcomeUnknown):
			answers["unknown"]++
		case errors.Is(o.err, ErrUnavailable) && errors.Is(o.err, context.Canceled):
			answers["gave up before"]++
			if there[o.name] {
				t.Errorf("%s was told that nothing was written and has a row", o.name)
			}
		case strings.Contains(o.err.Error(), "broke the batch"), errors.Is(o.err, ErrUnavailable):
			answers["broken"]++
			if there[o.name] {
				t.Errorf("%s failed and has a row", o.name)
			}
		default:
			t.Errorf("%s: %v", o.name, o.err)
		}
	}
	if answers["written"] < writers*each/2 || answers["broken"] == 0 {
		t.Errorf("the test did not reach what it is for: %v", answers)
	}
	t.Logf("%v in %d commits", answers, w.commits.Load())
}

func TestAWriteThatFailsUndoesOnlyItself(t *testing.T) {
	d, w := openBook(t)
	opened := w.commits.Load()
	boom := errors.New("boom")
	fail := func(ctx context.Context, q runner) error {
		if err := insert("half")(ctx, q); err != nil {
			return err
		}
		return boom
	}
	refuse := func(ctx context.Context, q runner) error {
		if err := insert("kept")(ctx, q); err != nil {
			return err
		}
		return verdict{boom}
	}
	explode := func(ctx context.Context, q runner) error {
		if err := insert("exploded")(ctx, q); err != nil {
			return err
		}
		panic("no")
	}
	twice := func(ctx context.Context, q runner) error {
		if err := insert("first")(ctx, q); err != nil {
			return err
		}
		return insert("before")(ctx, q) // the key exists: a constraint fails
	}
	batch := pendings(insert("before"), fail, refuse, explode, twice, insert("after"))
	w.serve(batch)
	got := answersOf(batch)
	if got[0] != nil || !errors.Is(got[1], boom) || !isVerdict(got[2]) || got[3] == nil || got[4] == nil || got[5] != nil {
		t.Errorf("answers: %v", got)
	}
	there := rows(t, d)
	for name, want := range map[string]bool{"before": true, "half": false, "kept": true, "exploded": false, "first": false, "after": true} {
		if there[name] != want {
			t.Errorf("row %s: there is %v, want %v", name, there[name], want)
		}
	}
	if w.commits.Load() != opened+1 {
		t.Errorf("%d commits", w.commits.Load())
	}
}

func TestABrokenBatchIsRunOneByOne(t *testing.T) {
	d, w := openBook(t)
	wreck := func(ctx context.Context, q runner) error {
		_, err := q.ExecContext(ctx, "ROLLBACK")
		return errors.Join(errors.New("wreck"), err)
	}
	runs := 0
	counted := func(ctx context.Context, q runner) error {
		runs++
		return insert("one")(ctx, q)
	}
	batch := pendings(counted, wreck, insert("two"))
	w.serve(batch)
	got := answersOf(batch)
	if got[0] != nil || got[1] == nil || got[2] != nil {
		t.Errorf("answers: %v", got)
	}
	if there := rows(t, d); !there["one"] || !there["two"] {
		t.Errorf("rows: %v", there)
	}
	if runs != 2 {
		t.Errorf("the first write ran %d times: the batch was not re-run", runs)
	}
}

func TestAContextThatEndedBeforeTheBatchLeavesNoRow(t *testing.T) {
	d, w := openBook(t)
	batch := pendings(insert("gone"), insert("here"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch[0].ctx = ctx
	w.serve(batch)
	if err := <-batch[0].done; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("answer: %v", err)
	}
	if there := rows(t, d); there["gone"] || !there["here"] {
		t.Errorf("rows: %v", there)
	}
}

func TestACallerThatGivesUpDuringItsWriteIsToldThatTheOutcomeIsUnknown(t *testing.T) {
	d, w := openBook(t)
	ctx, cancel := context.WithCancel(t.Context())
	inside, leave := make(chan struct{}), make(chan struct{})
	answered := make(chan error, 1)
	go func() {
		answered <- w.do(ctx, func(ctx context.Context, q runner) error {
			close(inside)
			<-leave
			return insert("x")(ctx, q)
		})
	}()
	<-inside
	cancel()
	if err := <-answered; !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("answer: %v", err)
	}
	close(leave)
	if err := w.do(t.Context(), insert("barrier")); err != nil {
		t.Fatal(err)
	}
	if !rows(t, d)["x"] {
		t.Error("the caller's context reached the statement")
	}
}

func TestACallerThatGivesUpInTheQueueIsToldThatNothingWasWritten(t *testing.T) {
	d, w := openBook(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- w.do(t.Context(), func(context.Context, runner) error { close(inside); <-leave; return nil })
	}()
	<-inside // the writer is busy: what comes now waits
	ctx, cancel := context.WithCancel(t.Context())
	queued := make(chan error, 1)
	go func() { queued <- w.do(ctx, insert("left")) }()
	for len(w.queue) < 1 {
		runtime.Gosched()
	}
	cancel()
	if err := <-queued; !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("answer: %v", err)
	}
	close(leave)
	if err := errors.Join(<-first, w.do(t.Context(), insert("barrier"))); err != nil {
		t.Fatal(err)
	}
	if rows(t, d)["left"] {
		t.Error("the write of a caller that had left ran")
	}
}

func TestWaitingWritesShareACommit(t *testing.T) {
	_, w := openBook(t)
	before := w.commits.Load()
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.do(t.Context(), func(context.Context, runner) error { close(inside); <-leave; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-inside // the writer is busy: what comes now queues up
	const n = 50
	for i := range n {
		wg.Go(func() {
			if err := w.do(t.Context(), insert(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	for len(w.queue) < n {
		runtime.Gosched() // until all have queued
	}
	close(leave)
	wg.Wait()
	if got := w.commits.Load() - before; got != 2 {
		t.Errorf("%d commits for one write and %d queued behind it", got, n)
	}
}

func TestCloseFinishesWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	d, w := openBook(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = w.do(t.Context(), func(context.Context, runner) error { close(inside); <-leave; return nil })
	})
	<-inside
	queued := make(chan error, 1)
	wg.Go(func() { queued <- w.do(t.Context(), insert("queued")) })
	for len(w.queue) < 1 {
		runtime.Gosched()
	}
	wg.Go(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	close(leave)
	if err := <-queued; err != nil {
		t.Errorf("queued before close: %v", err)
	}
	wg.Wait()
	if err := w.do(t.Context(), insert("late")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after close: %v", err)
	}
	if there := rows(t, d); !there["queued"] || there["late"] {
		t.Errorf("rows: %v", there)
	}
}

func pendings(writes ...closure) []*pending {
	out := make([]*pending, len(writes))
	for i, fn := range writes {
		out[i] = &pending{ctx: context.Background(), write: fn, done: make(chan error, 1)}
	}
	return out
}

func answersOf(batch []*pending) []error {
	out := make([]error, len(batch))
	for i, p := range batch {
		out[i] = <-p.done
	}
	return out
}

func TestTheStampOfAnAuditRowNeverStepsBack(t *testing.T) {
	var s stamper
	last := ""
	for _, now := range []int64{5, 5, 4, 900, 3, 901} {
		next := s.next(now)
		if next <= last {
			t.Errorf("at %d: %s after %s", now, next, last)
		}
		last = next
	}
}
