package main

import (
	"context"
	"errors"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// resident is the one person whom dev's broker recognises by itself (kind: local). The
// password is drawn for each run.
const resident = "dana"

// ownSlug is where configs/dev.yaml has the resident live.
const ownSlug = "local"

// settle makes the resident, or with --data gives the one of an earlier run a new password.
func (v *village) settle(ctx context.Context) error {
	db := v.house.db
	v.password = drawPassword()
	hash, err := password.Hash(ctx, password.Normal(v.password))
	if err != nil {
		return err
	}
	a, err := db.Account(ctx, ownSlug, resident)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return db.MakeAccounts(ctx, shell, ownSlug, storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: resident, Hash: hash,
			Name: "Dana Doorkeeper", Email: resident + "@acme.example", EmailVerified: true})
	case err != nil:
		return err
	}
	return db.SetPassword(ctx, shell, ownSlug, a.Subject, hash)
}
