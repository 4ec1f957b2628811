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
// Storage keeps hashes of secrets that it must only recognise, and seals what it
// must read back (see Sealer). It leaves deciding who may have what to the
// directory and the rules, and drawing secrets to its callers.
package storage

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// What a caller can act on. Compare with errors.Is.
var (
	ErrNotFound       = errors.New("there is no such row")
	ErrMismatch       = errors.New("the value belongs to another client, redirect URI or verifier")
	ErrExpired        = errors.New("the value has expired")
	ErrUsed           = errors.New("the code was used before; its grant is revoked now")
	ErrReused         = errors.New("the refresh token was used before; its grant is revoked now")
	ErrRevoked        = errors.New("the grant was revoked or its session has ended")
	ErrStateSpent     = errors.New("the upstream state was spent before")
	ErrNoUser         = errors.New("there is no user for this identity")
	ErrDisabled       = errors.New("the user is disabled")
	ErrIssuerChanged  = errors.New("the provider's slug is tied to another issuer")
	ErrConflict       = errors.New("somebody else changed this meanwhile")
	ErrOutcomeUnknown = errors.New("the caller gave up; whether the write happened is not known")
	ErrUnavailable    = errors.New("the database is not available")
	ErrSealed         = errors.New("a sealed value does not open: wrong key, or it was changed or moved")
	ErrLocked         = errors.New("another process has this database open")
)

// Options say where the book lies.
type Options struct {
	URL    string // "sqlite:PATH" or "postgres://…"
	Sealer *Sealer
	Now    func() time.Time // time.Now when nil
	Logger *slog.Logger     // slog.Default when nil
}

// DB is the book. It is safe for concurrent use.
type DB struct{}

// Open opens the book and brings its tables up to date.
func Open(ctx context.Context, o Options) (*DB, error) { panic("soon") }

// Close finishes the writes under way and lets go of the database.
func (d *DB) Close() error { panic("soon") }

// Ping tells whether the database answers.
func (d *DB) Ping(ctx context.Context) error { panic("soon") }

// WriteTransactions counts the writes that committed since Open.
func (d *DB) WriteTransactions() int64 { panic("soon") }
