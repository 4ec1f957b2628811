package storage

import (
	"context"
	"fmt"
)

// SessionStands tells whether a user's session was neither ended nor outlived: what
// rests on it, such as an online refresh token, lives so long. That nobody was seen in
// the browser for a while ends single sign-on, and not this.
func (d *DB) SessionStands(ctx context.Context, userID, sid string) (bool, error) {
	var stands bool
	err := d.read(ctx, `SELECT EXISTS (SELECT 1 FROM sessions WHERE sid = $1 AND user_id = $2 AND ended_at = 0 AND expires_at > $3)`, sid, userID, d.now()).Scan(&stands)
	if err != nil {
		return false, fmt.Errorf("find session: %w", classified(err))
	}
	return stands, nil
}
