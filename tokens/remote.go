package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// How keys are kept. All of it is measured on the guard's clock, when requests
// come: there is no background work while nobody asks.
const (
	freshFor   = 5 * time.Minute  // then the next request starts a fetch, but does not wait for it
	staleAfter = 15 * time.Minute // then it waits: a withdrawn key is refused within this time
	keptFor    = 24 * time.Hour   // while the issuer cannot be reached

	unknownPause = time.Minute // between fetches that unknown key ids cause
	firstPause   = time.Second // after a failure; doubled each time
	longestPause = 30 * time.Second
	fetchTimeout = 10 * time.Second
)

// ErrKeysUnavailable means that the issuer's keys could not be fetched: nothing is
// known about the token. The answer is 503, never 401.
var ErrKeysUnavailable = errors.New("the issuer's keys are not available")

// unavailable is ErrKeysUnavailable with the reason and the time to wait.
type unavailable struct {
	cause error
	retry time.Duration
}

func (u *unavailable) Error() string   { return fmt.Sprintf("%v: %v", ErrKeysUnavailable, u.cause) }
func (u *unavailable) Unwrap() []error { return []error{ErrKeysUnavailable, u.cause} }

// remoteKeys is the issuer's key set, fetched when needed and kept.
//
// A negative cache of key ids is not needed: within unknownPause of the last fetch
// an unknown id is refused from memory, whichever it is, so a flood of invented
// ones costs neither a request nor a byte.
type remoteKeys struct {
	source source
	now    func() time.Time

	mu       sync.Mutex
	set      tokens.KeySet
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

func newRemoteKeys(issuer string, c *http.Client, now func() time.Time) *remoteKeys {
	return &remoteKeys{source: source{issuer: issuer, client: c}, now: now}
}

// FindKey finds a key, fetching the set when that can help.
func (k *remoteKeys) FindKey(ctx context.Context, kid string) (tokens.PublicKey, error) {
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
			return tokens.PublicKey{}, &unavailable{cause: lastErr, retry: again.Sub(now)}
		case !known && lastErr != nil:
			// It may be one that we would have learned: that is no proof against the token.
			return tokens.PublicKey{}, &unavailable{cause: lastErr, retry: again.Sub(now)}
		case !known:
			return tokens.PublicKey{}, tokens.ErrUnknownKey
		}
		return key, nil
	}
	select {
	case <-wait.done:
	case <-ctx.Done():
		return tokens.PublicKey{}, &unavailable{cause: ctx.Err(), retry: firstPause}
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	now = k.now()
	if key, known = k.set[kid]; known && now.Sub(k.fetched) < keptFor {
		return key, nil
	}
	if wait.err != nil {
		return tokens.PublicKey{}, &unavailable{cause: wait.err, retry: k.again.Sub(now)}
	}
	return tokens.PublicKey{}, tokens.ErrUnknownKey
}

// ready fetches the keys unless they are there and not stale.
func (k *remoteKeys) ready(ctx context.Context) error {
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
func (k *remoteKeys) begin(now time.Time) *fetch {
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

func (k *remoteKeys) run(f *fetch) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	set, err := k.source.fetch(ctx)

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

func (k *remoteKeys) stats(s *Stats) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.KeyFetches, s.KeyFailures = k.fetches, k.failures
	s.Keys, s.KeysFetched = len(k.set), k.fetched
	if k.lastErr != nil {
		s.KeysLastFail = k.lastErr.Error()
	}
}
