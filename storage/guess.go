package storage

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"
)

// Try is one try at a password, or at the code that follows it.
type Try struct {
	Provider, Login string // Login as it was normalised, also where nobody has it
	Address         string // of the browser or client
	Code            bool   // the second factor: it has a count of its own
}

// Held says how long to wait before the next try.
type Held struct{ Wait time.Duration }

func (h *Held) Error() string { return fmt.Sprintf("too many failed tries; wait %s", h.Wait) }

// How tries are slowed down. A try is counted before it is made, so that a burst to
// several nodes at once is counted whole. Each key has so many failures free; then
// every further one costs a wait that doubles, a minute at most.
//
// The account's own count makes nobody wait by itself: it takes away the free tries
// of networks that fail at it. So an attacker with many addresses is slowed down, and
// somebody with the right password elsewhere is let in at their first try.
const (
	freeHere    = 5   // (account, network)
	freeAddress = 20  // an address, or a /64 of IPv6, whatever the account
	freeNetwork = 100 // a /24, or a /48 of IPv6
	besieged    = 20  // failures of an account, from everywhere, that make it strict

	longestWait = time.Minute
	forgetAfter = 15 * time.Minute    // since the last failure
	siegeEnds   = time.Hour           // the same for an account's own count
	knownFor    = 30 * 24 * time.Hour // a network from which the right password came
	trimEvery   = 256                 // counted tries
)

// guessBudget bounds the rows that strangers can cause; a test lowers it.
var guessBudget int64 = 100_000

// guessKey is one counter.
type guessKey struct {
	key    string
	free   int64
	first  time.Duration // the wait after the first failure that is not free
	window time.Duration
	before int64 // until, as it was before this try
	after  int64 // until, as this try left it
}

// wait is what so many failures cost.
func (c guessKey) wait(failures int64) time.Duration {
	over := failures - c.free
	switch {
	case over <= 0:
		return 0
	case over > 6:
		return longestWait
	}
	return min(longestWait, c.first<<(over-1))
}

const (
	siege = iota // the order in which rows are locked
	byAddress
	byNetwork
	here
)

func (t Try) keys() (counters [4]guessKey, known string) {
	address, network := places(t.Address)
	step := "password"
	if t.Code {
		step = "code"
	}
	who := t.Provider + "\x00" + t.Login
	return [4]guessKey{
		siege:     {key: guessHash("account", who), window: siegeEnds},
		byAddress: {key: guessHash("address", address), free: freeAddress, first: time.Second, window: forgetAfter},
		byNetwork: {key: guessHash("network", network), free: freeNetwork, first: time.Second, window: forgetAfter},
		here:      {key: guessHash(step, who, network), free: freeHere, first: time.Second, window: forgetAfter},
	}, guessHash("known", who, network)
}

// places are an address and the network around it, as one holder has them.
func places(address string) (one, network string) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address, address
	}
	ip = ip.Unmap().WithZone("")
	narrow, wide := 32, 24
	if ip.Is6() {
		narrow, wide = 64, 48
	}
	a, _ := ip.Prefix(narrow) // these lengths are always right
	b, _ := ip.Prefix(wide)
	return a.String(), b.String()
}

func guessHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s ", len(p), p)
	}
	return hashText(h.Sum(nil))
}

// Tried is a try that was counted as failed until it is forgiven.
type Tried struct {
	counters [4]guessKey
	known    string
}

// CountTry counts a try before it is made, or returns a *Held if it comes too soon;
// what is held is not counted. Forgive it when the try was right.
func (d *DB) CountTry(ctx context.Context, a Actor, t Try) (*Tried, error) {
	out := &Tried{}
	out.counters, out.known = t.keys()
	wait, err := d.held(ctx, d.engine.reader(), out)
	if err != nil {
		return nil, found("count a try", err)
	}
	if wait > 0 { // most of a flood ends here and writes nothing
		return nil, &Held{wait}
	}
	tried, err := write(ctx, d, "count a try", func(ctx context.Context, q runner) (*Tried, error) {
		in := *out
		return &in, d.countTry(ctx, q, a, t, &in)
	})
	if err == nil && d.tries.Add(1)%trimEvery == 0 {
		err = d.trimGuesses(ctx)
	}
	return only(tried, err)
}

