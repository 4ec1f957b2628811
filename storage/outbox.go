package storage

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Notice is one app that has to be told of the end of one session, and how far that
// came.
type Notice struct {
	ID, ClientID, UserID, Subject, SID string
	Lease                              string // of whoever has it in hand now
	Attempts                           int    // tries so far, the one in hand included
	CreatedAt, DueAt                   time.Time
	Outcome                            string // one of the Notice… words
	SettledAt, LastTryAt               time.Time
	LastStatus                         int    // HTTP status of the last answer, 0 where none came
	LastError                          string // in our own words, "" after a success
}

// What became of a notice.
const (
	NoticeWaiting   = "waiting"
	NoticeDelivered = "delivered"
	NoticeGaveUp    = "gave_up"
	NoticeUnwanted  = "unwanted" // the app has no address for it any more, or is gone
)

// AuditLogoutUndelivered says that an app could not be told of the end of a session.
const AuditLogoutUndelivered = "logout_undelivered"

const noticeColumns = `id, client_id, user_id, subject, sid, lease, attempts, created_at, due_at, outcome, settled_at, last_try_at, last_status, last_error`

func (n *Notice) fields() []any {
	return []any{&n.ID, &n.ClientID, &n.UserID, &n.Subject, &n.SID, &n.Lease, &n.Attempts, when{&n.CreatedAt}, when{&n.DueAt}, &n.Outcome,
		when{&n.SettledAt}, when{&n.LastTryAt}, &n.LastStatus, &n.LastError}
}

const (
	// noticesKept is how long a settled notice can be looked at.
	noticesKept = 7 * 24 * time.Hour
	// perClient bounds how many notices of one app are in hand, so that a slow app holds
	// up nobody else's.
	perClient = 2
)

// TellOfLogout says which apps want to hear of the end of a session. Until it is
// called every app that took part gets a notice, and whoever delivers them finds
// out that it is not wanted.
func (d *DB) TellOfLogout(wants func(clientID string) bool) { d.wantsNotice.Store(&wants) }

// NoticesWaiting yields after a write that made notices, for whoever delivers them
// in this process. Other processes look by themselves.
func (d *DB) NoticesWaiting() <-chan struct{} { return d.noticed }

// wake tells the one who waits, if he does not know already.
func (d *DB) wake() {
	select {
	case d.noticed <- struct{}{}:
	default:
	}
}

// ended is a session that ends in this transaction.
type ended struct{ sid, userID string }

// notify writes a notice for each app that took part in sessions which end in this
// transaction: those that redeemed a code there. It comes after the grants were
// locked, so that a code redeemed at the same moment counts wholly or not at all.
// An app that was told of a sid is not told again.
func (d *DB) notify(ctx context.Context, q runner, sessions ...ended) error {
	for _, s := range sessions {
		var subject string
		if err := q.QueryRowContext(ctx, `SELECT subject FROM users WHERE id = $1`, s.userID).Scan(&subject); err != nil {
			return found("find user", err)
		}
		told, err := participants(ctx, q, s.sid)
		if err != nil {
			return err
		}
		for _, p := range told {
			if wants := d.wantsNotice.Load(); wants != nil && !(*wants)(p.clientID) {
				continue
			}
			for _, sid := range p.sids {
				now := d.now()
				if _, err := q.ExecContext(ctx, `INSERT INTO logout_outbox (id, client_id, user_id, subject, sid, created_at, due_at, lease, attempts, settled_at, outcome, last_status, last_error, last_try_at)
					VALUES ($1, $2, $3, $4, $5, $6, $6, '', 0, 0, 'waiting', 0, '', 0) ON CONFLICT (client_id, sid) DO NOTHING`,
					newID(), p.clientID, s.userID, subject, sid, now); err != nil {
					return fmt.Errorf("note whom to tell: %w", err)
				}
			}
		}
	}
	return nil
}

// participant is an app that took part in a session, with the sids that it may know
// the session by: a person who signs in anew gets a new one, and what their apps
// hold moves along.
type participant struct {
	clientID string
	sids     []string
}

func participants(ctx context.Context, q runner, sid string) (out []participant, err error) {
	err = each(ctx, q, func(row scanner) error {
		var clientID, first string
		if err := row.Scan(&clientID, &first); err != nil {
			return err
		}
		i := slices.IndexFunc(out, func(p participant) bool { return p.clientID == clientID })
		if i < 0 {
			i = len(out)
			out = append(out, participant{clientID, []string{sid}})
		}
		if first != "" && !slices.Contains(out[i].sids, first) {
			out[i].sids = append(out[i].sids, first)
		}
		return nil
	}, `SELECT DISTINCT g.client_id, g.first_sid FROM grants g JOIN codes c ON c.grant_id = g.id WHERE g.sid = $1 AND c.used_at <> 0 ORDER BY g.client_id`, sid)
	if err != nil {
		return nil, fmt.Errorf("find the session's apps: %w", err)
	}
	return out, nil
}

