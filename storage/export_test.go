package storage

import (
	"context"
	"io/fs"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Runner and Write let tests put their own statements into a write.
type Runner = runner

// Write runs fn as one write transaction.
func (d *DB) Write(ctx context.Context, fn func(ctx context.Context, q Runner) error) error {
	_, err := write(ctx, d, "test", func(ctx context.Context, q runner) (struct{}, error) { return struct{}{}, fn(ctx, q) })
	return err
}

// Reader gives the connections that reads use.
func (d *DB) Reader() Runner { return d.engine.reader() }

// SetGuessBudget lowers the budget and gives the way back.
func SetGuessBudget(rows int64) (restore func()) {
	before := guessBudget
	guessBudget = rows
	return func() { guessBudget = before }
}

// SetWindow lowers how many rows a page looks through and gives the way back.
func SetWindow(rows int) (restore func()) {
	before := window
	window = rows
	return func() { window = before }
}

// MigrateOn does what a newer program does at its start: it has the migrations of this one
// and more, by name.
func (d *DB) MigrateOn(ctx context.Context, more map[string]string) error {
	files := fstest.MapFS{}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	ours, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for _, name := range ours {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		files[name[len("migrations/"):]] = &fstest.MapFile{Data: text}
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	return migrateTo(ctx, files, goose.DialectPostgres, d.engine.(*postgresEngine).db, goose.WithSessionLocker(locker))
}
