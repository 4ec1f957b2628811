package storage

import (
	"context"
	"fmt"
	"time"
)

// User is a person in the book. Subject is random and is what apps see as sub.
type User struct {
	ID, Subject, Name, Email string
	EmailVerified, Disabled  bool
	CreatedAt                time.Time
}

const userColumns = `u.id, u.subject, u.name, u.email, u.email_verified, u.disabled, u.created_at`

func (u *User) fields() []any {
	return []any{&u.ID, &u.Subject, &u.Name, &u.Email, &u.EmailVerified, &u.Disabled, when{&u.CreatedAt}}
}

// User returns a user by internal id.
func (d *DB) User(ctx context.Context, id string) (*User, error) {
	var u User
	err := d.read(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, id).Scan(u.fields()...)
	return only(&u, found("find user", err))
}

// UserBySubject returns a user by the sub that apps know.
func (d *DB) UserBySubject(ctx context.Context, sub string) (*User, error) {
	var u User
	err := d.read(ctx, `SELECT `+userColumns+` FROM users u WHERE u.subject = $1`, sub).Scan(u.fields()...)
	return only(&u, found("find user", err))
}

// Users lists users, newest first.
func (d *DB) Users(ctx context.Context, limit int) ([]User, error) {
	var out []User
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var u User
		err := row.Scan(u.fields()...)
		out = append(out, u)
		return err
	}, `SELECT `+userColumns+` FROM users u ORDER BY u.created_at DESC, u.id LIMIT $1`, limit)
	return out, found("list users", err)
}

// SetUserDisabled disables or enables a user. Disabling ends their sessions and
// revokes their grants and refresh tokens in the same transaction; enabling gives
// none of that back. ErrNotFound when there is no such user, ErrLastOwner when no
// owner could sign in any more.
func (d *DB) SetUserDisabled(ctx context.Context, a Actor, userID string, disabled bool) error {
	return d.setUserDisabled(ctx, a, userID, disabled, false)
}

// ForceUserDisabled disables a user even if they are the last owner: a shell beside the
// database can make another.
func (d *DB) ForceUserDisabled(ctx context.Context, a Actor, userID string) error {
	return d.setUserDisabled(ctx, a, userID, true, true)
}

func (d *DB) setUserDisabled(ctx context.Context, a Actor, userID string, disabled, force bool) error {
	action := AuditUserEnabled
	if disabled {
		action = AuditUserDisabled
	}
	defer d.wake()
	_, err := write(ctx, d, "set user disabled", func(ctx context.Context, q runner) (none struct{}, err error) {
		// This row is locked first: a sign-in and a code for the same user queue behind it
		// or are seen by the statements below.
		var was bool
		if err := found("find user", q.QueryRowContext(ctx, `UPDATE users SET disabled = disabled WHERE id = $1 RETURNING disabled`, userID).Scan(&was)); err != nil {
			return none, err
		}
		if _, err := q.ExecContext(ctx, `UPDATE users SET disabled = $1 WHERE id = $2`, disabled, userID); err != nil {
			return none, err
		}
		owner, err := losingAdmin(ctx, q, `WHERE u.id = $1`, userID)
		if err != nil {
			return none, err
		}
		if disabled {
			if owner && !force {
				if err := someOwner(ctx, q); err != nil {
					return none, err
				}
			}
			if err := d.withdrawAll(ctx, q, userID, "user disabled"); err != nil {
				return none, err
			}
		}
		state := map[bool]string{true: "disabled", false: "enabled"}
		return none, d.audit(ctx, q, a, action, "user:"+userID, map[string]string{"before": state[was], "after": state[disabled]})
	})
	return err
}

// withdrawAll ends everything that a user holds, and notes which apps are to be told.
func (d *DB) withdrawAll(ctx context.Context, q runner, userID, why string) error {
	now := d.now()
	live, err := endAll(ctx, q, `user_id = $2`, now, userID)
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE grants SET revoked_at = $1, revoked_reason = $3
		WHERE user_id = $2 AND revoked_at = 0`, now, userID, why); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	if _, err := q.ExecContext(ctx, `UPDATE families SET revoked_at = $1
		WHERE revoked_at = 0 AND grant_id IN (SELECT id FROM grants WHERE user_id = $2)`, now, userID); err != nil {
		return fmt.Errorf("revoke refresh tokens: %w", err)
	}
	for _, s := range live {
		if err := forgetUpstream(ctx, q, s.sid); err != nil {
			return err
		}
	}
	return d.notify(ctx, q, live...)
}

// only gives the value or the error, never both.
func only[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}
