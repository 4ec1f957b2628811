package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// NewCode is an authorization code to issue.
type NewCode struct {
	Hash                          []byte
	RedirectURI, Challenge, Nonce string // Challenge is "" only for a client exempted from PKCE
	ExpiresAt                     time.Time
}

// TakeCode carries all bindings of a code.
type TakeCode struct {
	Hash                  []byte
	ClientID, RedirectURI string
	Challenge             string // S256 of the verifier, "" if none was sent
	Family                *NewFamily
}

// Taken is what a code gives.
type Taken struct {
	Grant        Grant
	RefreshToken string
}

// maxFailures is how many wrong tries a code survives; the next one burns it.
const maxFailures = 5

// TakeCode redeems a code in one transaction: consume, and begin the refresh token
// family. One statement with every binding in its WHERE decides the race; all else
// below only finds out why it said no.
//
//	ErrNotFound  no such code, or burnt
//	ErrMismatch  another client, redirect URI or verifier; the rightful one may still redeem
//	             (ErrNoChallenge, which is one of these: a verifier came for a code that was made without PKCE, RFC 9700 §4.8.2)
//	ErrExpired   too late
//	ErrUsed      redeemed before, all bindings right: its grant is revoked now (RFC 6749 §4.1.2)
//	ErrRevoked   the grant was withdrawn, or its session ended, meanwhile
//	ErrDisabled  the user was
//
// If the answer is lost after the commit, the client's retry is such a replay and
// revokes what nobody received.
func (d *DB) TakeCode(ctx context.Context, a Actor, in TakeCode) (*Taken, error) {
	if f := in.Family; f != nil && (f.Idle <= 0 || f.Absolute <= 0) {
		return nil, errors.New("take code: a refresh token needs its limits")
	}
	return write(ctx, d, "take code", func(ctx context.Context, q runner) (*Taken, error) {
		now := d.now()
		var grantID, nonce string
		err := q.QueryRowContext(ctx, `UPDATE codes SET used_at = $1
			WHERE hash = $2 AND client_id = $3 AND redirect_uri = $4 AND challenge = $5
			AND used_at = 0 AND expires_at > $1 AND failures <= $6 RETURNING grant_id, nonce`,
			now, hashText(in.Hash), in.ClientID, in.RedirectURI, in.Challenge, maxFailures).Scan(&grantID, &nonce)
		if err = found("consume", err); errors.Is(err, ErrNotFound) {
			return nil, d.whyNotTaken(ctx, q, a, in)
		}
		if err != nil {
			return nil, err
		}
		t := &Taken{}
		if err := d.claimGrant(ctx, q, &t.Grant, grantID, in.Family); err != nil {
			return nil, err
		}
		t.Grant.Nonce = nonce
		if in.Family != nil {
			family := *in.Family
			family.Offline = t.Grant.Offline
			if t.RefreshToken, err = d.beginFamily(ctx, q, a, &t.Grant, family); err != nil {
				return nil, err
			}
		}
		return t, d.audit(ctx, q, a, AuditCodeTaken, "grant:"+grantID, map[string]string{"client": in.ClientID})
	})
}

// claimGrant locks the grant of a consumed code and reads it. A revocation, sign-out
// or disable that came first is seen; one that comes later sees the new family. A
// dead grant leaves the code consumed: hence the verdicts.
func (d *DB) claimGrant(ctx context.Context, q runner, g *Grant, id string, f *NewFamily) error {
	if err := d.markOffline(ctx, q, id, f); err != nil {
		return fmt.Errorf("lock grant: %w", err)
	}
	var sealed string
	var over bool
	err := q.QueryRowContext(ctx, `SELECT `+grantColumns+`, `+userColumns+`, `+sessionOver+`
		FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $1`, id, d.now()).Scan(append(g.fields(&sealed), &over)...)
	if err := found("read grant", err); err != nil {
		return err
	}
	if over { // a code is part of the login: even one for offline access dies with the session
		if _, err := d.revoke(ctx, q, id, "session over"); err != nil {
			return err
		}
		return verdict{ErrRevoked}
	}
	if err := g.dead(over); err != nil {
		return verdict{err}
	}
	g.Claims, err = d.openClaims("grants", g.ID, sealed)
	return err
}

// markOffline locks the grant and notes whether it outlives the session.
func (d *DB) markOffline(ctx context.Context, q runner, id string, f *NewFamily) error {
	offline := f != nil && f.Offline
	var scopes []string
	err := q.QueryRowContext(ctx, `UPDATE grants SET offline = $1 WHERE id = $2 RETURNING scopes`, offline, id).Scan(list{&scopes})
	if err != nil || !offline || f.OfflineScope == "" || slices.Contains(scopes, f.OfflineScope) {
		return err
	}
	_, err = q.ExecContext(ctx, `UPDATE grants SET offline = FALSE WHERE id = $1`, id)
	return err
}

// whyNotTaken finds out why no code was consumed, and does what follows from it.
func (d *DB) whyNotTaken(ctx context.Context, q runner, a Actor, in TakeCode) error {
	var grantID, clientID, redirectURI, challenge string
	var expiresAt, usedAt, failures int64
	err := q.QueryRowContext(ctx, `SELECT grant_id, client_id, redirect_uri, challenge, expires_at, used_at, failures FROM codes WHERE hash = $1`,
		hashText(in.Hash)).Scan(&grantID, &clientID, &redirectURI, &challenge, &expiresAt, &usedAt, &failures)
	if err := found("look up", err); err != nil {
		return err
	}
	switch {
	case clientID != in.ClientID: // costs the owner nothing: it may still redeem
		if expiresAt <= d.now() {
			return ErrMismatch // told while it mattered: nobody fills the audit with an old code
		}
		return d.tell(ctx, q, a, AuditCodeWrongClient, grantID, map[string]string{"client": in.ClientID}, ErrMismatch)
	case usedAt == 0 && failures > maxFailures:
		return ErrNotFound // burnt
	case redirectURI != in.RedirectURI || challenge != in.Challenge:
		// A wrong replay revokes nothing: whoever sent it does not hold the verifier.
		if usedAt != 0 {
			return ErrMismatch
		}
		if _, err := q.ExecContext(ctx, `UPDATE codes SET failures = failures + 1 WHERE hash = $1`, hashText(in.Hash)); err != nil {
			return err
		}
		refusal := ErrMismatch
		if challenge == "" && in.Challenge != "" {
			refusal = ErrNoChallenge
		}
		return d.tell(ctx, q, a, AuditCodeWrongBinding, grantID, map[string]string{"client": in.ClientID}, refusal)
	case usedAt != 0:
		n, err := d.revoke(ctx, q, grantID, "code replayed")
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrUsed // revoked before, and told then
		}
		return d.tell(ctx, q, a, AuditCodeReplayed, grantID, map[string]string{"client": in.ClientID}, ErrUsed)
	case expiresAt <= d.now():
		return ErrExpired
	}
	return ErrConflict // it changed between the two statements: the client may try again
}

// tell audits a refusal and commits it.
func (d *DB) tell(ctx context.Context, q runner, a Actor, action, grantID string, detail map[string]string, refusal error) error {
	if err := d.audit(ctx, q, a, action, "grant:"+grantID, detail); err != nil {
		return err
	}
	return verdict{refusal}
}
