package storage_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// tablesOf lists every table of a book.
func tablesOf(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`)
	if err != nil {
		rows, err = db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "goose_") {
			names = append(names, name)
		}
	}
	if err := rows.Err(); err != nil || len(names) < 20 {
		t.Fatalf("tables %v, %v", names, err)
	}
	return names
}

// sealedWith tells whether something is sealed with the key whose values begin so.
func sealedWith(t *testing.T, url, prefix string, want bool) {
	t.Helper()
	found := ""
	for column, values := range dump(t, raw(t, url)) {
		for _, v := range values {
			if strings.HasPrefix(v, prefix) {
				found = column
			}
		}
	}
	if (found != "") != want {
		t.Errorf("sealed with the old key: %q", found)
	}
}

func TestO01_A04_NoSecretOfTheDirectoryOrAnAdminIsInADump(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		link := "canary-admin-link"
		canaries := []string{"canary-provider-secret", "canary-client-secret", "canary-upstream-claim", link}
		fingerprints := map[string]string{}
		for _, secret := range canaries[:2] {
			fingerprints[b.hold("provider:corp", secret)] = secret
		}
		l := b.loginOf("REF", "sub-1")
		l.Claims = map[string]any{"phone": "canary-upstream-claim"}
		b.must(b.KeepLogins(t.Context(), []storage.Login{l}))
		_, err := b.NewAdminLink(t.Context(), actor, linkHash(link), b.clock.Now().Add(time.Minute))
		b.must(err)
		b.chain()
		for _, secret := range canaries {
			canaries = append(canaries, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)))
		}
		all, err := b.HeldSecrets(t.Context())
		b.must(err)
		for column, values := range dump(t, raw(t, url)) {
			for _, v := range values {
				for _, canary := range canaries {
					if strings.Contains(v, canary) {
						t.Errorf("%s holds %q in clear", column, canary)
					}
				}
				for owner := range map[string]bool{"provider:corp": true, "provider:other": true} {
					if s, err := all.Secret(owner, v); err == nil && fingerprints[v] != s {
						t.Errorf("%s names a secret for %s", column, owner)
					}
				}
				for _, try := range [][]byte{[]byte(v), linkHash(v)} { // what a visitor would bring, hashed by the door
					if _, err := b.TakeAdminLink(t.Context(), actor, try, time.Minute); err == nil {
						t.Errorf("a value of %s works as an admin link", column)
					}
				}
			}
		}
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			for _, suffix := range []string{"", "-wal"} {
				content, err := os.ReadFile(path + suffix)
				b.must(err)
				for _, canary := range canaries {
					if bytes.Contains(content, []byte(canary)) {
						t.Errorf("the file%s holds %q in clear", suffix, canary)
					}
				}
			}
		}
		if a, c := b.Fingerprint("provider:corp", "x"), storagetest.Open(t).Fingerprint("provider:corp", "x"); a == c {
			t.Error("two books give one secret the same fingerprint: it can be guessed elsewhere")
		}
	})
}

func TestO02_ANewSealedValueOpensOnlyInItsOwnPlace(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		one := b.hold("provider:corp", "one")
		two := b.hold("provider:corp", "two")
		b.must(b.KeepLogins(t.Context(), []storage.Login{b.loginOf("REF1", "sub-1"), b.loginOf("REF2", "sub-2")}))
		db := raw(t, url)
		for _, c := range []struct {
			what, table, column, key, one, two string
			use                                func() error
		}{
			{"a held secret", "directory_secrets", "secret", "fingerprint", one, two, func() error { return errOf(b.HeldSecret(t.Context(), "provider:corp", one)) }},
			{"claims of a login", "logins", "claims", "reference", "REF1", "REF2", func() error { return errOf(b.Login(t.Context(), "REF1")) }},
			{"reasons of a login", "logins", "trace", "reference", "REF1", "REF2", func() error { return errOf(b.Login(t.Context(), "REF1")) }},
			{"claims of recent logins", "logins", "claims", "reference", "REF1", "REF2", func() error { return errOf(b.RecentLogins(t.Context(), 9)) }},
		} {
			var own, other string
			read := fmt.Sprintf(`SELECT %s FROM %s WHERE %s = $1`, c.column, c.table, c.key)
			b.must(db.QueryRow(read, c.one).Scan(&own))
			b.must(db.QueryRow(read, c.two).Scan(&other))
			set := func(v string) {
				t.Helper()
				_, err := db.Exec(fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s = $2`, c.table, c.column, c.key), v, c.one)
				b.must(err)
			}
			b.wants(c.what+" untouched", c.use(), nil)
			for why, v := range map[string]string{"of another row": other, "cut": own[:len(own)-4], "longer": own + "AAAA", "not base64": "not base64 !"} {
				set(v)
				b.wants(c.what+" "+why, c.use(), storage.ErrSealed)
			}
			for i := 0; i < len(own); i += 7 {
				flip := byte('A')
				if own[i] == 'A' {
					flip = 'B'
				}
				set(own[:i] + string(flip) + own[i+1:])
				b.wants(c.what+" with one changed character", c.use(), storage.ErrSealed)
			}
			set(own)
			b.wants(c.what+" restored", c.use(), nil)
		}
		_, err := db.Exec(`UPDATE revisions SET document = (SELECT document FROM revisions WHERE number = 1) WHERE number = 2`)
		b.must(err)
		if _, err := b.ActiveRevision(t.Context()); err == nil {
			t.Error("a revision came with the document of another")
		}
		for _, text := range []string{"", "not base64 !", "AAAA"} {
			_, err := db.Exec(`UPDATE revisions SET document = $1 WHERE number = 2`, text)
			b.must(err)
			if _, err := b.ActiveRevision(t.Context()); err == nil {
				t.Errorf("the document %q was read", text)
			}
		}
	})
}
