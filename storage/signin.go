package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SignIn is everything that one upstream login changes.
type SignIn struct {
	StateHash                   []byte
	StateExpires                time.Time
	ProviderID, Issuer, Subject string
	Claims                      map[string]any
	Create                      bool   // sign-up is allowed
	NewSubject                  string // random, for a user made now
	JoinUser                    string // the account that an unknown identity is to be added to, because of its address; or ""
	Name, Email                 string
	EmailVerified               bool
	PasswordSince               time.Time // the Account.ChangedAt under which a password was checked, or zero
	Session                     NewSession
	EndSession                  []byte    // hash of the browser's old session id, or nil
	Grant                       *NewGrant // with its code, when the app may have it at once
}

// SignIn writes one upstream login in one transaction: it spends the state, makes
// or refreshes user and identity, begins the session and, when there is a grant,
// issues its code. Of any number of callbacks with one state one wins; the others
// get ErrStateSpent. It changes a user's profile only: never id, sub, or disabled.
//
// ErrNoUser: unknown, and sign-up is not allowed. ErrDisabled: known and disabled.
// Neither signs anyone in; only the latter leaves a trace, as only it is bounded.
// ErrPasswordChanged: the password that was checked is not the account's any more.
// ErrConflict: the account to join is not what it was when it was looked at.
func (d *DB) SignIn(ctx context.Context, a Actor, in SignIn) (*Session, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	sealed, err := d.sealClaims("identities", identityPlace(in.ProviderID, in.Subject), in.Claims)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if in.EndSession != nil || in.JoinUser != "" {
		defer d.wake()
	}
	return write(ctx, d, "sign in", func(ctx context.Context, q runner) (*Session, error) {
		n, err := exec(ctx, q, `INSERT INTO spent_states (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`,
			hashText(in.StateHash), micros(in.StateExpires))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, ErrStateSpent
		}
		u, err := d.recognise(ctx, q, a, in, sealed)
		if errors.Is(err, ErrDisabled) {
			if err := d.audit(ctx, q, a, AuditSignInRefused, "user:"+u.ID, map[string]string{"reason": "disabled"}); err != nil {
				return nil, err
			}
			return nil, verdict{ErrDisabled}
		}
		if err == nil {
			err = in.samePassword(ctx, q)
		}
		if err != nil {
			return nil, err
		}
		s, err := d.beginSession(ctx, q, a, u, in)
		if err != nil {
			return nil, err
		}
		if in.EndSession != nil {
			if err := d.replaceSession(ctx, q, a, in.EndSession, s); err != nil {
				return nil, err
			}
		}
		if in.Grant != nil {
			if err := d.issue(ctx, q, a, u.ID, in.Subject, s, *in.Grant); err != nil {
				return nil, err
			}
		}
		return s, d.audit(ctx, q, a, AuditSignIn, "user:"+u.ID, signInDetail(in, s))
	})
}

func (in *SignIn) check() error {
	switch {
	case len(in.StateHash) < 16, len(in.Session.IDHash) < 16:
		return errors.New("sign in: state and session must be hashes")
	case in.Subject == "" || len(in.Subject) > 255: // OpenID Connect Core §2: sub
		return errors.New("sign in: the subject must have 1 to 255 bytes")
	case in.ProviderID == "" || in.Issuer == "" || in.Session.SID == "":
		return errors.New("sign in: provider, issuer and sid are needed")
	case in.Create && in.NewSubject == "":
		return errors.New("sign in: a new user needs a subject")
	case in.Session.Idle <= 0 || in.Session.ExpiresAt.IsZero():
		return errors.New("sign in: a session needs its limits")
	}
	if in.Grant != nil {
		return in.Grant.check()
	}
	return nil
}

// recognise finds the user of an identity and notes what upstream says today, or
// makes both. With ErrDisabled it still names the user.
func (d *DB) recognise(ctx context.Context, q runner, a Actor, in SignIn, sealed string) (*User, error) {
	for first := true; ; first = false {
		var userID, issuer string
		var older int64 // identities that the user had before this one
		err := q.QueryRowContext(ctx, `SELECT i.user_id, i.issuer, (SELECT COUNT(*) FROM identities o WHERE o.user_id = i.user_id AND o.created_at < i.created_at)
			FROM identities i WHERE i.provider_id = $1 AND i.subject = $2`, in.ProviderID, in.Subject).Scan(&userID, &issuer, &older)
		err = found("find identity", err)
		switch {
		case err == nil && issuer != in.Issuer:
			return nil, ErrIssuerChanged
		case err == nil:
			return d.refreshUser(ctx, q, in, userID, sealed, older == 0)
		case !errors.Is(err, ErrNotFound):
			return nil, err
		case in.JoinUser != "":
			return d.join(ctx, q, a, in)
		case !in.Create:
			return nil, ErrNoUser
		case !first: // the winner's row came and went: a deletion in between
			return nil, ErrConflict
		}
		u, made, err := d.makeUser(ctx, q, a, in, sealed)
		if err != nil || made {
			return u, err
		}
	}
}

