package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// resident is the one person whom dev's broker recognises by itself (kind: local). The
// password is drawn for each run.
const resident = "dana"

// ownSlug is where configs/dev.yaml has the resident live.
const ownSlug = "local"

// letIn makes a link to the console: there is no owner in a new world.
func (v *village) letIn(ctx context.Context) error {
	link, err := api.New("http://handstamp", &http.Client{Transport: within{v.house.desk.Shell()}}).NewAdminLink(ctx, "handstamp dev")
	if err == nil {
		v.console = link.Link
	}
	return err
}

// openSocket lets the shell's verbs in, as beside a real house. A path that is too long for
// a socket leaves them out.
func (v *village) openSocket() error {
	path := v.house.cfg.AdminSocket()
	if path == "" || !sockets {
		return nil
	}
	l, err := listenSocket(path)
	if err != nil {
		return err
	}
	v.socket = path
	v.doors = append(v.doors, &door{name: "shell", listener: l, handler: v.house.desk.Shell()})
	return nil
}

// settle makes the resident, or with --data gives the one of an earlier run a new password.
func (v *village) settle(ctx context.Context) error {
	db := v.house.db
	v.password = strings.ToLower(rand.Text()[:20])
	hash, err := password.Hash(ctx, password.Normal(v.password))
	if err != nil {
		return err
	}
	a, err := db.Account(ctx, ownSlug, resident)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return db.MakeAccounts(ctx, storage.Actor{Kind: "system", ID: "dev"}, ownSlug, storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: resident, Hash: hash,
			Name: "Dana Doorkeeper", Email: resident + "@acme.example", EmailVerified: true})
	case err != nil:
		return err
	}
	return db.SetPassword(ctx, storage.Actor{Kind: "system", ID: "dev"}, ownSlug, a.Subject, hash)
}
