// Package storagetest opens real books for tests.
package storagetest

import (
	"testing"

	"github.com/handstamp/handstamp/storage"
)

// Open returns a fresh SQLite book in a temporary folder.
func Open(t testing.TB, set ...func(*storage.Options)) *storage.DB { t.Helper(); panic("soon") }

// Each runs a test on SQLite and on PostgreSQL.
func Each(t *testing.T, run func(t *testing.T, db *storage.DB), set ...func(*storage.Options)) {
	t.Helper()
	panic("soon")
}
