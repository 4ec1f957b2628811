package storage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// bookKeys are made from the one random key of this book. It is sealed at rest, so a
// dump has none of them, and it stays when the sealing key is replaced.
type bookKeys struct{ fingerprint, audit []byte }

// openBookKeys reads the book's key, or makes it in a new book.
func (d *DB) openBookKeys(ctx context.Context) error {
	root, err := d.bookKey(ctx)
	if errors.Is(err, ErrNotFound) {
		fresh := make([]byte, keySize)
		rand.Read(fresh)
		if _, err := write(ctx, d, "make the book's key", func(ctx context.Context, q runner) (int64, error) {
			return exec(ctx, q, `INSERT INTO book_keys (name, secret) VALUES ('book', $1) ON CONFLICT (name) DO NOTHING`,
				d.sealer.sealColumn("book_keys", "book", "secret", fresh))
		}); err != nil {
			return err
		}
		root, err = d.bookKey(ctx) // perhaps another node's
	}
	if err != nil {
		return err
	}
	d.keys = bookKeys{fingerprint: macOf(root, "fingerprint"), audit: macOf(root, "audit")}
	return nil
}

func (d *DB) bookKey(ctx context.Context) ([]byte, error) {
	var sealed string
	if err := found("find the book's key", d.read(ctx, `SELECT secret FROM book_keys WHERE name = 'book'`).Scan(&sealed)); err != nil {
		return nil, err
	}
	return d.sealer.openColumn("book_keys", "book", "secret", sealed)
}

// macOf is an HMAC over parts, each with its length.
func macOf(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprintf(m, "%d %s ", len(p), p)
	}
	return m.Sum(nil)
}

const (
	ownerMark       = 11 // characters of a fingerprint that name its owner
	secretMark      = 22
	fingerprintSize = ownerMark + secretMark
)

// Fingerprint names a secret of an owner, such as "provider:corp" or "client:web",
// without telling it: a MAC under a key that no dump holds. The same secret of another
// owner has another fingerprint, and one owner's fingerprint opens nothing for another.
func (d *DB) Fingerprint(owner, secret string) string {
	return d.ownerMark(owner) + hashText(macOf(d.keys.fingerprint, "secret", owner, secret))[:secretMark]
}

func (d *DB) ownerMark(owner string) string {
	return hashText(macOf(d.keys.fingerprint, "owner", owner))[:ownerMark]
}

// owns tells whether a fingerprint is one of an owner's.
func (d *DB) owns(owner, fingerprint string) bool {
	return len(fingerprint) == fingerprintSize && fingerprint[:ownerMark] == d.ownerMark(owner)
}

// HeldSecret returns the secret that an owner's fingerprint names. ErrNotFound when it
// is not held, or belongs to another owner.
func (d *DB) HeldSecret(ctx context.Context, owner, fingerprint string) (string, error) {
	if !d.owns(owner, fingerprint) {
		return "", fmt.Errorf("find secret: %w", ErrNotFound)
	}
	var sealed string
	err := d.read(ctx, `SELECT secret FROM directory_secrets WHERE fingerprint = $1`, fingerprint).Scan(&sealed)
	if err := found("find secret", err); err != nil {
		return "", err
	}
	plain, err := d.sealer.openColumn("directory_secrets", fingerprint, "secret", sealed)
	return string(plain), err
}

// HeldSet is every secret that the book holds for providers and clients, read at once.
type HeldSet struct {
	db     *DB
	sealed map[string]string
}

// String keeps secrets out of every log.
func (h *HeldSet) String() string { return "[redacted secrets]" }

// GoString keeps secrets out of %#v.
func (h *HeldSet) GoString() string { return h.String() }

// HeldSecrets reads them all: for a directory with many clients this is one query.
func (d *DB) HeldSecrets(ctx context.Context) (*HeldSet, error) {
	h := &HeldSet{db: d, sealed: map[string]string{}}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var fingerprint, sealed string
		err := row.Scan(&fingerprint, &sealed)
		h.sealed[fingerprint] = sealed
		return err
	}, `SELECT fingerprint, secret FROM directory_secrets`)
	return only(h, found("list secrets", err))
}

