package storage

import (
	"context"
	"fmt"
	"strconv"
)

// AuditRestored says that everything alive was ended because the book came from a backup.
const AuditRestored = "restored"

// Restored makes a book that came from a backup safe to use. What was ended or revoked
// since the backup was made must not live again, so every session, grant, code, refresh
// token, invitation and admin link ends, in one transaction. Apps are not told: the book
// does not know any more what they hold.
func (d *DB) Restored(ctx context.Context, a Actor) error {
	_, err := write(ctx, d, "restore", func(ctx context.Context, q runner) (none struct{}, err error) {
		now := d.now()
		detail := map[string]string{}
		for _, end := range []struct{ what, statement string }{
			{"sessions", `UPDATE sessions SET ended_at = $1 WHERE ended_at = 0`},
			{"grants", `UPDATE grants SET revoked_at = $1, revoked_reason = 'restored from a backup' WHERE revoked_at = 0`},
			{"refresh_tokens", `UPDATE families SET revoked_at = $1 WHERE revoked_at = 0`},
			{"codes", `UPDATE codes SET expires_at = $1 WHERE used_at = 0 AND expires_at > $1`},
			{"invitations", `UPDATE invitations SET used_at = $1 WHERE used_at = 0`},
			{"link_offers", `UPDATE link_offers SET expires_at = $1 WHERE expires_at > $1`},
			{"admin_links", `UPDATE admin_links SET ended_at = $1 WHERE ended_at = 0`},
		} {
			n, err := exec(ctx, q, end.statement, now)
			if err != nil {
				return none, fmt.Errorf("end %s: %w", end.what, err)
			}
			detail[end.what] = strconv.FormatInt(n, 10)
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM upstream_hints`); err != nil {
			return none, fmt.Errorf("forget upstream ID tokens: %w", err)
		}
		return none, d.audit(ctx, q, a, AuditRestored, "database", detail)
	})
	return err
}
