package storage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestC20_ADatabaseFromANewerProgramIsRefused(t *testing.T) {
	storagetest.EachURL(t, func(t *testing.T, url string) {
		db := storagetest.OpenURL(t, url)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := raw(t, url).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`); err != nil {
			t.Fatal(err)
		}
		_, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: storagetest.Sealer(t)})
		if err == nil || !strings.Contains(err.Error(), "newer handstamp") {
			t.Errorf("got %v", err)
		}
	})
}

// What the program before this one does not know may come to the tables, and nothing that
// it reads or leaves out may change: it serves until the last node is a new one.
func TestC20_MigrationsOnlyAdd(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) < 12 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range takesAway(string(text)) {
			t.Errorf("%s: %s", file, statement)
		}
	}
	for _, bad := range []string{"DROP TABLE users;", "ALTER TABLE users DROP COLUMN name;", "ALTER TABLE users RENAME COLUMN name TO title;", "ALTER TABLE users ADD COLUMN x TEXT NOT NULL;",
		"CREATE TABLE a (b TEXT); DROP INDEX c;", "UPDATE users SET name = '';", "DELETE FROM users;", "ALTER TABLE users\n ADD CONSTRAINT x UNIQUE (name);", "CREATE UNIQUE INDEX a ON users (name);"} {
		if len(takesAway(bad)) != 1 {
			t.Errorf("%s would not be seen", bad)
		}
	}
}

var (
	comment = regexp.MustCompile(`(?m)--.*$`)
	adds    = regexp.MustCompile(`(?is)^ALTER\s+TABLE\s+\w+\s+ADD\s+COLUMN\s+\w+\s+\w+(\s+NOT\s+NULL\s+DEFAULT\s+\S+)?$`)
	inserts = regexp.MustCompile(`(?is)^INSERT\s+INTO\s+generations\s`)
)

// takesAway lists the statements of a migration that an older program may stumble over.
func takesAway(text string) (out []string) {
	fresh := map[string]bool{} // tables of this migration, of which an older program knows nothing
	for _, statement := range strings.Split(comment.ReplaceAllString(text, ""), ";") {
		statement = strings.TrimSpace(statement)
		if table := regexp.MustCompile(`(?is)^CREATE\s+TABLE\s+(\w+)`).FindStringSubmatch(statement); table != nil {
			fresh[table[1]] = true
			continue
		}
		unique := regexp.MustCompile(`(?is)^CREATE\s+(UNIQUE\s+)?INDEX\s+\w+\s+ON\s+(\w+)`).FindStringSubmatch(statement)
		if statement == "" || unique != nil && (unique[1] == "" || fresh[unique[2]]) || adds.MatchString(statement) || inserts.MatchString(statement) {
			continue
		}
		out = append(out, statement)
	}
	return out
}

// A newer program changes the tables, as one of its migrations would, while this one
// signs people in.
func TestC20_ANodeServesWhileANewerOneChangesTheTables(t *testing.T) {
	url, c := storagetest.PostgresURL(t), newClock()
	b := newBook(t, storagetest.OpenURL(t, url, c.set), c)
	b.login("before", "web", offline)
	newer, tables := map[string]string{}, tablesOf(t, raw(t, url))
	if len(tables) < 20 {
		t.Fatal(tables)
	}
	for i, table := range tables { // each migration changes two tables, in an order of its own
		if other := tables[(i+7)%len(tables)]; !strings.HasPrefix(table+other, "goose_") && !strings.HasPrefix(other, "goose_") {
			newer[fmt.Sprintf("9%04d_later.sql", i)] = fmt.Sprintf("-- +goose Up\nALTER TABLE %s ADD COLUMN later_%d TEXT NOT NULL DEFAULT 'x';\nALTER TABLE %s ADD COLUMN later_%d TEXT;\n", table, i, other, i)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := storagetest.OpenURL(t, url, c.set).MigrateOn(t.Context(), newer); err != nil {
			t.Error(err)
		}
	}()
	const workers = 6
	n := make([]int, workers)
	for _, err := range race(workers, func(w int) error {
		for i := 0; ; i++ {
			select {
			case <-done:
				n[w] = i
				return nil
			default:
			}
			g := b.grant("web")
			s, err := b.SignIn(t.Context(), actor, b.signInOf(fmt.Sprintf("sub-%d-%d", w, i%3), g))
			if err != nil {
				return fmt.Errorf("sign in: %w", err)
			}
			taken, err := b.TakeCode(t.Context(), actor, take(g, offline))
			if err != nil {
				return fmt.Errorf("code: %w", err)
			}
			if _, err = b.refresh(taken.RefreshToken, "web"); err != nil {
				return fmt.Errorf("refresh: %w", err)
			}
			if _, err = b.Session(t.Context(), s.IDHash, idle); err != nil {
				return fmt.Errorf("session: %w", err)
			}
			if i%2 == 0 {
				if err := b.EndSession(t.Context(), actor, s.SID); err != nil {
					return fmt.Errorf("sign out: %w", err)
				}
			}
		}
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if slices.Max(n) < 1 {
		t.Error("nobody signed in meanwhile: this proves nothing")
	}
}
