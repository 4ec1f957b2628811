package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Revision is one version of the directory's document: who made it, when and why.
type Revision struct {
	Number   int64
	At       time.Time
	Author   Actor
	Reason   string
	Source   string // console, api, shell, file:<hash>, rollback:<number>
	Document []byte // JSON in source form, without secrets; nil in lists
	Changes  int
	Hash     string // SHA-256 of the document, base64url
}

// NewRevision is a document to become the active one.
type NewRevision struct {
	Base     int64             // the active revision that it was made from, 0 when there is none
	Document []byte            // JSON in source form, without secrets
	Secrets  map[string]string // fingerprint → value, sealed at rest
	Reason   string
	Source   string
	Issuers  map[string]string // slug → issuer of every provider
	Detail   map[string]string // for the audit
	Changes  int
}

// AuditRevision says that a document became the active one.
const AuditRevision = "directory_changed"

// fileSource is how the Source of a revision begins that came from a file.
const fileSource = "file:"

const revisionColumns = `number, at, actor_kind, actor_id, ip, request_id, reason, source, changes, hash`

func (r *Revision) fields() []any {
	return []any{&r.Number, when{&r.At}, &r.Author.Kind, &r.Author.ID, &r.Author.IP, &r.Author.RequestID, &r.Reason, &r.Source, &r.Changes, &r.Hash}
}

// ActiveRevision returns the newest revision with its document. ErrNotFound in a book
// without one.
func (d *DB) ActiveRevision(ctx context.Context) (*Revision, error) {
	return d.revision(d.read(ctx, `SELECT `+revisionColumns+`, document FROM revisions ORDER BY number DESC LIMIT 1`))
}

// Revision returns one revision with its document.
func (d *DB) Revision(ctx context.Context, number int64) (*Revision, error) {
	return d.revision(d.read(ctx, `SELECT `+revisionColumns+`, document FROM revisions WHERE number = $1`, number))
}

func (d *DB) revision(row scanner) (*Revision, error) {
	var r Revision
	var packed string
	if err := found("find revision", row.Scan(append(r.fields(), &packed)...)); err != nil {
		return nil, err
	}
	var err error
	if r.Document, err = unpack(packed, maxDocument); err == nil && documentHash(r.Document) != r.Hash {
		err = errors.New("the document is not the one that was applied")
	}
	if err != nil {
		return nil, fmt.Errorf("read revision %d: %w", r.Number, err)
	}
	return &r, nil
}

// Revisions lists revisions before a number, the newest first and without documents;
// before 0 starts at the newest.
func (d *DB) Revisions(ctx context.Context, before int64, limit int) ([]Revision, error) {
	var out []Revision
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var r Revision
		err := row.Scan(r.fields()...)
		out = append(out, r)
		return err
	}, `SELECT `+revisionColumns+` FROM revisions WHERE $1 = 0 OR number < $1 ORDER BY number DESC LIMIT $2`, before, pageSize(limit))
	return out, found("list revisions", err)
}

// LastFileHash returns the hash of the newest revision that came from a file, or "".
func (d *DB) LastFileHash(ctx context.Context) (string, error) {
	var source string
	err := d.read(ctx, `SELECT source FROM revisions WHERE substr(source, 1, 5) = 'file:' ORDER BY number DESC LIMIT 1`).Scan(&source)
	return strings.TrimPrefix(source, fileSource), ignoreNotFound(found("find the last file", err))
}

// Generations returns the counters that move with every change of the directory, the
// signing keys and the admins: "directory", "signing_keys", "admins". That of the
// directory is the number of its active revision.
func (d *DB) Generations(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var name string
		var value int64
		err := row.Scan(&name, &value)
		out[name] = value
		return err
	}, `SELECT name, value FROM generations`)
	return out, found("read the generations", err)
}

// applied is the answer of one Apply.
type applied struct {
	number int64
	ids    map[string]string
}

