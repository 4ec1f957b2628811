package broker

import (
	"context"
	"errors"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// Accounts is storage's book of first-party accounts as a provider of kind local
// reads it. The roof hands one to each such provider.
func Accounts(db *storage.DB, slug string) providers.Accounts { return accounts{db, slug} }

type accounts struct {
	db   *storage.DB
	slug string
}

func (a accounts) Try(ctx context.Context, login, address string, code bool) (func(context.Context, bool) error, error) {
	tried, err := a.db.CountTry(ctx, storage.Actor{Kind: "system", ID: "provider:" + a.slug, IP: address},
		storage.Try{Provider: a.slug, Login: login, Address: address, Code: code})
	var held *storage.Held
	if errors.As(err, &held) {
		return nil, &providers.Held{Wait: held.Wait}
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, signedIn bool) error { return a.db.Forgive(ctx, tried, signedIn) }, nil
}

func (a accounts) At(ctx context.Context, login string) (providers.Account, error) {
	found, err := a.db.AccountAt(ctx, a.slug, login)
	if errors.Is(err, storage.ErrNotFound) {
		return providers.Account{}, nil
	}
	if err != nil {
		return providers.Account{}, err
	}
	return providers.Account{Subject: found.Subject, Login: found.Login, Name: found.Name, Email: found.Email, EmailVerified: found.EmailVerified,
		Groups: found.Groups, Hash: found.Hash, PasswordSince: found.ChangedAt, TOTP: found.TOTP}, nil
}

func (a accounts) Upgrade(ctx context.Context, subject, old, better string) error {
	return a.db.UpgradePassword(ctx, a.slug, subject, old, better)
}

func (a accounts) Spend(ctx context.Context, subject string, step int64) (bool, error) {
	return a.db.SpendTOTP(ctx, a.slug, subject, step)
}
