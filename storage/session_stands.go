package storage

import "context"

// StandingSession returns the identity behind a user's session that was neither ended nor
// outlived: what rests on it, such as an online refresh token, lives so long. That nobody
// was seen in the browser for a while ends single sign-on, and not this. ErrNotFound when
// it does not stand.
func (d *DB) StandingSession(ctx context.Context, userID, sid string) (providerID, subject string, err error) {
	err = d.read(ctx, `SELECT provider_id, subject FROM sessions WHERE sid = $1 AND user_id = $2 AND ended_at = 0 AND expires_at > $3`, sid, userID, d.now()).
		Scan(&providerID, &subject)
	return providerID, subject, found("find session", err)
}
