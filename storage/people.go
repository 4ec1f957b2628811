package storage

import (
	"context"
	"time"
)

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
	return nil, "", nil
}

// Unlink takes an identity from a user, with the sessions, grants and admin role that
// rest on it. ErrNotFound when it is not theirs; ErrLastIdentity and ErrLastOwner unless
// forced.
func (d *DB) Unlink(ctx context.Context, a Actor, userID, providerID, subject string, force bool) error {
	return ErrNotFound
}

// EndSessionsOf signs a user out everywhere and tells of how many sessions. Offline
// access stays.
func (d *DB) EndSessionsOf(ctx context.Context, a Actor, userID string) (int, error) { return 0, nil }

// EraseUser removes a user and everything personal about them, and notes which apps are
// to be told. Audit rows stay: they hold ids. ErrLastOwner unless forced.
func (d *DB) EraseUser(ctx context.Context, a Actor, userID string, force bool) error {
	return ErrNotFound
}

// UserExport is everything that is kept about a person.
type UserExport struct {
	At         time.Time
	User       User
	Identities []Identity
	Account    *Account // nil unless they have a password here
	Admin      []Admin
	Sessions   []Session
	Access     []Access
	Consents   []Consent
	Logins     []Login
	Audit      []AuditRow
}

// ExportUser returns everything that is kept about a person.
func (d *DB) ExportUser(ctx context.Context, userID string) (*UserExport, error) {
	return nil, ErrNotFound
}

// AccountOf returns a user's account with a password here, or ErrNotFound.
func (d *DB) AccountOf(ctx context.Context, userID string) (*Account, error) { return nil, ErrNotFound }

// NoticeFilter narrows NoticesPage. Zero fields do not narrow.
type NoticeFilter struct {
	Client, Outcome, UserID string
	Before                  string // the next of an earlier page
	Limit                   int
}

// NoticesPage lists what apps were told of ended sessions, the newest first.
func (d *DB) NoticesPage(ctx context.Context, f NoticeFilter) (page []Notice, next string, err error) {
	return nil, "", nil
}
