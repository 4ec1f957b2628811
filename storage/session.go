package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NewSession is a single sign-on session to begin.
type NewSession struct {
	IDHash      []byte // hash of the cookie's value: the value itself is never stored
	SID         string // the sid claim
	AuthTime    time.Time
	ACR         string
	AMR         []string
	UpstreamSID string
	// UpstreamIDToken is what the provider wants back at sign-out, or "" when nobody is
	// signed out there. It is sealed at rest and goes when the session ends.
	UpstreamIDToken string
	Idle            time.Duration
	ExpiresAt       time.Time // absolute end, never slides
}

// Session is a single sign-on session that is alive.
type Session struct {
	IDHash                                     []byte
	SID, UserID, ProviderID                    string
	AuthTime, LastSeenAt, CreatedAt, ExpiresAt time.Time
	ACR                                        string
	AMR                                        []string
	Subject                                    string // of the identity at the provider
	UpstreamSID                                string
	IP, Device                                 string // where it began
	User                                       User
}

const sessionColumns = `s.sid, s.user_id, s.provider_id, s.subject, s.upstream_sid, s.auth_time, s.acr, s.amr, s.created_at, s.last_seen_at, s.expires_at, s.ip, s.device`

func (s *Session) fields() []any {
	return []any{&s.SID, &s.UserID, &s.ProviderID, &s.Subject, &s.UpstreamSID, when{&s.AuthTime}, &s.ACR, list{&s.AMR},
		when{&s.CreatedAt}, when{&s.LastSeenAt}, when{&s.ExpiresAt}, &s.IP, &s.Device}
}

// Session returns a live session: not ended, not idle for longer than idle, not
// past its absolute end, of a user who is not disabled.
func (d *DB) Session(ctx context.Context, idHash []byte, idle time.Duration) (*Session, error) {
	s := &Session{IDHash: idHash}
	now := d.now()
	err := d.read(ctx, `SELECT `+sessionColumns+`, `+userColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id_hash = $1 AND s.ended_at = 0 AND s.expires_at > $2 AND s.last_seen_at > $3 AND NOT u.disabled`,
		hashText(idHash), now, now-idle.Microseconds()).Scan(append(s.fields(), s.User.fields()...)...)
	return only(s, found("find session", err))
}

// SessionsOf lists a user's live sessions, the last seen first, as many as a page can
// hold. IDHash is left out: who lists sessions ends them by SID.
func (d *DB) SessionsOf(ctx context.Context, userID string) ([]Session, error) {
	var out []Session
	now := d.now()
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var s Session
		err := row.Scan(append(s.fields(), s.User.fields()...)...)
		out = append(out, s)
		return err
	}, `SELECT `+sessionColumns+`, `+userColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.user_id = $1 AND s.ended_at = 0 AND s.expires_at > $2 AND s.last_seen_at + s.idle > $2 AND NOT u.disabled
		ORDER BY s.last_seen_at DESC, s.sid LIMIT $3`, userID, now, mostListed)
	return out, found("list sessions", err)
}

// EndSession signs a person out: the session, its online refresh tokens and every
// grant without offline access end in one transaction, and it notes which apps are to
// be told. Ending what has ended, or never was, is fine.
func (d *DB) EndSession(ctx context.Context, a Actor, sid string) error {
	defer d.wake()
	_, err := write(ctx, d, "end session", func(ctx context.Context, q runner) (none struct{}, err error) {
		var userID string
		err = q.QueryRowContext(ctx, `UPDATE sessions SET ended_at = $2 WHERE sid = $1 AND ended_at = 0 RETURNING user_id`, sid, d.now()).Scan(&userID)
		if err := found("end session", err); err != nil {
			if errors.Is(err, ErrNotFound) {
				return none, nil
			}
			return none, err
		}
		if err := d.finish(ctx, q, ended{sid, userID}); err != nil {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditSignOut, "user:"+userID, map[string]string{"sid": sid})
	})
	return err
}

// finish does what follows from the end of a session.
func (d *DB) finish(ctx context.Context, q runner, s ended) error {
	if err := d.withdrawOnline(ctx, q, s.sid); err != nil {
		return err
	}
	if err := forgetUpstream(ctx, q, s.sid); err != nil {
		return err
	}
	return d.notify(ctx, q, s)
}

// withdrawOnline revokes what dies with a session.
func (d *DB) withdrawOnline(ctx context.Context, q runner, sid string) error {
	now := d.now()
	if _, err := q.ExecContext(ctx, `UPDATE grants SET revoked_at = $1, revoked_reason = 'signed out'
		WHERE sid = $2 AND NOT offline AND revoked_at = 0`, now, sid); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	if _, err := q.ExecContext(ctx, `UPDATE families SET revoked_at = $1
		WHERE revoked_at = 0 AND NOT offline AND grant_id IN (SELECT id FROM grants WHERE sid = $2)`, now, sid); err != nil {
		return fmt.Errorf("revoke refresh tokens: %w", err)
	}
	return nil
}

func (d *DB) beginSession(ctx context.Context, q runner, a Actor, u *User, in SignIn) (*Session, error) {
	n, now := in.Session, d.now()
	s := &Session{IDHash: n.IDHash, SID: n.SID, UserID: u.ID, ProviderID: in.ProviderID, Subject: in.Subject, AuthTime: fromMicros(micros(n.AuthTime)),
		LastSeenAt: fromMicros(now), CreatedAt: fromMicros(now), ExpiresAt: fromMicros(micros(n.ExpiresAt)), ACR: n.ACR, AMR: n.AMR,
		UpstreamSID: n.UpstreamSID, IP: a.IP, Device: a.Device, User: *u}
	_, err := q.ExecContext(ctx, `INSERT INTO sessions (id_hash, sid, user_id, provider_id, subject, upstream_sid, auth_time, acr, amr,
		created_at, last_seen_at, idle, expires_at, ended_at, ip, device) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, 0, $13, $14)`,
		hashText(n.IDHash), n.SID, u.ID, in.ProviderID, in.Subject, n.UpstreamSID, micros(n.AuthTime), n.ACR, listText(n.AMR),
		now, n.Idle.Microseconds(), micros(n.ExpiresAt), a.IP, a.Device)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return s, d.keepUpstream(ctx, q, n)
}

// replaceSession ends the session that this browser had. When the same person signed
// in again, what their apps hold moves to the new session; otherwise it dies as at
// a sign-out.
func (d *DB) replaceSession(ctx context.Context, q runner, a Actor, oldHash []byte, s *Session) error {
	var sid, userID string
	err := q.QueryRowContext(ctx, `UPDATE sessions SET ended_at = $2 WHERE id_hash = $1 AND sid <> $3 AND ended_at = 0 RETURNING sid, user_id`,
		hashText(oldHash), d.now(), s.SID).Scan(&sid, &userID)
	if err := found("end the old session", err); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	if userID == s.UserID {
		_, err = q.ExecContext(ctx, `UPDATE grants SET sid = $1, first_sid = CASE WHEN first_sid = '' THEN sid ELSE first_sid END
			WHERE sid = $2 AND user_id = $3`, s.SID, sid, userID)
		if err == nil {
			err = forgetUpstream(ctx, q, sid)
		}
	} else {
		err = d.finish(ctx, q, ended{sid, userID})
	}
	if err != nil {
		return err
	}
	return d.audit(ctx, q, a, AuditSignOut, "user:"+userID, map[string]string{"sid": sid, "replaced_by": s.SID})
}
