package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// maxReaders bounds SQLite's reading connections: each has its own page cache.
const maxReaders = 4

// openSQLite takes the file's lock, then opens one writing connection and a few
// reading ones. WAL with synchronous=FULL: a commit that was answered survives a
// power cut.
func openSQLite(ctx context.Context, path string) (_ engine, err error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("a SQLite database needs a file: sqlite:PATH")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The file exists with a narrow mode before SQLite sees it; its WAL inherits the mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	e := &sqliteEngine{}
	held, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	e.lock = held
	defer func() {
		if err != nil {
			err = errors.Join(err, e.abandon())
		}
	}()
	// A commit needs the data and size on disk, not the timestamps. Where this is not
	// available, fsync stays.
	_, _ = sqlite.Fdatasync(true)
	if e.writeDB, err = sql.Open("sqlite", sqliteDSN(path)); err != nil {
		return nil, err
	}
	e.writeDB.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, e.writeDB); err != nil {
		return nil, err
	}
	conn, err := e.writeDB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	e.writer = newGroupWriter(conn)
	if e.readDB, err = sql.Open("sqlite", sqliteDSN(path, "query_only(1)")); err != nil {
		return nil, err
	}
	e.readDB.SetMaxOpenConns(maxReaders)
	e.readDB.SetMaxIdleConns(maxReaders)
	e.readers = newStatements(e.readDB)
	return e, nil
}

// abandon closes what a failed open had opened.
func (e *sqliteEngine) abandon() error {
	var errs []error
	if e.writer != nil {
		errs = append(errs, e.writer.close())
	}
	for _, db := range []*sql.DB{e.readDB, e.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, e.lock.Close())...)
}

func sqliteDSN(path string, more ...string) string {
	pragmas := append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)", "cache_size(-8000)", "journal_size_limit(67108864)"}, more...)
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// openPostgres opens a pool. Nothing but the name is set at connection start, so that
// a pooler in between has nothing to refuse; time limits come from contexts.
func openPostgres(ctx context.Context, dsn string) (_ engine, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the postgres URL cannot be read") // the cause would quote the URL
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "handstamp"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	db.SetConnMaxIdleTime(5 * time.Minute)
	locker, err := lock.NewPostgresSessionLocker() // several nodes may start at once
	if err == nil {
		err = migrate(ctx, goose.DialectPostgres, db, goose.WithSessionLocker(locker))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &postgresEngine{db: db}, nil
}

// migrate applies what is new, and refuses a book from the future.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, opts ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return migrateTo(ctx, files, dialect, db, opts...)
}

func migrateTo(ctx context.Context, files fs.FS, dialect goose.Dialect, db *sql.DB, opts ...goose.ProviderOption) error {
	p, err := goose.NewProvider(dialect, db, files, opts...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	var before int64
	for attempt := 0; ; attempt++ {
		current, target, err := p.GetVersions(ctx)
		if err != nil {
			return classified(fmt.Errorf("migrations: %w", err))
		}
		if current > target {
			return fmt.Errorf("the database is at version %d, this program knows %d: it was written by a newer handstamp", current, target)
		}
		if current == target {
			return nil
		}
		if current > before { // some went through
			before, attempt = current, 0
		}
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		// Nodes of the former version write meanwhile, and PostgreSQL may choose a
		// migration to give way: it has changed nothing then.
		if !retryable(err) || attempt == maxRetries {
			return classified(fmt.Errorf("migrations: %w", err))
		}
		select {
		case <-time.After(10 * time.Millisecond << attempt):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
