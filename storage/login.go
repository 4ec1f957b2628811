package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What became of a login.
const (
	LoginSignedIn  = "signed_in"
	LoginRefused   = "refused"
	LoginFailed    = "failed"
	LoginAbandoned = "abandoned"
	LoginTest      = "test"
)

// Login is the trace of one login, successful or not.
type Login struct {
	Reference            string // what the error page showed
	At                   time.Time
	Took                 time.Duration
	ClientID             string
	Provider, ProviderID string // slug and internal id
	UserID, UserSubject  string // "" for nobody we know
	Person               string // as people know them: name or e-mail
	Subject              string // upstream
	Outcome              string // one of the Login… words
	Code, Cause, Rule    string // of a refusal or failure
	Revision             int64
	Snapshot             string
	IP, Device           string
	Asked, Scopes, Roles []string
	Claims               map[string]any // what upstream sent, where it named somebody; sealed at rest
	Steps                []byte         // JSON
	Trace                []byte         // JSON of mapping steps
}

// LoginFilter narrows Logins. Zero fields do not narrow.
type LoginFilter struct {
	Client, Provider, Outcome, UserID string
	Q                                 string // part of the person, or a whole reference or subject
	Since, Until                      time.Time
	Before                            string // the next of an earlier page
	Limit                             int
}

// LoginCount is what one hour had of one kind of login.
type LoginCount struct {
	Hour                      time.Time
	Provider, Client, Outcome string
	Count                     int64
	TookSum, TookMax          time.Duration
}

const loginColumns = `l.reference, l.at, l.took, l.client_id, l.provider, l.provider_id, l.user_id, l.user_subject, l.person, l.subject, l.outcome,
	l.code, l.cause, l.rule, l.revision, l.snapshot, l.ip, l.device, l.asked, l.scopes, l.roles`

func (l *Login) fields() []any {
	return []any{&l.Reference, when{&l.At}, lasting{&l.Took}, &l.ClientID, &l.Provider, &l.ProviderID, &l.UserID, &l.UserSubject, &l.Person, &l.Subject, &l.Outcome,
		&l.Code, &l.Cause, &l.Rule, &l.Revision, &l.Snapshot, &l.IP, &l.Device, list{&l.Asked}, list{&l.Scopes}, list{&l.Roles}}
}

// lasting reads a duration.
type lasting struct{ to *time.Duration }

// Scan implements sql.Scanner.
func (l lasting) Scan(v any) error {
	us, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a duration is %T in the database", v)
	}
	*l.to = time.Duration(us) * time.Microsecond
	return nil
}

// whole lists traces with everything.
func (d *DB) wholeLogins(ctx context.Context, query string, args ...any) ([]Login, error) {
	var out []Login
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var l Login
		var sealed, trace string
		err := row.Scan(append(l.fields(), &sealed, &l.Steps, &trace)...)
		if err == nil && trace != "" {
			l.Trace, err = d.sealer.openColumn("logins", l.Reference, "trace", trace)
		}
		if err == nil && sealed != "" {
			l.Claims, err = d.openClaims("logins", l.Reference, sealed)
		}
		out = append(out, l)
		return err
	}, query, args...)
	if err != nil {
		return nil, found("read logins", err)
	}
	return out, nil
}

