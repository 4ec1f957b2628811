package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// UpstreamLogout is a provider's word that a person signed out there. At least one
// of Subject and SessionID is set; what is set must fit.
type UpstreamLogout struct {
	ProviderID, Subject, SessionID string
	TokenHash                      []byte    // of provider and jti: a token counts once
	TokenExpires                   time.Time // when it would be too old anyway
}

// logoutBudget bounds how many logout tokens of one provider are remembered at a time.
const logoutBudget = 100_000

// EndUpstreamSessions ends the sessions that a provider says are over, as a sign-out
// does, and tells how many there were. ErrReplayed when the token came before,
// ErrUnavailable when the provider sends more than can be remembered.
func (d *DB) EndUpstreamSessions(ctx context.Context, a Actor, u UpstreamLogout) (int, error) {
	if u.ProviderID == "" || u.Subject == "" && u.SessionID == "" || len(u.TokenHash) < 16 {
		return 0, errors.New("end upstream sessions: provider, token, and a subject or session are needed")
	}
	defer d.wake()
	return write(ctx, d, "end upstream sessions", func(ctx context.Context, q runner) (int, error) {
		now := d.now()
		n, err := exec(ctx, q, `INSERT INTO spent_logout_tokens (hash, provider_id, expires_at) SELECT $1, $2, $3
			WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM spent_logout_tokens WHERE provider_id = $2 AND expires_at > $4 LIMIT $5) AS held) < $5
			ON CONFLICT (hash) DO NOTHING`, hashText(u.TokenHash), u.ProviderID, micros(u.TokenExpires), now, logoutBudget)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, d.whyNotSpent(ctx, q, u)
		}
		over, err := endAll(ctx, q, `provider_id = $2 AND ($3 = '' OR subject = $3) AND ($4 = '' OR upstream_sid = $4)`, now, u.ProviderID, u.Subject, u.SessionID)
		if err != nil {
			return 0, err
		}
		for _, s := range over {
			if err := d.finish(ctx, q, s); err != nil {
				return 0, err
			}
			if err := d.audit(ctx, q, a, AuditSignOut, "user:"+s.userID, map[string]string{"sid": s.sid, "provider": u.ProviderID}); err != nil {
				return 0, err
			}
		}
		return len(over), nil
	})
}

func (d *DB) whyNotSpent(ctx context.Context, q runner, u UpstreamLogout) error {
	var one int
	err := found("look up", q.QueryRowContext(ctx, `SELECT 1 FROM spent_logout_tokens WHERE hash = $1`, hashText(u.TokenHash)).Scan(&one))
	switch {
	case err == nil:
		return ErrReplayed
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: the provider sends more logout tokens than can be remembered", ErrUnavailable)
	}
	return err
}

// endAll ends the live sessions that a condition names, and lists them. The time is $1.
func endAll(ctx context.Context, q runner, where string, now int64, args ...any) (out []ended, err error) {
	err = each(ctx, q, func(row scanner) error {
		var s ended
		err := row.Scan(&s.sid, &s.userID)
		out = append(out, s)
		return err
	}, `UPDATE sessions SET ended_at = $1 WHERE ended_at = 0 AND `+where+` RETURNING sid, user_id`, append([]any{now}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	return out, nil
}

// UnendedSession returns the session of a browser's cookie unless it was ended: one
// that was idle for too long, or is past its end, comes as well. It opens nothing.
// A person who signs out of such a session still means the apps that took part in it.
func (d *DB) UnendedSession(ctx context.Context, idHash []byte) (*Session, error) {
	s := &Session{IDHash: idHash}
	err := d.read(ctx, `SELECT `+sessionColumns+`, `+userColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id_hash = $1 AND s.ended_at = 0`, hashText(idHash)).Scan(append(s.fields(), s.User.fields()...)...)
	return only(s, found("find session", err))
}

// UpstreamIDToken returns the ID token that a session's provider wants back at
// sign-out. ErrNotFound when none was kept, or the session has ended.
func (d *DB) UpstreamIDToken(ctx context.Context, sid string) (string, error) {
	var sealed string
	err := d.read(ctx, `SELECT id_token FROM upstream_hints WHERE sid = $1`, sid).Scan(&sealed)
	if err := found("find the upstream ID token", err); err != nil {
		return "", err
	}
	plain, err := d.sealer.openColumn("upstream_hints", sid, "id_token", sealed)
	return string(plain), err
}

func (d *DB) keepUpstream(ctx context.Context, q runner, n NewSession) error {
	if n.UpstreamIDToken == "" {
		return nil
	}
	_, err := q.ExecContext(ctx, `INSERT INTO upstream_hints (sid, id_token) VALUES ($1, $2)`,
		n.SID, d.sealer.sealColumn("upstream_hints", n.SID, "id_token", []byte(n.UpstreamIDToken)))
	if err != nil {
		return fmt.Errorf("keep the upstream ID token: %w", err)
	}
	return nil
}

func forgetUpstream(ctx context.Context, q runner, sid string) error {
	if _, err := q.ExecContext(ctx, `DELETE FROM upstream_hints WHERE sid = $1`, sid); err != nil {
		return fmt.Errorf("forget the upstream ID token: %w", err)
	}
	return nil
}
