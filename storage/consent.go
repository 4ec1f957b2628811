package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Consent returns the scopes that a person agreed to give a client at a redirect
// host; none is nil without an error.
func (d *DB) Consent(ctx context.Context, userID, clientID, redirectHost string) (scopes []string, err error) {
	scopes, err = consented(ctx, d.engine.reader(), userID, clientID, redirectHost)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return scopes, err
}

func consented(ctx context.Context, q runner, userID, clientID, redirectHost string) (scopes []string, err error) {
	err = q.QueryRowContext(ctx, `SELECT scopes FROM consents WHERE user_id = $1 AND client_id = $2 AND redirect_host = $3`,
		userID, clientID, redirectHost).Scan(list{&scopes})
	return scopes, found("find consent", err)
}

// rememberConsent adds scopes to what was agreed before. The user's row is locked
// by the caller, so two tabs do not lose each other's scopes.
func (d *DB) rememberConsent(ctx context.Context, q runner, a Actor, userID string, g NewGrant) error {
	before, err := consented(ctx, q, userID, g.ClientID, g.RedirectHost)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	agreed := g.Agreed
	if agreed == nil {
		agreed = g.Scopes
	}
	all := slices.Concat(before, agreed)
	slices.Sort(all)
	if _, err := q.ExecContext(ctx, `INSERT INTO consents (user_id, client_id, redirect_host, scopes, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
		ON CONFLICT (user_id, client_id, redirect_host) DO UPDATE SET scopes = excluded.scopes, updated_at = excluded.updated_at`,
		userID, g.ClientID, g.RedirectHost, listText(slices.Compact(all)), d.now()); err != nil {
		return fmt.Errorf("remember consent: %w", err)
	}
	return d.audit(ctx, q, a, AuditConsent, "user:"+userID, map[string]string{"client": g.ClientID, "redirect_host": g.RedirectHost,
		"scopes": strings.Join(agreed, " ")})
}