// Login returns one trace with everything.
func (d *DB) Login(ctx context.Context, reference string) (*Login, error) {
	all, err := d.wholeLogins(ctx, `SELECT `+loginColumns+`, l.claims, l.steps, l.trace FROM logins l WHERE l.reference = $1`, reference)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("find login: %w", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// loginsOf lists a user's traces with everything, the newest first.
func (d *DB) loginsOf(ctx context.Context, userID string) ([]Login, error) {
	return d.wholeLogins(ctx, `SELECT `+loginColumns+`, l.claims, l.steps, l.trace FROM logins l WHERE l.user_id = $1 ORDER BY l.at DESC LIMIT $2`, userID, mostPerPage)
}

// RecentLogins returns the last login of each person at each client, the newest first,
// with what upstream said: what a plan replays. It looks at the newest logins only, a
// few times as many as are asked for.
func (d *DB) RecentLogins(ctx context.Context, limit int) ([]Login, error) {
	return d.wholeLogins(ctx, `SELECT `+loginColumns+`, l.claims, l.steps, l.trace FROM logins l JOIN (
			SELECT reference, at, ROW_NUMBER() OVER (PARTITION BY user_id, provider_id, CASE WHEN user_id = '' THEN subject ELSE '' END, client_id ORDER BY at DESC, reference DESC) AS place
			FROM (SELECT reference, at, user_id, provider_id, subject, client_id FROM logins
				WHERE subject <> '' AND outcome <> 'test' ORDER BY at DESC LIMIT $1) AS newest
		) AS ranked ON ranked.reference = l.reference WHERE ranked.place = 1 AND l.claims <> '' ORDER BY l.at DESC, l.reference DESC LIMIT $2`, 10*limit, limit)
}

const loginWindow = `FROM logins WHERE at <= $1 AND (at < $1 OR reference < $2)`

// Logins lists traces, the newest first, without Claims, Steps and Trace. A page may be
// short, or empty, and still have a next one: it looks through a bounded number of rows.
func (d *DB) Logins(ctx context.Context, f LoginFilter) (page []Login, next string, err error) {
	from, err := parseCursor(f.Before)
	if err != nil {
		return nil, "", err
	}
	if !f.Until.IsZero() && micros(f.Until) <= from.at {
		from = cursor{micros(f.Until), ""}
	}
	limit := pageSize(f.Limit)
	query, args := `SELECT `+loginColumns+` FROM (SELECT * `+loginWindow+` ORDER BY at DESC, reference DESC LIMIT $3) AS l`, []any{from.at, from.id, window}
	if f.UserID != "" { // few rows and an index: all are looked through
		query, args = `SELECT `+loginColumns+` FROM (SELECT * `+loginWindow+` AND user_id = $3) AS l`, []any{from.at, from.id, f.UserID}
	}
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var l Login
		err := row.Scan(l.fields()...)
		page = append(page, l)
		return err
	}, query+` WHERE l.at >= $4 AND ($5 = '' OR l.client_id = $5) AND ($6 = '' OR l.provider = $6) AND ($7 = '' OR l.outcome = $7)
		AND ($8 = '' OR lower(l.person) LIKE lower($8) ESCAPE '\' OR l.reference = $9 OR l.subject = $9 OR l.user_subject = $9)
		ORDER BY l.at DESC, l.reference DESC LIMIT $10`, append(args, micros(f.Since), f.Client, f.Provider, f.Outcome, containing(f.Q), f.Q, limit)...)
	if err != nil {
		return nil, "", found("list logins", err)
	}
	var last cursor
	if len(page) > 0 {
		last = cursor{micros(page[len(page)-1].At), page[len(page)-1].Reference}
	}
	if f.UserID != "" && len(page) < limit {
		return page, "", nil
	}
	next, err = d.nextPlace(ctx, len(page) == limit, last, `SELECT at, reference `+loginWindow+` ORDER BY at DESC, reference DESC LIMIT 1 OFFSET $3`, from)
	if c, _ := parseCursor(next); next != "" && c.at < micros(f.Since) {
		next = "" // all that follows is older than was asked for
	}
	return page, next, err
}

// LoginCounts returns the hourly counts between two times, the oldest first.
func (d *DB) LoginCounts(ctx context.Context, since, until time.Time) ([]LoginCount, error) {
	if until.IsZero() {
		return nil, errors.New("count logins: until is needed")
	}
	var out []LoginCount
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var c LoginCount
		err := row.Scan(when{&c.Hour}, &c.Provider, &c.Client, &c.Outcome, &c.Count, lasting{&c.TookSum}, lasting{&c.TookMax})
		out = append(out, c)
		return err
	}, `SELECT hour, provider, client_id, outcome, logins, took_sum, took_max FROM login_counts
		WHERE hour >= $1 AND hour < $2 AND logins > 0 ORDER BY hour, provider, client_id, outcome`, hourOf(since), micros(until))
	return out, found("count logins", err)
}

func hourOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t.UTC().Truncate(time.Hour))
}
