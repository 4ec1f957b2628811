package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Account is how this house recognises one of its own people: a login name and a
// password at a provider of kind local. It hangs on an identity like any other.
type Account struct {
	Provider      string // slug
	Subject       string
	Login         string
	Hash          string // of the password; "" until one is set
	TOTP          string // secret of the second factor; "" where there is none
	Name, Email   string
	EmailVerified bool // the administrator's word
	Groups        []string
	User          User
	CreatedAt     time.Time
	ChangedAt     time.Time // of the password
	LastSignIn    time.Time
}

// NewAccount is an account to make, with its user and identity.
type NewAccount struct {
	Subject                 string // random, at the provider
	UserSubject             string // random, what apps see as sub
	Login                   string // normalised by the caller; unique at the provider
	Hash, TOTP              string
	Name, Email             string
	EmailVerified, Disabled bool
	Groups                  []string
}

const accountColumns = `p.slug, a.subject, a.login, a.provider_id, a.hash, a.totp, a.name, a.email, a.email_verified, a.member_of, a.created_at, a.changed_at, i.claims_at`

const accountTables = ` FROM accounts a JOIN providers p ON p.id = a.provider_id
	JOIN identities i ON i.provider_id = a.provider_id AND i.subject = a.subject JOIN users u ON u.id = i.user_id `

func (d *DB) scanAccount(row scanner) (*Account, error) {
	var a Account
	var providerID, hash, totp string
	fields := []any{&a.Provider, &a.Subject, &a.Login, &providerID, &hash, &totp, &a.Name, &a.Email, &a.EmailVerified, list{&a.Groups},
		when{&a.CreatedAt}, when{&a.ChangedAt}, when{&a.LastSignIn}}
	if err := row.Scan(append(fields, a.User.fields()...)...); err != nil {
		return nil, err
	}
	for _, column := range []struct {
		name, sealed string
		to           *string
	}{{"hash", hash, &a.Hash}, {"totp", totp, &a.TOTP}} {
		plain, err := d.sealer.openColumn("accounts", identityPlace(providerID, a.Subject), column.name, column.sealed)
		if err != nil {
			return nil, err
		}
		*column.to = string(plain)
	}
	return &a, nil
}

// AccountAt returns the account of a login name, or, for a name that nobody has, its
// neighbour in the book: whoever refuses both does the same work for both. Compare
// Login to tell them apart. ErrNotFound where there is no neighbour either.
func (d *DB) AccountAt(ctx context.Context, provider, login string) (*Account, error) {
	a, err := d.scanAccount(d.read(ctx, `SELECT `+accountColumns+`, `+userColumns+accountTables+`
		WHERE a.provider_id = (SELECT id FROM providers WHERE slug = $1) AND a.place >= $2 ORDER BY a.place LIMIT 1`, provider, loginPlace(login)))
	return only(a, found("find account", err))
}

// Account returns the account of a login name, and no other.
func (d *DB) Account(ctx context.Context, provider, login string) (*Account, error) {
	a, err := d.AccountAt(ctx, provider, login)
	if err == nil && a.Login != login {
		return nil, fmt.Errorf("find account: %w", ErrNotFound)
	}
	return a, err
}

// Accounts lists a provider's accounts by login name.
func (d *DB) Accounts(ctx context.Context, provider string, limit int) ([]Account, error) {
	var out []Account
	err := each(ctx, d.engine.reader(), func(row scanner) error {
		a, err := d.scanAccount(row)
		if err == nil {
			out = append(out, *a)
		}
		return err
	}, `SELECT `+accountColumns+`, `+userColumns+accountTables+`WHERE p.slug = $1 ORDER BY a.login LIMIT $2`, provider, limit)
	return out, found("list accounts", err)
}

// MakeAccounts makes accounts with their users and identities: all of them, or none.
// ErrConflict names a login that is taken.
func (d *DB) MakeAccounts(ctx context.Context, a Actor, provider string, accounts ...NewAccount) error {
	for _, in := range accounts {
		if in.Login == "" || in.Subject == "" || in.UserSubject == "" {
			return errors.New("make account: login and subjects are needed")
		}
	}
	_, err := write(ctx, d, "make accounts", func(ctx context.Context, q runner) (none struct{}, err error) {
		providerID, issuer, err := boundProvider(ctx, q, provider)
		if err != nil {
			return none, err
		}
		for _, in := range accounts {
			if err := d.makeAccount(ctx, q, a, providerID, issuer, in); err != nil {
				return none, err
			}
		}
		return none, nil
	})
	return err
}

func (d *DB) makeAccount(ctx context.Context, q runner, a Actor, providerID, issuer string, in NewAccount) error {
	place, now, userID := identityPlace(providerID, in.Subject), d.now(), newID()
	claims, err := d.sealClaims("identities", place, map[string]any{"sub": in.Subject})
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO users (id, subject, name, email, email_verified, disabled, created_at) VALUES ($1, $2, $3, $4, FALSE, $5, $6)`,
		userID, in.UserSubject, in.Name, in.Email, in.Disabled, now); err != nil {
		return fmt.Errorf("make user: %w", err)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO identities (provider_id, subject, user_id, issuer, claims, claims_at, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)`,
		providerID, in.Subject, userID, issuer, claims, now); err != nil {
		return fmt.Errorf("make identity: %w", err)
	}
	n, err := exec(ctx, q, `INSERT INTO accounts (provider_id, subject, login, place, hash, totp, totp_step, name, email, email_verified, member_of, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $11) ON CONFLICT (provider_id, place) DO NOTHING`, providerID, in.Subject, in.Login, loginPlace(in.Login),
		d.sealer.sealColumn("accounts", place, "hash", []byte(in.Hash)), d.sealer.sealColumn("accounts", place, "totp", []byte(in.TOTP)),
		in.Name, in.Email, in.EmailVerified && in.Email != "", listText(in.Groups), now)
	if err != nil {
		return fmt.Errorf("make account: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("%w: the name %s is taken", ErrConflict, in.Login)
	}
	return d.audit(ctx, q, a, AuditAccountMade, "user:"+userID, map[string]string{"provider": providerID})
}

