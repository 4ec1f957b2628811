package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Retention says how long the janitor leaves what is only looked back at. Zero keeps it
// for ever, except for Tombstones, which are a day at least.
type Retention struct {
	Audit      time.Duration
	Logins     time.Duration // traces of logins, with what upstream said
	Counts     time.Duration // how many logins there were, by hour
	Tombstones time.Duration // of what was used, ended or revoked, to recognise a replay
	Revisions  int           // so many stay, the active one included
	Strangers  int           // so many traces of logins by nobody we know; 10,000 when 0
}

// sweepCounts deletes hours that are past their retention.
func (d *DB) sweepCounts(ctx context.Context, now int64) (int64, error) {
	before := keptSince(now, d.keep.Counts)
	if before <= 0 {
		return 0, nil
	}
	return d.inBatches(ctx, "login counts", func(ctx context.Context, q runner) (int64, error) {
		var hour int64 // one hour at a time
		err := found("find an hour", q.QueryRowContext(ctx, `SELECT hour FROM login_counts WHERE hour < $1 ORDER BY hour LIMIT 1`, before-time.Hour.Microseconds()).Scan(&hour))
		if err != nil {
			return 0, ignoreNotFound(err)
		}
		return exec(ctx, q, `DELETE FROM login_counts WHERE hour = $1`, hour)
	})
}

// sweepRevisions deletes the oldest revisions and the secrets that only they used. The
// newest one from a file stays: a start compares the file with it.
func (d *DB) sweepRevisions(ctx context.Context, _ int64) (int64, error) {
	if d.keep.Revisions <= 0 {
		return 0, nil
	}
	var last int64 // that may go
	err := found("find old revisions", d.read(ctx, `SELECT number FROM revisions ORDER BY number DESC LIMIT 1 OFFSET $1`, d.keep.Revisions).Scan(&last))
	if err != nil {
		return 0, ignoreNotFound(err)
	}
	total, err := d.inBatches(ctx, "revisions", func(ctx context.Context, q runner) (int64, error) {
		return exec(ctx, q, `DELETE FROM revisions WHERE number IN (SELECT number FROM revisions WHERE number <= $1
			AND number <> (SELECT COALESCE(MAX(number), 0) FROM revisions WHERE substr(source, 1, 5) = 'file:') ORDER BY number LIMIT $2)`, last, 10)
	})
	if err != nil {
		return total, err
	}
	n, err := d.inBatches(ctx, "secrets", func(ctx context.Context, q runner) (int64, error) {
		return exec(ctx, q, `DELETE FROM directory_secrets WHERE fingerprint IN (SELECT fingerprint FROM directory_secrets
			WHERE unused_since <> 0 AND unused_since <= (SELECT MIN(number) FROM revisions) LIMIT $1)`, sweepBatch)
	})
	return total + n, err
}

// inBatches repeats a write until it has nothing more to do.
func (d *DB) inBatches(ctx context.Context, what string, batch func(ctx context.Context, q runner) (int64, error)) (int64, error) {
	var total int64
	for {
		n, err := write(ctx, d, "delete", batch)
		total += n
		if err != nil {
			return total, fmt.Errorf("%s: %w", what, err)
		}
		if n == 0 {
			return total, nil
		}
	}
}

// sweepAudit deletes audit rows that are past their retention, with their links: the
// oldest ones first, so that what stays is a chain from its anchor to its end. A role
// that may not delete them leaves them to somebody who may.
func (d *DB) sweepAudit(ctx context.Context, now int64) (int64, error) {
	before := keptSince(now, d.keep.Audit)
	if before <= 0 {
		return 0, nil
	}
	total, err := d.inBatches(ctx, "audit", func(ctx context.Context, q runner) (int64, error) { return d.dropLink(ctx, q, before) })
	if err == nil {
		var n int64
		n, err = d.inBatches(ctx, "audit", func(ctx context.Context, q runner) (int64, error) {
			return exec(ctx, q, `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1
				AND id <= (SELECT before_id FROM audit_anchor WHERE name = 'anchor') ORDER BY id LIMIT $2)`, idAt(before), sweepBatch)
		})
		total += n
	}
	if errors.Is(err, ErrConflict) {
		return total, nil // another node's janitor is at it
	}
	if notAllowed(err) {
		if d.forbidden.CompareAndSwap(false, true) {
			d.log.Warn("audit rows are past their retention, and this database role may not delete them", "before", fromMicros(before))
		}
		return total, nil
	}
	return total, err
}

// dropLink deletes the oldest link with its rows if it is old enough.
func (d *DB) dropLink(ctx context.Context, q runner, before int64) (int64, error) {
	a, err := d.anchor(ctx, q)
	if err != nil {
		return 0, err
	}
	var l link
	err = q.QueryRowContext(ctx, `SELECT seq, node, ids, mac FROM audit_links WHERE seq = $1 AND at < $2`, a.seq+1, before).Scan(&l.seq, &l.node, &l.ids, &l.mac)
	if err := found("find the oldest link", err); err != nil {
		return 0, ignoreNotFound(err)
	}
	ids, err := l.list()
	if err != nil {
		return 0, fmt.Errorf("link %d: %w", l.seq, err)
	}
	n, err := exec(ctx, q, `DELETE FROM audit WHERE id >= $1 AND id <= $2 AND substr(id, 17) = $3`, ids[0], ids[len(ids)-1], l.node)
	if err != nil {
		return 0, err
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM audit_links WHERE seq = $1`, l.seq); err != nil {
		return 0, err
	}
	after := anchor{seq: l.seq, mac: l.mac, beforeID: a.beforeID}
	moved, err := exec(ctx, q, `UPDATE audit_anchor SET seq = $1, mac = $2, proof = $3 WHERE name = 'anchor' AND seq = $4`, after.seq, after.mac, d.anchorProof(after), a.seq)
	if err != nil {
		return 0, err
	}
	if moved == 0 {
		return 0, ErrConflict
	}
	return max(n, 1), nil
}

// notAllowed: PostgreSQL refuses the role what it asked for (42501).
func notAllowed(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && strings.HasPrefix(pe.Code, "42501")
}
