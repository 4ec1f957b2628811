package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	sessionLife = 8 * time.Hour
	attemptLife = 10 * time.Minute
	mostSeats   = 1000 // sessions kept; the oldest makes room
)

// visit is one signed-in browser. Its lock is held while a refresh token is spent,
// so that two tabs never spend the same one.
type visit struct {
	mu        sync.Mutex
	who       *identity
	began     time.Time
	refreshed int
	renewedAt time.Time
	calls     []call   // newest answer of each door
	problem   *problem // shown once
	pending   pending  // what waits for a new sign-in

	// Who it is at the broker; guarded by the lock of sessions.
	subject string
	sids    []string
}

// sessions are kept in memory under the hash of the cookie: what lies in memory
// opens nothing.
type sessions struct {
	mu    sync.Mutex
	byID  map[[32]byte]*visit
	ended map[[32]byte]time.Time // by the broker, and not told yet
	now   func() time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{byID: map[[32]byte]*visit{}, ended: map[[32]byte]time.Time{}, now: now}
}

// begin makes a session with a fresh id; an id that a browser brings is never adopted.
func (s *sessions) begin(who *identity) (id string) {
	id = random()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= mostSeats {
		var oldest [32]byte
		var at time.Time
		for key, v := range s.byID {
			if at.IsZero() || v.began.Before(at) {
				oldest, at = key, v.began
			}
		}
		delete(s.byID, oldest)
	}
	s.byID[sha256.Sum256([]byte(id))] = &visit{who: who, began: s.now(), subject: who.Subject, sids: []string{sessionID(who.IDToken)}}
	return id
}

func (s *sessions) find(id string) *visit {
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.byID[key]
	if v != nil && s.now().Sub(v.began) >= sessionLife {
		delete(s.byID, key)
		return nil
	}
	return v
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, sha256.Sum256([]byte(id)))
}

// random is 256 bits in base64url.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// cookies names and writes them. Over https the __Host- prefix keeps other hosts
// from setting one; on loopback all ports share one jar, so names carry the port.
type cookies struct {
	prefix string
	secure bool
}

func newCookies(base *url.URL) cookies {
	if base.Scheme == "https" {
		return cookies{prefix: "__Host-desk", secure: true}
	}
	return cookies{prefix: "desk" + base.Port()}
}

func (c cookies) set(w http.ResponseWriter, name, value string, life time.Duration) {
	k := &http.Cookie{Name: name, Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// get reads a cookie; one that is there twice was put there by somebody else.
func (c cookies) get(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

func (c cookies) session() string { return c.prefix + "-session" }
func (c cookies) bye() string     { return c.prefix + "-bye" }

// attempt is one cookie a login, so that logins in two tabs do not meet.
func (c cookies) attempt(state string) string {
	return c.prefix + "-login-" + state[:min(len(state), 12)]
}

// tidy forgets the logins of a browser that began many and ended none, before
// their cookies outgrow a request.
func (c cookies) tidy(w http.ResponseWriter, r *http.Request) {
	const most = 8
	var begun []string
	for _, k := range r.Cookies() {
		if strings.HasPrefix(k.Name, c.attempt("")) {
			begun = append(begun, k.Name)
		}
	}
	if len(begun) >= most {
		for _, name := range begun {
			c.set(w, name, "", 0)
		}
	}
}

func (a attempt) String() string { return a.State + "." + a.Nonce + "." + a.Verifier }

func readAttempt(s string) (a attempt, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) < 43 || len(parts[1]) < 43 || len(parts[2]) < 43 {
		return a, false
	}
	return attempt{parts[0], parts[1], parts[2]}, true
}

// visit finds the session of a request, or nil.
func (a *app) visit(r *http.Request) *visit {
	if id := a.cookies.get(r, a.cookies.session()); id != "" {
		return a.sessions.find(id)
	}
	return nil
}

// signedIn wraps what only a signed-in person can do.
func (a *app) signedIn(do func(http.ResponseWriter, *http.Request, *visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := a.visit(r)
		if v == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		do(w, r, v)
	}
}
