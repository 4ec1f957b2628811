package storage

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
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
	Why       string // in the actor's own words, or ""; kept as the detail "reason"
}

// AuditRow says who did what to whom. Rows are never changed, and go only with their
// retention: see AuditChain.
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

const auditColumns = `id, at, actor_kind, actor_id, ip, request_id, action, target, detail`

// scanAudit reads auditColumns, and what comes after them.
func scanAudit(row scanner, more ...any) (r AuditRow, detail string, err error) {
	fields := []any{&r.ID, when{&r.At}, &r.Actor.Kind, &r.Actor.ID, &r.Actor.IP, &r.Actor.RequestID, &r.Action, &r.Target, &detail}
	if err := row.Scan(append(fields, more...)...); err != nil {
		return r, "", err
	}
	if detail != "{}" {
		err = json.Unmarshal([]byte(detail), &r.Detail)
	}
	return r, detail, err
}

func (d *DB) auditRows(ctx context.Context, query string, args ...any) ([]AuditRow, error) {
	var out []AuditRow
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		r, _, err := scanAudit(row)
		out = append(out, r)
		return err
	}, query, args...)
	return out, found("read the audit", err)
}

// Audit returns the newest audit rows, newest first.
func (d *DB) Audit(ctx context.Context, limit int) ([]AuditRow, error) {
	return d.auditRows(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY id DESC LIMIT $1`, limit)
}

// How much of an audit row is kept. All of it is on one line, wherever it came from.
const (
	mostDetails = 64   // entries
	mostDetail  = 1000 // bytes of an entry
	mostOfRow   = 16 << 10
)

// audit writes the row inside the transaction of the change it tells of.
func (d *DB) audit(ctx context.Context, q runner, a Actor, action, target string, detail map[string]string) error {
	if a.Why != "" && detail["reason"] == "" {
		detail = maps.Clone(detail)
		if detail == nil {
			detail = map[string]string{}
		}
		detail["reason"] = a.Why
	}
	text, err := detailText(detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	a = Actor{Kind: plainText(a.Kind, mostText), ID: plainText(a.ID, mostText), IP: plainText(a.IP, mostText), RequestID: plainText(a.RequestID, mostText)}
	target = plainText(target, mostText)
	now := d.now()
	id := d.stamps.next(now)
	_, err = q.ExecContext(ctx, `INSERT INTO audit (id, at, actor_kind, actor_id, ip, request_id, action, target, detail, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, id, now, a.Kind, a.ID, a.IP, a.RequestID, action, target, text,
		d.rowMAC(id, now, a, action, target, text))
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	noted(q, action)
	return nil
}

// detailText keeps details as JSON, cut to a bounded length: a row tells of a change and
// does not hold it.
func detailText(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "{}", nil
	}
	kept, size := make(map[string]string, len(detail)), 0
	for _, k := range sortedKeys(detail) {
		v := detail[k]
		if len(v) > mostDetail {
			v = strings.ToValidUTF8(v[:mostDetail], "") + "…"
		}
		if size += len(k) + len(v); len(kept) == mostDetails || size > mostOfRow {
			kept["…"] = fmt.Sprintf("%d more", len(detail)-len(kept))
			break
		}
		kept[plainText(k, mostText)] = v
	}
	b, err := json.Marshal(kept)
	return string(b), err
}

// stamper makes ids that sort in the order in which this process made them, by the
// clock as long as it does not step back. They end in the mark of this process.
type stamper struct {
	last  atomic.Int64
	begun int64  // every id is later
	node  string // 16 characters
}

func (s *stamper) begin(at int64) {
	var b [8]byte
	rand.Read(b[:])
	s.node, s.begun = hex.EncodeToString(b[:]), at
	s.last.Store(at)
}

func (s *stamper) next(now int64) string {
	for {
		last := s.last.Load()
		at := max(now, last+1)
		if s.last.CompareAndSwap(last, at) {
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], uint64(at))
			return hex.EncodeToString(b[:]) + s.node
		}
	}
}
