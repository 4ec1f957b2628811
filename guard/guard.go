package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// Guard checks access tokens of one issuer for one audience. Make one with New
// and share it: it is safe for concurrent use and holds the key cache.
type Guard struct {
	audience string
	realm    string
	now      func() time.Time
	verifier tokens.Verifier
	remote   *tokens.RemoteKeys // nil with WithKeys
	count    counters
}

// DefaultLeeway is how far the clocks of broker and API may differ.
const DefaultLeeway = 30 * time.Second

// New returns a guard for tokens that issuer made for audience. Both are compared
// byte by byte with what the token says: issuer is the broker's "issuer" setting,
// audience the id of a resource that is configured there. New touches no network.
func New(issuer, audience string, opts ...Option) (*Guard, error) {
	if err := checkIssuer(issuer); err != nil {
		return nil, fmt.Errorf("guard: issuer %q %w", issuer, err)
	}
	if audience == "" || strings.ContainsFunc(audience, notQuotable) {
		return nil, errors.New("guard: the audience is empty or has characters that do not belong there")
	}
	s := settings{realm: audience, leeway: DefaultLeeway, now: time.Now}
	for _, opt := range opts {
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("guard: %w", err)
		}
	}
	g := &Guard{audience: audience, realm: s.realm, now: s.now}
	keys := s.keys
	if keys == nil {
		g.remote = tokens.NewRemoteKeys((&source{issuer: issuer, client: hardened(s.client)}).fetch, s.now)
		keys = g.remote
	}
	g.verifier = tokens.Verifier{Issuer: issuer, Keys: keys, Leeway: s.leeway, Now: s.now}
	return g, nil
}

// Option changes how a Guard works.
type Option func(*settings) error

type settings struct {
	realm  string
	leeway time.Duration
	now    func() time.Time
	client *http.Client
	keys   tokens.KeyFinder
}

// WithHTTPClient fetches keys with c, for a private certificate authority or a
// proxy. Whatever c says, redirects are not followed, no cookies are kept and a
// fetch ends after ten seconds.
func WithHTTPClient(c *http.Client) Option {
	return func(s *settings) error {
		if c == nil {
			return errors.New("WithHTTPClient needs a client")
		}
		s.client = c
		return nil
	}
}

// WithKeys takes keys from k and never fetches any. A tokens.KeySet is a fixed one.
func WithKeys(k tokens.KeyFinder) Option {
	return func(s *settings) error {
		if k == nil {
			return errors.New("WithKeys needs a KeyFinder")
		}
		s.keys = k
		return nil
	}
}

// WithLeeway sets how far the clocks of broker and API may differ, at most two
// minutes: for so long an expired token is still accepted. It is DefaultLeeway otherwise.
func WithLeeway(d time.Duration) Option {
	return func(s *settings) error {
		if d < 0 || d > 2*time.Minute {
			return fmt.Errorf("a leeway of %s is not between 0 and 2 minutes", d)
		}
		s.leeway = d
		return nil
	}
}

// WithClock tells the time, for tests. It must be safe for concurrent use.
func WithClock(now func() time.Time) Option {
	return func(s *settings) error {
		if now == nil {
			return errors.New("WithClock needs a function")
		}
		s.now = now
		return nil
	}
}

// WithRealm sets the realm of challenges (RFC 9110 §11.5). It is the audience otherwise.
func WithRealm(realm string) Option {
	return func(s *settings) error {
		if strings.ContainsFunc(realm, notQuotable) {
			return errors.New("a realm may have neither quotes, backslashes nor control characters")
		}
		s.realm = realm
		return nil
	}
}

// Require lets a request through when it bears a valid token with all of scopes,
// and answers it otherwise. Without scopes any valid token will do. The handler
// gets the token with From. Require panics when a scope is not one that RFC 6749
// §3.3 allows ("items:read write" are two): it is called once, when the program starts.
//
// A CORS preflight carries no token, so CORS middleware belongs outside of Require.
func (g *Guard) Require(scopes ...string) func(http.Handler) http.Handler {
	return wrap(g.Checker(scopes...))
}

func wrap(check func(*http.Request) (*Token, *Refusal)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, refusal := check(r)
			if refusal != nil {
				refusal.Write(w)
				return
			}
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), token)))
		})
	}
}

