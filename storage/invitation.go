package storage

import (
	"context"
	"fmt"
	"time"
)

// Invite keeps a link that sets an account's password, once. A link made earlier for
// the same account stops working.
func (d *DB) Invite(ctx context.Context, a Actor, provider, subject string, hash []byte, expires time.Time) error {
	if len(hash) < 16 {
		return fmt.Errorf("invite: the link must be a hash")
	}
	_, err := write(ctx, d, "invite", func(ctx context.Context, q runner) (none struct{}, err error) {
		providerID, _, err := boundProvider(ctx, q, provider)
		if err != nil {
			return none, err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM invitations WHERE provider_id = $1 AND subject = $2`, providerID, subject); err != nil {
			return none, err
		}
		n, err := exec(ctx, q, `INSERT INTO invitations (hash, provider_id, subject, created_at, expires_at, used_at)
			SELECT $1, provider_id, subject, $4, $5, 0 FROM accounts WHERE provider_id = $2 AND subject = $3`,
			hashText(hash), providerID, subject, d.now(), micros(expires))
		if err != nil {
			return none, err
		}
		if n == 0 {
			return none, ErrNotFound
		}
		return none, d.audit(ctx, q, a, AuditInvited, "account:"+identityPlace(providerID, subject), nil)
	})
	return err
}

// Invitation returns the account that a link is for: unused, in time, and of a person
// who is not disabled. All else is ErrNotFound.
func (d *DB) Invitation(ctx context.Context, hash []byte) (*Account, error) {
	a, err := d.scanAccount(d.read(ctx, `SELECT `+accountColumns+`, `+userColumns+accountTables+`
		JOIN invitations v ON v.provider_id = a.provider_id AND v.subject = a.subject
		WHERE v.hash = $1 AND v.used_at = 0 AND v.expires_at > $2 AND NOT u.disabled`, hashText(hash), d.now()))
	return only(a, found("find invitation", err))
}

// AcceptInvitation uses a link up and sets the password. Of any number of tries with
// one link the first wins; the others get ErrNotFound.
func (d *DB) AcceptInvitation(ctx context.Context, a Actor, hash []byte, password string) error {
	defer d.wake()
	defer d.wake()
	_, err := write(ctx, d, "accept invitation", func(ctx context.Context, q runner) (none struct{}, err error) {
		var providerID, subject string
		err = q.QueryRowContext(ctx, `UPDATE invitations SET used_at = $1 WHERE hash = $2 AND used_at = 0 AND expires_at > $1
			AND EXISTS (SELECT 1 FROM identities i JOIN users u ON u.id = i.user_id
				WHERE i.provider_id = invitations.provider_id AND i.subject = invitations.subject AND NOT u.disabled)
			RETURNING provider_id, subject`, d.now(), hashText(hash)).Scan(&providerID, &subject)
		if err := found("use the link", err); err != nil {
			return none, err
		}
		return none, d.setPassword(ctx, q, a, providerID, subject, password)
	})
	return err
}
