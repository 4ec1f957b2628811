package storage

import (
	"context"
	"time"
)

// Skew tells how far this node's clock is ahead of the database's, to about the time that
// asking takes. Nodes share one PostgreSQL, so whoever agrees with it agrees with the
// others; SQLite's clock is this machine's, and agrees always.
func (d *DB) Skew(ctx context.Context) (time.Duration, error) {
	pg, ok := d.engine.(*postgresEngine)
	if !ok {
		return 0, d.Ping(ctx)
	}
	var theirs int64
	before := d.clock()
	err := pg.db.QueryRowContext(ctx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&theirs)
	if err != nil {
		return 0, unavailable("ask the time", err)
	}
	after := d.clock()
	return before.Add(after.Sub(before) / 2).Sub(time.UnixMicro(theirs)), nil
}
