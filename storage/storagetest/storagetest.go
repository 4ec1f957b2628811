// Package storagetest opens real books for tests: SQLite in a temporary folder, and
// PostgreSQL from HANDSTAMP_TEST_POSTGRES or from a server that it starts itself.
//
//	Open(t)          one SQLite book
//	Each(t, run)     run on SQLite and on PostgreSQL
//	Pair(t, run)     run with two nodes: two on PostgreSQL, one twice on SQLite
//
// A missing PostgreSQL skips by name; it is never silently left out.
package storagetest

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

// Key is the sealing key of every book here.
var Key = bytes.Repeat([]byte("handstamp-test--"), 2)

// Sealer returns a sealer with Key.
func Sealer(t testing.TB) *storage.Sealer {
	t.Helper()
	s, err := storage.NewSealer(Key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Open returns a fresh SQLite book in a temporary folder. set changes its options,
// the clock for instance.
func Open(t testing.TB, set ...func(*storage.Options)) *storage.DB {
	t.Helper()
	return OpenURL(t, SQLiteURL(t), set...)
}

// SQLiteURL names a book that does not exist yet.
func SQLiteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "handstamp.db") }

// OpenURL opens a book and closes it at the end of the test.
func OpenURL(t testing.TB, url string, set ...func(*storage.Options)) *storage.DB {
	t.Helper()
	o := storage.Options{URL: url, Sealer: Sealer(t), Logger: slog.New(slog.DiscardHandler)}
	for _, f := range set {
		f(&o)
	}
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// errNoPostgres means that there is none to start.
var errNoPostgres = errors.New("there is none to start")

// PostgresURL names a fresh schema on a PostgreSQL server, or skips the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server, err := postgresServer()
	switch {
	case err == nil:
	case !errors.Is(err, errNoPostgres): // it is there and does not work: that must be seen
		t.Fatal(err)
	default:
		t.Skipf("no PostgreSQL (%v): set HANDSTAMP_TEST_POSTGRES to a URL, or install Debian's postgresql", err)
	}
	var b [8]byte
	rand.Read(b[:])
	schema := "t_" + hex.EncodeToString(b[:])
	administer(t, server, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { administer(t, server, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("HANDSTAMP_TEST_POSTGRES is not a URL")
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// administer runs one statement outside any book.
func administer(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Each runs a test on both databases.
func Each(t *testing.T, run func(t *testing.T, db *storage.DB), set ...func(*storage.Options)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { run(t, OpenURL(t, url, set...)) })
}

// EachURL runs a test on both databases that opens the book itself.
func EachURL(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, SQLiteURL(t)) })
	t.Run("postgres", func(t *testing.T) { run(t, PostgresURL(t)) })
}

// Pair runs a test with two nodes on one database. SQLite has one node only, which
// then plays both.
func Pair(t *testing.T, run func(t *testing.T, a, b *storage.DB), set ...func(*storage.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		db := Open(t, set...)
		run(t, db, db)
	})
	t.Run("postgres", func(t *testing.T) {
		url := PostgresURL(t)
		run(t, OpenURL(t, url, set...), OpenURL(t, url, set...))
	})
}
