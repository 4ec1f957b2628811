package storage

import (
	"context"
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

// ActiveRevision returns the newest revision with its document. ErrNotFound in a book
// without one.
func (d *DB) ActiveRevision(ctx context.Context) (*Revision, error) { return nil, ErrNotFound }

// Revision returns one revision with its document.
func (d *DB) Revision(ctx context.Context, number int64) (*Revision, error) { return nil, ErrNotFound }

// Revisions lists revisions before a number, the newest first and without documents;
// before 0 starts at the newest.
func (d *DB) Revisions(ctx context.Context, before int64, limit int) ([]Revision, error) {
	return nil, nil
}

// LastFileHash returns the hash of the newest revision that came from a file, or "".
func (d *DB) LastFileHash(ctx context.Context) (string, error) { return "", nil }

// Apply makes a document the active revision if its Base still is; otherwise
// ErrConflict. In the same transaction it binds new providers' slugs to their issuers
// (ErrIssuerChanged when one is bound to another), keeps the secrets and audits. It
// returns the internal ids of all providers in Issuers by slug.
func (d *DB) Apply(ctx context.Context, a Actor, n NewRevision) (number int64, providerIDs map[string]string, err error) {
	return 0, nil, ErrConflict
}

// Generations returns the counters that move with every change of the directory, the
// signing keys and the admins: "directory", "signing_keys", "admins".
func (d *DB) Generations(ctx context.Context) (map[string]int64, error) { return nil, nil }