// Checker is Require for other frameworks. The function that it returns gives the
// token of a request, or the refusal to answer it with; exactly one of them is nil.
func (g *Guard) Checker(scopes ...string) func(*http.Request) (*Token, *Refusal) {
	return g.AuthChecker(Scopes(scopes...))
}

// check looks at a request: the token, then its scopes, which signing in again would
// not change, then the sign-in behind it.
func (g *Guard) check(r *http.Request, need *needs) (*Token, *Refusal) {
	raw, refusal := bearer(r.Header)
	if refusal != nil {
		return nil, g.refuse(refusal, need)
	}
	token, err := g.verify(r.Context(), raw)
	if err != nil {
		return nil, g.refuse(explain(err), need)
	}
	for _, scope := range need.scopes {
		if !token.HasScope(scope) {
			return nil, g.refuse(insufficientScope(), need)
		}
	}
	if refusal := g.missing(token, need); refusal != nil {
		return nil, g.refuse(refusal, need)
	}
	g.count.accepted.Add(1)
	return token, nil
}

// Verify checks a bare token and returns what it says, whatever its scopes are.
// errors.Is tells the reasons apart: tokens.ErrInvalid (tokens.ErrExpired and
// tokens.ErrAudience are special cases) or ErrKeysUnavailable.
func (g *Guard) Verify(ctx context.Context, raw string) (*Token, error) {
	token, err := g.verify(ctx, raw)
	if err != nil {
		g.count.failed(explain(err).Status)
		return nil, err
	}
	g.count.accepted.Add(1)
	return token, nil
}

func (g *Guard) verify(ctx context.Context, raw string) (*Token, error) {
	c, err := g.verifier.Access(ctx, raw, g.audience)
	if err != nil {
		return nil, err
	}
	return &Token{Subject: c.Subject, ClientID: c.ClientID, Scopes: c.Scopes, Roles: c.Roles,
		AuthTime: c.AuthTime, ACR: c.ACR, AMR: c.AMR, SessionID: c.SessionID, ID: c.ID, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt, Claims: c.Extra}, nil
}

// Ready returns nil when tokens can be checked: it fetches the keys unless they are
// there. It is meant for a readiness probe, or to wait at start.
func (g *Guard) Ready(ctx context.Context) error {
	if g.remote == nil {
		return nil
	}
	return g.remote.Ready(ctx)
}

// Stats are a guard's counters since it was made, for a metrics page.
type Stats struct {
	Accepted    uint64 // valid tokens, with the scopes that were asked for
	Missing     uint64 // requests without a token, or with a malformed one
	Invalid     uint64 // tokens that were refused
	Forbidden   uint64 // valid tokens without the needed scopes
	TooWeak     uint64 // valid tokens whose sign-in was too old or too weak
	Unavailable uint64 // tokens that could not be checked, for want of keys

	KeyFetches   uint64    // times that keys were asked for
	KeyFailures  uint64    // times that this failed
	Keys         int       // keys that are trusted now
	KeysFetched  time.Time // when they came, zero before
	KeysLastFail string    // why the last fetch failed, "" when it did not
}

// Stats returns the counters.
func (g *Guard) Stats() Stats {
	s := Stats{
		Accepted:    g.count.accepted.Load(),
		Missing:     g.count.missing.Load(),
		Invalid:     g.count.invalid.Load(),
		Forbidden:   g.count.forbidden.Load(),
		TooWeak:     g.count.tooWeak.Load(),
		Unavailable: g.count.unavailable.Load(),
	}
	if g.remote != nil {
		k := g.remote.Stats()
		s.KeyFetches, s.KeyFailures, s.Keys, s.KeysFetched, s.KeysLastFail = k.Fetches, k.Failures, k.Keys, k.Fetched, k.LastFailure
	}
	return s
}

type counters struct{ accepted, missing, invalid, forbidden, tooWeak, unavailable atomic.Uint64 }

func (c *counters) failed(status int) {
	switch status {
	case http.StatusForbidden:
		c.forbidden.Add(1)
	case http.StatusServiceUnavailable:
		c.unavailable.Add(1)
	default:
		c.invalid.Add(1)
	}
}

// checkIssuer admits an https URL, or an http one on loopback for development.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("is not a URL")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		return errors.New("must have neither user, query nor fragment (OpenID Connect Discovery §3)")
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return errors.New("must be https: plain http is for loopback only, or anybody on the way could swap the keys")
	}
	return errors.New("must be https")
}
