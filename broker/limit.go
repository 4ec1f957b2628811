package broker

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
)

const (
	freeGuesses  = 10               // failures before anybody waits
	longestWait  = 60 * time.Second // a delay, never a lock-out that an attacker could cause
	maxGuessers  = 10_000           // pairs remembered at most
	forgetAfter  = 10 * time.Minute
	spentAtATime = 100_000
)

// guesses slows down who guesses client secrets: it counts failures of one (client,
// address) pair and answers 429 for a time that doubles. A right secret from
// elsewhere is never held up.
type guesses struct {
	mu  sync.Mutex
	now func() time.Time
	of  map[string]guess
}

type guess struct {
	failures int
	until    time.Time // wait before this
	seen     time.Time
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, of: map[string]guess{}}
}

// wait tells how long this pair has to wait before its next try.
func (g *guesses) wait(client, ip string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.of[pair(client, ip)].until.Sub(g.now())
}

// failed counts one more failure.
func (g *guesses) failed(client, ip string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, key := g.now(), pair(client, ip)
	x := g.of[key]
	if now.Sub(x.seen) > forgetAfter {
		x = guess{}
	}
	x.failures, x.seen = x.failures+1, now
	if over := x.failures - freeGuesses; over > 0 {
		x.until = now.Add(min(longestWait, time.Second*time.Duration(math.Exp2(float64(min(over-1, 6))))))
	}
	if _, known := g.of[key]; !known && len(g.of) >= maxGuessers {
		g.makeRoom(now)
	}
	g.of[key] = x
}

// makeRoom forgets the old, and if all are new, some: memory stays bounded.
func (g *guesses) makeRoom(now time.Time) {
	for key, x := range g.of {
		if now.Sub(x.seen) > forgetAfter || len(g.of) > maxGuessers*9/10 && now.After(x.until) {
			delete(g.of, key)
		}
	}
	for key := range g.of {
		if len(g.of) < maxGuessers {
			return
		}
		delete(g.of, key)
	}
}

func pair(client, ip string) string { return door.Cut(client) + "\x00" + ip }

func tooMany(c *gin.Context, wait time.Duration) error {
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return &oauth.Error{Code: oauth.TemporarilyUnavailable, Description: "too many failed attempts, please wait", Status: http.StatusTooManyRequests}
}

// spentStates remembers which one-time values this node has seen spent, so that a
// burst of copies causes one upstream redemption; across nodes the database decides.
type spentStates struct {
	mu      sync.Mutex
	now     func() time.Time
	keep    time.Duration
	expires map[string]time.Time
	order   []string
}

func newSpentStates(keep time.Duration, now func() time.Time) *spentStates {
	return &spentStates{now: now, keep: keep, expires: map[string]time.Time{}}
}

// take spends a value; only the first caller gets true.
func (s *spentStates) take(value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.order) > 0 && (len(s.order) >= spentAtATime || now.After(s.expires[s.order[0]])) {
		delete(s.expires, s.order[0])
		s.order = s.order[1:]
	}
	if _, spent := s.expires[value]; spent {
		return false
	}
	s.expires[value] = now.Add(s.keep)
	s.order = append(s.order, value)
	return true
}
