package storage

import (
	"context"
)

// LoginOfCode finds the grant behind a code, also one that is used or expired, and the
// reference of the login that made it. ErrNotFound for a code that never was.
func (d *DB) LoginOfCode(ctx context.Context, hash []byte) (grantID, login string, err error) {
	err = d.read(ctx, `SELECT g.id, g.login FROM codes c JOIN grants g ON g.id = c.grant_id WHERE c.hash = $1`, hashText(hash)).Scan(&grantID, &login)
	return grantID, login, found("find the login of a code", err)
}

// LoginOfGrant returns the reference of the login that a grant comes from.
func (d *DB) LoginOfGrant(ctx context.Context, grantID string) (login string, err error) {
	err = d.read(ctx, `SELECT login FROM grants WHERE id = $1`, grantID).Scan(&login)
	return login, found("find the login of a grant", err)
}
