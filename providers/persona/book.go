package persona

import "time"

// book is everything that a persona remembers, in memory and bounded. The lock
// is Persona.mu.
type book struct {
	sessions shelf[session]  // by cookie value
	codes    shelf[*given]   // by code; a used one stays, to notice a replay
	access   shelf[*given]   // by access token
	refresh  shelf[*refresh] // by refresh token
	consents map[string]bool // user + offline, as Google remembers it
}

// session is a person signed in at the vendor in one browser.
type session struct {
	id    string // what Auth0 calls sid
	user  string // User.ID
	at    time.Time
	level int // how surely: see class
}

// given is what a code stands for and what was made of it.
type given struct {
	user      string
	subject   string
	req       authRequest
	sessionID string
	authTime  time.Time
	issuedAt  time.Time
	offline   bool
	used      bool
	revoked   bool
	expiresAt time.Time // of the newest access token
}

// refresh is a refresh token: the grant behind it and whether it was used.
type refresh struct {
	*given
	used bool
}

func (b *book) init() {
	b.sessions.init()
	b.codes.init()
	b.access.init()
	b.refresh.init()
	b.consents = map[string]bool{}
}

const shelfSize = 20_000

// shelf is a map that forgets its oldest entry when it is full.
type shelf[V any] struct {
	items map[string]V
	ring  []string
	next  int
}

func (s *shelf[V]) init() { s.items = map[string]V{} }

func (s *shelf[V]) put(key string, v V) {
	if _, there := s.items[key]; !there {
		if len(s.ring) < shelfSize {
			s.ring = append(s.ring, key)
		} else {
			delete(s.items, s.ring[s.next])
			s.ring[s.next] = key
			s.next = (s.next + 1) % shelfSize
		}
	}
	s.items[key] = v
}

func (s *shelf[V]) get(key string) (V, bool) {
	v, ok := s.items[key]
	return v, ok
}

func (s *shelf[V]) drop(key string) { delete(s.items, key) }