// Apply makes a document the active revision if its Base still is; otherwise
// ErrConflict. In the same transaction it binds new providers' slugs to their issuers
// (ErrIssuerChanged when one is bound to another), keeps the secrets and audits. It
// returns the internal ids of all providers in Issuers by slug.
func (d *DB) Apply(ctx context.Context, a Actor, n NewRevision) (number int64, providerIDs map[string]string, err error) {
	if len(n.Document) == 0 || len(n.Document) > maxDocument {
		return 0, nil, fmt.Errorf("apply: a document has 1 to %d bytes", maxDocument)
	}
	packed, err := pack(n.Document)
	if err != nil {
		return 0, nil, fmt.Errorf("apply: %w", err)
	}
	moved, err := d.movedSecrets(ctx, n)
	if err != nil {
		return 0, nil, err
	}
	out, err := write(ctx, d, "apply", func(ctx context.Context, q runner) (out applied, err error) {
		out.number = n.Base + 1
		if err := bump(ctx, q, "directory", n.Base); err != nil {
			return out, err
		}
		if out.ids, err = d.bindProviders(ctx, q, a, n.Issuers); err != nil {
			return out, err
		}
		if err := d.keepSecrets(ctx, q, out.number, moved); err != nil {
			return out, err
		}
		hash := documentHash(n.Document)
		if _, err := q.ExecContext(ctx, `INSERT INTO revisions (number, at, actor_kind, actor_id, ip, request_id, reason, source, changes, hash, document)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, out.number, d.now(), a.Kind, a.ID, a.IP, a.RequestID, n.Reason, n.Source, n.Changes, hash, packed); err != nil {
			return out, fmt.Errorf("keep the revision: %w", err)
		}
		detail := map[string]string{"reason": n.Reason, "source": n.Source, "base": strconv.FormatInt(n.Base, 10), "changes": strconv.Itoa(n.Changes), "hash": hash}
		for k, v := range n.Detail {
			detail[k] = v
		}
		return out, d.audit(ctx, q, a, AuditRevision, "revision:"+strconv.FormatInt(out.number, 10), detail)
	})
	return out.number, out.ids, err
}

// bump moves a counter by one if it still has the value that the caller saw; otherwise
// ErrConflict. Its row stays locked until commit.
func bump(ctx context.Context, q runner, name string, from int64) error {
	n, err := exec(ctx, q, `UPDATE generations SET value = value + 1 WHERE name = $1 AND value = $2`, name, from)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}

// bindProviders does for a whole directory what BindProvider does for one.
func (d *DB) bindProviders(ctx context.Context, q runner, a Actor, issuers map[string]string) (map[string]string, error) {
	ids, bound := map[string]string{}, map[string]string{}
	err := each(ctx, q, func(row scanner) error {
		var id, slug, issuer string
		err := row.Scan(&id, &slug, &issuer)
		ids[slug], bound[slug] = id, issuer
		return err
	}, `SELECT id, slug, issuer FROM providers`)
	if err != nil {
		return nil, fmt.Errorf("read providers: %w", err)
	}
	out := make(map[string]string, len(issuers))
	for _, slug := range sortedKeys(issuers) { // in one order, so that two nodes do not wait for each other
		issuer := issuers[slug]
		if slug == "" || issuer == "" {
			return nil, errors.New("bind provider: slug and issuer are needed")
		}
		if ids[slug] == "" {
			if ids[slug], bound[slug], err = d.bind(ctx, q, a, slug, issuer); err != nil {
				return nil, err
			}
		}
		if bound[slug] != issuer {
			if ids[slug], err = d.rebind(ctx, q, a, slug, bound[slug], issuer); err != nil {
				return nil, err
			}
		}
		out[slug] = ids[slug]
	}
	return out, nil
}

func documentHash(document []byte) string {
	sum := sha256.Sum256(document)
	return hashText(sum[:])
}
