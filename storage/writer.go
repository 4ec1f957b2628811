package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
)

// runner runs statements: inside a write, or on a reader.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// closure is one write: SQL only, no network, and it may run more than once.
type closure func(ctx context.Context, q runner) error

// maxBatch bounds how long the first in a batch waits for the last.
const maxBatch = 256

// groupWriter commits the writes of many callers together on SQLite's one writing
// connection: an fsync is the price of a commit, and sharing it is free.
//
//	callers ─▶ queue ─▶ BEGIN · (SAVEPOINT write RELEASE)* · COMMIT ─▶ answers
//
// Writes run under the writer's own context. A caller's context is looked at
// before its write enters a batch, never during: a statement cancelled in the
// middle destroys the whole transaction, the others' writes with it. A caller
// that gives up before its write began is told so, and it will never run; one
// that gives up later gets ErrOutcomeUnknown.
type groupWriter struct {
	conn    *sql.Conn
	stmts   *statements
	queue   chan *pending
	writes  atomic.Int64 // committed closures
	commits atomic.Int64 // transactions they took
	batched atomic.Pointer[metric.Int64Histogram]

	closing  sync.RWMutex // held for reading while a caller enters the queue
	closed   bool
	finished chan struct{}
}

// pending is one caller's write on its way.
type pending struct {
	ctx   context.Context
	write closure
	state atomic.Int32
	done  chan error // buffered: the writer never waits for a caller
	err   error      // the closure's own answer
}

const (
	waiting   int32 = iota
	begun           // the writer has it
	abandoned       // its caller left before it began
)

// newGroupWriter takes over the connection.
func newGroupWriter(conn *sql.Conn) *groupWriter {
	w := &groupWriter{conn: conn, stmts: newStatements(conn), queue: make(chan *pending, 4*maxBatch), finished: make(chan struct{})}
	go w.loop()
	return w
}

// do runs a write and returns when it is durable.
func (w *groupWriter) do(ctx context.Context, write closure) error {
	if err := ctx.Err(); err != nil {
		return notBegun(err)
	}
	p := &pending{ctx: ctx, write: write, done: make(chan error, 1)}
	if err := w.enter(p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		if p.state.CompareAndSwap(waiting, abandoned) {
			return notBegun(ctx.Err())
		}
	}
	select {
	case err := <-p.done: // the answer was ready after all
		return err
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	}
}

func notBegun(err error) error { return fmt.Errorf("%w: nothing was written: %w", ErrUnavailable, err) }

func (w *groupWriter) enter(p *pending) error {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.closed {
		return fmt.Errorf("%w: closed", ErrUnavailable)
	}
	select {
	case w.queue <- p:
		return nil
	case <-p.ctx.Done():
		return notBegun(p.ctx.Err())
	}
}

// close finishes what is queued; later writes are refused.
func (w *groupWriter) close() error {
	w.closing.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.closing.Unlock()
	<-w.finished
	return errors.Join(w.stmts.close(), w.conn.Close())
}

func (w *groupWriter) loop() {
	defer close(w.finished)
	batch := make([]*pending, 0, maxBatch)
	for first := range w.queue {
		batch = append(batch[:0], first)
	gather: // what queued up while the last batch was committing
		for len(batch) < maxBatch {
			select {
			case p, ok := <-w.queue:
				if !ok {
					break gather
				}
				batch = append(batch, p)
			default:
				break gather
			}
		}
		w.serve(batch)
		clear(batch)
	}
}

// serve runs a batch and answers each of its callers exactly once.
func (w *groupWriter) serve(batch []*pending) {
	live := make([]*pending, 0, len(batch))
	for _, p := range batch {
		switch {
		case p.ctx.Err() != nil:
			if p.state.CompareAndSwap(waiting, abandoned) {
				p.done <- notBegun(p.ctx.Err())
			}
		case p.state.CompareAndSwap(waiting, begun):
			live = append(live, p)
		}
	}
	if len(live) == 0 {
		return
	}
	err := w.transaction(live)
	if err != nil && len(live) > 1 {
		for _, p := range live { // one of them broke the batch: find out which
			err := w.transaction([]*pending{p})
			answer(p, err)
		}
		return
	}
	for _, p := range live {
		answer(p, err)
	}
}

func answer(p *pending, broken error) {
	if broken != nil {
		p.done <- broken
		return
	}
	p.done <- p.err
}

// transaction runs writes in one transaction, a savepoint each. Its error means
// that nothing at all was committed, or, as ErrOutcomeUnknown, that the disk failed
// in the middle of the commit.
func (w *groupWriter) transaction(batch []*pending) (err error) {
	ctx := context.Background() // the writer's own: nobody cancels a batch
	if _, err := w.stmts.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.rollback(ctx)
		return unavailable("begin", err)
	}
	good := int64(0)
	for _, p := range batch {
		if err := w.one(ctx, p, len(batch) > 1); err != nil {
			w.rollback(ctx)
			return unavailable("write", err)
		}
		if p.err == nil || isVerdict(p.err) {
			good++
		}
	}
	if good == 0 { // everybody was refused: there is nothing to commit
		w.rollback(ctx)
		return nil
	}
	if _, err := w.stmts.ExecContext(ctx, "COMMIT"); err != nil {
		w.rollback(ctx)
		if diskFailed(err) {
			return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
		}
		return unavailable("commit", err)
	}
	w.commits.Add(1)
	if h := w.batched.Load(); h != nil {
		(*h).Record(ctx, good)
	}
	w.writes.Add(good)
	return nil
}

// one runs one write. Its error means that the transaction is gone; the write's
// own failure goes into p.err and undoes that write alone.
func (w *groupWriter) one(ctx context.Context, p *pending, shared bool) error {
	if !shared { // alone: the transaction itself is the savepoint
		p.err = guarded(ctx, p.write, w.stmts)
		return nil
	}
	if _, err := w.stmts.ExecContext(ctx, "SAVEPOINT write"); err != nil {
		return err
	}
	p.err = guarded(ctx, p.write, w.stmts)
	if p.err != nil && !isVerdict(p.err) {
		if _, err := w.stmts.ExecContext(ctx, "ROLLBACK TO write"); err != nil {
			return err
		}
	}
	_, err := w.stmts.ExecContext(ctx, "RELEASE write")
	return err
}

// guarded turns a panic into that write's error: the writer serves everybody.
func guarded(ctx context.Context, write closure, q runner) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a write panicked: %v", p)
		}
	}()
	return write(ctx, q)
}

// rollback ends the transaction if SQLite has not ended it by itself already.
func (w *groupWriter) rollback(ctx context.Context) {
	_, _ = w.stmts.ExecContext(ctx, "ROLLBACK")
}

// verdict is a refusal whose rows must be committed: a replayed code, say, revokes
// its grant and is refused.
type verdict struct{ error }

func (v verdict) Unwrap() error { return v.error }

func isVerdict(err error) bool {
	var v verdict
	return errors.As(err, &v)
}
