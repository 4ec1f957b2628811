// Package guard protects a Go API with the access tokens of a Handstamp broker.
package guard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// Guard checks access tokens of one issuer for one audience.
type Guard struct{}

// Option changes a Guard.
type Option func(*Guard) error

// WithHTTPClient fetches keys with c.
func WithHTTPClient(c *http.Client) Option { return func(*Guard) error { return nil } }

// WithKeys takes keys from k and fetches none.
func WithKeys(k tokens.KeyFinder) Option { return func(*Guard) error { return nil } }

// WithLeeway tolerates clocks that differ.
func WithLeeway(d time.Duration) Option { return func(*Guard) error { return nil } }

// WithClock tells the time.
func WithClock(now func() time.Time) Option { return func(*Guard) error { return nil } }

// WithRealm names the realm of challenges.
func WithRealm(realm string) Option { return func(*Guard) error { return nil } }

// New returns a guard. It touches no network.
func New(issuer, audience string, opts ...Option) (*Guard, error) { return &Guard{}, nil }

// Require lets through requests whose token has all scopes.
func (g *Guard) Require(scopes ...string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler { return h }
}

// Ready tells whether tokens can be checked.
func (g *Guard) Ready(ctx context.Context) error { return errors.New("being written") }

// Stats are a guard's counters.
type Stats struct{}

// Stats returns the counters.
func (g *Guard) Stats() Stats { return Stats{} }

// Token is a verified access token.
type Token struct {
	Subject  string
	ClientID string
	Scopes   []string
	Roles    []string
	Claims   map[string]any
}

// HasScope tells whether the token has a scope.
func (t *Token) HasScope(scope string) bool { return false }

// HasRole tells whether the token has a role.
func (t *Token) HasRole(role string) bool { return false }

// From returns the token of a request that Require let through.
func From(ctx context.Context) (*Token, bool) { return nil, false }
