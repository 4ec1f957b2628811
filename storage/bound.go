package storage

import (
	"context"
	"fmt"
)

// Bound is what a provider's slug is tied to: for ever, once somebody is known by it.
type Bound struct {
	ID, Issuer string
	Free       bool // nobody is: a slip of the pen can be mended
}

// unknown is true of a provider by which nobody is known, and nobody is about to be.
const unknown = `NOT EXISTS (SELECT 1 FROM identities WHERE provider_id = providers.id) AND NOT EXISTS (SELECT 1 FROM link_offers WHERE provider_id = providers.id)`

// BoundProviders returns every slug that was ever used, with what it is tied to.
func (d *DB) BoundProviders(ctx context.Context) (map[string]Bound, error) {
	out := map[string]Bound{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var slug string
		var b Bound
		err := row.Scan(&slug, &b.ID, &b.Issuer, &b.Free)
		out[slug] = b
		return err
	}, `SELECT slug, id, issuer, `+unknown+` FROM providers`)
	return out, found("read the providers", err)
}

// rebind ties a slug to another issuer, under another id, while nobody is known by it:
// what rests on the former id, such as a test sign-in, is of nobody who comes from now on.
func (d *DB) rebind(ctx context.Context, q runner, a Actor, slug, was, issuer string) (id string, err error) {
	id = newID()
	n, err := exec(ctx, q, `UPDATE providers SET id = $1, issuer = $2, created_at = $3 WHERE slug = $4 AND issuer = $5 AND `+unknown, id, issuer, d.now(), slug, was)
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", fmt.Errorf("bind provider %s: %w: people are known by it from %s", slug, ErrIssuerChanged, was)
	}
	return id, d.audit(ctx, q, a, AuditProviderBound, "provider:"+id, map[string]string{"slug": slug, "issuer": issuer, "was": was})
}
