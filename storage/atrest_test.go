package storage_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// raw opens a database behind the book's back, as a thief or an operator would.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", "file://"+path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// dump reads every value of every row.
func dump(t *testing.T, db *sql.DB) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range tablesOf(t, db) {
		rows, err := db.Query(`SELECT * FROM ` + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			dest := make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				out[table+"."+columns[i]] = append(out[table+"."+columns[i]], fmt.Sprint(v))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return out
}

func withBook(t *testing.T, run func(t *testing.T, b *book, url string)) {
	t.Helper()
	storagetest.EachURL(t, func(t *testing.T, url string) {
		c := newClock()
		run(t, newBook(t, storagetest.OpenURL(t, url, c.set), c), url)
	})
}

func TestO01_S12_ADumpOfTheDatabaseOpensNothing(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		in := b.signInOf("sub-1", b.grant("web"))
		in.Claims = map[string]any{"sub": "sub-1", "secret_group": "canary-claim"}
		in.Grant.Claims = map[string]any{"person": "canary-grant-claim"}
		s, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		taken, err := b.TakeCode(t.Context(), actor, take(in.Grant, offline))
		b.must(err)
		next, err := b.refresh(taken.RefreshToken, "web")
		b.must(err)
		_, generation, err := b.Keys(t.Context())
		b.must(err)
		b.must(b.SaveKeys(t.Context(), actor, generation, []storage.StoredKey{{ID: "k1", Alg: "ES256", State: "active", PKCS8: []byte("canary-private-key")}}))

		canaries := []string{"canary-claim", "canary-grant-claim", "canary-private-key", "secret_group", string(storagetest.Key), taken.RefreshToken, next,
			strings.Split(taken.RefreshToken, ".")[2], strings.Split(next, ".")[2], base64.StdEncoding.EncodeToString([]byte("canary-private-key"))}
		values := dump(t, raw(t, url))
		for column, list := range values {
			for _, v := range list {
				for _, canary := range canaries {
					if strings.Contains(v, canary) {
						t.Errorf("%s holds %q in clear", column, canary)
					}
				}
				// Each dumped value is tried as every kind of secret.
				for _, try := range [][]byte{[]byte(v), decoded(v)} {
					if _, err := b.FindRefresh(t.Context(), string(try), "web", grace); err == nil {
						t.Errorf("a value of %s works as a refresh token", column)
					}
					if column != "sessions.id_hash" || !bytes.Equal(try, s.IDHash) { // the hash itself, which no cookie can carry: callers hash
						if _, err := b.Session(t.Context(), try, idle); err == nil {
							t.Errorf("a value of %s works as a session", column)
						}
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
						t.Errorf("%s holds %q in clear", filepath.Base(path)+suffix, canary)
					}
				}
				info, err := os.Stat(path + suffix)
				b.must(err)
				if info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %o", filepath.Base(path)+suffix, info.Mode().Perm())
				}
			}
		}
		for what, text := range map[string]string{"a stored key": fmt.Sprintf("%v %+v %#v", storage.StoredKey{PKCS8: []byte("canary")}, storage.StoredKey{PKCS8: []byte("canary")}, storage.StoredKey{PKCS8: []byte("canary")}),
			"the sealer": fmt.Sprintf("%v %+v %#v", storagetest.Sealer(t), storagetest.Sealer(t), storagetest.Sealer(t))} {
			if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprint(storagetest.Key[:4])[1:10]) || strings.Contains(text, "handstamp-test") {
				t.Errorf("%s prints its secret: %s", what, text)
			}
		}
	})
}

func decoded(v string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err != nil {
		return nil
	}
	return b
}

