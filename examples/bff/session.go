package bff

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

const (
	sessionIdle = 30 * time.Minute // without a request
	sessionMost = 8 * time.Hour    // in all
	mostSeats   = 10_000           // sessions kept; the one idle for longest makes room
)

// session is one signed-in browser. Its tokens never leave this process but to the
// API and the broker.
type session struct {
	pass string // the page's proof that it was opened in this session

	// Under the lock of all sessions:
	key         seat
	began, seen time.Time
	left        bool // signed out; only /goodbye still finds it

	mu       sync.Mutex // renew.go
	tokens   *tokens
	renewed  int
	renewing *renewal
}

// now returns what the session holds at this moment.
func (s *session) now() (t *tokens, renewed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens, s.renewed
}

// seat is the hash of a session's id: what lies in memory opens nothing.
type seat [sha256.Size]byte

func seatOf(id string) seat { return sha256.Sum256([]byte(id)) }

type sessions struct {
	mu    sync.Mutex
	seats map[seat]*session
	most  int
	clock func() time.Time
}

func newSessions(clock func() time.Time) *sessions {
	return &sessions{seats: map[seat]*session{}, most: mostSeats, clock: clock}
}

// begin makes a session with a fresh id; one that a browser brings is never adopted.
// The session that the login began in, if any, ends.
func (all *sessions) begin(t *tokens, before seat) (id string) {
	id = random()
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.seats, before)
	all.makeRoom()
	now := all.clock()
	s := &session{key: seatOf(id), pass: random(), tokens: t, began: now, seen: now}
	all.seats[s.key] = s
	return id
}

// makeRoom forgets what is over and, when the house is full, who was quiet for longest.
func (all *sessions) makeRoom() {
	var quiet *session
	for key, s := range all.seats {
		if all.over(s) {
			delete(all.seats, key)
		} else if quiet == nil || s.seen.Before(quiet.seen) {
			quiet = s
		}
	}
	if len(all.seats) >= all.most {
		delete(all.seats, quiet.key)
	}
}

func (all *sessions) over(s *session) bool {
	now := all.clock()
	return now.Sub(s.seen) >= sessionIdle || now.Sub(s.began) >= sessionMost
}

// find returns a live session and notes that it was used, or nil.
func (all *sessions) find(id string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.seats[seatOf(id)]
	switch {
	case s == nil || s.left:
		return nil
	case all.over(s):
		delete(all.seats, s.key)
		return nil
	}
	s.seen = all.clock()
	return s
}

// leave signs a session out. It tells whether it was this call that did.
func (all *sessions) leave(s *session) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.seats[s.key] != s || s.left {
		return false
	}
	s.left = true
	return true
}

// end forgets a session.
func (all *sessions) end(s *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.seats, s.key)
}

// takeLeft returns a session that was signed out a moment ago, once.
func (all *sessions) takeLeft(id string) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.seats[seatOf(id)]
	if s == nil || !s.left || all.over(s) {
		return nil
	}
	delete(all.seats, s.key)
	return s
}

// random is 256 bits in base64url.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}
