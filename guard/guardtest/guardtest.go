// Package guardtest issues access tokens in tests of an API that a guard protects.
// There is no broker and no network: an Issuer has keys of its own, and the guard
// that it makes trusts them.
//
//	issuer := guardtest.New(t)
//	api := newAPI(issuer.Guard("https://api.example"))
//
//	r := httptest.NewRequest("GET", "/items", nil)
//	r.Header.Set("Authorization", "Bearer "+issuer.Token("usr_alice", "items:read"))
//
// The tokens are real: signed with ES256, checked by the same code as in production.
package guardtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/tokens"
)

// TB is what an Issuer needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Issuer stands in for a broker.
type Issuer struct {
	URL string // the issuer that its tokens name

	t       TB
	ring    *tokens.Ring
	strange *tokens.Ring // keys that no guard trusts

	mu       sync.Mutex
	ahead    time.Duration
	audience []string // of the guards made so far
}

// New returns an issuer with a fresh key.
func New(t TB) *Issuer {
	t.Helper()
	return &Issuer{URL: "https://id.example", t: t, ring: newRing(t), strange: newRing(t)}
}

func newRing(t TB) *tokens.Ring {
	t.Helper()
	key, err := tokens.NewKey(tokens.ES256)
	if err != nil {
		t.Fatalf("guardtest: make a key: %v", err)
	}
	ring, err := tokens.NewRing(key)
	if err != nil {
		t.Fatalf("guardtest: make a ring: %v", err)
	}
	return ring
}

// Guard returns a guard that trusts this issuer, on this issuer's clock.
func (i *Issuer) Guard(audience string, opts ...guard.Option) *guard.Guard {
	i.t.Helper()
	opts = append([]guard.Option{guard.WithKeys(i.ring), guard.WithClock(i.Now)}, opts...)
	g, err := guard.New(i.URL, audience, opts...)
	if err != nil {
		i.t.Fatalf("guardtest: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.audience = append(i.audience, audience)
	return g
}

// Token returns an access token for a person. Its scopes are separated by spaces;
// "" is none. It is for the audience of the guard that this issuer made, lives five
// minutes, comes through the client "test-client", and its person signed in just now,
// unless an option says otherwise.
func (i *Issuer) Token(subject, scopes string, opts ...Option) string {
	i.t.Helper()
	raw, err := i.coin(subject, scopes, opts)
	if err != nil {
		i.t.Fatalf("guardtest: %v", err)
	}
	return raw
}

// MachineToken returns an access token for a client that acts for itself, as a broker
// gives one for client_credentials: sub is client:<id>, and there is no session.
func (i *Issuer) MachineToken(clientID, scopes string, opts ...Option) string {
	i.t.Helper()
	machine := func(_ *Issuer, s *spec) { s.granted.ClientID, s.granted.GrantID = clientID, "" }
	return i.Token(tokens.MachineSubject(clientID), scopes, append([]Option{machine}, opts...)...)
}

func (i *Issuer) coin(subject, scopes string, opts []Option) (string, error) {
	s := spec{issuer: i.URL, ring: i.ring, granted: tokens.Granted{
		GrantID: "test-grant", Subject: subject, ClientID: "test-client", Scopes: strings.Fields(scopes)}}
	for _, opt := range opts {
		opt(i, &s)
	}
	if len(s.granted.Audience) == 0 {
		i.mu.Lock()
		known := i.audience
		i.mu.Unlock()
		if len(known) != 1 {
			return "", fmt.Errorf("the issuer made %d guards: say with guardtest.For which audience the token is for", len(known))
		}
		s.granted.Audience = known
	}
	now := i.Now().Add(s.shift)
	if !s.nobody {
		s.granted.AuthTime = now.Add(-s.ago)
	}
	m := &tokens.Mint{Issuer: s.issuer, Ring: s.ring, Now: func() time.Time { return now }}
	raw, _, err := m.Access(context.Background(), s.granted)
	return raw, err
}

// Now is the issuer's time: the real one, plus what Advance added.
func (i *Issuer) Now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Now().Add(i.ahead)
}

// Advance moves the clock of the issuer and its guards, so that a test sees a token
// expire without waiting for it.
func (i *Issuer) Advance(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ahead += d
}

// Option changes a token.
type Option func(*Issuer, *spec)

type spec struct {
	issuer  string
	ring    *tokens.Ring
	shift   time.Duration
	ago     time.Duration // since the person signed in
	nobody  bool          // no person did
	granted tokens.Granted
}

// For sets the audience.
func For(audience ...string) Option {
	return func(_ *Issuer, s *spec) { s.granted.Audience = audience }
}

// Client sets the client, the app that the person uses.
func Client(id string) Option { return func(_ *Issuer, s *spec) { s.granted.ClientID = id } }

// Roles sets the person's roles.
func Roles(roles ...string) Option { return func(_ *Issuer, s *spec) { s.granted.Roles = roles } }

// Claim adds a claim. As with a real broker, the reserved ones cannot be set.
func Claim(name string, value any) Option {
	return func(_ *Issuer, s *spec) {
		if s.granted.Claims == nil {
			s.granted.Claims = map[string]any{}
		}
		s.granted.Claims[name] = value
	}
}

// Session sets sid.
func Session(sid string) Option { return func(_ *Issuer, s *spec) { s.granted.SessionID = sid } }

// SignedInAgo says how long ago the person signed in (auth_time).
func SignedInAgo(d time.Duration) Option { return func(_ *Issuer, s *spec) { s.ago = d } }

// NobodySignedIn makes a token without auth_time, as a machine has.
func NobodySignedIn() Option { return func(_ *Issuer, s *spec) { s.nobody = true } }

// ACR sets the authentication context class of the sign-in.
func ACR(value string) Option { return func(_ *Issuer, s *spec) { s.granted.ACR = value } }

// AMR sets the methods by which the person signed in.
func AMR(methods ...string) Option { return func(_ *Issuer, s *spec) { s.granted.AMR = methods } }

// LivesFor sets how long the token lives, in whole seconds, up to an hour.
func LivesFor(d time.Duration) Option { return func(_ *Issuer, s *spec) { s.granted.TTL = d } }

// Expired makes a token that expired an hour ago.
func Expired() Option {
	return func(_ *Issuer, s *spec) { s.shift, s.granted.TTL = -2*time.Hour, time.Hour }
}

// Forged makes a token that is right in everything but its signature, which is by a
// key that no guard trusts.
func Forged() Option { return func(i *Issuer, s *spec) { s.ring = i.strange } }

// OfIssuer makes a token that names another issuer.
func OfIssuer(url string) Option { return func(_ *Issuer, s *spec) { s.issuer = url } }
