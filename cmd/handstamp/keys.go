package main

import (
	"context"
	"errors"
	"time"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

var keeper = storage.Actor{Kind: "system", ID: "keys"}

// policy is how keys are made and changed.
func (h *house) policy() tokens.Policy {
	algs := make([]tokens.Alg, len(h.cfg.Keys.Algs))
	for i, a := range h.cfg.Keys.Algs {
		algs[i] = tokens.Alg(a)
	}
	k := h.cfg.Keys
	return tokens.Policy{Algs: algs, Every: k.RotateEvery.Std(), PublishAhead: k.PublishAhead.Std(), KeepAfter: k.KeepAfter.Std()}
}

// openRing loads the signing keys, making or moving them as the policy says. When two
// nodes decide at once, the database lets one win and the other loads what it made.
func (h *house) openRing(ctx context.Context) (*tokens.Ring, error) {
	h.keyTurn.Lock() // what was read first is not put over what was read later
	defer h.keyTurn.Unlock()
	for {
		keys, changed, err := h.planKeys(ctx)
		if errors.Is(err, storage.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if h.ring == nil {
			return tokens.NewRing(keys...)
		}
		if changed {
			h.log.Info("signing keys moved", "keys", len(keys))
		}
		return h.ring, h.ring.Swap(keys)
	}
}

func (h *house) planKeys(ctx context.Context) (keys []*tokens.Key, changed bool, err error) {
	stored, generation, err := h.db.Keys(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, s := range stored {
		k, err := tokens.ParseKey(tokens.Alg(s.Alg), s.PKCS8)
		if err != nil {
			return nil, false, err
		}
		k.State, k.CreatedAt, k.ActiveAt, k.RetireAt, k.GoneAt = tokens.State(s.State), s.CreatedAt, s.ActiveAt, s.RetireAt, s.GoneAt
		keys = append(keys, k)
	}
	keys, changed, err = h.policy().Plan(time.Now(), keys)
	if err != nil || !changed {
		return keys, false, err
	}
	stored = stored[:0]
	for _, k := range keys {
		der, err := k.MarshalPKCS8()
		if err != nil {
			return nil, false, err
		}
		stored = append(stored, storage.StoredKey{ID: k.ID, Alg: string(k.Alg), State: string(k.State), PKCS8: der,
			CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetireAt: k.RetireAt, GoneAt: k.GoneAt})
	}
	return keys, true, h.db.SaveKeys(ctx, keeper, generation, stored)
}

// retentionOf is how long the book keeps what is only looked back at.
func retentionOf(cfg *configs.Config) storage.Retention {
	r := cfg.Retention
	return storage.Retention{Audit: time.Duration(r.Audit), Logins: time.Duration(r.Logins), Counts: time.Duration(r.Counts), Tombstones: time.Duration(r.Tombstones),
		Revisions: r.Revisions, Strangers: r.Strangers}
}

// housekeeping runs until ctx ends: keys move on, expired rows go, and the audit's chain
// goes on.
func (h *house) housekeeping(ctx context.Context) {
	tick, link := time.NewTicker(time.Minute), time.NewTicker(time.Second)
	defer tick.Stop()
	defer link.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-link.C:
			if _, err := h.db.ChainAudit(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("the audit's chain could not go on", "cause", err)
			}
		case <-tick.C:
			if _, err := h.openRing(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("signing keys could not be looked after", "cause", err)
			}
			if n, err := h.db.Sweep(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("expired rows could not be removed", "cause", err)
			} else if n > 0 {
				h.log.Debug("expired rows removed", "rows", n)
			}
		}
	}
}
