// Package providertest holds the contract that every kind of provider keeps:
// which requests it makes, what it believes, and what it answers to an
// upstream that is wrong, hostile or dead.
//
//	func TestMyKindKeepsTheContract(t *testing.T) {
//		kind, _ := providers.Lookup("mykind")
//		providertest.Run(t, persona.Auth0, func(t *testing.T, idp *persona.Persona, s providers.Settings) providers.Provider {
//			p, err := kind.New(t.Context(), s)
//			if err != nil {
//				t.Fatal(err)
//			}
//			return p
//		})
//	}
//
// It owns the promises that hold for all kinds. It leaves to the kind's own
// tests what only that kind knows: a hosted domain, an organization. The
// upstream is a persona, so nothing leaves the machine; time is a clock of the
// test's own, so nothing waits.
//
// Names of subtests begin with the row of the project's catalogue of attacks
// that they stand for.
package providertest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// New makes the provider under test. Settings come with everything that an
// upstream needs: slug, issuer, client id and secret, scopes, mapped claims,
// TrustEmail "always", an HTTP client that may reach this machine, and the
// test's clock. A kind changes what it calls by another name. New is called
// many times in one Run.
type New func(t *testing.T, idp *persona.Persona, s providers.Settings) providers.Provider

// Run holds a kind to the contract, with kind as its upstream.
func Run(t *testing.T, kind func(persona.Options) *persona.Persona, newProvider New) {
	t.Helper()
	h := newHouse(t, kind, newProvider)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"Begin", begin},
		{"Finish", finish},
		{"Answer", answers},
		{"TokenEndpoint", tokenEndpoint},
		{"IDToken", idTokens},
		{"UserInfo", userInfo},
		{"Keys", keys},
		{"Discovery", discovery},
		{"Life", life},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, h) })
	}
}

const callback = "http://127.0.0.1:1/callback/upstream"

// house is what all parts of the contract stand in.
type house struct {
	kind        func(persona.Options) *persona.Persona
	idp         *persona.Persona
	clock       *clock
	newProvider New
}

func newHouse(t *testing.T, kind func(persona.Options) *persona.Persona, newProvider New) *house {
	t.Helper()
	clock := &clock{now: time.Now().Truncate(time.Second)}
	idp := persona.Start(t, kind, persona.Options{RedirectURIs: []string{callback}, Now: clock.Now})
	return &house{kind: kind, idp: idp, clock: clock, newProvider: newProvider}
}

// alone is a house with an upstream of its own, for parts that count requests
// which a provider of another part might still make in the background.
func (h *house) alone(t *testing.T) *house {
	t.Helper()
	return newHouse(t, h.kind, h.newProvider)
}

// settings for the persona as it is.
func (h *house) settings(t *testing.T) providers.Settings {
	t.Helper()
	client, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true})
	if err != nil {
		t.Fatalf("make an HTTP client: %v", err)
	}
	t.Cleanup(client.CloseIdleConnections)
	s := providers.Settings{
		Slug: "upstream", Issuer: h.idp.Issuer(),
		ClientID: h.idp.ClientID(), ClientSecret: providers.Secret(h.idp.ClientSecret()),
		Scopes: []string{"openid", "profile", "email"}, TrustEmail: "always",
		Client: client, Now: h.clock.Now,
	}
	switch h.idp.Kind() {
	case persona.KindOkta, persona.KindOktaOrg:
		s.Scopes = append(s.Scopes, "groups")
	}
	return s
}

// provider is a fresh one at an honest upstream. Faults end with the test.
func (h *house) provider(t *testing.T, change ...func(*providers.Settings)) providers.Provider {
	t.Helper()
	h.idp.Faults().Reset()
	t.Cleanup(h.idp.Faults().Reset)
	s := h.settings(t)
	for _, c := range change {
		c(&s)
	}
	return h.newProvider(t, h.idp, s)
}

// attempt is what a broker would draw.
func attempt() providers.Attempt {
	return providers.Attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: callback,
	}
}

// leave begins a login and lets a person sign in. Back comes what the browser
// would bring to the callback.
func (h *house) leave(t *testing.T, p providers.Provider, a providers.Attempt, user string) url.Values {
	t.Helper()
	step, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	to, err := persona.SignIn(t.Context(), nil, step.Redirect, user)
	if err != nil {
		t.Fatalf("sign in as %q at %s: %v", user, step.Redirect, err)
	}
	if !strings.HasPrefix(to.String(), callback+"?") {
		t.Fatalf("the upstream sends the browser to %s", to)
	}
	return to.Query()
}

// login is a whole login.
func (h *house) login(t *testing.T, p providers.Provider, user string) (*providers.Identity, error) {
	t.Helper()
	a := attempt()
	return p.Finish(t.Context(), a, h.leave(t, p, a, user))
}

// mustLogin is a login that has to succeed.
func (h *house) mustLogin(t *testing.T, p providers.Provider, user string) *providers.Identity {
	t.Helper()
	id, err := h.login(t, p, user)
	if err != nil {
		t.Fatalf("%s cannot sign in: %v", user, err)
	}
	u, _ := h.idp.User(user)
	if id.Issuer != h.idp.Issuer() || id.Subject != u.Subject {
		t.Fatalf("signed in as %q of %q, want %q of %q", id.Subject, id.Issuer, u.Subject, h.idp.Issuer())
	}
	return id
}

// refused checks that a failure is one the broker can act on, and that nothing
// of the upstream's text is in it.
func refused(t *testing.T, why string, id *providers.Identity, err error, codes ...string) {
	t.Helper()
	if id != nil {
		t.Errorf("%s: somebody is signed in: %q", why, id.Subject)
	}
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: error %v is no *providers.Error", why, err)
		return
	}
	known := false
	for _, code := range codes {
		known = known || e.Code == code
	}
	if !known {
		t.Errorf("%s: code %q (%v), want %q", why, e.Code, err, codes)
	}
	if text := err.Error(); len(text) > 1<<10 || strings.Contains(text, evil) {
		t.Errorf("%s: the upstream's text is in the error: %.200q", why, text)
	}
}

// evil is a text that must not come through.
const evil = "<script>alert(1)</script>\r\nSet-Cookie: x=y"

// fault is one row of a table of faults.
type fault struct {
	why   string
	fault persona.Fault
	code  string // "" is server_error
}

// refuses runs a login for each fault, with a fresh provider each, and wants a
// refusal after exactly one token request.
func (h *house) refuses(t *testing.T, rows []fault) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			p := h.provider(t)
			a := attempt()
			answer := h.leave(t, p, a, "alice")
			before := h.idp.Requests()
			h.idp.Faults().Set(row.fault)
			id, err := p.Finish(t.Context(), a, answer)
			code := row.code
			if code == "" {
				code = providers.ServerError
			}
			refused(t, row.why, id, err, code)
			after := h.idp.Requests()
			if n := after.Count(persona.Token) - before.Count(persona.Token); n != 1 {
				t.Errorf("%d token requests, want exactly 1", n)
			}
			if n := after.Count(persona.Canary) - before.Count(persona.Canary); n != 0 {
				t.Errorf("an address that the upstream named was opened %d times", n)
			}
		})
	}
}

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// shortClient gives up soon: for upstreams that never answer.
func shortClient(t *testing.T) *http.Client {
	t.Helper()
	c, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}
