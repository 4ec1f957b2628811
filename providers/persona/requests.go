package persona

import (
	"net/http"
	"net/url"
	"sync"
)

// Endpoint names a door of a persona.
type Endpoint string

// The doors.
const (
	Discovery  Endpoint = "discovery"
	Authorize  Endpoint = "authorize"
	SignInForm Endpoint = "signin" // what the sign-in page posts to
	Token      Endpoint = "token"
	UserInfo   Endpoint = "userinfo"
	JWKS       Endpoint = "jwks"
	Revoke     Endpoint = "revoke"
	EndSession Endpoint = "end_session"
	// Canary is a door that no correct relying party ever opens: forged tokens
	// (jku, x5u), claim sources and redirects point there.
	Canary Endpoint = "canary"
)

// Request is one request that a persona received.
type Request struct {
	Endpoint Endpoint
	Method   string
	Query    url.Values
	Form     url.Values // the body, for a form
	Header   http.Header
}

// Requests is what a persona was asked so far.
type Requests struct {
	counts map[Endpoint]int
	recent []Request
}

// Count is how often an endpoint was asked.
func (r *Requests) Count(e Endpoint) int { return r.counts[e] }

// Total is how often the persona was asked anything.
func (r *Requests) Total() int {
	n := 0
	for _, c := range r.counts {
		n += c
	}
	return n
}

// To are the recent requests to an endpoint, oldest first; a persona keeps the
// last 256 requests.
func (r *Requests) To(e Endpoint) []Request {
	var out []Request
	for _, q := range r.recent {
		if q.Endpoint == e {
			out = append(out, q)
		}
	}
	return out
}

const keptRequests = 256

// log counts for ever and remembers a little.
type log struct {
	mu     sync.Mutex
	counts map[Endpoint]int
	recent []Request
}

func (l *log) add(q Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[Endpoint]int{}
	}
	l.counts[q.Endpoint]++
	if len(l.recent) == keptRequests {
		copy(l.recent, l.recent[1:])
		l.recent = l.recent[:keptRequests-1]
	}
	l.recent = append(l.recent, q)
}

func (l *log) snapshot() *Requests {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &Requests{counts: make(map[Endpoint]int, len(l.counts)), recent: append([]Request(nil), l.recent...)}
	for e, n := range l.counts {
		out.counts[e] = n
	}
	return out
}