// samePassword keeps a login that was under way with the old password from outliving
// the change. The user's row is locked by now, as SetPassword does: the change either
// came first and is seen here, or comes after and ends the session made below.
func (in *SignIn) samePassword(ctx context.Context, q runner) error {
	if in.PasswordSince.IsZero() {
		return nil
	}
	var one int
	err := found("find account", q.QueryRowContext(ctx, `SELECT 1 FROM accounts WHERE provider_id = $1 AND subject = $2 AND changed_at = $3`,
		in.ProviderID, in.Subject, micros(in.PasswordSince)).Scan(&one))
	if errors.Is(err, ErrNotFound) {
		return ErrPasswordChanged
	}
	return err
}

// refreshUser notes what upstream says today. Name and address of the account are those
// of the identity that it began with: one that was added later does not rename it.
func (d *DB) refreshUser(ctx context.Context, q runner, in SignIn, userID, sealed string, own bool) (*User, error) {
	u := &User{ID: userID}
	// NOT disabled in WHERE, and the row stays locked until commit: a disable either
	// came first and is seen here, or comes after and ends the session made below.
	err := q.QueryRowContext(ctx, `UPDATE users SET name = CASE WHEN $2 = '' OR NOT $5 THEN name ELSE $2 END,
		email = CASE WHEN $5 THEN $3 ELSE email END, email_verified = CASE WHEN $5 THEN $4 ELSE email_verified END
		WHERE id = $1 AND NOT disabled RETURNING id, subject, name, email, email_verified, disabled, created_at`, userID, in.Name, in.Email, in.EmailVerified && in.Email != "", own).Scan(u.fields()...)
	if err := found("refresh user", err); err != nil {
		if errors.Is(err, ErrNotFound) {
			return &User{ID: userID}, ErrDisabled
		}
		return nil, err
	}
	n, err := exec(ctx, q, `UPDATE identities SET claims = $3, claims_at = $4 WHERE provider_id = $1 AND subject = $2 AND issuer = $5 AND user_id = $6`,
		in.ProviderID, in.Subject, sealed, d.now(), in.Issuer, userID)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return u, err
}

// makeUser makes user and identity. made is false when another login of the same
// person was first; the unique key (provider, subject) decides.
func (d *DB) makeUser(ctx context.Context, q runner, a Actor, in SignIn, sealed string) (u *User, made bool, err error) {
	var one int
	err = q.QueryRowContext(ctx, `SELECT 1 FROM providers WHERE id = $1 AND issuer = $2`, in.ProviderID, in.Issuer).Scan(&one)
	if err := found("find provider", err); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil, false, ErrIssuerChanged
		}
		return nil, false, err
	}
	now := d.now()
	u = &User{ID: newID(), Subject: in.NewSubject, Name: in.Name, Email: in.Email, EmailVerified: in.EmailVerified && in.Email != "", CreatedAt: fromMicros(now)}
	if _, err := q.ExecContext(ctx, `INSERT INTO users (id, subject, name, email, email_verified, disabled, created_at) VALUES ($1, $2, $3, $4, $5, FALSE, $6)`,
		u.ID, u.Subject, u.Name, u.Email, u.EmailVerified, now); err != nil {
		return nil, false, fmt.Errorf("make user: %w", err)
	}
	n, err := exec(ctx, q, `INSERT INTO identities (provider_id, subject, user_id, issuer, claims, claims_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (provider_id, subject) DO NOTHING`, in.ProviderID, in.Subject, u.ID, in.Issuer, sealed, now)
	if err != nil {
		return nil, false, fmt.Errorf("make identity: %w", err)
	}
	if n == 0 {
		_, err := q.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, u.ID)
		return nil, false, err
	}
	return u, true, d.audit(ctx, q, a, AuditUserCreated, "user:"+u.ID, map[string]string{"provider": in.ProviderID})
}

func signInDetail(in SignIn, s *Session) map[string]string {
	detail := map[string]string{"provider": in.ProviderID, "sid": s.SID}
	if in.Grant != nil {
		detail["client"], detail["grant"] = in.Grant.ClientID, in.Grant.ID
	}
	return detail
}