func (d *DB) countTry(ctx context.Context, q runner, a Actor, t Try, in *Tried) error {
	now := d.now()
	var failures [4]int64
	for i := range in.counters {
		c := &in.counters[i]
		if err := q.QueryRowContext(ctx, `INSERT INTO guesses (key, failures, until, expires_at) VALUES ($1, 1, 0, $2)
			ON CONFLICT (key) DO UPDATE SET failures = CASE WHEN guesses.expires_at <= $3 THEN 1 ELSE guesses.failures + 1 END,
				until = CASE WHEN guesses.expires_at <= $3 THEN 0 ELSE guesses.until END, expires_at = excluded.expires_at
			RETURNING failures, until`, c.key, now+c.window.Microseconds(), now).Scan(&failures[i], &c.before); err != nil {
			return err
		}
		c.after = c.before
	}
	wait, err := d.held(ctx, q, in) // again, now that the rows are locked
	if err != nil {
		return err
	}
	if wait > 0 {
		return &Held{wait} // and nothing of the above is kept
	}
	known, err := isKnown(ctx, q, in.known, now)
	if err != nil {
		return err
	}
	if failures[siege] > besieged && !known {
		in.counters[here].free, in.counters[here].first = 1, longestWait
	}
	for i := range in.counters {
		c := &in.counters[i]
		wait := c.wait(failures[i])
		if i == siege || wait == 0 {
			continue
		}
		c.after = now + wait.Microseconds()
		if _, err := q.ExecContext(ctx, `UPDATE guesses SET until = $2 WHERE key = $1`, c.key, c.after); err != nil {
			return err
		}
	}
	if failures[siege] == besieged {
		return d.noteSiege(ctx, q, a, t)
	}
	return nil
}

// noteSiege tells once that somebody is guessing, if there is anything to guess.
func (d *DB) noteSiege(ctx context.Context, q runner, a Actor, t Try) error {
	var subject string
	err := q.QueryRowContext(ctx, `SELECT subject FROM accounts WHERE provider_id = (SELECT id FROM providers WHERE slug = $1) AND place = $2`,
		t.Provider, loginPlace(t.Login)).Scan(&subject)
	if err != nil {
		return ignoreNotFound(found("find account", err))
	}
	return d.audit(ctx, q, a, AuditGuessing, "account:"+subject, map[string]string{"provider": t.Provider})
}

// held tells how long a try must wait. A network from which the right password came
// answers only for its own failures at this account, not for its neighbours'.
func (d *DB) held(ctx context.Context, q runner, in *Tried) (time.Duration, error) {
	now := d.now()
	known, err := isKnown(ctx, q, in.known, now)
	if err != nil {
		return 0, err
	}
	var until int64
	c := in.counters
	err = each(ctx, q, func(row scanner) error {
		var key string
		var at int64
		if err := row.Scan(&key, &at); err != nil {
			return err
		}
		if key == c[here].key || !known {
			until = max(until, at)
		}
		return nil
	}, `SELECT key, until FROM guesses WHERE key IN ($1, $2, $3) AND expires_at > $4`, c[byAddress].key, c[byNetwork].key, c[here].key, now)
	return time.Duration(max(0, until-now)) * time.Microsecond, err
}

func isKnown(ctx context.Context, q runner, key string, now int64) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM guesses WHERE key = $1 AND expires_at > $2`, key, now).Scan(&one)
	return err == nil, ignoreNotFound(found("find network", err))
}

// Forgive takes a try back that was right: its own count, and the wait that it caused,
// but none that others caused while it was under way. With whole, the person has signed in: the
// count of this account in this network ends, and the network is known from now on.
func (d *DB) Forgive(ctx context.Context, t *Tried, whole bool) error {
	_, err := write(ctx, d, "forgive a try", func(ctx context.Context, q runner) (none struct{}, err error) {
		for _, c := range t.counters {
			if _, err := q.ExecContext(ctx, `UPDATE guesses SET failures = failures - 1, until = CASE WHEN until = $3 THEN $2 ELSE until END
				WHERE key = $1 AND failures > 0`, c.key, c.before, c.after); err != nil {
				return none, err
			}
		}
		if !whole {
			return none, nil
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM guesses WHERE key = $1`, t.counters[here].key); err != nil {
			return none, err
		}
		_, err = q.ExecContext(ctx, `INSERT INTO guesses (key, failures, until, expires_at) VALUES ($1, 0, 0, $2)
			ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at`, t.known, d.now()+knownFor.Microseconds())
		return none, err
	})
	return err
}

// trimGuesses keeps the rows within their budget: the expired go, then those that
// would expire next.
func (d *DB) trimGuesses(ctx context.Context) error {
	_, err := write(ctx, d, "trim guesses", func(ctx context.Context, q runner) (none struct{}, err error) {
		if _, err := q.ExecContext(ctx, `DELETE FROM guesses WHERE expires_at <= $1`, d.now()); err != nil {
			return none, err
		}
		var rows int64
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM guesses`).Scan(&rows); err != nil || rows <= guessBudget {
			return none, err
		}
		_, err = q.ExecContext(ctx, `DELETE FROM guesses WHERE key IN (SELECT key FROM guesses ORDER BY expires_at, key LIMIT $1)`, rows-guessBudget)
		return none, err
	})
	return err
}
