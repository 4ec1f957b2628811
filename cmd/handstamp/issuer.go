package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// formerIssuer is the one that a start may find in the database and move away from.
type formerIssuer struct {
	known    string // as the operator named it; "": none
	whatever bool   // dev, whose database is its own, and whose address is any free one
}

// keepIssuer refuses a database that is of another issuer, since every session and token
// in it names that one; or moves it, where the operator said so. Nodes that start together
// agree: the database lets one decide, and the others see what it decided.
func (h *house) keepIssuer(ctx context.Context, former formerIssuer) error {
	for {
		kept, err := h.db.KeepIssuer(ctx, h.cfg.Issuer)
		if err != nil || kept == h.cfg.Issuer {
			return err
		}
		if kept != former.known && !former.whatever {
			return fmt.Errorf("the settings say issuer %s, and the database is of %s, which every session and token in it names. "+
				"If the issuer moves: stop every server, and start with --issuer-changed-from %s, which ends them all and makes new signing keys. "+
				"If not: set issuer, or storage.url, as it was", h.cfg.Issuer, kept, kept)
		}
		ended, err := h.moveIssuer(ctx, kept)
		if errors.Is(err, storage.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		h.log.Warn("the issuer changed: sessions, refresh tokens and codes ended, and the signing keys are new", "from", kept, "to", h.cfg.Issuer,
			"sessions", ended.Sessions, "refresh_tokens", ended.RefreshTokens, "codes", ended.Codes)
		return nil
	}
}

func (h *house) moveIssuer(ctx context.Context, from string) (ended *storage.Ended, err error) {
	err = h.renewOnce(ctx, "", true, func(generation int64, keys []*tokens.Key) error {
		stored, err := storedKeys(keys)
		if err != nil {
			return err
		}
		ended, err = h.db.MoveIssuer(ctx, storage.Actor{Kind: "system", ID: "serve", Why: "--issuer-changed-from " + from}, from, h.cfg.Issuer,
			storage.NewKeys{Generation: generation, Keys: stored})
		return err
	})
	return ended, err
}
