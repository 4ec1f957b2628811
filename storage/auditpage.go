package storage

import (
	"context"
	"errors"
	"strings"
	"time"
)

// AuditFilter narrows AuditPage. Zero fields do not narrow.
type AuditFilter struct {
	Actor        string // the whole id of who did it
	Action       string // one of the Audit… words
	Target       string // whole, such as "user:…", or only the kind, such as "user:"
	Since, Until time.Time
	Before       string // the next of an earlier page
	Limit        int
}

const (
	auditEnd   = "g" // after every id
	clockSlack = time.Hour
)

// AuditPage lists audit rows, the newest first. A page may be short, or empty, and still
// have a next one: it looks through a bounded number of rows.
func (d *DB) AuditPage(ctx context.Context, f AuditFilter) (page []AuditRow, next string, err error) {
	before := f.Before
	if before == "" {
		before = auditEnd
	} else if timeOf(before) == 0 {
		return nil, "", errCursor
	}
	until := f.Until
	if until.IsZero() {
		until = time.Unix(1<<40, 0)
	} else { // ids go by the clock, or were ahead of one that had stepped back
		before = min(before, idAt(micros(until.Add(clockSlack))))
	}
	kind := ""
	if strings.HasSuffix(f.Target, ":") {
		kind = f.Target
	}
	limit := pageSize(f.Limit)
	page, err = d.auditRows(ctx, `SELECT `+auditColumns+` FROM (SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2) AS a
		WHERE a.at >= $3 AND a.at < $4 AND ($5 = '' OR a.actor_id = $5) AND ($6 = '' OR a.action = $6)
		AND ($7 = '' OR a.target = $7 OR ($8 <> '' AND substr(a.target, 1, $9) = $8)) ORDER BY a.id DESC LIMIT $10`,
		before, window, micros(f.Since), micros(until), f.Actor, f.Action, f.Target, kind, len(kind), limit)
	if err != nil {
		return nil, "", err
	}
	if len(page) == limit {
		return page, page[limit-1].ID, nil
	}
	var at int64
	err = found("look for more", d.read(ctx, `SELECT id, at FROM audit WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2`, before, window-1).Scan(&next, &at))
	if errors.Is(err, ErrNotFound) || err == nil && at < micros(f.Since) {
		return page, "", nil
	}
	return page, next, err
}

// auditOf lists what a user did and what was done to them, the newest first.
func (d *DB) auditOf(ctx context.Context, userID string) ([]AuditRow, error) {
	return d.auditRows(ctx, `SELECT `+auditColumns+` FROM audit WHERE actor_id = $1 OR target = $2 ORDER BY id DESC LIMIT $3`, userID, "user:"+userID, 10*mostPerPage)
}
