package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// How keys are kept. All of it is measured on the caller's clock, when somebody asks:
// there is no background work.
const (
	freshFor   = 5 * time.Minute  // then the next request starts a fetch, but does not wait for it
	staleAfter = 15 * time.Minute // then it waits: a withdrawn key is refused within this time
	keptFor    = 24 * time.Hour   // while the publisher cannot be reached

	unknownPause = time.Minute // between fetches that unknown key ids cause
	firstPause   = time.Second // after a failure; doubled each time
	longestPause = 30 * time.Second
	fetchTimeout = 10 * time.Second
)

// ErrKeysUnavailable means that keys could not be fetched: nothing is known about the
// token. The answer is 503, never 401.
var ErrKeysUnavailable = errors.New("the keys are not available")

// unavailable is ErrKeysUnavailable with the reason and the time to wait.
type unavailable struct {
	cause error
	retry time.Duration
}

func (u *unavailable) Error() string   { return fmt.Sprintf("%v: %v", ErrKeysUnavailable, u.cause) }
func (u *unavailable) Unwrap() []error { return []error{ErrKeysUnavailable, u.cause} }

// RetryAfter reads from an error that is ErrKeysUnavailable when to ask again.
func RetryAfter(err error) time.Duration {
	var u *unavailable
	if errors.As(err, &u) {
		return max(u.retry, firstPause)
	}
	return firstPause
}

// RemoteKeys is a key set that somebody else publishes, fetched when needed and kept:
// an issuer's for a guard, a client's for its assertions. However many ask, one fetch
// runs at a time. It knows no HTTP: whoever makes it says how to fetch.
//
// A negative cache of key ids is not needed: within unknownPause of the last fetch
// an unknown id is refused from memory, whichever it is, so a flood of invented
// ones costs neither a request nor a byte.
type RemoteKeys struct {
	load func(context.Context) (KeySet, error)
	now  func() time.Time

	mu       sync.Mutex
	set      KeySet
	fetched  time.Time // when set came
	asked    time.Time // when the last fetch began
	fails    int       // in a row
	again    time.Time // after a failure: not before
	lastErr  error
	running  *fetch // nil when none is under way
	fetches  uint64
	failures uint64
}

// fetch is one that is under way; done is closed when it is over.
type fetch struct {
	done chan struct{}
	err  error
}

// NewRemoteKeys makes a key set that load fetches. Nothing is fetched yet.
func NewRemoteKeys(load func(context.Context) (KeySet, error), now func() time.Time) *RemoteKeys {
	return &RemoteKeys{load: load, now: now}
}

// FindKey finds a key, fetching the set when that can help.
func (k *RemoteKeys) FindKey(ctx context.Context, kid string) (PublicKey, error) {
	k.mu.Lock()
	now := k.now()
	key, known := k.set[kid]
	age := now.Sub(k.fetched)
	var wait *fetch
	switch {
	case k.set == nil || age >= staleAfter && (!known || k.fails == 0):
		wait = k.begin(now)
	case !known && now.Sub(k.asked) >= unknownPause:
		wait = k.begin(now)
	case !known && k.running != nil:
		wait = k.running // somebody is asking already: the answer may have it
	case age >= freshFor:
		k.begin(now) // and use what we have: an issuer that is away or hangs must not slow the API
	}
	have, lastErr, again := k.set != nil && age < keptFor, k.lastErr, k.again
	k.mu.Unlock()

	if wait == nil {
		switch {
		case !have:
			return PublicKey{}, &unavailable{cause: lastErr, retry: again.Sub(now)}
		case !known && lastErr != nil:
			// It may be one that we would have learned: that is no proof against the token.
			return PublicKey{}, &unavailable{cause: lastErr, retry: again.Sub(now)}
		case !known:
			return PublicKey{}, ErrUnknownKey
		}
		return key, nil
	}
	select {
	case <-wait.done:
	case <-ctx.Done():
		return PublicKey{}, &unavailable{cause: ctx.Err(), retry: firstPause}
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	now = k.now()
	if key, known = k.set[kid]; known && now.Sub(k.fetched) < keptFor {
		return key, nil
	}
	if wait.err != nil {
		return PublicKey{}, &unavailable{cause: wait.err, retry: k.again.Sub(now)}
	}
	return PublicKey{}, ErrUnknownKey
}

// Ready fetches the keys unless they are there and not stale.
func (k *RemoteKeys) Ready(ctx context.Context) error {
	k.mu.Lock()
	now := k.now()
	var wait *fetch
	if k.set == nil || now.Sub(k.fetched) >= staleAfter {
		wait = k.begin(now)
	}
	k.mu.Unlock()
	if wait != nil {
		select {
		case <-wait.done:
		case <-ctx.Done():
			return &unavailable{cause: ctx.Err(), retry: firstPause}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil || k.now().Sub(k.fetched) >= keptFor {
		return &unavailable{cause: k.lastErr, retry: k.again.Sub(k.now())}
	}
	return nil
}

// begin starts a fetch, or joins the one that runs. It returns nil during the
// pause after a failure. The fetch belongs to no request: whoever started it may
// leave without harm to those who wait. The lock is held.
func (k *RemoteKeys) begin(now time.Time) *fetch {
	if k.running != nil {
		return k.running
	}
	if now.Before(k.again) {
		return nil
	}
	f := &fetch{done: make(chan struct{})}
	k.running, k.asked = f, now
	k.fetches++
	go k.run(f)
	return f
}

func (k *RemoteKeys) run(f *fetch) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	set, err := k.load(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if err != nil {
		k.failures++
		k.lastErr = err
		k.again = now.Add(min(firstPause<<min(k.fails, 10), longestPause))
		k.fails++
	} else {
		k.set, k.fetched = set, now
		k.fails, k.again, k.lastErr = 0, time.Time{}, nil
	}
	f.err = err
	k.running = nil
	close(f.done)
}

// RemoteStats are a key set's counters since it was made.
type RemoteStats struct {
	Keys              int       // trusted now
	Fetched           time.Time // when they came, zero before
	Fetches, Failures uint64
	LastFailure       string // why the last fetch failed, "" when it did not
}

// Stats returns the counters.
func (k *RemoteKeys) Stats() RemoteStats {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := RemoteStats{Keys: len(k.set), Fetched: k.fetched, Fetches: k.fetches, Failures: k.failures}
	if k.lastErr != nil {
		s.LastFailure = k.lastErr.Error()
	}
	return s
}