// Has tells whether an owner's secret is held.
func (h *HeldSet) Has(owner, fingerprint string) bool {
	return h.sealed[fingerprint] != "" && h.db.owns(owner, fingerprint)
}

// Secret returns an owner's secret. ErrNotFound when it is not held.
func (h *HeldSet) Secret(owner, fingerprint string) (string, error) {
	if !h.Has(owner, fingerprint) {
		return "", fmt.Errorf("find secret: %w", ErrNotFound)
	}
	plain, err := h.db.sealer.openColumn("directory_secrets", fingerprint, "secret", h.sealed[fingerprint])
	return string(plain), err
}

// movedSecrets is what a new document changes about the secrets in use.
type movedSecrets struct {
	kept            map[string]string // fingerprint → sealed value, of what was typed now
	gained, dropped []string
}

// movedSecrets compares the references of a document with those of its base.
func (d *DB) movedSecrets(ctx context.Context, n NewRevision) (m movedSecrets, err error) {
	before := map[string]bool{}
	if n.Base > 0 {
		base, err := d.Revision(ctx, n.Base)
		if errors.Is(err, ErrNotFound) {
			return m, fmt.Errorf("apply: %w", ErrConflict)
		}
		if err != nil {
			return m, err
		}
		before = references(base.Document)
	}
	now := references(n.Document)
	m.kept = map[string]string{}
	for _, fingerprint := range sortedKeys(now) {
		if value, typed := n.Secrets[fingerprint]; typed {
			m.kept[fingerprint] = d.sealer.sealColumn("directory_secrets", fingerprint, "secret", []byte(value))
		} else if !before[fingerprint] {
			m.gained = append(m.gained, fingerprint)
		}
	}
	for _, fingerprint := range sortedKeys(before) {
		if !now[fingerprint] {
			m.dropped = append(m.dropped, fingerprint)
		}
	}
	return m, nil
}

var reference = regexp.MustCompile(fmt.Sprintf(`"sealed:([A-Za-z0-9_-]{%d})"`, fingerprintSize))

// references lists the fingerprints in a document.
func references(document []byte) map[string]bool {
	out := map[string]bool{}
	if !bytes.Contains(document, []byte(`"sealed:`)) {
		return out
	}
	for _, found := range reference.FindAllSubmatch(document, -1) {
		out[string(found[1])] = true
	}
	return out
}

// keepSecrets keeps what was typed, and notes what is in use no longer: it goes when no
// revision is left to which one could roll back.
func (d *DB) keepSecrets(ctx context.Context, q runner, number int64, m movedSecrets) error {
	var rows [][]any
	for _, fingerprint := range sortedKeys(m.kept) {
		rows = append(rows, []any{fingerprint, m.kept[fingerprint], d.now(), int64(0)})
	}
	if err := insertMany(ctx, q, `INSERT INTO directory_secrets (fingerprint, secret, created_at, unused_since) VALUES `, ` ON CONFLICT (fingerprint) DO UPDATE SET unused_since = 0`, rows); err != nil {
		return fmt.Errorf("keep secrets: %w", err)
	}
	for since, list := range map[int64][]string{0: m.gained, number: m.dropped} {
		for _, fingerprint := range list {
			if _, err := q.ExecContext(ctx, `UPDATE directory_secrets SET unused_since = $1 WHERE fingerprint = $2 AND unused_since <> $1`, since, fingerprint); err != nil {
				return fmt.Errorf("note which secrets are in use: %w", err)
			}
		}
	}
	return nil
}

// manyRows is how many rows one statement of insertMany has.
const manyRows = 50

// insertMany inserts rows, many with one statement: a distant database is asked less
// often. The statements are two constants, with one row and with manyRows.
func insertMany(ctx context.Context, q runner, head, tail string, rows [][]any) error {
	for len(rows) > 0 {
		n := 1
		if len(rows) >= manyRows {
			n = manyRows
		}
		var args []any
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := q.ExecContext(ctx, head+placeholders(n, len(rows[0]))+tail, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// placeholders are ($1, $2), ($3, $4) and so on.
func placeholders(rows, columns int) string {
	var s strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			s.WriteString("(")
		case i%columns == 0:
			s.WriteString("), (")
		default:
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "$%d", i+1)
	}
	return s.String() + ")"
}