func TestO02_ASealedValueOpensOnlyInItsOwnPlace(t *testing.T) {
	withBook(t, func(t *testing.T, b *book, url string) {
		_, one := b.login("sub-1", "web", offline)
		_, two := b.login("sub-2", "web", offline)
		_, generation, err := b.Keys(t.Context())
		b.must(err)
		b.must(b.SaveKeys(t.Context(), actor, generation, []storage.StoredKey{{ID: "k1", PKCS8: []byte("one")}, {ID: "k2", PKCS8: []byte("two")}}))
		db := raw(t, url)
		get := func(query, id string) string {
			t.Helper()
			var v string
			b.must(db.QueryRow(query, id).Scan(&v))
			return v
		}
		family := func(token string) string { return strings.Split(strings.TrimPrefix(token, "hsr_"), ".")[0] }
		for _, c := range []struct {
			what, table, column, key, one, two string
			use                                func() error
		}{
			{"claims of an identity", "identities", "claims", "subject", "sub-1", "sub-2",
				func() error { _, _, err := b.FindIdentity(t.Context(), b.provider, "sub-1"); return err }},
			{"claims of a grant", "grants", "claims", "id", one.Grant.ID, two.Grant.ID,
				func() error { return errOf(b.Grant(t.Context(), one.Grant.ID)) }},
			{"the key of a family", "families", "secret", "id", family(one.RefreshToken), family(two.RefreshToken),
				func() error { return errOf(b.FindRefresh(t.Context(), one.RefreshToken, "web", grace)) }},
			{"a signing key", "signing_keys", "pkcs8", "id", "k1", "k2",
				func() error { _, _, err := b.Keys(t.Context()); return err }},
		} {
			read := `SELECT ` + c.column + ` FROM ` + c.table + ` WHERE ` + c.key + ` = $1`
			set := func(v string) {
				t.Helper()
				_, err := db.Exec(`UPDATE `+c.table+` SET `+c.column+` = $1 WHERE `+c.key+` = $2`, v, c.one)
				b.must(err)
			}
			own, other := get(read, c.one), get(read, c.two)
			b.wants(c.what+" untouched", c.use(), nil)
			set(other)
			b.wants(c.what+" of another row", c.use(), storage.ErrSealed)
			for i := range own {
				if i%7 != 0 { // each part of the text is reached
					continue
				}
				flip := byte('A')
				if own[i] == 'A' {
					flip = 'B'
				}
				set(own[:i] + string(flip) + own[i+1:])
				b.wants(c.what+" with one changed character", c.use(), storage.ErrSealed)
			}
			for _, v := range []string{"", own[:len(own)-4], own + "AAAA", own + "=", "not base64 !"} {
				set(v)
				b.wants(c.what+" cut or longer", c.use(), storage.ErrSealed)
			}
			set(own)
			b.wants(c.what+" restored", c.use(), nil)
		}
	})
}

func TestO03_AWrongSealingKeyRefusesToStartAndTouchesNothing(t *testing.T) {
	storagetest.EachURL(t, func(t *testing.T, url string) {
		c := newClock()
		first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
		open := func(keys ...[]byte) (*book, error) {
			sealer, err := storage.NewSealer(keys...)
			if err != nil {
				t.Fatal(err)
			}
			db, err := storage.Open(t.Context(), storage.Options{URL: url, Sealer: sealer, Now: c.Now})
			if err != nil {
				return nil, err
			}
			return newBook(t, db, c), nil
		}
		b, err := open(first)
		if err != nil {
			t.Fatal(err)
		}
		_, taken := b.login("sub-1", "web", offline)
		_, generation, err := b.Keys(t.Context())
		b.must(err)
		b.must(b.SaveKeys(t.Context(), actor, generation, []storage.StoredKey{{ID: "k1", PKCS8: []byte("one")}}))
		fingerprint := b.hold("provider:corp", "upstream secret")
		b.must(b.KeepLogins(t.Context(), []storage.Login{b.loginOf("AAAA", "sub-1")}))
		b.must(b.Close())

		before := fmt.Sprint(dump(t, raw(t, url)))
		prefix := dump(t, raw(t, url))["signing_keys.pkcs8"][0][:12]
		sealedWith(t, url, prefix, true)
		if _, err := open(second); !errors.Is(err, storage.ErrSealed) || !strings.Contains(err.Error(), "needs sealing key") {
			t.Fatalf("with the wrong key: %v", err)
		}
		if after := fmt.Sprint(dump(t, raw(t, url))); after != before {
			t.Error("a start with the wrong key changed the database")
		}

		b, err = open(second, first) // rotation: the new one seals, both open
		if err != nil {
			t.Fatal(err)
		}
		raw1, err := b.refresh(taken.RefreshToken, "web")
		b.must(err)
		b.login("sub-2", "web", offline)
		b.must(b.Close())
		if _, err := open(second); !errors.Is(err, storage.ErrSealed) {
			t.Fatalf("the old key was taken away too early: %v", err)
		}
		b, err = open(second, first)
		if err != nil {
			t.Fatal(err)
		}
		n, err := b.Reseal(t.Context(), actor)
		b.must(err)
		if n != 8 { // identity, grant, family and signing key of before, a held secret, a login's claims and reasons, the book's own key
			t.Errorf("%d values sealed anew, want 8", n)
		}
		if n, err := b.Reseal(t.Context(), actor); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		sealedWith(t, url, prefix, false)
		b.must(b.Close())

		b, err = open(second)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.refresh(raw1, "web")
		b.wants("after the rotation", err, nil)
		keys, _, err := b.Keys(t.Context())
		b.must(err)
		if string(keys[0].PKCS8) != "one" {
			t.Error("a signing key changed")
		}
		if secret, err := b.HeldSecret(t.Context(), "provider:corp", fingerprint); err != nil || secret != "upstream secret" || b.Fingerprint("provider:corp", secret) != fingerprint {
			t.Errorf("a held secret changed: %v", err)
		}
		if l, err := b.Login(t.Context(), "AAAA"); err != nil || l.Claims["sub"] != "sub-1" {
			t.Errorf("a login's claims changed: %v, %v", l, err)
		}
		b.must(b.Close())
		if _, err := open(first); !errors.Is(err, storage.ErrSealed) {
			t.Errorf("the old key alone: %v", err)
		}
	})
}

