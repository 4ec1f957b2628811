package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// AuditIdentityUnlinked says that an identity was taken from its user.
const AuditIdentityUnlinked = "identity_unlinked"

// EraseUser removes a user and everything personal about them: identities, sessions,
// grants, consents, account, admin role and the traces of their logins. It notes which
// apps are to be told. Audit rows stay: they hold ids. If the same person comes back
// they are somebody new: ids and subjects are never reused. ErrLastOwner unless forced.
func (d *DB) EraseUser(ctx context.Context, a Actor, userID string, force bool) error {
	strange, err := d.loginsBefore(ctx, userID)
	if err != nil {
		return err
	}
	defer d.wake()
	_, err = write(ctx, d, "erase user", func(ctx context.Context, q runner) (none struct{}, err error) {
		n, err := exec(ctx, q, `UPDATE users SET disabled = TRUE WHERE id = $1`, userID)
		if err != nil {
			return none, err
		}
		if n == 0 {
			return none, ErrNotFound
		}
		owner, err := losingAdmin(ctx, q, `WHERE u.id = $1`, userID)
		if err != nil {
			return none, err
		}
		if owner && !force {
			if err := someOwner(ctx, q); err != nil {
				return none, err
			}
		}
		if err := d.withdrawAll(ctx, q, userID, "user erased"); err != nil {
			return none, err
		}
		for _, reference := range strange {
			if _, err := q.ExecContext(ctx, `DELETE FROM logins WHERE reference = $1`, reference); err != nil {
				return none, fmt.Errorf("erase logins: %w", err)
			}
		}
		gone, err := exec(ctx, q, `DELETE FROM logins WHERE user_id = $1`, userID)
		if err != nil {
			return none, fmt.Errorf("erase logins: %w", err)
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, userID); err != nil {
			return none, err
		}
		return none, d.audit(ctx, q, a, AuditUserDeleted, "user:"+userID, map[string]string{"logins": strconv.FormatInt(gone+int64(len(strange)), 10)})
	})
	return err
}

// loginsBefore lists the traces of a user's identities from when they were nobody here,
// such as a refused sign-up.
func (d *DB) loginsBefore(ctx context.Context, userID string) (references []string, err error) {
	err = each(ctx, d.engine.reader(), func(row scanner) error {
		var reference string
		err := row.Scan(&reference)
		references = append(references, reference)
		return err
	}, `SELECT l.reference FROM identities i JOIN logins l ON l.user_id = '' AND l.provider_id = i.provider_id AND l.subject = i.subject WHERE i.user_id = $1`, userID)
	return references, found("find logins", err)
}

// Unlink takes an identity from a user, with the sessions, grants and admin role that
// rest on it. ErrNotFound when it is not theirs; ErrLastIdentity and ErrLastOwner unless
// forced.
func (d *DB) Unlink(ctx context.Context, a Actor, userID, providerID, subject string, force bool) error {
	defer d.wake()
	_, err := write(ctx, d, "unlink", func(ctx context.Context, q runner) (none struct{}, err error) {
		// The user's row is locked first, as by a sign-in: one that is under way with this
		// identity is either seen here or finds it gone.
		n, err := exec(ctx, q, `UPDATE users SET disabled = disabled WHERE id = $1`, userID)
		if err != nil {
			return none, err
		}
		var theirs, others int64
		err = q.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN provider_id = $2 AND subject = $3 THEN 1 ELSE 0 END), 0), COUNT(*) FROM identities WHERE user_id = $1`,
			userID, providerID, subject).Scan(&theirs, &others)
		switch {
		case err != nil:
			return none, found("find identity", err)
		case n == 0 || theirs == 0:
			return none, ErrNotFound
		case others == 1 && !force:
			return none, ErrLastIdentity
		}
		owner, err := losingAdmin(ctx, q, `WHERE a.provider_id = $1 AND a.subject = $2`, providerID, subject)
		if err != nil {
			return none, err
		}
		if err := d.withdrawIdentity(ctx, q, userID, providerID, subject); err != nil {
			return none, err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM identities WHERE provider_id = $1 AND subject = $2`, providerID, subject); err != nil {
			return none, fmt.Errorf("remove the identity: %w", err)
		}
		if owner && !force {
			if err := someOwner(ctx, q); err != nil {
				return none, err
			}
		}
		return none, d.audit(ctx, q, a, AuditIdentityUnlinked, "user:"+userID, map[string]string{"provider": providerID})
	})
	return err
}

