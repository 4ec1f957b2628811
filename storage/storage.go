// Package storage is the book: it owns every durable row and is the only room
// that speaks SQL. One SQL text serves SQLite and PostgreSQL.
//
//	broker, grant ──▶ DB ─┬─ reads ──▶ reader connections
//	                      └─ writes ─▶ SQLite: one group-committing writer
//	                                   PostgreSQL: a short transaction each
//
// Here a race is decided: a code, a refresh token and an upstream state each have
// one winner, picked by one statement that carries all bindings in its WHERE.
// Used rows stay as tombstones, so that a replay is recognised. A change and its
// audit row commit together.
//
// It is also where the house looks back: revisions of the directory, the traces of
// logins, and an audit that proves itself (see AuditChain). Retention bounds them.
//
// Storage keeps hashes of secrets that it must only recognise, and seals what it
// must read back (see Sealer). It leaves deciding who may have what to the
// directory and the rules, and drawing secrets to its callers.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// What a caller can act on. Compare with errors.Is.
var (
	ErrNotFound        = errors.New("there is no such row")
	ErrMismatch        = errors.New("the value belongs to another client, redirect URI or verifier")
	ErrNoChallenge     = fmt.Errorf("%w: a verifier was sent for a code that has no challenge", ErrMismatch)
	ErrExpired         = errors.New("the value has expired")
	ErrUsed            = errors.New("the code was used before; its grant is revoked now")
	ErrReused          = errors.New("the refresh token was used before; its grant is revoked now")
	ErrRevoked         = errors.New("the grant was revoked or its session has ended")
	ErrStateSpent      = errors.New("the upstream state was spent before")
	ErrReplayed        = errors.New("the logout token came before")
	ErrNoUser          = errors.New("there is no user for this identity")
	ErrDisabled        = errors.New("the user is disabled")
	ErrPasswordChanged = errors.New("the password was changed while it was checked")
	ErrIssuerChanged   = errors.New("the provider's slug is tied to another issuer")
	ErrConflict        = errors.New("somebody else changed this meanwhile")
	ErrOutcomeUnknown  = errors.New("the caller gave up; whether the write happened is not known")
	ErrUnavailable     = errors.New("the database is not available")
	ErrSealed          = errors.New("a sealed value does not open: wrong key, or it was changed or moved")
	ErrLocked          = errors.New("another process has this database open")
)

// Options say where the book lies.
type Options struct {
	URL    string // "sqlite:PATH" or "postgres://…"
	Sealer *Sealer
	Now    func() time.Time // time.Now when nil
	Logger *slog.Logger     // slog.Default when nil

	Retention Retention
	Metrics   metric.MeterProvider // nil: nothing is measured
}

// DB is the book. It is safe for concurrent use.
type DB struct {
	engine engine
	sealer *Sealer
	clock  func() time.Time
	log    *slog.Logger
	stamps stamper
	keys   bookKeys
	chain  chainer
	keep   Retention
	closed func() error
	tries  atomic.Int64 // at passwords, counted since Open

	forbidden atomic.Bool  // to delete audit rows: told once
	strangers atomic.Int64 // traces of logins by nobody we know, since some last went

	gauges      *gauges       // nil: nothing is measured
	noticed     chan struct{} // see NoticesWaiting
	wantsNotice atomic.Pointer[func(clientID string) bool]
}

// Open opens the book and brings its tables up to date. It refuses a book that a
// newer version wrote, and one with values sealed under a key it was not given.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Sealer == nil {
		return nil, errors.New("open the database: no sealing key was given")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	d := &DB{sealer: o.Sealer, clock: o.Now, log: o.Logger, keep: o.Retention, noticed: make(chan struct{}, 1)}
	d.strangers.Store(d.strangerSlack())
	var err error
	switch scheme, rest, _ := strings.Cut(o.URL, ":"); scheme {
	case "sqlite":
		d.engine, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		d.engine, err = openPostgres(ctx, o.URL)
	default: // the URL may hold a password: it is not repeated
		return nil, errors.New("open the database: the URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	d.chain.flights = map[*flight]struct{}{}
	d.closed = sync.OnceValue(d.engine.close)
	if err := d.measure(o.Metrics); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, prepare := range []func(context.Context) error{d.proveSealingKeys, d.openBookKeys, d.openChain} {
		if err := prepare(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open the database: %w", err), d.Close())
		}
	}
	return d, nil
}

// Close finishes the writes under way and lets go of the database. Closing twice is
// fine.
func (d *DB) Close() error { return d.closed() }

// Kind names what keeps the book: sqlite or postgresql.
func (d *DB) Kind() string {
	if _, ok := d.engine.(*sqliteEngine); ok {
		return "sqlite"
	}
	return "postgresql"
}

// Ping tells whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.engine.ping(ctx) }

// WriteTransactions counts the writes that committed since Open: one for each call
// that changed something, however many shared a commit.
func (d *DB) WriteTransactions() int64 { return d.engine.writes() }

// now is the present as rows hold it.
func (d *DB) now() int64 { return d.clock().UnixMicro() }

// read asks one row of a reader.
func (d *DB) read(ctx context.Context, query string, args ...any) scanner {
	return d.engine.reader().QueryRowContext(ctx, query, args...)
}
