package storage

import "context"

// UserFilter narrows UsersPage. Zero fields do not narrow.
type UserFilter struct {
	Q        string // part of a name or e-mail, or a whole sub
	Disabled *bool
	Before   string // the next of an earlier page
	Limit    int
}

// UsersPage lists users, the newest first. A page may be short, or empty, and still have
// a next one: it looks through a bounded number of rows.
func (d *DB) UsersPage(ctx context.Context, f UserFilter) (page []User, next string, err error) {
	from, err := parseCursor(f.Before)
	if err != nil {
		return nil, "", err
	}
	state := "any"
	if f.Disabled != nil {
		state = map[bool]string{true: "disabled", false: "enabled"}[*f.Disabled]
	}
	limit := pageSize(f.Limit)
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var u User
		err := row.Scan(u.fields()...)
		page = append(page, u)
		return err
	}, `SELECT `+userColumns+` FROM (SELECT * FROM users WHERE created_at <= $1 AND (created_at < $1 OR id < $2) ORDER BY created_at DESC, id DESC LIMIT $3) AS u
		WHERE ($4 = '' OR lower(u.name) LIKE lower($4) ESCAPE '\' OR lower(u.email) LIKE lower($4) ESCAPE '\' OR u.subject = $5)
		AND ($6 = 'any' OR u.disabled = ($6 = 'disabled')) ORDER BY u.created_at DESC, u.id DESC LIMIT $7`,
		from.at, from.id, window, containing(f.Q), f.Q, state, limit)
	if err != nil {
		return nil, "", found("list users", err)
	}
	var last cursor
	if len(page) > 0 {
		last = cursor{micros(page[len(page)-1].CreatedAt), page[len(page)-1].ID}
	}
	next, err = d.nextPlace(ctx, len(page) == limit, last,
		`SELECT created_at, id FROM users WHERE created_at <= $1 AND (created_at < $1 OR id < $2) ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $3`, from)
	return page, next, err
}

// NoticeFilter narrows NoticesPage. Zero fields do not narrow.
type NoticeFilter struct {
	Client, Outcome, UserID string
	Before                  string // the next of an earlier page
	Limit                   int
}

// NoticesPage lists what apps were told of ended sessions, the newest first. Settled
// ones are kept for a week only, so it looks through all there are.
func (d *DB) NoticesPage(ctx context.Context, f NoticeFilter) (page []Notice, next string, err error) {
	from, err := parseCursor(f.Before)
	if err != nil {
		return nil, "", err
	}
	limit := pageSize(f.Limit)
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var n Notice
		err := row.Scan(n.fields()...)
		page = append(page, n)
		return err
	}, `SELECT `+noticeColumns+` FROM logout_outbox WHERE created_at <= $1 AND (created_at < $1 OR id < $2)
		AND ($3 = '' OR client_id = $3) AND ($4 = '' OR outcome = $4) AND ($5 = '' OR user_id = $5) ORDER BY created_at DESC, id DESC LIMIT $6`,
		from.at, from.id, f.Client, f.Outcome, f.UserID, limit)
	if err != nil {
		return nil, "", found("list notices", err)
	}
	if len(page) == limit {
		next = cursor{micros(page[limit-1].CreatedAt), page[limit-1].ID}.String()
	}
	return page, next, nil
}
