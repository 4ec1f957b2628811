package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// RevokeToken notes that one access token, known by its jti, is not to be believed
// until it expires. It is for tokens that no grant stands behind, such as a machine's;
// with a grant, RevokeGrant ends them all. Doing it twice is fine.
func (d *DB) RevokeToken(ctx context.Context, a Actor, jti, clientID string, expires time.Time) error {
	if jti == "" || expires.IsZero() {
		return errors.New("revoke token: it needs a jti and an end")
	}
	_, err := write(ctx, d, "revoke token", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := exec(ctx, q, `INSERT INTO revoked_tokens (hash, client_id, expires_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING`,
			jtiHash(jti), clientID, micros(expires))
		if err != nil || n == 0 {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditTokenRevoked, "token:"+jtiHash(jti), map[string]string{"client": clientID})
	})
	return err
}

// TokenRevoked tells whether RevokeToken was called for a token.
func (d *DB) TokenRevoked(ctx context.Context, jti string) (bool, error) {
	var revoked bool
	err := d.read(ctx, `SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE hash = $1)`, jtiHash(jti)).Scan(&revoked)
	if err != nil {
		return false, fmt.Errorf("find revoked token: %w", classified(err))
	}
	return revoked, nil
}

// jtiHash keeps the table from telling which tokens are in use.
func jtiHash(jti string) string {
	sum := sha256.Sum256([]byte("jti\x00" + jti))
	return hashText(sum[:])
}
