package storage

import (
	"context"
	"fmt"
	"strconv"
)

// AuditRestored says that everything alive was ended because the book came from a backup.
const AuditRestored = "restored"

// NewKeys are the signing keys that take the place of those of a generation; see SaveKeys.
type NewKeys struct {
	Generation int64
	Keys       []StoredKey
}

// Ended counts what was alive and is not any more.
type Ended struct {
	Sessions, Grants, RefreshTokens, Codes, Invitations, LinkOffers, AdminLinks int64
}

// Restored makes a book that came from a backup, or from a replica that had not seen the
// last commits, safe to use. What was ended, revoked or used up since then must not live
// again, so every session, grant, code, refresh token, invitation and admin link ends, and
// the given signing keys take the place of all others, in one transaction. Apps are not
// told: the book does not know any more what they hold.
func (d *DB) Restored(ctx context.Context, a Actor, keys NewKeys) (*Ended, error) {
	return write(ctx, d, "restore", func(ctx context.Context, q runner) (*Ended, error) {
		return d.endWhatLives(ctx, q, a, keys, AuditRestored, "database", map[string]string{})
	})
}

// leap is further than keys can have moved since a backup was made: a node that runs on
// may know a generation that this book has lost, and must not take the next one for it.
const leap = 1 << 20

// endWhatLives ends everything that lives, and puts other signing keys in the place of those
// that vouched for it.
func (d *DB) endWhatLives(ctx context.Context, q runner, a Actor, keys NewKeys, action, target string, detail map[string]string) (*Ended, error) {
	if err := d.replaceKeys(ctx, q, a, keys.Generation, keys.Generation+leap, keys.Keys); err != nil {
		return nil, err
	}
	now, ended := d.now(), &Ended{}
	for _, end := range []struct {
		what, statement string
		count           *int64
	}{
		{"sessions", `UPDATE sessions SET ended_at = $1 WHERE ended_at = 0`, &ended.Sessions},
		{"grants", `UPDATE grants SET revoked_at = $1, revoked_reason = 'everything was ended' WHERE revoked_at = 0`, &ended.Grants},
		{"refresh_tokens", `UPDATE families SET revoked_at = $1 WHERE revoked_at = 0`, &ended.RefreshTokens},
		{"codes", `UPDATE codes SET expires_at = $1 WHERE used_at = 0 AND expires_at > $1`, &ended.Codes},
		{"invitations", `UPDATE invitations SET used_at = $1 WHERE used_at = 0`, &ended.Invitations},
		{"link_offers", `UPDATE link_offers SET expires_at = $1 WHERE expires_at > $1`, &ended.LinkOffers},
		{"admin_links", `UPDATE admin_links SET ended_at = $1 WHERE ended_at = 0`, &ended.AdminLinks},
	} {
		n, err := exec(ctx, q, end.statement, now)
		if err != nil {
			return nil, fmt.Errorf("end %s: %w", end.what, err)
		}
		*end.count = n
		detail[end.what] = strconv.FormatInt(n, 10)
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM upstream_hints`); err != nil {
		return nil, fmt.Errorf("forget upstream ID tokens: %w", err)
	}
	return ended, d.audit(ctx, q, a, action, target, detail)
}
