package storage

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// What a person may see and end of what is theirs. Every method takes the user and
// touches only what belongs to them: for anybody else's it answers as for nothing,
// with ErrNotFound.

// Access is one live refresh token family: an app that comes back without the person.
type Access struct {
	ClientID, ProviderID             string
	Scopes                           []string
	Offline                          bool   // survives sign-out
	IP, Device                       string // where the person was when the app got it
	FirstIP                          string // who redeemed the code: for a web app its server
	StartedAt, LastUsedAt, ExpiresAt time.Time
	GrantID, Snapshot                string
	Audience, Roles                  []string
	Trace                            []byte // JSON: why it has these roles and scopes
}

// Consent is what a person agreed to give a client at a redirect host.
type Consent struct {
	ClientID, RedirectHost string
	Scopes                 []string
	CreatedAt, UpdatedAt   time.Time
}

// mostListed bounds what one page of a person holds.
const mostListed = 500

// AccessOf lists a user's live refresh token families by client, the last used first.
func (d *DB) AccessOf(ctx context.Context, userID string) ([]Access, error) {
	var out []Access
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var a Access
		err := row.Scan(&a.ClientID, &a.ProviderID, list{&a.Scopes}, &a.Offline, &a.IP, &a.Device, &a.FirstIP,
			when{&a.StartedAt}, when{&a.LastUsedAt}, when{&a.ExpiresAt}, &a.GrantID, &a.Snapshot, list{&a.Audience}, list{&a.Roles}, &a.Trace)
		out = append(out, a)
		return err
	}, `SELECT g.client_id, g.provider_id, g.scopes, f.offline, g.ip, g.device, f.first_ip, f.created_at, f.rotated_at, f.idle_at,
		g.id, g.snapshot, g.audience, g.roles, g.trace
		FROM grants g JOIN families f ON f.grant_id = g.id JOIN users u ON u.id = g.user_id
		WHERE g.user_id = $1 AND g.revoked_at = 0 AND f.revoked_at = 0 AND f.idle_at > $2 AND f.expires_at > $2 AND NOT u.disabled
		ORDER BY g.client_id, f.rotated_at DESC, f.id LIMIT $3`, userID, d.now(), mostListed)
	return out, found("list access", err)
}

// Consents lists what a user agreed to, by client and redirect host.
func (d *DB) Consents(ctx context.Context, userID string) ([]Consent, error) {
	var out []Consent
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var c Consent
		err := row.Scan(&c.ClientID, &c.RedirectHost, list{&c.Scopes}, when{&c.CreatedAt}, when{&c.UpdatedAt})
		out = append(out, c)
		return err
	}, `SELECT client_id, redirect_host, scopes, created_at, updated_at FROM consents
		WHERE user_id = $1 ORDER BY client_id, redirect_host LIMIT $2`, userID, mostListed)
	return out, found("list consents", err)
}

// EndSessionOf ends one session of a user as EndSession does. A sid belongs to one
// user for ever, so looking first races with nothing.
func (d *DB) EndSessionOf(ctx context.Context, a Actor, userID, sid string) error {
	var one int
	err := d.read(ctx, `SELECT 1 FROM sessions WHERE sid = $1 AND user_id = $2 AND ended_at = 0`, sid, userID).Scan(&one)
	if err := found("end session", err); err != nil {
		return err
	}
	return d.EndSession(ctx, a, sid)
}

// EndOtherSessions ends every session of a user but the one with sid keep, idle ones
// as well, in one transaction, and tells how many.
func (d *DB) EndOtherSessions(ctx context.Context, a Actor, userID, keep string) (int, error) {
	defer d.wake()
	return write(ctx, d, "end sessions", func(ctx context.Context, q runner) (int, error) {
		over, err := endAll(ctx, q, `user_id = $2 AND sid <> $3 AND expires_at > $1`, d.now(), userID, keep)
		if err != nil || len(over) == 0 {
			return 0, err
		}
		for _, s := range over {
			if err := d.finish(ctx, q, s); err != nil {
				return 0, err
			}
		}
		return len(over), d.audit(ctx, q, a, AuditSignOut, "user:"+userID, map[string]string{"sessions": strconv.Itoa(len(over))})
	})
}

// EndEverythingOf signs a user out everywhere, and takes from apps also what survives a
// sign-out, codes on their way included, in one transaction. It tells of how many sessions.
func (d *DB) EndEverythingOf(ctx context.Context, a Actor, userID string) (sessions int, err error) {
	defer d.wake()
	return write(ctx, d, "end everything", func(ctx context.Context, q runner) (n int, err error) {
		var grants int
		err = q.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0 AND expires_at > $2),
			(SELECT COUNT(*) FROM grants WHERE user_id = $1 AND revoked_at = 0)`, userID, d.now()).Scan(&n, &grants)
		if err != nil || n+grants == 0 {
			return 0, found("count sessions", err)
		}
		if err := d.withdrawAll(ctx, q, userID, "signed out of everything"); err != nil {
			return 0, err
		}
		return n, d.audit(ctx, q, a, AuditSignOut, "user:"+userID, map[string]string{"sessions": strconv.Itoa(n), "grants": strconv.Itoa(grants)})
	})
}

// EndAccess withdraws every grant and refresh token that a user gave a client, in one
// transaction. ErrNotFound when there is none. What the user agreed to stays.
func (d *DB) EndAccess(ctx context.Context, a Actor, userID, clientID string) error {
	_, err := write(ctx, d, "end access", func(ctx context.Context, q runner) (none struct{}, err error) {
		now := d.now()
		n, err := exec(ctx, q, `UPDATE grants SET revoked_at = $1, revoked_reason = 'access ended'
			WHERE user_id = $2 AND client_id = $3 AND revoked_at = 0`, now, userID, clientID)
		if err != nil {
			return none, fmt.Errorf("revoke grants: %w", err)
		}
		if n == 0 {
			return none, ErrNotFound
		}
		if _, err := q.ExecContext(ctx, `UPDATE families SET revoked_at = $1
			WHERE revoked_at = 0 AND grant_id IN (SELECT id FROM grants WHERE user_id = $2 AND client_id = $3)`, now, userID, clientID); err != nil {
			return none, fmt.Errorf("revoke refresh tokens: %w", err)
		}
		return none, d.audit(ctx, q, a, AuditAccessEnded, "user:"+userID, map[string]string{"client": clientID})
	})
	return err
}

// ForgetConsent forgets what a user agreed to give a client at a redirect host, so that
// they are asked again. ErrNotFound when they did not agree. What the client has stays.
func (d *DB) ForgetConsent(ctx context.Context, a Actor, userID, clientID, redirectHost string) error {
	_, err := write(ctx, d, "forget consent", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := exec(ctx, q, `DELETE FROM consents WHERE user_id = $1 AND client_id = $2 AND redirect_host = $3`, userID, clientID, redirectHost)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditConsentForgotten, "user:"+userID, map[string]string{"client": clientID, "redirect_host": redirectHost})
	})
	return err
}
