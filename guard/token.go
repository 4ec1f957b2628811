package guard

import (
	"context"
	"slices"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// Token is a verified access token: who is asking, through which app, and what
// they may do. It is shared by whoever handles the request; do not change it.
type Token struct {
	Subject  string   // the person, stable and opaque; client:<id> where there is none, see Machine
	ClientID string   // the app
	Scopes   []string // what the app may do for the person, or for itself
	Roles    []string // what the person is here

	AuthTime time.Time // when the person last proved who they are; zero when nobody said
	ACR      string    // how surely, as the identity provider calls it, or ""
	AMR      []string  // and by which methods, such as "pwd" and "otp"

	SessionID string // sid, "" without a browser session
	ID        string // jti, unique
	IssuedAt  time.Time
	ExpiresAt time.Time

	// Claims are all claims as they came, the ones above included. Numbers are
	// float64, lists are []any, as encoding/json makes them.
	Claims map[string]any
}

// HasScope tells whether the token has a scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scopes, scope) }

// HasRole tells whether the person has a role.
func (t *Token) HasRole(role string) bool { return slices.Contains(t.Roles, role) }

// Machine tells whether the app acts for itself: there is no person, no session and no
// role, and the scopes are its own. No person's Subject looks like a machine's.
func (t *Token) Machine() bool {
	return t.ClientID != "" && t.Subject == tokens.MachineSubject(t.ClientID)
}

type contextKey struct{}

// From returns the token of a request that Require let through.
func From(ctx context.Context) (*Token, bool) {
	t, ok := ctx.Value(contextKey{}).(*Token)
	return t, ok && t != nil
}

// NewContext returns a context that From finds t in: for other frameworks, and for
// tests of a handler that call it directly.
func NewContext(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}
