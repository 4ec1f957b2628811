package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// NewHolder says that an identity is to be a user's, by an administrator's hand.
type NewHolder struct {
	UserID                      string
	ProviderID, Issuer, Subject string
	From                        string // the user who has it now; "" where nobody does
	Force                       bool   // even if no owner could sign in then
}

// GiveIdentity makes an identity a user's: one that nobody has yet, or one that it takes
// from the user who has it, with the sessions and grants that rest on it there. That is for
// a provider that knows somebody by another subject than before: nothing but a person's
// word ties the two, and no address does (L10). An admin role stays with its identity.
//
// ErrNotFound: there is no such user. ErrTaken: From is not who has it. ErrLastOwner unless
// forced. What the user has already is given silently.
func (d *DB) GiveIdentity(ctx context.Context, a Actor, h NewHolder) error {
	defer d.wake()
	_, err := write(ctx, d, "give identity", func(ctx context.Context, q runner) (none struct{}, err error) {
		// Both rows are locked as by a sign-in, in one order: two moves cannot wait for each other.
		locked := []string{h.UserID}
		if h.From != "" && h.From != h.UserID {
			locked = append(locked, h.From)
		}
		slices.Sort(locked)
		for _, id := range locked {
			n, err := exec(ctx, q, `UPDATE users SET disabled = disabled WHERE id = $1`, id)
			if err != nil {
				return none, err
			}
			if n == 0 {
				return none, ErrNotFound
			}
		}
		var holder string
		err = found("find identity", q.QueryRowContext(ctx, `SELECT user_id FROM identities WHERE provider_id = $1 AND subject = $2`, h.ProviderID, h.Subject).Scan(&holder))
		switch {
		case errors.Is(err, ErrNotFound) && h.From == "":
			taken, err := d.addIdentity(ctx, q, h.UserID, h.ProviderID, h.Issuer, h.Subject, map[string]any{})
			if err == nil && taken { // a first sign-in was quicker
				err = ErrTaken
			}
			if err == nil { // the provider has said nothing of them yet
				_, err = exec(ctx, q, `UPDATE identities SET claims_at = 0 WHERE provider_id = $1 AND subject = $2`, h.ProviderID, h.Subject)
			}
			if err == nil {
				err = d.audit(ctx, q, a, AuditIdentityLinked, "user:"+h.UserID, map[string]string{"provider": h.ProviderID, "how": "an administrator gave it"})
			}
			return none, err
		case errors.Is(err, ErrNotFound):
			return none, ErrTaken
		case err != nil:
			return none, err
		case holder == h.UserID:
			return none, nil
		case holder != h.From:
			return none, ErrTaken
		}
		return none, d.moveIdentity(ctx, q, a, h)
	})
	return err
}

func (d *DB) moveIdentity(ctx context.Context, q runner, a Actor, h NewHolder) error {
	owner, err := losingAdmin(ctx, q, `WHERE a.provider_id = $1 AND a.subject = $2`, h.ProviderID, h.Subject)
	if err != nil {
		return err
	}
	if err := d.withdrawIdentity(ctx, q, h.From, h.ProviderID, h.Subject); err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE identities SET user_id = $1 WHERE provider_id = $2 AND subject = $3`, h.UserID, h.ProviderID, h.Subject); err != nil {
		return fmt.Errorf("give the identity: %w", err)
	}
	if owner && !h.Force { // whoever gets it may be disabled
		if err := someOwner(ctx, q); err != nil {
			return err
		}
	}
	if err := d.audit(ctx, q, a, AuditIdentityUnlinked, "user:"+h.From, map[string]string{"provider": h.ProviderID, "to": h.UserID}); err != nil {
		return err
	}
	return d.audit(ctx, q, a, AuditIdentityLinked, "user:"+h.UserID, map[string]string{"provider": h.ProviderID, "from": h.From, "how": "an administrator gave it"})
}