// TakeNotices leases what is due, the longest waiting first and a few of one
// app. Whoever does not settle or postpone a notice before the lease ends loses it
// to the next one; several nodes may take at once.
func (d *DB) TakeNotices(ctx context.Context, most int, lease time.Duration) ([]Notice, error) {
	now := d.now()
	var due int
	err := d.read(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM logout_outbox WHERE settled_at = 0 AND due_at <= $1 LIMIT 1) AS one`, now).Scan(&due)
	if err != nil || due == 0 || most <= 0 {
		return nil, found("look for notices", err)
	}
	return write(ctx, d, "take notices", func(ctx context.Context, q runner) (out []Notice, err error) {
		// The outer conditions are looked at again once a row that another node has in
		// hand is free (PostgreSQL): one of two nodes gets it.
		err = each(ctx, q, func(row scanner) error {
			var n Notice
			err := row.Scan(n.fields()...)
			out = append(out, n)
			return err
		}, `UPDATE logout_outbox SET lease = $1, due_at = $2, attempts = attempts + 1, last_try_at = $3
			WHERE settled_at = 0 AND due_at <= $3 AND id IN (SELECT id FROM (
				SELECT id, due_at, ROW_NUMBER() OVER (PARTITION BY client_id ORDER BY due_at, id) AS place FROM logout_outbox
				WHERE settled_at = 0 AND due_at <= $3 AND client_id NOT IN (SELECT client_id FROM logout_outbox
					WHERE settled_at = 0 AND lease <> '' AND due_at > $3 GROUP BY client_id HAVING COUNT(*) >= $4)
				) AS waiting WHERE place <= $4 ORDER BY due_at, id LIMIT $5)
			RETURNING `+noticeColumns, newID(), now+lease.Microseconds(), now, perClient, most)
		return out, err
	})
}

// SettleNotice ends a notice that its holder has in hand. One that another holder has
// by now is left alone.
func (d *DB) SettleNotice(ctx context.Context, a Actor, n Notice, outcome string, status int, reason string) error {
	_, err := write(ctx, d, "settle notice", func(ctx context.Context, q runner) (none struct{}, err error) {
		changed, err := exec(ctx, q, `UPDATE logout_outbox SET settled_at = $1, outcome = $2, last_status = $3, last_error = $4, lease = ''
			WHERE id = $5 AND lease = $6 AND settled_at = 0`, d.now(), outcome, status, reason, n.ID, n.Lease)
		if err != nil || changed == 0 || outcome != NoticeGaveUp {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditLogoutUndelivered, "client:"+n.ClientID, map[string]string{"user": n.UserID, "sid": n.SID, "attempts": fmt.Sprint(n.Attempts), "reason": reason})
	})
	return err
}

// PostponeNotice gives a notice back after a try that failed. What else waits for the
// same app waits until then as well: its queue is its own trouble.
func (d *DB) PostponeNotice(ctx context.Context, n Notice, until time.Time, status int, reason string) error {
	_, err := write(ctx, d, "postpone notice", func(ctx context.Context, q runner) (none struct{}, err error) {
		changed, err := exec(ctx, q, `UPDATE logout_outbox SET due_at = $1, last_status = $2, last_error = $3, lease = '' WHERE id = $4 AND lease = $5 AND settled_at = 0`,
			micros(until), status, reason, n.ID, n.Lease)
		if err != nil || changed == 0 {
			return none, err
		}
		_, err = q.ExecContext(ctx, `UPDATE logout_outbox SET due_at = $1 WHERE client_id = $2 AND settled_at = 0 AND lease = '' AND due_at < $1`, micros(until), n.ClientID)
		return none, err
	})
	return err
}

// Notices lists what apps were told, or are still to be told, of ended sessions: of
// one app, or of all with "". The newest come first.
func (d *DB) Notices(ctx context.Context, clientID string, limit int) ([]Notice, error) {
	var out []Notice
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var n Notice
		err := row.Scan(n.fields()...)
		out = append(out, n)
		return err
	}, `SELECT `+noticeColumns+` FROM logout_outbox WHERE $1 = '' OR client_id = $1 ORDER BY created_at DESC, id LIMIT $2`, clientID, limit)
	return out, found("list notices", err)
}
