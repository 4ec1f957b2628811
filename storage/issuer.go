package storage

import (
	"context"
	"errors"
)

// AuditIssuerChanged says that everything alive was ended because the issuer changed.
const AuditIssuerChanged = "issuer_changed"

// KeepIssuer returns the issuer that this book is of. A book that is of none yet becomes
// that of the given one; of nodes that start together, the first decides for all.
func (d *DB) KeepIssuer(ctx context.Context, issuer string) (kept string, err error) {
	read := func() error {
		return found("read the issuer", d.read(ctx, `SELECT issuer FROM issuer WHERE name = 'issuer'`).Scan(&kept))
	}
	if err := read(); !errors.Is(err, ErrNotFound) {
		return kept, err
	}
	_, err = write(ctx, d, "keep the issuer", func(ctx context.Context, q runner) (int64, error) {
		return exec(ctx, q, `INSERT INTO issuer (name, issuer, since) VALUES ('issuer', $1, $2) ON CONFLICT (name) DO NOTHING`, issuer, d.now())
	})
	if err != nil {
		return "", err
	}
	return kept, read()
}

// MoveIssuer makes the book that of another issuer. What names the former one is of no use
// any more, so everything ends as it does with Restored, in the same transaction. Of nodes
// that do this together one does it; the others get ErrConflict, and look again.
func (d *DB) MoveIssuer(ctx context.Context, a Actor, from, to string, keys NewKeys) (*Ended, error) {
	return write(ctx, d, "change the issuer", func(ctx context.Context, q runner) (*Ended, error) {
		n, err := exec(ctx, q, `UPDATE issuer SET issuer = $1, since = $2 WHERE name = 'issuer' AND issuer = $3`, to, d.now(), from)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, ErrConflict
		}
		return d.endWhatLives(ctx, q, a, keys, AuditIssuerChanged, "issuer", map[string]string{"from": from, "to": to})
	})
}
