package storage

import "context"

// Fingerprint names a secret of an owner, such as "provider:corp" or "client:web",
// without telling it: a MAC under a key that no dump holds. The same secret of another
// owner has another fingerprint, and one owner's fingerprint opens nothing for another.
func (d *DB) Fingerprint(owner, secret string) string { return "" }

// HeldSecret returns the secret that an owner's fingerprint names. ErrNotFound when it
// is not held, or belongs to another owner.
func (d *DB) HeldSecret(ctx context.Context, owner, fingerprint string) (string, error) {
	return "", ErrNotFound
}

// HeldSet is every secret that the book holds for providers and clients, read at once.
type HeldSet struct{}

// HeldSecrets reads them all: for a directory with many clients this is one query.
func (d *DB) HeldSecrets(ctx context.Context) (*HeldSet, error) { return &HeldSet{}, nil }

// Has tells whether an owner's secret is held.
func (h *HeldSet) Has(owner, fingerprint string) bool { return false }

// Secret returns an owner's secret.
func (h *HeldSet) Secret(owner, fingerprint string) (string, bool) { return "", false }
