package guard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/tokens"
)

const audience = "https://api.example"

// fakeBroker serves what a guard fetches, and misbehaves on demand.
type fakeBroker struct {
	*httptest.Server
	t    testing.TB
	ring *tokens.Ring
	keys []*tokens.Key

	discoveries, keySets atomic.Int64
	strangers            atomic.Int64 // requests for anything else

	mu        sync.Mutex
	clock     time.Time
	discovery http.HandlerFunc // instead of the right answer
	keySet    http.HandlerFunc
}

func newBroker(t testing.TB) *fakeBroker {
	t.Helper()
	b := &fakeBroker{t: t, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.keys = []*tokens.Key{newKey(t)}
	var err error
	if b.ring, err = tokens.NewRing(b.keys...); err != nil {
		t.Fatal(err)
	}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	return b
}

func newKey(t testing.TB) *tokens.Key {
	t.Helper()
	k, err := tokens.NewKey(tokens.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (b *fakeBroker) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	discovery, keySet := b.discovery, b.keySet
	b.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		b.discoveries.Add(1)
		if discovery != nil {
			discovery(w, r)
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, b.URL, b.URL+"/jwks")
	case "/jwks":
		b.keySets.Add(1)
		if keySet != nil {
			keySet(w, r)
			return
		}
		body, _ := b.ring.JWKS()
		w.Write(body)
	case "/moved":
		body, _ := b.ring.JWKS()
		w.Write(body)
	default:
		b.strangers.Add(1)
	}
}

// misbehave answers key sets with h, or rightly again with nil.
func (b *fakeBroker) misbehave(h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keySet = h
}

// announce answers discovery with h.
func (b *fakeBroker) announce(h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.discovery = h
}

func (b *fakeBroker) down() {
	b.misbehave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
}

func (b *fakeBroker) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *fakeBroker) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func (b *fakeBroker) guard(opts ...guard.Option) *guard.Guard {
	b.t.Helper()
	g, err := guard.New(b.URL, audience, append([]guard.Option{guard.WithClock(b.now)}, opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	return g
}

// token signs with the broker's active key, and tokenBy with any.
func (b *fakeBroker) token() string { return b.tokenBy(b.ring) }

func (b *fakeBroker) tokenBy(ring *tokens.Ring) string {
	b.t.Helper()
	m := &tokens.Mint{Issuer: b.URL, Ring: ring, Now: b.now}
	raw, _, err := m.Access(context.Background(), tokens.Granted{GrantID: "g", Subject: "usr_alice", ClientID: "web",
		Audience: []string{audience}, Scopes: []string{"items:read"}, Roles: []string{"reader"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// strange is a ring whose key nobody published.
func strange(t testing.TB) *tokens.Ring {
	t.Helper()
	ring, err := tokens.NewRing(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// rotate puts a new key in place of the old ones; kept says whether those stay published.
func (b *fakeBroker) rotate(kept bool) {
	b.t.Helper()
	for _, k := range b.keys {
		if k.State = tokens.Gone; kept {
			k.State = tokens.Retiring
		}
	}
	b.keys = append(b.keys, newKey(b.t))
	if err := b.ring.Swap(b.keys); err != nil {
		b.t.Fatal(err)
	}
}

// call sends a request with a header to a guarded handler.
func call(g *guard.Guard, authorization string, scopes ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/items", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := guard.From(r.Context())
		if !ok {
			panic("let through without a token")
		}
		fmt.Fprintf(w, "%s via %s: %s %s", token.Subject, token.ClientID, strings.Join(token.Scopes, " "), strings.Join(token.Roles, " "))
	})).ServeHTTP(w, r)
	return w
}

func want(t *testing.T, why string, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("%s: %d %s, want %d", why, w.Code, w.Body, status)
	}
}