// SetPassword replaces an account's password and ends what its person holds: their
// sessions, grants and refresh tokens, and links that would set a password.
func (d *DB) SetPassword(ctx context.Context, a Actor, provider, subject, hash string) error {
	defer d.wake()
	defer d.wake()
	_, err := write(ctx, d, "set password", func(ctx context.Context, q runner) (none struct{}, err error) {
		providerID, _, err := boundProvider(ctx, q, provider)
		if err != nil {
			return none, err
		}
		return none, d.setPassword(ctx, q, a, providerID, subject, hash)
	})
	return err
}

func (d *DB) setPassword(ctx context.Context, q runner, a Actor, providerID, subject, hash string) error {
	var userID string
	// The user's row is locked first, as a disable does.
	err := q.QueryRowContext(ctx, `UPDATE users SET disabled = disabled WHERE id = (SELECT user_id FROM identities WHERE provider_id = $1 AND subject = $2)
		RETURNING id`, providerID, subject).Scan(&userID)
	if err := found("find user", err); err != nil {
		return err
	}
	n, err := exec(ctx, q, `UPDATE accounts SET hash = $3, changed_at = $4 WHERE provider_id = $1 AND subject = $2`, providerID, subject,
		d.sealer.sealColumn("accounts", identityPlace(providerID, subject), "hash", []byte(hash)), d.now())
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM invitations WHERE provider_id = $1 AND subject = $2 AND used_at = 0`, providerID, subject); err != nil {
		return err
	}
	if err := d.withdrawAll(ctx, q, userID, "password changed"); err != nil {
		return err
	}
	return d.audit(ctx, q, a, AuditPasswordSet, "user:"+userID, nil)
}

// UpgradePassword replaces one hash of a password by a better one of the same. Nothing
// else changes; if somebody else changed the password meanwhile, theirs stays.
func (d *DB) UpgradePassword(ctx context.Context, provider, subject, old, better string) error {
	_, err := write(ctx, d, "upgrade password", func(ctx context.Context, q runner) (none struct{}, err error) {
		var providerID, sealed string
		err = q.QueryRowContext(ctx, `SELECT a.provider_id, a.hash FROM accounts a JOIN providers p ON p.id = a.provider_id WHERE p.slug = $1 AND a.subject = $2`,
			provider, subject).Scan(&providerID, &sealed)
		if err := found("find account", err); err != nil {
			return none, err
		}
		place := identityPlace(providerID, subject)
		plain, err := d.sealer.openColumn("accounts", place, "hash", sealed)
		if err != nil || string(plain) != old {
			return none, err
		}
		_, err = q.ExecContext(ctx, `UPDATE accounts SET hash = $3 WHERE provider_id = $1 AND subject = $2 AND hash = $4`, providerID, subject,
			d.sealer.sealColumn("accounts", place, "hash", []byte(better)), sealed)
		return none, err
	})
	return err
}

// SetTOTP gives an account a second factor, or takes it away with "".
func (d *DB) SetTOTP(ctx context.Context, a Actor, provider, subject, secret string) error {
	_, err := write(ctx, d, "set second factor", func(ctx context.Context, q runner) (none struct{}, err error) {
		providerID, _, err := boundProvider(ctx, q, provider)
		if err != nil {
			return none, err
		}
		place := identityPlace(providerID, subject)
		n, err := exec(ctx, q, `UPDATE accounts SET totp = $3, totp_step = 0 WHERE provider_id = $1 AND subject = $2`, providerID, subject,
			d.sealer.sealColumn("accounts", place, "totp", []byte(secret)))
		if err != nil {
			return none, err
		}
		if n == 0 {
			return none, ErrNotFound
		}
		action := AuditTOTPOn
		if secret == "" {
			action = AuditTOTPOff
		}
		return none, d.audit(ctx, q, a, action, "account:"+place, nil)
	})
	return err
}

// SpendTOTP uses up the code of a time step: of any number of tries with it, or with
// an older one, the first wins (RFC 6238 §5.2).
func (d *DB) SpendTOTP(ctx context.Context, provider, subject string, step int64) (won bool, err error) {
	n, err := write(ctx, d, "spend a code", func(ctx context.Context, q runner) (int64, error) {
		return exec(ctx, q, `UPDATE accounts SET totp_step = $3 WHERE provider_id = (SELECT id FROM providers WHERE slug = $1) AND subject = $2 AND totp_step < $3`,
			provider, subject, step)
	})
	return n == 1, err
}

// loginPlace is where a login name stands in the book.
func loginPlace(login string) string {
	sum := sha256.Sum256([]byte("login " + login))
	return hashText(sum[:])
}
