package storage

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NewFamily asks for a refresh token.
type NewFamily struct {
	Offline        bool   // survives sign-out …
	OfflineScope   string // … but only if the grant has this scope; "" asks for none
	Idle, Absolute time.Duration
}

// Refresh is a refresh token that was recognised. Only FindRefresh makes one.
type Refresh struct {
	FamilyID   string
	Generation int64
	Current    bool // false: a successor exists
	Offline    bool
	IssuedAt   time.Time // of this generation
	ExpiresAt  time.Time // unless it is rotated before
	Grant      Grant
	Identity   Identity // as the provider last told
}

// A refresh token's text is "hsr_" family "." generation "." MAC, where the MAC is
// HMAC-SHA-256 under the family's own sealed key over family ‖ generation. So a
// token needs no row of its own, its successor can be computed again after a lost
// answer, and every byte counts.
const (
	tokenPrefix   = "hsr_"
	maxToken      = 160
	familyIDChars = 22
)

// IsRefreshToken tells by its form alone whether a token is meant as a refresh token.
func IsRefreshToken(raw string) bool { return strings.HasPrefix(raw, tokenPrefix) }

type tokenText struct {
	family     string
	generation int64
	mac        []byte
}

// parseToken accepts exactly the one spelling that makeToken gives.
func parseToken(raw string) (tokenText, bool) {
	var t tokenText
	if len(raw) > maxToken {
		return t, false
	}
	rest, ok := strings.CutPrefix(raw, tokenPrefix)
	if !ok {
		return t, false
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 3 || len(parts[0]) != familyIDChars {
		return t, false
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[0]); err != nil || strings.ContainsAny(rest, "\r\n") {
		return t, false
	}
	generation, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || generation < 1 || strconv.FormatInt(generation, 10) != parts[1] {
		return t, false
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(mac) != sha256.Size {
		return t, false
	}
	return tokenText{parts[0], generation, mac}, true
}

func makeToken(key []byte, family string, generation int64) string {
	return tokenPrefix + family + "." + strconv.FormatInt(generation, 10) + "." + base64.RawURLEncoding.EncodeToString(tokenMAC(key, family, generation))
}

func tokenMAC(key []byte, family string, generation int64) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("handstamp refresh\x00" + family + "\x00" + strconv.FormatInt(generation, 10)))
	return m.Sum(nil)
}

