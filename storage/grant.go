package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NewGrant is what a client gets, with the reasons, and the code that fetches it.
type NewGrant struct {
	ID, ClientID, ProviderID, SID string // in a SignIn the last two are the session's
	Scopes, Audience, Roles       []string
	Claims                        map[string]any // sealed at rest
	Trace                         []byte         // JSON
	Snapshot                      string
	AuthTime                      time.Time
	ACR                           string
	AMR                           []string
	Code                          NewCode
	RememberConsent               bool     // keep (user, client, redirect host) → Agreed
	Agreed                        []string // scopes that the person said yes to; nil: Scopes
	RedirectHost                  string
	Login                         string // reference of the login that it comes from
}

// Grant is what a client was given.
type Grant struct {
	ID, UserID, ClientID, ProviderID, SID string
	Scopes, Audience, Roles               []string
	Claims                                map[string]any
	Trace                                 []byte
	Snapshot                              string
	AuthTime                              time.Time
	ACR                                   string
	AMR                                   []string
	Offline                               bool // survives sign-out
	CreatedAt, RevokedAt                  time.Time
	User                                  User
	Nonce                                 string // only from TakeCode
}

// GrantUpdate is a decision made anew at refresh.
type GrantUpdate struct {
	Changed                 bool
	Scopes, Audience, Roles []string
	Claims                  map[string]any
	Trace                   []byte
	Snapshot                string
}

// tombstone is how long the janitor leaves what is dead: longer than any access token
// made from it lives, and long enough to recognise a replay.
const tombstone = 24 * time.Hour

const grantColumns = `g.id, g.user_id, g.client_id, g.provider_id, g.sid, g.offline, g.scopes, g.audience, g.roles, g.claims,
	g.trace, g.snapshot, g.auth_time, g.acr, g.amr, g.created_at, g.revoked_at`

// fields scans grantColumns and then userColumns.
func (g *Grant) fields(sealed *string) []any {
	return append([]any{&g.ID, &g.UserID, &g.ClientID, &g.ProviderID, &g.SID, &g.Offline, list{&g.Scopes}, list{&g.Audience}, list{&g.Roles}, sealed,
		&g.Trace, &g.Snapshot, when{&g.AuthTime}, &g.ACR, list{&g.AMR}, when{&g.CreatedAt}, when{&g.RevokedAt}}, g.User.fields()...)
}

// sessionOver is true in SQL when the grant's session has ended or is past its
// absolute end at $2. Idleness is the browser's: an app that goes on refreshing
// keeps what it has.
const sessionOver = `NOT EXISTS (SELECT 1 FROM sessions s WHERE s.sid = g.sid AND s.ended_at = 0 AND s.expires_at > $2)`

// Grant returns a live grant with its user as they are now. ErrRevoked when it was
// revoked or, unless offline, its session is over; ErrDisabled when the user is.
func (d *DB) Grant(ctx context.Context, id string) (*Grant, error) {
	var g Grant
	var sealed string
	var over bool
	err := d.read(ctx, `SELECT `+grantColumns+`, `+userColumns+`, `+sessionOver+` FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $1`,
		id, d.now()).Scan(append(g.fields(&sealed), &over)...)
	if err := found("find grant", err); err != nil {
		return nil, err
	}
	if err := g.dead(over); err != nil {
		return nil, fmt.Errorf("find grant: %w", err)
	}
	if g.Claims, err = d.openClaims("grants", g.ID, sealed); err != nil {
		return nil, fmt.Errorf("find grant: %w", err)
	}
	return &g, nil
}

// dead says why a grant can no longer be used.
func (g *Grant) dead(sessionOver bool) error {
	switch {
	case !g.RevokedAt.IsZero(), sessionOver && !g.Offline:
		return ErrRevoked
	case g.User.Disabled:
		return ErrDisabled
	}
	return nil
}

// RevokeGrant withdraws a grant and its refresh tokens. A grant that is revoked or
// gone already is fine.
func (d *DB) RevokeGrant(ctx context.Context, a Actor, id, reason string) error {
	_, err := write(ctx, d, "revoke grant", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := d.revoke(ctx, q, id, reason)
		if err != nil || n == 0 {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditGrantRevoked, "grant:"+id, map[string]string{"reason": reason})
	})
	return err
}

