package storage

import "context"

// Bound is what a provider's slug is tied to for ever.
type Bound struct{ ID, Issuer string }

// BoundProviders returns every slug that was ever used, with what it is tied to.
func (d *DB) BoundProviders(ctx context.Context) (map[string]Bound, error) {
	out := map[string]Bound{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var slug string
		var b Bound
		err := row.Scan(&slug, &b.ID, &b.Issuer)
		out[slug] = b
		return err
	}, `SELECT slug, id, issuer FROM providers`)
	return out, found("read the providers", err)
}
