package storage

import (
	"context"
	"time"
)

// adopt links what processes wrote that are gone.
func (d *DB) adopt(ctx context.Context) (int, error) {
	from := d.chain.adopted
	if from == 0 {
		a, err := d.anchor(ctx, d.engine.reader())
		if err == nil {
			err = found("find where to go on", d.read(ctx, `SELECT value FROM generations WHERE name = 'audit_adopted'`).Scan(&from))
		}
		if err != nil {
			return 0, err
		}
		if len(a.beforeID) >= idHalf {
			from = max(from, timeOf(a.beforeID))
		}
	}
	to := d.now() - adoptAfter.Microseconds()
	switch first := d.chain.adopted == 0; {
	case d.engine.alone() && first:
		to = d.stamps.begun // nobody else has this file: all that was there before us is complete
	case d.engine.alone(), !first && to-from < time.Minute.Microseconds():
		return 0, nil
	}
	if to <= from {
		return 0, nil
	}
	left := map[string]string{}
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var node, last string
		err := row.Scan(&node, &last)
		left[node] = last
		return err
	}, `SELECT substr(id, 17), MAX(id) FROM audit WHERE id > $1 AND id <= $2 GROUP BY substr(id, 17)`, idAt(from)+"g", idAt(to)+"g")
	if err != nil {
		return 0, found("look for what is left", err)
	}
	total := 0
	for _, node := range sortedKeys(left) {
		if node == d.stamps.node {
			continue
		}
		n, err := d.adoptNode(ctx, node, left[node])
		total += n
		if err != nil {
			return total, err
		}
	}
	if len(left) > 0 {
		if _, err := write(ctx, d, "note what was adopted", func(ctx context.Context, q runner) (int64, error) {
			return exec(ctx, q, `UPDATE generations SET value = $1 WHERE name = 'audit_adopted' AND value < $1`, to)
		}); err != nil {
			return total, err
		}
	}
	d.chain.adopted = to
	return total, nil
}

func (d *DB) adoptNode(ctx context.Context, node, upTo string) (int, error) {
	total := 0
	after, err := linkedUpTo(ctx, d.engine.reader(), node)
	for err == nil && after < upTo {
		var n int
		var last string
		if n, last, err = d.linkNode(ctx, node, after, upTo); n == 0 {
			break
		}
		total, after = total+n, last
	}
	return total, err
}
