package revision

import (
	"context"
	"sync"
	"time"
)

const (
	watchEvery  = 250 * time.Millisecond // so that a change, however large the directory, is everywhere within a second (C10)
	watchFollow = 15 * time.Second       // and taking over what it found none
	watchRead   = time.Second            // one look at the book takes no longer
	blindAfter  = 5 * time.Second        // without a look, the directory may have changed long ago
	stuckRetry  = 5 * time.Second        // a revision that this node could not run is tried again: a file may have come
	keysRelearn = time.Second            // for an unknown key, the keys are read once within it (C09)
)

// The counters in the book that a node follows.
const (
	directoryGeneration = "directory"
	keysGeneration      = "signing_keys"
)

// lookout is what Look remembers from one look to the next.
type lookout struct {
	stuck int64 // the revision that this node could not run, and when it last tried; guarded by turn
	tried time.Time

	mu      sync.Mutex // guards what follows, and changes of State
	state   State
	keys    int64
	learned time.Time
}

// Watch follows the book until ctx ends: four times a second it looks whether another node
// changed it.
func (b *Book) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.Look(ctx)
		}
	}
}

// Look looks once, and follows what it sees.
func (b *Book) Look(ctx context.Context) {
	reading, cancel := context.WithTimeout(ctx, watchRead)
	defer cancel()
	at := b.Now()
	generations, err := b.DB.Generations(reading)
	if err != nil {
		if ctx.Err() == nil {
			b.unread(at, err)
		}
		return
	}
	if b.stand(func(s *State) { s.Read, s.Blind = at, false }).Blind {
		b.Logger.Info("the database answers again: tokens are given again")
	}
	ctx, stop := context.WithTimeout(ctx, watchFollow) // a database that falls silent now is seen at the next look
	defer stop()
	b.followKeys(ctx, generations[keysGeneration])
	if a := b.Current(); a == nil || a.Number == generations[directoryGeneration] {
		return
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.watch.stuck == generations[directoryGeneration] && at.Sub(b.watch.tried) < stuckRetry {
		return
	}
	was := b.Current().Number
	a, err := b.newest(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		b.Logger.Error("the directory could not be read; the former one stays", "cause", err)
	case err == nil && a.Snapshot != nil && a.Number != was:
		b.Logger.Info("the directory changed", "revision", a.Number, "by", a.Author.ID, "source", a.Source)
	}
}

// unread fails closed: a node that cannot tell whether a client was disabled gives no
// more tokens.
func (b *Book) unread(at time.Time, err error) {
	now := b.Now()
	was := b.stand(func(s *State) {
		if s.Read.IsZero() {
			s.Read = at
		}
		s.Blind = now.Sub(s.Read) >= blindAfter
	})
	if s := b.State(); s.Blind && !was.Blind {
		b.Logger.Error("the database could not be read for too long: no tokens are given until it can", "since", s.Read, "cause", err)
	}
}

// followKeys reads the signing keys anew when some node changed them.
func (b *Book) followKeys(ctx context.Context, generation int64) {
	b.watch.mu.Lock()
	known := b.watch.keys
	b.watch.mu.Unlock()
	if b.Keys == nil || generation == known {
		return
	}
	if err := b.Keys(ctx); err != nil {
		if ctx.Err() == nil {
			b.Logger.Error("the signing keys could not be read; the former ones stay", "cause", err)
		}
		return
	}
	b.watch.mu.Lock()
	b.watch.keys = generation
	b.watch.mu.Unlock()
}

// Relearn reads the signing keys at once, for a key that another node may have made a
// moment ago. It does so once within a second, whoever asks, and tells whether it did.
func (b *Book) Relearn(ctx context.Context) bool {
	b.watch.mu.Lock()
	now := b.Now()
	if b.Keys == nil || now.Sub(b.watch.learned) < keysRelearn {
		b.watch.mu.Unlock()
		return false
	}
	b.watch.learned = now
	b.watch.mu.Unlock()
	if err := b.Keys(ctx); err != nil {
		b.Logger.Error("the signing keys could not be read; the former ones stay", "cause", err)
		return false
	}
	return true
}

// State tells how this node stands to the book. It answers from memory.
func (b *Book) State() State {
	b.watch.mu.Lock()
	defer b.watch.mu.Unlock()
	return b.watch.state
}

// stand changes State, and returns what it was.
func (b *Book) stand(change func(*State)) (was State) {
	b.watch.mu.Lock()
	was = b.watch.state
	change(&b.watch.state)
	is := b.watch.state
	b.watch.mu.Unlock()
	if b.Stands != nil && (was.Blind != is.Blind || was.Cause != is.Cause) {
		b.Stands(is)
	}
	return was
}
