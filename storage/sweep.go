package storage

import (
	"context"
	"fmt"
	"time"
)

// sweepBatch bounds how long the janitor keeps others waiting.
const sweepBatch = 250

// Sweep deletes what expired long enough ago, in small batches, and tells how many
// rows went: see Retention. Nothing rests on it: every query leaves out what is dead by
// its WHERE. Rows are looked for on a reader, so that a long search stops nobody.
func (d *DB) Sweep(ctx context.Context) (int64, error) {
	now := d.now()
	old := now - max(tombstone, d.keep.Tombstones).Microseconds()
	jobs := []struct {
		what, find, drop string
		before           int64
	}{
		{"spent states", `SELECT hash FROM spent_states WHERE expires_at < $1 LIMIT $2`,
			`DELETE FROM spent_states WHERE hash = $1 AND expires_at < $2`, now},
		// With a grant go its code and its refresh tokens. One with a family is dead when the
		// family is; one without, when its code is. A session that lives on keeps its grants:
		// they say which apps are to be told when it ends.
		{"grants", `SELECT g.id FROM grants g LEFT JOIN families f ON f.grant_id = g.id
			WHERE CASE WHEN f.id IS NULL THEN g.expires_at ELSE f.idle_at END < $1
			AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.sid = g.sid AND s.ended_at = 0 AND s.expires_at >= $1) LIMIT $2`,
			`DELETE FROM grants WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM families f WHERE f.grant_id = grants.id AND f.idle_at >= $2)`, old},
		// A token that has expired needs no list, whatever another node's clock says by then.
		{"revoked tokens", `SELECT hash FROM revoked_tokens WHERE expires_at < $1 LIMIT $2`,
			`DELETE FROM revoked_tokens WHERE hash = $1 AND expires_at < $2`, old},
		{"invitations", `SELECT hash FROM invitations WHERE expires_at < $1 LIMIT $2`, `DELETE FROM invitations WHERE hash = $1 AND expires_at < $2`, old},
		{"link offers", `SELECT hash FROM link_offers WHERE expires_at < $1 LIMIT $2`, `DELETE FROM link_offers WHERE hash = $1 AND expires_at < $2`, now},
		{"guesses", `SELECT key FROM guesses WHERE expires_at < $1 LIMIT $2`, `DELETE FROM guesses WHERE key = $1 AND expires_at < $2`, now},
		{"settled notices", `SELECT id FROM logout_outbox WHERE settled_at <> 0 AND settled_at < $1 LIMIT $2`,
			`DELETE FROM logout_outbox WHERE id = $1 AND settled_at <> 0 AND settled_at < $2`, now - noticesKept.Microseconds()},
		{"spent logout tokens", `SELECT hash FROM spent_logout_tokens WHERE expires_at < $1 LIMIT $2`,
			`DELETE FROM spent_logout_tokens WHERE hash = $1 AND expires_at < $2`, now},
		// A session that is not there counts as ended.
		{"sessions", `SELECT id_hash FROM sessions WHERE expires_at < $1 OR (ended_at <> 0 AND ended_at < $1) LIMIT $2`,
			`DELETE FROM sessions WHERE id_hash = $1 AND (expires_at < $2 OR (ended_at <> 0 AND ended_at < $2))`, old},
		{"admin links", `SELECT hash FROM admin_links WHERE expires_at < $1 LIMIT $2`, `DELETE FROM admin_links WHERE hash = $1 AND expires_at < $2`, old},
		{"logins", `SELECT reference FROM logins WHERE at < $1 LIMIT $2`, `DELETE FROM logins WHERE reference = $1 AND at < $2`, keptSince(now, d.keep.Logins)},
	}
	var total int64
	for _, job := range jobs {
		for job.before > 0 {
			n, err := d.sweepOnce(ctx, job.find, job.drop, job.before)
			total += n
			if err != nil {
				return total, fmt.Errorf("sweep %s: %w", job.what, err)
			}
			if n == 0 {
				break
			}
		}
	}
	for _, sweep := range []func(context.Context, int64) (int64, error){d.sweepCounts, d.sweepRevisions, d.sweepAudit} {
		n, err := sweep(ctx, now)
		total += n
		if err != nil {
			return total, fmt.Errorf("sweep %w", err)
		}
	}
	return total, nil
}

// keptSince is from when on rows stay, or 0 when all do.
func keptSince(now int64, keep time.Duration) int64 {
	if keep <= 0 {
		return 0
	}
	return now - keep.Microseconds()
}

func (d *DB) sweepOnce(ctx context.Context, find, drop string, before int64) (int64, error) {
	var ids []string
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, find, before, sweepBatch)
	if err != nil || len(ids) == 0 {
		return 0, classified(err)
	}
	return write(ctx, d, "delete", func(ctx context.Context, q runner) (int64, error) {
		var total int64
		for _, id := range ids {
			n, err := exec(ctx, q, drop, id, before)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	})
}
