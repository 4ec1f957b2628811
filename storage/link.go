package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTaken means that an identity is another account's.
var ErrTaken = errors.New("the identity belongs to another account")

// Audit words of linking.
const (
	AuditLinkOffered    = "link_offered"
	AuditLinkRefused    = "link_refused"
	AuditIdentityLinked = "identity_linked"
)

// LinkOffer is an identity that a signed-in person may add to their account.
type LinkOffer struct {
	Hash, StateHash                          []byte
	UserID, SID, ProviderID, Issuer, Subject string
	Claims                                   map[string]any // sealed at rest
	ExpiresAt                                time.Time
}

// maxLinkOffers bounds what one account can have waiting; the oldest go.
const maxLinkOffers = 5

// OfferLink keeps what a provider said until the person agrees. Of any number of
// copies of one answer one makes an offer; the others get ErrStateSpent.
func (d *DB) OfferLink(ctx context.Context, a Actor, o LinkOffer) error {
	if len(o.Hash) < 16 || len(o.StateHash) < 16 || o.Subject == "" || len(o.Subject) > 255 || o.UserID == "" || o.SID == "" {
		return errors.New("offer link: hashes, account, session and subject are needed")
	}
	id := hashText(o.Hash)
	sealed, err := d.sealClaims("link_offers", id, o.Claims)
	if err != nil {
		return fmt.Errorf("offer link: %w", err)
	}
	_, err = write(ctx, d, "offer link", func(ctx context.Context, q runner) (none struct{}, err error) {
		if _, err := q.ExecContext(ctx, `DELETE FROM link_offers WHERE user_id = $1 AND hash NOT IN (
			SELECT hash FROM link_offers WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2)`, o.UserID, maxLinkOffers-1); err != nil {
			return none, err
		}
		n, err := exec(ctx, q, `INSERT INTO link_offers (hash, state_hash, user_id, sid, provider_id, issuer, subject, claims, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (state_hash) DO NOTHING`,
			id, hashText(o.StateHash), o.UserID, o.SID, o.ProviderID, o.Issuer, o.Subject, sealed, d.now(), micros(o.ExpiresAt))
		if err != nil {
			return none, err
		}
		if n == 0 {
			return none, ErrStateSpent
		}
		return none, d.audit(ctx, q, a, AuditLinkOffered, "user:"+o.UserID, map[string]string{"provider": o.ProviderID, "sid": o.SID})
	})
	return err
}

// LinkOffered finds an offer again: for this account and session, and still good.
func (d *DB) LinkOffered(ctx context.Context, hash []byte, userID, sid string) (*LinkOffer, error) {
	o := LinkOffer{Hash: hash, UserID: userID, SID: sid}
	err := d.read(ctx, `SELECT provider_id, issuer, subject FROM link_offers WHERE hash = $1 AND user_id = $2 AND sid = $3 AND expires_at > $4`,
		hashText(hash), userID, sid, d.now()).Scan(&o.ProviderID, &o.Issuer, &o.Subject)
	return only(&o, found("find link offer", err))
}

// AcceptLink adds an offered identity to the account that it was offered to. All
// bindings of the offer stand in one statement, which also spends it, whatever comes
// of it. ErrNotFound: no such offer for this account and session. ErrTaken: the identity
// is another account's by now. ErrDisabled: the account was disabled.
func (d *DB) AcceptLink(ctx context.Context, a Actor, hash []byte, userID, sid string) error {
	_, err := write(ctx, d, "accept link", func(ctx context.Context, q runner) (none struct{}, err error) {
		var providerID, issuer, subject, sealed string
		id := hashText(hash)
		err = q.QueryRowContext(ctx, `DELETE FROM link_offers WHERE hash = $1 AND user_id = $2 AND sid = $3 AND expires_at > $4
			RETURNING provider_id, issuer, subject, claims`, id, userID, sid, d.now()).Scan(&providerID, &issuer, &subject, &sealed)
		if err := found("find link offer", err); err != nil {
			return none, err
		}
		claims, err := d.openClaims("link_offers", id, sealed)
		if err != nil {
			return none, err
		}
		n, err := exec(ctx, q, `UPDATE users SET disabled = disabled WHERE id = $1 AND NOT disabled`, userID)
		if err != nil {
			return none, err
		}
		if n == 0 {
			return none, verdict{ErrDisabled}
		}
		switch taken, err := d.addIdentity(ctx, q, userID, providerID, issuer, subject, claims); {
		case err != nil:
			return none, err
		case taken:
			err := d.audit(ctx, q, a, AuditLinkRefused, "user:"+userID, map[string]string{"provider": providerID, "reason": "it belongs to another account"})
			return none, errors.Join(err, verdict{ErrTaken})
		}
		return none, d.audit(ctx, q, a, AuditIdentityLinked, "user:"+userID, map[string]string{"provider": providerID, "how": "the person added it", "sid": sid})
	})
	return err
}

