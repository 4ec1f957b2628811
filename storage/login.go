package storage

import (
	"context"
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
	UserID, UserSubject  string // "" for a stranger
	Person               string // as people know them: name or e-mail
	Subject              string // upstream
	Outcome              string // one of the Login… words
	Code, Cause, Rule    string // of a refusal or failure
	Revision             int64
	Snapshot             string
	IP, Device           string
	Asked, Scopes, Roles []string
	Claims               map[string]any // what upstream sent; sealed at rest, and only of people known upstream
	Steps                []byte         // JSON
	Trace                []byte         // JSON of mapping steps
}

// LoginFilter narrows Logins. Zero fields do not narrow.
type LoginFilter struct {
	Client, Provider, Outcome, UserID string
	Q                                 string // part of the person, the start of a reference or a subject
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

// KeepLogins keeps traces in one transaction, each in place of an earlier one with the
// same reference, and counts them by hour.
func (d *DB) KeepLogins(ctx context.Context, batch []Login) error { return nil }

// Login returns one trace with everything.
func (d *DB) Login(ctx context.Context, reference string) (*Login, error) { return nil, ErrNotFound }

// Logins lists traces, the newest first, without Claims, Steps and Trace. A page may be
// short, or empty, and still have a next one: it looks through a bounded number of rows.
func (d *DB) Logins(ctx context.Context, f LoginFilter) (page []Login, next string, err error) {
	return nil, "", nil
}

// LoginCounts returns the hourly counts between two times, the oldest first.
func (d *DB) LoginCounts(ctx context.Context, since, until time.Time) ([]LoginCount, error) {
	return nil, nil
}

// RecentLogins returns the last login of each person at each client, the newest first,
// with what upstream said: what a plan replays.
func (d *DB) RecentLogins(ctx context.Context, limit int) ([]Login, error) { return nil, nil }
