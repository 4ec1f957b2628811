package storage

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"
)

// Actor is who does something; it goes into the audit row.
type Actor struct {
	Kind      string // person client admin system
	ID        string
	IP        string
	Device    string // browser and system in a few words; kept with what begins here, not in the audit
	RequestID string
}

// AuditRow says who did what to whom. Rows are never changed or deleted.
type AuditRow struct {
	ID     string
	At     time.Time
	Actor  Actor
	Action string            // one of the Audit… words
	Target string            // what it was done to, such as "grant:…"
	Detail map[string]string // never a secret
}

// What audit rows tell. Routine rotations of refresh tokens are not among them:
// they would drown the rest.
const (
	AuditProviderBound    = "provider_bound"
	AuditUserCreated      = "user_created"
	AuditUserDisabled     = "user_disabled"
	AuditUserEnabled      = "user_enabled"
	AuditUserDeleted      = "user_deleted"
	AuditSignIn           = "sign_in"
	AuditSignInRefused    = "sign_in_refused"
	AuditSignOut          = "sign_out"
	AuditConsent          = "consent"
	AuditConsentForgotten = "consent_forgotten"
	AuditAccessEnded      = "access_ended"
	AuditCodeIssued       = "code_issued"
	AuditCodeTaken        = "code_taken"
	AuditCodeReplayed     = "code_replayed"
	AuditCodeWrongClient  = "code_wrong_client"
	AuditCodeWrongBinding = "code_wrong_binding"
	AuditRefreshReused    = "refresh_reuse"
	AuditGrantRevoked     = "grant_revoked"
	AuditTokenRevoked     = "token_revoked"
	AuditKeysChanged      = "signing_keys_changed"
	AuditResealed         = "resealed"
	AuditAccountMade      = "account_made"
	AuditPasswordSet      = "password_set"
	AuditTOTPOn           = "second_factor_set"
	AuditTOTPOff          = "second_factor_removed"
	AuditInvited          = "invited"
	AuditGuessing         = "password_guessing"
)

// Note writes an audit row for something that changed no other row, such as a
// token presented by the wrong client. Callers bound how often a stranger can
// cause it.
func (d *DB) Note(ctx context.Context, a Actor, action, target string, detail map[string]string) error {
	_, err := write(ctx, d, "note "+action, func(ctx context.Context, q runner) (struct{}, error) {
		return struct{}{}, d.audit(ctx, q, a, action, target, detail)
	})
	return err
}

// Audit returns the newest audit rows, newest first.
func (d *DB) Audit(ctx context.Context, limit int) ([]AuditRow, error) {
	var out []AuditRow
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var r AuditRow
		var detail string
		if err := row.Scan(&r.ID, when{&r.At}, &r.Actor.Kind, &r.Actor.ID, &r.Actor.IP, &r.Actor.RequestID, &r.Action, &r.Target, &detail); err != nil {
			return err
		}
		if detail != "{}" {
			if err := json.Unmarshal([]byte(detail), &r.Detail); err != nil {
				return err
			}
		}
		out = append(out, r)
		return nil
	}, `SELECT id, at, actor_kind, actor_id, ip, request_id, action, target, detail FROM audit ORDER BY id DESC LIMIT $1`, limit)
	return out, found("read the audit", err)
}

// audit writes the row inside the transaction of the change it tells of.
func (d *DB) audit(ctx context.Context, q runner, a Actor, action, target string, detail map[string]string) error {
	text := "{}"
	if len(detail) > 0 {
		b, err := json.Marshal(detail)
		if err != nil {
			return err
		}
		text = string(b)
	}
	now := d.now()
	_, err := q.ExecContext(ctx, `INSERT INTO audit (id, at, actor_kind, actor_id, ip, request_id, action, target, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, d.stamps.next(now), now, a.Kind, a.ID, a.IP, a.RequestID, action, target, text)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// stamper makes ids that sort in the order in which this process made them, by the
// clock as long as it does not step back.
type stamper struct{ last atomic.Int64 }

func (s *stamper) next(now int64) string {
	for {
		last := s.last.Load()
		at := max(now, last+1)
		if s.last.CompareAndSwap(last, at) {
			var b [16]byte
			binary.BigEndian.PutUint64(b[:], uint64(at))
			rand.Read(b[8:]) // tells nodes apart
			return hex.EncodeToString(b[:])
		}
	}
}
