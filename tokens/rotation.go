package tokens

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What a Policy does when a field is zero.
const (
	DefaultRotateEvery = 90 * 24 * time.Hour
	// DefaultPublishAhead covers an hour of caching, which is the longest that
	// common libraries keep a key set, and five minutes of clocks that differ.
	DefaultPublishAhead = time.Hour + 5*time.Minute
	// DefaultKeepAfter is far longer than a token lives, so that a sign-out later in
	// the day is still recognised by its id_token_hint.
	DefaultKeepAfter = 24 * time.Hour
	// minKeepAfter: the last token's life, and clocks that differ.
	minKeepAfter = MaxTTL + 5*time.Minute
)

// Policy says when signing keys change:
//
//	next ──────────▶ active ──────────▶ retiring ──────────▶ gone
//	published,       signs              published,           neither
//	waits PublishAhead                  for KeepAfter
//
// A key is in everybody's cache before it signs, and stays published until what
// it signed has expired, so an API that caches the key set never meets a token
// that it cannot verify.
type Policy struct {
	Algs         []Alg         // one active key for each; none is ES256 and RS256
	Every        time.Duration // how long a key signs; 0 is DefaultRotateEvery
	PublishAhead time.Duration // 0 is DefaultPublishAhead
	KeepAfter    time.Duration // 0 is DefaultKeepAfter; at least the longest token's life
}

// ErrPolicy refuses a policy that could not keep its promise.
var ErrPolicy = errors.New("the key policy cannot work")

// Plan returns the keys as they should stand now, in the order they were made,
// and whether that differs from the given ones. It is a pure function of its
// arguments but for the keys that it makes; the given keys are not changed. A
// key that is due to go is returned as Gone once and then left out: when Plan's
// answer is stored, the private half is no longer needed.
//
// An algorithm without an active key gets one that signs at once: at the first
// start there is no cache to wait for, and when an operator has removed a
// compromised key, waiting would be the greater harm.
//
// Nodes that share a database call Plan under a compare-and-swap and keep the
// answer of the one that won.
func (p Policy) Plan(now time.Time, keys []*Key) (next []*Key, changed bool, err error) {
	if p, err = p.filled(); err != nil {
		return nil, false, err
	}
	w := plan{Policy: p, now: now.UTC().Truncate(time.Second)} // what every database keeps exactly
	for _, k := range keys {
		if k.State == Gone {
			w.changed = true // was said once
			continue
		}
		c := *k
		w.keys = append(w.keys, &c)
	}
	for _, k := range w.keys {
		w.expire(k)
	}
	for _, alg := range p.Algs {
		if err := w.turn(alg); err != nil {
			return nil, false, err
		}
	}
	// Keys made in the same second keep one order, the operator's, so that every start publishes the same bytes.
	slices.SortFunc(w.keys, func(a, b *Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), slices.Index(p.Algs, a.Alg)-slices.Index(p.Algs, b.Alg), cmp.Compare(a.ID, b.ID))
	})
	return w.keys, w.changed, nil
}

// Rotate is Plan for an operator who will not wait: the keys of one algorithm, or of all
// with "", move on now. A next key is published at once and signs when PublishAhead is
// over; one that waits already is enough. Where atOnce says so, the keys are gone with all
// that they signed, and new ones sign from this moment: for a key that leaked.
func (p Policy) Rotate(now time.Time, keys []*Key, alg Alg, atOnce bool) (next []*Key, changed bool, err error) {
	all, err := p.filled()
	if err != nil {
		return nil, false, err
	}
	given, waits := make([]*Key, 0, len(keys)+len(all.Algs)), map[Alg]bool{}
	for _, k := range keys {
		c := *k
		if atOnce && (alg == "" || c.Alg == alg) {
			c.State = Gone
		}
		waits[c.Alg] = waits[c.Alg] || c.State == Next
		given = append(given, &c)
	}
	added := false
	for _, a := range all.Algs {
		if atOnce || waits[a] || alg != "" && a != alg {
			continue
		}
		w := plan{Policy: all, now: now.UTC().Truncate(time.Second)}
		k, err := w.add(a)
		if err != nil {
			return nil, false, err
		}
		k.State = Next
		given, added = append(given, k), true
	}
	next, changed, err = p.Plan(now, given)
	return next, changed || added, err
}