// beginFamily makes the first refresh token of a grant.
func (d *DB) beginFamily(ctx context.Context, q runner, a Actor, g *Grant, f NewFamily) (string, error) {
	id, key := newID(), make([]byte, 32)
	rand.Read(key)
	now := d.clock()
	ends := micros(now.Add(f.Absolute))
	if !f.Offline { // online: never outlives the session
		var sessionEnds int64
		err := q.QueryRowContext(ctx, `SELECT expires_at FROM sessions WHERE sid = $1`, g.SID).Scan(&sessionEnds)
		if err := found("find session", err); err != nil {
			return "", err
		}
		ends = min(ends, sessionEnds)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO families (id, grant_id, client_id, offline, secret, generation, created_at, rotated_at, idle, idle_at, expires_at, revoked_at, first_ip)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7, $8, $9, 0, $10)`, id, g.ID, g.ClientID, f.Offline, d.sealer.sealColumn("families", id, "secret", key),
		micros(now), f.Idle.Microseconds(), min(micros(now.Add(f.Idle)), ends), ends, a.IP); err != nil {
		return "", fmt.Errorf("begin refresh tokens: %w", err)
	}
	return makeToken(key, id, 1), nil
}

// family is a row of families as the checks below see it.
type family struct {
	id, clientID, secret                    string
	offline                                 bool
	generation                              int64
	rotatedAt, idleAt, expiresAt, revokedAt int64
}

const familyColumns = `f.id, f.client_id, f.secret, f.offline, f.generation, f.rotated_at, f.idle_at, f.expires_at, f.revoked_at`

func (f *family) fields() []any {
	return []any{&f.id, &f.clientID, &f.secret, &f.offline, &f.generation, &f.rotatedAt, &f.idleAt, &f.expiresAt, &f.revokedAt}
}

// FindRefresh recognises a refresh token and writes nothing. An old generation is
// returned too, with Current false: RotateRefresh decides between a retry and reuse.
//
//	ErrNotFound  no token of ours, to the last byte
//	ErrMismatch  another client's; it stays usable
//	ErrExpired   idle too long, or past its absolute end
//	ErrRevoked   withdrawn
//	ErrDisabled  the user is
func (d *DB) FindRefresh(ctx context.Context, raw, clientID string, grace time.Duration) (*Refresh, error) {
	f, r, err := d.lookUp(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("find refresh token: %w", err)
	}
	now := d.now()
	switch {
	case f.clientID != clientID:
		err = ErrMismatch
	case f.revokedAt != 0:
		err = ErrRevoked
	case f.expiresAt <= now || f.idleAt <= now:
		err = ErrExpired
	default:
		err = r.Grant.dead(false) // an online family ends no later than its session
	}
	if err != nil {
		return nil, fmt.Errorf("find refresh token: %w", err)
	}
	return r, nil
}

// GrantByRefresh returns the grant of a refresh token of any generation, for
// revocation (RFC 7009); the caller compares the client. ErrNotFound when the
// token is none of ours.
func (d *DB) GrantByRefresh(ctx context.Context, raw string) (*Grant, error) {
	_, r, err := d.lookUp(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("find grant by refresh token: %w", err)
	}
	return &r.Grant, nil
}

// lookUp reads the row of a token and checks the MAC before anything else counts.
func (d *DB) lookUp(ctx context.Context, raw string) (*family, *Refresh, error) {
	t, ok := parseToken(raw)
	if !ok {
		return nil, nil, ErrNotFound
	}
	var f family
	r := &Refresh{Generation: t.generation}
	var grantClaims, identityClaims string
	dest := append(f.fields(), r.Grant.fields(&grantClaims)...)
	err := d.read(ctx, `SELECT `+familyColumns+`, `+grantColumns+`, `+userColumns+`, `+identityColumns+` FROM families f
		JOIN grants g ON g.id = f.grant_id JOIN users u ON u.id = g.user_id
		JOIN identities i ON i.provider_id = g.provider_id AND i.subject = g.subject
		WHERE f.id = $1`, t.family).Scan(append(dest, r.Identity.fields(&identityClaims)...)...)
	if err := found("look up", err); err != nil {
		return nil, nil, err
	}
	key, err := d.sealer.openColumn("families", f.id, "secret", f.secret)
	if err != nil {
		return nil, nil, err
	}
	if !hmac.Equal(t.mac, tokenMAC(key, f.id, t.generation)) || t.generation > f.generation {
		return nil, nil, ErrNotFound
	}
	r.FamilyID, r.Current, r.Offline = f.id, f.generation == t.generation, f.offline
	r.IssuedAt, r.ExpiresAt = fromMicros(f.rotatedAt), fromMicros(min(f.idleAt, f.expiresAt))
	if r.Grant.Claims, err = d.openClaims("grants", r.Grant.ID, grantClaims); err != nil {
		return nil, nil, err
	}
	r.Identity.Claims, err = d.openClaims("identities", identityPlace(r.Identity.ProviderID, r.Identity.Subject), identityClaims)
	return &f, r, err
}

// RotateRefresh makes the successor of a token in one transaction; with u.Changed
// the grant takes the new decision too. One statement decides: it moves the family
// from this generation to the next, or not.
//
// If another request was first: within the grace, and as long as the successor
// itself is unused, the answer is that same successor, since the first answer was
// probably lost. Otherwise the token was stolen or the client is broken:
// ErrReused, with the family and its grant revoked (RFC 9700 §4.14.2).
func (d *DB) RotateRefresh(ctx context.Context, a Actor, r *Refresh, grace time.Duration, u GrantUpdate) (token string, err error) {
	sealed := ""
	if u.Changed {
		if sealed, err = d.sealClaims("grants", r.Grant.ID, u.Claims); err != nil {
			return "", fmt.Errorf("rotate refresh token: %w", err)
		}
	}
	return write(ctx, d, "rotate refresh token", func(ctx context.Context, q runner) (string, error) {
		if u.Changed { // the grant before the family: every path locks in this order
			if err := d.decideAnew(ctx, q, r.Grant.ID, u, sealed); err != nil {
				return "", err
			}
		}
		now := d.now()
		var secret string
		err := q.QueryRowContext(ctx, `UPDATE families AS f SET generation = f.generation + 1, rotated_at = $1,
			idle_at = CASE WHEN $1 + f.idle < f.expires_at THEN $1 + f.idle ELSE f.expires_at END
			WHERE f.id = $2 AND f.client_id = $3 AND f.generation = $4 AND f.revoked_at = 0 AND f.idle_at > $1 AND f.expires_at > $1
			AND EXISTS (SELECT 1 FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = f.grant_id AND g.revoked_at = 0 AND NOT u.disabled)
			RETURNING secret`, now, r.FamilyID, r.Grant.ClientID, r.Generation).Scan(&secret)
		if err = found("move on", err); errors.Is(err, ErrNotFound) {
			return d.whyNotRotated(ctx, q, a, r, grace)
		}
		if err != nil {
			return "", err
		}
		return d.successor(r, secret)
	})
}

func (d *DB) successor(r *Refresh, secret string) (string, error) {
	key, err := d.sealer.openColumn("families", r.FamilyID, "secret", secret)
	if err != nil {
		return "", err
	}
	return makeToken(key, r.FamilyID, r.Generation+1), nil
}

func (d *DB) decideAnew(ctx context.Context, q runner, grantID string, u GrantUpdate, sealed string) error {
	n, err := exec(ctx, q, `UPDATE grants SET scopes = $1, audience = $2, roles = $3, claims = $4, trace = $5, snapshot = $6 WHERE id = $7 AND revoked_at = 0`,
		listText(u.Scopes), listText(u.Audience), listText(u.Roles), sealed, string(u.Trace), u.Snapshot, grantID)
	if err != nil {
		return fmt.Errorf("update grant: %w", err)
	}
	if n == 0 {
		return ErrRevoked
	}
	return nil
}

// whyNotRotated tells a retry from a reuse. Order is the generation, never a clock;
// the clock only bounds the grace.
func (d *DB) whyNotRotated(ctx context.Context, q runner, a Actor, r *Refresh, grace time.Duration) (string, error) {
	var f family
	err := found("look up", q.QueryRowContext(ctx, `SELECT `+familyColumns+` FROM families f WHERE f.id = $1`, r.FamilyID).Scan(f.fields()...))
	if err != nil {
		return "", err
	}
	now := d.now()
	switch {
	case f.clientID != r.Grant.ClientID:
		return "", ErrMismatch
	case f.revokedAt != 0:
		return "", ErrRevoked
	case f.expiresAt <= now || f.idleAt <= now:
		return "", ErrExpired
	case f.generation == r.Generation: // the family is alive, so grant or user are not
		return "", ErrRevoked
	case f.generation == r.Generation+1 && now-f.rotatedAt <= grace.Microseconds():
		return d.successor(r, f.secret)
	}
	n, err := d.revoke(ctx, q, r.Grant.ID, "refresh token reused")
	if err != nil {
		return "", err
	}
	if n == 0 { // another one was first with this
		return "", ErrRevoked
	}
	return "", d.tell(ctx, q, a, AuditRefreshReused, r.Grant.ID, map[string]string{"client": r.Grant.ClientID, "generation": strconv.FormatInt(r.Generation, 10),
		"current": strconv.FormatInt(f.generation, 10)}, ErrReused)
}
