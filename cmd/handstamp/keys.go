package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	keys, generation, err := h.loadKeys(ctx)
	if err != nil {
		return nil, false, err
	}
	keys, changed, err = h.policy().Plan(time.Now(), keys)
	if err != nil || !changed {
		return keys, false, err
	}
	return keys, true, h.saveKeys(ctx, keeper, generation, keys)
}

func (h *house) loadKeys(ctx context.Context) (keys []*tokens.Key, generation int64, err error) {
	stored, generation, err := h.db.Keys(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range stored {
		k, err := tokens.ParseKey(tokens.Alg(s.Alg), s.PKCS8)
		if err != nil {
			return nil, 0, err
		}
		k.State, k.CreatedAt, k.ActiveAt, k.RetireAt, k.GoneAt = tokens.State(s.State), s.CreatedAt, s.ActiveAt, s.RetireAt, s.GoneAt
		keys = append(keys, k)
	}
	return keys, generation, nil
}

func (h *house) saveKeys(ctx context.Context, a storage.Actor, generation int64, keys []*tokens.Key) error {
	stored, err := storedKeys(keys)
	if err != nil {
		return err
	}
	return h.db.SaveKeys(ctx, a, generation, stored)
}

func storedKeys(keys []*tokens.Key) (stored []storage.StoredKey, err error) {
	for _, k := range keys {
		der, err := k.MarshalPKCS8()
		if err != nil {
			return nil, err
		}
		stored = append(stored, storage.StoredKey{ID: k.ID, Alg: string(k.Alg), State: string(k.State), PKCS8: der,
			CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetireAt: k.RetireAt, GoneAt: k.GoneAt})
	}
	return stored, nil
}

// rotate moves the signing keys of one algorithm on, or of all with "". The next key is
// published now and signs when every cache of the key set knows it; at once, it replaces
// the active one with everything that that signed.
func (h *house) rotate(ctx context.Context, a storage.Actor, alg string, atOnce bool) error {
	known := false
	for _, has := range h.policy().Algs {
		known = known || alg == "" || string(has) == alg
	}
	if !known {
		return fmt.Errorf("no key is kept for %q: keys.algs does not have it", alg)
	}
	err := h.renew(ctx, alg, atOnce, func(generation int64, keys []*tokens.Key) error { return h.saveKeys(ctx, a, generation, keys) })
	if err != nil {
		return err
	}
	h.reopenRing(ctx)
	return nil
}

// reopenRing takes over keys that were just saved. They are, whatever becomes of this:
// the next look at the book tries again.
func (h *house) reopenRing(ctx context.Context) {
	if _, err := h.openRing(ctx); err != nil {
		h.log.Error("the new signing keys are saved, and could not be read yet", "cause", err)
	}
}

// restored ends everything that a backup held, the signing keys included.
func (h *house) restored(ctx context.Context, a storage.Actor) (ended *storage.Ended, err error) {
	err = h.renew(ctx, "", true, func(generation int64, keys []*tokens.Key) error {
		stored, err := storedKeys(keys)
		if err != nil {
			return err
		}
		ended, err = h.db.Restored(ctx, a, storage.NewKeys{Generation: generation, Keys: stored})
		return err
	})
	if err != nil {
		return nil, err
	}
	h.reopenRing(ctx)
	return ended, nil
}

// renew decides which keys come, and saves them: again and again while another node
// changes them meanwhile.
func (h *house) renew(ctx context.Context, alg string, atOnce bool, save func(generation int64, keys []*tokens.Key) error) error {
	for {
		err := h.renewOnce(ctx, alg, atOnce, save)
		if !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func (h *house) renewOnce(ctx context.Context, alg string, atOnce bool, save func(generation int64, keys []*tokens.Key) error) error {
	keys, generation, err := h.loadKeys(ctx)
	if err != nil {
		return err
	}
	next, changed, err := h.policy().Rotate(time.Now(), keys, tokens.Alg(alg), atOnce)
	if err != nil || !changed {
		return err
	}
	return save(generation, next)
}

// retentionOf is how long the book keeps what is only looked back at.
func retentionOf(cfg *configs.Config) storage.Retention {
	r := cfg.Retention
	return storage.Retention{Audit: time.Duration(r.Audit), Logins: time.Duration(r.Logins), Counts: time.Duration(r.Counts), Tombstones: time.Duration(r.Tombstones),
		Revisions: r.Revisions, Strangers: r.Strangers}
}

// housekeeping runs until ctx ends: keys move on, expired rows go, and the audit's chain
// goes on, whatever else takes long.
func (h *house) housekeeping(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { h.chainAudit(ctx) })
	defer both.Wait()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
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

// chainAudit links what was audited, each second.
func (h *house) chainAudit(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	stuck := false // the chain is, and that was told
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, err := h.db.ChainAudit(ctx)
			if err != nil && !stuck && ctx.Err() == nil {
				h.log.Error("the audit's chain could not go on", "cause", err)
			}
			stuck = err != nil
		}
	}
}