// addIdentity gives an identity to a user; the unique key (provider, subject) decides
// who has it. One that the user has already is fine.
func (d *DB) addIdentity(ctx context.Context, q runner, userID, providerID, issuer, subject string, claims map[string]any) (taken bool, err error) {
	sealed, err := d.sealClaims("identities", identityPlace(providerID, subject), claims)
	if err != nil {
		return false, err
	}
	n, err := exec(ctx, q, `INSERT INTO identities (provider_id, subject, user_id, issuer, claims, claims_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (provider_id, subject) DO NOTHING`, providerID, subject, userID, issuer, sealed, d.now())
	if err != nil || n == 1 {
		return false, err
	}
	var owner string
	err = q.QueryRowContext(ctx, `SELECT user_id FROM identities WHERE provider_id = $1 AND subject = $2`, providerID, subject).Scan(&owner)
	return owner != userID, found("find identity", err)
}

// UsersByAddress lists the enabled users with an address that counts as verified,
// at most two: one is an answer, two are none.
func (d *DB) UsersByAddress(ctx context.Context, email string) ([]User, error) {
	var out []User
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		var u User
		err := row.Scan(u.fields()...)
		out = append(out, u)
		return err
	}, `SELECT `+userColumns+` FROM users u WHERE LOWER(u.email) = LOWER($1) AND u.email_verified AND NOT u.disabled ORDER BY u.created_at LIMIT 2`, email)
	return out, found("find users by address", err)
}

// join gives a new identity to the user who has its address, inside a sign-in. Whatever
// was there before the owner of the address came is swept out in the same transaction:
// sessions, refresh tokens, offers and invitations (Sudhodanan and Paverd 2022, L04).
func (d *DB) join(ctx context.Context, q runner, a Actor, in SignIn) (*User, error) {
	u := &User{}
	err := q.QueryRowContext(ctx, `UPDATE users SET name = CASE WHEN name = '' THEN $2 ELSE name END
		WHERE id = $1 AND NOT disabled AND email_verified AND LOWER(email) = LOWER($3)
		RETURNING id, subject, name, email, email_verified, disabled, created_at`, in.JoinUser, in.Name, in.Email).Scan(u.fields()...)
	if err := found("find the account of the address", err); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil, ErrConflict // it changed since it was looked at
		}
		return nil, err
	}
	var there int
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM identities WHERE user_id = $1 AND provider_id = $2`, u.ID, in.ProviderID).Scan(&there)
	if err != nil {
		return nil, err
	}
	if there > 0 { // the provider gave this address to somebody else (L10)
		return nil, ErrConflict
	}
	switch held, err := admins(ctx, q, `WHERE u.id = $1`, u.ID); {
	case err != nil:
		return nil, err
	case len(held) > 0: // see broker.ownerOfAddress
		return nil, ErrConflict
	}
	taken, err := d.addIdentity(ctx, q, u.ID, in.ProviderID, in.Issuer, in.Subject, in.Claims)
	if err == nil && taken {
		err = ErrConflict
	}
	if err == nil {
		err = d.withdrawAll(ctx, q, u.ID, "another way to sign in was added")
	}
	if err == nil {
		_, err = q.ExecContext(ctx, `DELETE FROM link_offers WHERE user_id = $1`, u.ID)
	}
	if err == nil {
		_, err = q.ExecContext(ctx, `UPDATE invitations SET expires_at = $2 WHERE used_at = 0 AND expires_at > $2
			AND EXISTS (SELECT 1 FROM identities i WHERE i.user_id = $1 AND i.provider_id = invitations.provider_id AND i.subject = invitations.subject)`, u.ID, d.now())
	}
	if err == nil {
		err = d.audit(ctx, q, a, AuditIdentityLinked, "user:"+u.ID, map[string]string{"provider": in.ProviderID, "how": "both addresses are verified"})
	}
	return u, err
}
