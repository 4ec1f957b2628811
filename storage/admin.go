package storage

import (
	"context"
	"errors"
	"fmt"
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

// AuditAdminSet says that an identity was given a role, or lost it.
const AuditAdminSet = "admin_set"

// Admin is a person who may administer, bound by provider and subject, never by a rule.
type Admin struct {
	ProviderID, Subject, Role        string
	UserID, UserSubject, Name, Email string
	UserDisabled                     bool
	CreatedAt                        time.Time
	CreatedBy                        string // actor kind and id
}

const adminQuery = `SELECT a.provider_id, a.subject, a.role, u.id, u.subject, u.name, u.email, u.disabled, a.created_at, a.created_by
	FROM admins a JOIN identities i ON i.provider_id = a.provider_id AND i.subject = a.subject JOIN users u ON u.id = i.user_id `

func admins(ctx context.Context, q runner, where string, args ...any) (out []Admin, err error) {
	err = each(ctx, q, func(row scanner) error {
		var a Admin
		err := row.Scan(&a.ProviderID, &a.Subject, &a.Role, &a.UserID, &a.UserSubject, &a.Name, &a.Email, &a.UserDisabled, when{&a.CreatedAt}, &a.CreatedBy)
		out = append(out, a)
		return err
	}, adminQuery+where, args...)
	return out, found("list admins", err)
}

// Admins lists the admins, owners first.
func (d *DB) Admins(ctx context.Context) ([]Admin, error) {
	return admins(ctx, d.engine.reader(), `ORDER BY CASE a.role WHEN 'owner' THEN 0 WHEN 'editor' THEN 1 ELSE 2 END, a.created_at, a.provider_id, a.subject`)
}

// AdminRole returns an identity's role: "" when it has none or its user is disabled.
func (d *DB) AdminRole(ctx context.Context, providerID, subject string) (string, error) {
	var role string
	err := d.read(ctx, `SELECT a.role FROM admins a JOIN identities i ON i.provider_id = a.provider_id AND i.subject = a.subject
		JOIN users u ON u.id = i.user_id WHERE a.provider_id = $1 AND a.subject = $2 AND NOT u.disabled`, providerID, subject).Scan(&role)
	return role, ignoreNotFound(found("find the admin's role", err))
}

// SetAdmin gives an identity a role, or takes it away with "". ErrNotFound when there is
// no such identity; ErrLastOwner when no owner could sign in afterwards, unless forced.
func (d *DB) SetAdmin(ctx context.Context, a Actor, providerID, subject, role string, force bool) error {
	switch role {
	case RoleOwner, RoleEditor, RoleViewer, "":
	default:
		return fmt.Errorf("set admin: there is no role %q", role)
	}
	_, err := write(ctx, d, "set admin", func(ctx context.Context, q runner) (none struct{}, err error) {
		if err := lockAdmins(ctx, q); err != nil {
			return none, err
		}
		var userID string
		if err := found("find identity", q.QueryRowContext(ctx, `SELECT user_id FROM identities WHERE provider_id = $1 AND subject = $2`, providerID, subject).Scan(&userID)); err != nil {
			return none, err
		}
		var before string
		err = found("find admin", q.QueryRowContext(ctx, `SELECT role FROM admins WHERE provider_id = $1 AND subject = $2`, providerID, subject).Scan(&before))
		if err := ignoreNotFound(err); err != nil || before == role {
			return none, err
		}
		if role == "" {
			_, err = q.ExecContext(ctx, `DELETE FROM admins WHERE provider_id = $1 AND subject = $2`, providerID, subject)
		} else {
			_, err = q.ExecContext(ctx, `INSERT INTO admins (provider_id, subject, role, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (provider_id, subject) DO UPDATE SET role = excluded.role, created_at = excluded.created_at, created_by = excluded.created_by`,
				providerID, subject, role, d.now(), a.name())
		}
		if err != nil {
			return none, fmt.Errorf("change the role: %w", err)
		}
		if before == RoleOwner && !force {
			if err := someOwner(ctx, q); err != nil {
				return none, err
			}
		}
		return none, d.audit(ctx, q, a, AuditAdminSet, "user:"+userID, map[string]string{"provider": providerID, "before": before, "after": role})
	})
	return err
}

// lockAdmins counts a change of who may administer, and holds the counter until commit:
// two owners who remove each other come one after the other.
func lockAdmins(ctx context.Context, q runner) error {
	if _, err := q.ExecContext(ctx, `UPDATE generations SET value = value + 1 WHERE name = 'admins'`); err != nil {
		return fmt.Errorf("lock the admins: %w", err)
	}
	return nil
}

// someOwner refuses a state without an owner who is not disabled.
func someOwner(ctx context.Context, q runner) error {
	var one int
	err := found("find owner", q.QueryRowContext(ctx, `SELECT 1 FROM admins a JOIN identities i ON i.provider_id = a.provider_id AND i.subject = a.subject
		JOIN users u ON u.id = i.user_id WHERE a.role = 'owner' AND NOT u.disabled LIMIT 1`).Scan(&one))
	if errors.Is(err, ErrNotFound) {
		return ErrLastOwner
	}
	return err
}

// losingAdmin is called before an admin's identity or user goes, or is disabled, while
// the user's row is locked: it moves the counter and tells whether an owner is lost.
// Without an admin it does nothing.
func losingAdmin(ctx context.Context, q runner, where string, args ...any) (owner bool, err error) {
	lost, err := admins(ctx, q, where, args...)
	if err != nil || len(lost) == 0 {
		return false, err
	}
	for _, a := range lost {
		owner = owner || a.Role == RoleOwner
	}
	return owner, lockAdmins(ctx, q)
}

// name is an actor in one word.
func (a Actor) name() string {
	if a.ID == "" {
		return a.Kind
	}
	return a.Kind + ":" + a.ID
}
