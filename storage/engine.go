package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// write runs fn as one write transaction and returns its answer once that is
// durable. fn may run more than once, so it makes its answer anew each time; it
// returns a verdict to commit and refuse at once.
func write[T any](ctx context.Context, d *DB, act string, fn func(ctx context.Context, q runner) (T, error)) (T, error) {
	var out T // written by the writer, read only after it has answered; so is rows
	var rows *ledger
	ctx, ended := d.watch(ctx, act)
	flight := d.chain.begin(&d.stamps)
	err := d.engine.write(ctx, func(ctx context.Context, q runner) error {
		if d.gauges != nil {
			rows = &ledger{runner: q}
			q = rows
		}
		var err error
		out, err = fn(ctx, q)
		return err
	})
	d.chain.end(flight, err, d.clock())
	if err == nil || isVerdict(err) {
		d.count(rows)
	}
	if err == nil {
		ended(nil)
		return out, nil
	}
	var none T
	var v verdict
	if errors.As(err, &v) {
		err = v.error
	}
	err = classified(err)
	ended(err)
	return none, fmt.Errorf("%s: %w", act, err)
}

// engine is what differs between the two databases; the SQL text does not.
type engine interface {
	reader() runner
	write(ctx context.Context, fn closure) error
	writes() int64
	ping(ctx context.Context) error
	alone() bool // no other process has this database
	close() error
}

// sqliteEngine: one writing connection, readers beside it (WAL), one process.
type sqliteEngine struct {
	lock    io.Closer
	writeDB *sql.DB
	readDB  *sql.DB
	writer  *groupWriter
	readers *statements
}

func (e *sqliteEngine) reader() runner { return e.readers }
func (e *sqliteEngine) write(ctx context.Context, fn closure) error {
	return e.writer.do(ctx, fn)
}
func (e *sqliteEngine) writes() int64                  { return e.writer.writes.Load() }
func (e *sqliteEngine) alone() bool                    { return true }
func (e *sqliteEngine) ping(ctx context.Context) error { return probe(ctx, e.readers) }

func (e *sqliteEngine) close() error {
	return errors.Join(e.writer.close(), e.readers.close(), e.readDB.Close(), e.writeDB.Close(), e.lock.Close())
}

// postgresEngine: plain short transactions at READ COMMITTED. Row locks and the
// conditions in WHERE decide; a serialization failure or deadlock is retried.
type postgresEngine struct {
	db    *sql.DB
	count atomic.Int64
}

const (
	maxRetries   = 3
	acquireLimit = 2 * time.Second
	writeLimit   = 10 * time.Second
)

func (e *postgresEngine) reader() runner                 { return e.db }
func (e *postgresEngine) writes() int64                  { return e.count.Load() }
func (e *postgresEngine) alone() bool                    { return false }
func (e *postgresEngine) ping(ctx context.Context) error { return probe(ctx, e.db) }
func (e *postgresEngine) close() error                   { return e.db.Close() }

// write looks at the caller's context before the transaction, never during: what
// has begun ends with a definite answer.
func (e *postgresEngine) write(ctx context.Context, fn closure) error {
	if err := ctx.Err(); err != nil {
		return notBegun(err)
	}
	for attempt := 0; ; attempt++ {
		err := e.once(ctx, fn)
		if !retryable(err) {
			return err
		}
		if attempt == maxRetries {
			return unavailable("retry", err)
		}
		select {
		case <-time.After(time.Millisecond << attempt): // the other one of the pair has gone on
		case <-ctx.Done():
			return notBegun(ctx.Err())
		}
	}
}

func (e *postgresEngine) once(ctx context.Context, fn closure) error {
	acquire, cancel := context.WithTimeout(ctx, acquireLimit)
	conn, err := e.db.Conn(acquire)
	cancel()
	if err != nil {
		return unavailable("connect", err)
	}
	defer conn.Close()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}) // whatever the server's default is
	if err != nil {
		return unavailable("begin", err)
	}
	answer := guarded(ctx, fn, tx)
	if answer != nil && !isVerdict(answer) {
		_ = tx.Rollback() // the answer matters more; a broken connection rolls back by itself
		return answer
	}
	if err := tx.Commit(); err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) { // the server said no: nothing was committed
			return err
		}
		return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
	}
	e.count.Add(1)
	return answer
}

// retryable: serialization failure and deadlock (PostgreSQL 40001, 40P01).
func retryable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

func probe(ctx context.Context, q runner) error {
	var one int
	if err := q.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return unavailable("ping", err)
	}
	return nil
}

func unavailable(act string, err error) error {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, act, err)
}

// classified adds ErrUnavailable to errors that mean that the database, not the
// request, is at fault: try again later.
func classified(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch pe.Code[:min(2, len(pe.Code))] {
		case "08", "25", "40", "53", "55", "57", "58": // connection, read-only, conflict, resources, operator, system
			return unavailable("database", err)
		}
		return err
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
			return unavailable("database", err)
		}
		return err
	}
	var ce *pgconn.ConnectError
	switch {
	case errors.As(err, &ce), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), pgconn.Timeout(err), pgconn.SafeToRetry(err), isNetwork(err):
		return unavailable("database", err)
	}
	return err
}

// diskFailed tells whether a commit may have reached the disk although it failed.
func diskFailed(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_IOERR
}

// preparer is a connection or a pool of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// statements prepares each SQL text once and keeps it. SQL texts are constants of
// this package, so the map is bounded.
type statements struct {
	on   preparer
	mu   sync.RWMutex
	kept map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, kept: map[string]*sql.Stmt{}}
}

func (s *statements) prepared(query string) (*sql.Stmt, error) {
	s.mu.RLock()
	st := s.kept[query]
	s.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.kept[query]; st != nil {
		return st, nil
	}
	// Not the caller's context: the statement outlives the request.
	st, err := s.on.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.kept[query] = st
	return st, nil
}

func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := s.prepared(query)
	if err != nil {
		return s.on.QueryRowContext(ctx, query, args...) // only this can carry the error in a *sql.Row
	}
	return st.QueryRowContext(ctx, args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.kept {
		errs = append(errs, st.Close())
	}
	clear(s.kept)
	return errors.Join(errs...)
}

func isNetwork(err error) bool {
	var ne net.Error
	return errors.As(err, &ne)
}
