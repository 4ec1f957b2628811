package storage

import (
	"context"
	"errors"
	"time"
)

// Roles of admins.
const (
	RoleOwner  = "owner"
	RoleEditor = "editor"
	RoleViewer = "viewer"
)

// What an admin's change may be refused for.
var (
	ErrLastOwner    = errors.New("it would leave nobody who is an owner and can sign in")
	ErrLastIdentity = errors.New("it is the last identity of this user: nobody could sign in as them any more")
)

// Admin is a person who may administer, bound by provider and subject, never by a rule.
type Admin struct {
	ProviderID, Subject, Role        string
	UserID, UserSubject, Name, Email string
	UserDisabled                     bool
	CreatedAt                        time.Time
	CreatedBy                        string // actor kind and id
}

// Admins lists the admins, owners first.
func (d *DB) Admins(ctx context.Context) ([]Admin, error) { return nil, nil }

// SetAdmin gives an identity a role, or takes it away with "". ErrNotFound when there is
// no such identity; ErrLastOwner when no owner could sign in afterwards, unless forced.
func (d *DB) SetAdmin(ctx context.Context, a Actor, providerID, subject, role string, force bool) error {
	return ErrNotFound
}

// AdminRole returns an identity's role: "" when it has none or its user is disabled.
func (d *DB) AdminRole(ctx context.Context, providerID, subject string) (string, error) {
	return "", nil
}

// AdminLink is a link that gives an owner session once, and that session.
type AdminLink struct {
	ID                           string
	CreatedBy                    string // actor kind and id
	CreatedAt, UsedAt, ExpiresAt time.Time
}

// NewAdminLink keeps a link, by its hash, until it is used or expires.
func (d *DB) NewAdminLink(ctx context.Context, a Actor, hash []byte, expires time.Time) (id string, err error) {
	return "", nil
}

// TakeAdminLink uses a link up and returns its id, which names the session that it
// gives. Of any number of tries the first wins; the others get ErrNotFound, as do links
// that expired or were revoked.
func (d *DB) TakeAdminLink(ctx context.Context, a Actor, hash []byte) (id string, err error) {
	return "", ErrNotFound
}

// AdminLink returns a link that was taken and whose session still stands: ErrNotFound
// once it expired or was revoked.
func (d *DB) AdminLink(ctx context.Context, id string) (*AdminLink, error) { return nil, ErrNotFound }

// RevokeAdminLinks ends every link, used or not, and tells how many.
func (d *DB) RevokeAdminLinks(ctx context.Context, a Actor) (int64, error) { return 0, nil }