func (p Policy) filled() (Policy, error) {
	if len(p.Algs) == 0 {
		p.Algs = []Alg{ES256, RS256}
	}
	p.Every = cmp.Or(p.Every, DefaultRotateEvery)
	p.PublishAhead = cmp.Or(p.PublishAhead, DefaultPublishAhead)
	p.KeepAfter = cmp.Or(p.KeepAfter, DefaultKeepAfter)
	for i, alg := range p.Algs {
		if methods[alg] == nil || slices.Contains(p.Algs[:i], alg) {
			return p, fmt.Errorf("%w: algorithm %q is unknown or named twice", ErrPolicy, alg)
		}
	}
	switch {
	case p.PublishAhead < 0 || p.Every <= p.PublishAhead:
		return p, fmt.Errorf("%w: a key must sign for longer (%s) than it is published ahead (%s)", ErrPolicy, p.Every, p.PublishAhead)
	case p.KeepAfter < minKeepAfter:
		return p, fmt.Errorf("%w: a retired key must be kept for %s, not %s: its tokens are still in use", ErrPolicy, minKeepAfter, p.KeepAfter)
	}
	return p, nil
}

// plan is one run of Plan.
type plan struct {
	Policy
	now     time.Time
	keys    []*Key
	changed bool
}

// expire ends what is over, whatever else happens: retiring keys whose time has
// come, and keys of an algorithm that is no longer configured.
func (w *plan) expire(k *Key) {
	wanted := slices.Contains(w.Algs, k.Alg)
	switch {
	case k.State == Retiring && !w.now.Before(k.GoneAt):
		w.drop(k)
	case k.State == Active && !wanted:
		w.retire(k)
	case k.State == Next && !wanted:
		w.drop(k) // it has signed nothing
	}
}

// turn moves the keys of one algorithm on.
func (w *plan) turn(alg Alg) error {
	active := w.newest(alg, Active)
	next := w.newest(alg, Next)
	if active == nil {
		if next == nil {
			var err error
			if next, err = w.add(alg); err != nil {
				return err
			}
		}
		w.activate(next)
		return nil
	}
	end := active.ActiveAt.Add(w.Every)
	if next == nil && !w.now.Before(end.Add(-w.PublishAhead)) {
		var err error
		if next, err = w.add(alg); err != nil {
			return err
		}
		next.State = Next
	}
	if next == nil {
		w.until(active, end)
		return nil
	}
	next.ActiveAt = next.CreatedAt.Add(w.PublishAhead)
	if w.now.Before(next.ActiveAt) {
		w.until(active, next.ActiveAt) // beyond its time when nothing ran while it was: nobody knows the new key yet
		return nil
	}
	w.retire(active)
	w.activate(next)
	return nil
}

// newest returns the newest key of an algorithm in a state, and clears away any
// other: two would be the trace of a mistake, and a Ring refuses them.
func (w *plan) newest(alg Alg, state State) *Key {
	var found *Key
	for _, k := range w.keys {
		if k.Alg != alg || k.State != state {
			continue
		}
		older := k
		if found == nil || k.CreatedAt.After(found.CreatedAt) {
			older, found = found, k
		}
		switch {
		case older == nil:
		case state == Active:
			w.retire(older)
		default:
			w.drop(older)
		}
	}
	return found
}

func (w *plan) add(alg Alg) (*Key, error) {
	k, err := NewKey(alg)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	k.CreatedAt = w.now
	w.keys = append(w.keys, k)
	w.changed = true
	return k, nil
}

func (w *plan) activate(k *Key) {
	k.State, k.ActiveAt = Active, w.now
	w.until(k, w.now.Add(w.Every))
	w.changed = true
}

// until plans the end of an active key. A node that misses the rotation stops
// signing with it before the other nodes forget it (see ErrKeyEnds).
func (w *plan) until(k *Key, end time.Time) {
	if gone := end.Add(w.KeepAfter); !k.RetireAt.Equal(end) || !k.GoneAt.Equal(gone) {
		k.RetireAt, k.GoneAt = end, gone
		w.changed = true
	}
}

func (w *plan) retire(k *Key) {
	k.State, k.RetireAt, k.GoneAt = Retiring, w.now, w.now.Add(w.KeepAfter)
	w.changed = true
}

func (w *plan) drop(k *Key) {
	k.State, k.GoneAt = Gone, w.now
	w.changed = true
}