func TestASealedValueIsBoundToPurposeAndPlace(t *testing.T) {
	s := storagetest.Sealer(t)
	sealed := s.Seal("transaction", []byte("tab-1"), []byte("secret"))
	if plain, err := s.Open("transaction", []byte("tab-1"), sealed); err != nil || string(plain) != "secret" {
		t.Fatalf("%q, %v", plain, err)
	}
	if bytes.Equal(sealed, s.Seal("transaction", []byte("tab-1"), []byte("secret"))) {
		t.Error("two seals of one value are equal")
	}
	for why, c := range map[string]struct{ purpose, place string }{"purpose": {"column", "tab-1"}, "place": {"transaction", "tab-2"}} {
		if _, err := s.Open(c.purpose, []byte(c.place), sealed); !errors.Is(err, storage.ErrSealed) {
			t.Errorf("another %s: %v", why, err)
		}
	}
	for i := range sealed {
		mutant := bytes.Clone(sealed)
		mutant[i] ^= 0x20
		if _, err := s.Open("transaction", []byte("tab-1"), mutant); !errors.Is(err, storage.ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := s.Open("transaction", []byte("tab-1"), sealed[:i]); !errors.Is(err, storage.ErrSealed) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	for why, keys := range map[string][][]byte{"none": nil, "short": {make([]byte, 31)}, "zero": {make([]byte, 32)}, "second short": {storagetest.Key, []byte("x")}} {
		if _, err := storage.NewSealer(keys...); err == nil {
			t.Errorf("keys: %s: accepted", why)
		}
	}
}

func FuzzSealerOpen(f *testing.F) {
	s, err := storage.NewSealer(storagetest.Key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Seal("p", []byte("a"), []byte("plain"))[:20])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if plain, err := s.Open("p", []byte("other place"), sealed); err == nil {
			t.Fatalf("opened to %q", plain)
		}
	})
}

func TestASealingKeyFileIsMadeOnceAndKeptToItsOwner(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sealing.key")
	keys := make([][]byte, 16)
	made := 0
	for i, err := range race(len(keys), func(i int) error {
		key, created, err := storage.SealingKeyFile(path)
		keys[i] = key
		if created {
			keys[i] = append(key[:32:32], 1)
		}
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(keys[i]) == 33 {
			made++
			keys[i] = keys[i][:32]
		}
		if !bytes.Equal(keys[i], keys[0]) {
			t.Fatal("two keys from one file")
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".sealing*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := storage.SealingKeyFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for why, content := range map[string]string{"empty": "", "short": "AAAA\n", "not base64": strings.Repeat("?", 44), "two keys": strings.Repeat("A", 88)} {
		bad := filepath.Join(dir, why)
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := storage.SealingKeyFile(bad); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", why, err)
		}
		if after, _ := os.ReadFile(bad); string(after) != content {
			t.Errorf("%s: the file was overwritten", why)
		}
	}
	if _, _, err := storage.SealingKeyFile(dir); err == nil {
		t.Error("a folder was taken for a key file")
	}
	if _, _, err := storage.SealingKeyFile(filepath.Join(dir, "no", "such", "folder")); err == nil {
		t.Error("a key was made in a folder that is not there")
	}
}