// revoke marks a grant and its refresh tokens, the grant first: every path locks
// these rows in this order.
func (d *DB) revoke(ctx context.Context, q runner, id, reason string) (int64, error) {
	now := d.now()
	n, err := exec(ctx, q, `UPDATE grants SET revoked_at = $1, revoked_reason = $2 WHERE id = $3 AND revoked_at = 0`, now, reason, id)
	if err != nil {
		return 0, fmt.Errorf("revoke grant: %w", err)
	}
	if _, err := q.ExecContext(ctx, `UPDATE families SET revoked_at = $1 WHERE grant_id = $2 AND revoked_at = 0`, now, id); err != nil {
		return 0, fmt.Errorf("revoke refresh tokens: %w", err)
	}
	return n, nil
}

// IssueCode makes a grant and its code on a session that is alive already: single
// sign-on, or after consent. ErrNoUser, ErrDisabled, or ErrNotFound when the session
// is over. It counts as use of the session.
func (d *DB) IssueCode(ctx context.Context, a Actor, userID string, g NewGrant) error {
	if err := g.check(); err != nil {
		return err
	}
	_, err := write(ctx, d, "issue code", func(ctx context.Context, q runner) (none struct{}, err error) {
		if err := lockEnabledUser(ctx, q, userID); err != nil {
			return none, err
		}
		var subject string
		s := &Session{UserID: userID}
		err = q.QueryRowContext(ctx, `UPDATE sessions SET last_seen_at = $1
			WHERE sid = $2 AND user_id = $3 AND ended_at = 0 AND expires_at > $1 AND last_seen_at + idle > $1
			RETURNING subject, sid, provider_id`, d.now(), g.SID, userID).Scan(&subject, &s.SID, &s.ProviderID)
		if err := found("use session", err); err != nil {
			return none, err
		}
		if err := d.issue(ctx, q, a, userID, subject, s, g); err != nil {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditCodeIssued, "grant:"+g.ID, map[string]string{"client": g.ClientID, "user": userID, "sid": s.SID})
	})
	return err
}

// lockEnabledUser checks that a user may act and holds the row until commit, so that
// a disable comes wholly before or wholly after.
func lockEnabledUser(ctx context.Context, q runner, userID string) error {
	var id string
	err := found("find user", q.QueryRowContext(ctx, `UPDATE users SET disabled = disabled WHERE id = $1 AND NOT disabled RETURNING id`, userID).Scan(&id))
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := found("find user", q.QueryRowContext(ctx, `SELECT id FROM users WHERE id = $1`, userID).Scan(&id)); err != nil {
		if errors.Is(err, ErrNotFound) {
			return ErrNoUser
		}
		return err
	}
	return ErrDisabled
}

func (g *NewGrant) check() error {
	switch {
	case g.ID == "" || g.ClientID == "":
		return errors.New("a grant needs an id and a client")
	case len(g.Code.Hash) < 16 || g.Code.RedirectURI == "" || g.Code.ExpiresAt.IsZero():
		return errors.New("a code needs a hash, a redirect URI and an end")
	}
	return nil
}

// issue writes a grant, its code and, if asked, the consent, in the caller's transaction.
func (d *DB) issue(ctx context.Context, q runner, a Actor, userID, subject string, s *Session, g NewGrant) error {
	sealed, err := d.sealClaims("grants", g.ID, g.Claims)
	if err != nil {
		return err
	}
	now := d.now()
	if _, err := q.ExecContext(ctx, `INSERT INTO grants (id, user_id, client_id, provider_id, subject, sid, offline, scopes, audience, roles, claims,
		trace, snapshot, auth_time, acr, amr, created_at, expires_at, revoked_at, revoked_reason, ip, device, login)
		VALUES ($1, $2, $3, $4, $5, $6, FALSE, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0, '', $18, $19, $20)`,
		g.ID, userID, g.ClientID, s.ProviderID, subject, s.SID, listText(g.Scopes), listText(g.Audience), listText(g.Roles), sealed,
		string(g.Trace), g.Snapshot, micros(g.AuthTime), g.ACR, listText(g.AMR), now, micros(g.Code.ExpiresAt), a.IP, a.Device, g.Login); err != nil {
		return fmt.Errorf("make grant: %w", err)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO codes (hash, grant_id, client_id, redirect_uri, challenge, nonce, created_at, expires_at, used_at, failures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)`, hashText(g.Code.Hash), g.ID, g.ClientID, g.Code.RedirectURI, g.Code.Challenge, g.Code.Nonce,
		now, micros(g.Code.ExpiresAt)); err != nil {
		return fmt.Errorf("make code: %w", err)
	}
	if g.RememberConsent {
		return d.rememberConsent(ctx, q, a, userID, g)
	}
	return nil
}
