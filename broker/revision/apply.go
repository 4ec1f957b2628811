package revision

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// Apply makes a change the active revision. When it returns, this node runs it. A change
// that changes nothing makes no revision, and the plan has no Number.
func (b *Book) Apply(ctx context.Context, c Change) (*Active, *Plan, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	return b.apply(ctx, c)
}

func (b *Book) apply(ctx context.Context, c Change) (*Active, *Plan, error) {
	base, err := b.newest(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.propose(ctx, base, c)
	switch {
	case err != nil:
		return nil, p.plan, err
	case p.plan.NeedsOwner && !c.CanOwn && !c.Shell:
		return nil, p.plan, ErrNeedsOwner
	case p.plan.LocksOut && !(c.Shell && c.Force):
		return nil, p.plan, ErrLocksOut
	case p.same() && base.Snapshot != nil:
		return base, p.plan, nil
	}
	next := &Active{Document: p.document, Snapshot: p.snapshot, Author: c.Actor, Reason: c.Reason, Source: p.Source, Hash: hashOf(p.json)}
	if err := b.furnish(ctx, next); err != nil { // before anybody else hears of it
		return nil, p.plan, err
	}
	number, ids, err := b.DB.Apply(ctx, c.Actor, storage.NewRevision{Base: c.Base, Document: p.json, Secrets: p.secrets, Reason: c.Reason, Source: p.Source, Issuers: p.issuers,
		Detail: detail(p.plan.Changes), Changes: len(p.plan.Changes)})
	if err != nil {
		return nil, p.plan, err
	}
	p.plan.Number = number
	next.Number, next.At = number, b.Now()
	next.Snapshot.BindInternalIDs(ids)
	return next, p.plan, b.adopt(next)
}

// same tells that there is nothing to do.
func (p *proposal) same() bool {
	return p.base.Number > 0 && p.base.Hash == hashOf(p.json)
}

// auditedChanges of one revision stand in its audit row; the revision has them all.
const (
	auditedChanges = 40
	auditedText    = 200 // bytes of a value
)

// detail tells the audit what changed, before and after. No change shows a secret.
func detail(changes []directory.Change) map[string]string {
	out := map[string]string{}
	for i, c := range changes {
		if i == auditedChanges {
			out["more"] = fmt.Sprintf("%d more changes", len(changes)-i)
			break
		}
		key := c.Kind + " " + c.ID
		if c.Field != "" {
			key += " " + c.Field
		}
		value := c.Op
		switch {
		case c.Op == directory.Changed:
			value = short(c.Old) + " → " + short(c.New)
		case c.Field != "": // an entry of a list
			value += " " + short(c.New+c.Old)
		}
		if before := out[short(key)]; before != "" {
			value = before + "; " + value
		}
		out[short(key)] = value
	}
	return out
}

func short(s string) string {
	if len(s) <= auditedText {
		return s
	}
	cut := auditedText
	for cut > 0 && s[cut]&0xc0 == 0x80 { // between two letters
		cut--
	}
	return s[:cut] + "…"
}

// made is a provider of this node and everything that it was made from.
type made struct {
	settings providers.Settings
	claims   []string // that are needed of it
	private  bool
	provider providers.Provider
}

// fits tells whether the provider can go on as another one, told which claims that needs.
func (m made) fits(other made) bool {
	_, learns := m.provider.(providers.ClaimMapper)
	return m.private == other.private && reflect.DeepEqual(m.settings, other.settings) && (learns || slices.Equal(m.claims, other.claims))
}

// furnish makes the providers of a directory. One whose settings are the same as before
// goes on as it is, with what it knows of its upstream's addresses and keys.
func (b *Book) furnish(ctx context.Context, next *Active) error {
	var former map[string]made
	if running := b.active.Load(); running != nil {
		former = running.made
	}
	next.Upstreams, next.made = map[string]providers.Provider{}, map[string]made{}
	for _, p := range next.Snapshot.Providers() {
		one := made{settings: p.Settings(), claims: next.Snapshot.ClaimNames(p.Slug), private: p.AllowPrivateNetwork}
		if was, ok := former[p.Slug]; ok && was.fits(one) {
			one.provider = was.provider
		} else {
			var err error
			if one.provider, err = b.Upstream(ctx, p, one.claims); err != nil {
				return fmt.Errorf("provider %s: %w", p.Slug, err)
			}
		}
		next.made[p.Slug], next.Upstreams[p.Slug] = one, one.provider
	}
	return nil
}

// adopt makes a directory the one that this node runs.
func (b *Book) adopt(next *Active) error {
	if b.Use != nil && b.opened {
		if err := b.Use(next); err != nil {
			b.cannot(next.Number, err)
			return fmt.Errorf("revision %d is active, and this node cannot run it: %w", next.Number, err)
		}
	}
	for _, m := range next.made {
		if learns, ok := m.provider.(providers.ClaimMapper); ok {
			learns.MapClaims(m.claims)
		}
	}
	b.active.Store(next)
	b.stand(func(s *State) { s.Active, s.Newest, s.Cause = next.Number, max(s.Newest, next.Number), "" })
	return nil
}

// newest is what the book has now, which another node may have changed a moment ago.
// Where this node cannot run it, it comes without a snapshot.
func (b *Book) newest(ctx context.Context) (*Active, error) {
	generations, err := b.DB.Generations(ctx)
	if err != nil {
		return nil, err
	}
	if a := b.active.Load(); a != nil && a.Number == generations[directoryGeneration] {
		return a, nil
	}
	return b.follow(ctx)
}

// follow reads the active revision and runs it. One that this node cannot run is told in
// State, and the former one stays.
func (b *Book) follow(ctx context.Context) (*Active, error) {
	r, err := b.DB.ActiveRevision(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		r = &storage.Revision{Document: []byte("{}")}
	} else if err != nil {
		return nil, err
	}
	next := &Active{Number: r.Number, At: r.At, Author: r.Author, Reason: r.Reason, Source: r.Source, Hash: r.Hash}
	b.stand(func(s *State) { s.Newest = max(s.Newest, r.Number) })
	var problems []directory.Problem
	if next.Document, problems = directory.ParseDocument(r.Document); len(problems) > 0 {
		// What is wrong with it is no fault of whoever sends another one.
		return nil, fmt.Errorf("%w: %v", storage.ErrUnavailable, b.cannot(r.Number, &Invalid{problems}))
	}
	held, err := b.DB.HeldSecrets(ctx)
	if err != nil {
		return nil, err
	}
	bound, err := b.DB.BoundProviders(ctx)
	if err != nil {
		return nil, err
	}
	if next.Snapshot, problems = b.compile(next.Document, nil, held, bound); len(problems) > 0 {
		b.cannot(r.Number, &Invalid{problems})
		return next, nil
	}
	if err := b.furnish(ctx, next); err != nil {
		next.Snapshot = nil
		b.cannot(r.Number, err)
		return next, nil
	}
	return next, b.adopt(next)
}

// cannot says once why this node does not run a revision.
func (b *Book) cannot(number int64, err error) error {
	said := false
	b.stand(func(s *State) {
		said = s.Cause == err.Error() && b.watch.stuck == number
		s.Cause = err.Error()
	})
	b.watch.stuck, b.watch.tried = number, b.Now()
	if a := b.active.Load(); !said && a != nil {
		b.Logger.Error("this node cannot run the active directory; the former one stays", "revision", number, "runs", a.Number, "cause", err)
	}
	return fmt.Errorf("revision %d: %w", number, err)
}