// withdrawIdentity ends what rests on one identity: its sessions, and the grants given
// in them, those for offline access as well.
func (d *DB) withdrawIdentity(ctx context.Context, q runner, userID, providerID, subject string) error {
	now := d.now()
	over, err := endAll(ctx, q, `user_id = $2 AND provider_id = $3 AND subject = $4`, now, userID, providerID, subject)
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE grants SET revoked_at = $1, revoked_reason = 'identity unlinked'
		WHERE user_id = $2 AND provider_id = $3 AND subject = $4 AND revoked_at = 0`, now, userID, providerID, subject); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	if _, err := q.ExecContext(ctx, `UPDATE families SET revoked_at = $1 WHERE revoked_at = 0 AND grant_id IN
		(SELECT id FROM grants WHERE user_id = $2 AND provider_id = $3 AND subject = $4)`, now, userID, providerID, subject); err != nil {
		return fmt.Errorf("revoke refresh tokens: %w", err)
	}
	for _, s := range over {
		if err := d.finish(ctx, q, s); err != nil {
			return err
		}
	}
	return nil
}

// EndSessionsOf signs a user out everywhere, as EndSession does, and tells of how many
// sessions. Offline access stays.
func (d *DB) EndSessionsOf(ctx context.Context, a Actor, userID string) (int, error) {
	return d.EndOtherSessions(ctx, a, userID, "")
}

// UserExport is everything that is kept about a person.
type UserExport struct {
	At                       time.Time
	User                     User
	Identities               []Identity
	Account                  *Account // nil unless they have a password here; without its secrets
	HasPassword, HasTwoSteps bool
	Admin                    []Admin
	Sessions                 []Session
	Access                   []Access
	Consents                 []Consent
	Logins                   []Login
	Audit                    []AuditRow
}

// ExportUser returns everything that is kept about a person.
func (d *DB) ExportUser(ctx context.Context, userID string) (*UserExport, error) {
	u, err := d.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	x := &UserExport{At: fromMicros(d.now()), User: *u}
	x.Account, err = d.AccountOf(ctx, userID)
	if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	if x.Account != nil {
		x.HasPassword, x.HasTwoSteps = x.Account.Hash != "", x.Account.TOTP != ""
		x.Account.Hash, x.Account.TOTP = "", ""
	}
	var errs [7]error
	x.Identities, errs[0] = d.Identities(ctx, userID)
	x.Admin, errs[1] = admins(ctx, d.engine.reader(), `WHERE u.id = $1`, userID)
	x.Sessions, errs[2] = d.SessionsOf(ctx, userID)
	x.Access, errs[3] = d.AccessOf(ctx, userID)
	x.Consents, errs[4] = d.Consents(ctx, userID)
	x.Logins, errs[5] = d.loginsOf(ctx, userID)
	x.Audit, errs[6] = d.auditOf(ctx, userID)
	return only(x, errors.Join(errs[:]...))
}

// AccountOf returns a user's account with a password here, or ErrNotFound.
func (d *DB) AccountOf(ctx context.Context, userID string) (*Account, error) {
	a, err := d.scanAccount(d.read(ctx, `SELECT `+accountColumns+`, `+userColumns+accountTables+` WHERE u.id = $1 ORDER BY a.created_at LIMIT 1`, userID))
	return only(a, found("find account", err))
}
