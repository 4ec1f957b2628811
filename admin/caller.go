package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/storage"
)

// freshFor is how long after a sign-in a person may make sensitive changes (A12).
const freshFor = 5 * time.Minute

// caller is who makes a call, as the book has them now.
type caller struct {
	kind     string // one of the api.Kind… words
	userID   string
	subject  string
	clientID string
	name     string
	email    string
	role     string
	scopes   []string
	authTime time.Time // of a person
	linkID   string
	ends     time.Time // of a link's session
}

// id names the caller in the log and the audit.
func (c *caller) id() string {
	switch c.kind {
	case api.KindShell:
		return "shell"
	case api.KindLink:
		return "link:" + c.linkID
	case api.KindMachine:
		return c.clientID
	}
	return c.userID
}

func (c *caller) has(scope string) bool { return slices.Contains(c.scopes, scope) }

// source is where the caller's changes come from, for the history.
func (c *caller) source() string {
	switch c.kind {
	case api.KindShell:
		return "shell"
	case api.KindMachine:
		return "api"
	}
	return "console"
}

// fresh tells whether the caller may make sensitive changes without signing in again. A
// machine cannot, the shell need not, and the session of a link is as short as it is.
func (c *caller) fresh(now time.Time) bool {
	return c.kind != api.KindPerson || !c.authTime.IsZero() && now.Sub(c.authTime) <= freshFor
}

var shellCaller = &caller{kind: api.KindShell, role: storage.RoleOwner, scopes: directory.AdminScopes(storage.RoleOwner)}

// admit finds out who calls, and whether they may. Only an Authorization header is
// looked at, never a cookie: no page of another site can call in somebody's name.
func (s *Server) admit(c *call) error {
	if c.route.need == public {
		return nil
	}
	var err error
	if c.who, err = s.caller(c); err != nil {
		return unknownCaller(err)
	}
	c.rec.who = c.who
	if c.route.need != anybody && !c.who.has(c.route.need) {
		p := challenge(http.StatusForbidden, api.TooFewScopes, "insufficient_scope", "the caller does not have the scopes that this needs", c.route.need)
		p.Scopes = []string{c.route.need}
		return p
	}
	if c.route.fresh {
		return c.mustBeFresh()
	}
	return nil
}

// unknownCaller answers where it could not be found out who calls: nobody is let in, and
// a good token is not called a bad one.
func unknownCaller(err error) error {
	var refused *refusal
	if errors.As(err, &refused) {
		return err
	}
	refused = problem(http.StatusServiceUnavailable, api.Unavailable, "try again in a moment")
	refused.cause = err
	return refused
}

func (s *Server) caller(c *call) (*caller, error) {
	if c.shell {
		return shellCaller, nil
	}
	if raw, is := linkToken(c.gin.Request.Header); is {
		return s.linkCaller(c.ctx(), raw)
	}
	token, refused := s.guard.Checker()(c.gin.Request)
	if refused != nil {
		return nil, unauthorized(refused)
	}
	if token.Machine() {
		return s.machine(c.ctx(), token)
	}
	return s.person(c.ctx(), token)
}

// person is an administrator who signed in at the console's client. What they may do is
// what the token says and what the role of the identity that they signed in by still
// gives: a second identity of the same person may prove less.
func (s *Server) person(ctx context.Context, t *guard.Token) (*caller, error) {
	if t.ClientID != directory.AdminClient {
		return nil, stale("the token is of another app")
	}
	u, err := s.db.UserBySubject(ctx, t.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, stale("the person is gone")
	}
	if err != nil {
		return nil, err
	}
	providerID, subject, err := s.db.StandingSession(ctx, u.ID, t.SessionID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, stale("the person has signed out")
	}
	if err != nil {
		return nil, err
	}
	who := &caller{kind: api.KindPerson, userID: u.ID, subject: t.Subject, clientID: t.ClientID, name: u.Name, email: u.Email, authTime: t.AuthTime}
	if who.role, err = s.db.AdminRole(ctx, providerID, subject); err != nil {
		return nil, err
	}
	if who.role == "" {
		return nil, stale("the person is no administrator (any more)")
	}
	who.scopes = both(t.Scopes, directory.AdminScopes(who.role))
	return who, nil
}

// machine is a client that acts for itself. What it may do is what the token says and
// machine_scopes still give.
func (s *Server) machine(ctx context.Context, t *guard.Token) (*caller, error) {
	snap := s.snapshot()
	client, known := snap.Client(t.ClientID)
	if !known || snap.AdmitMachine(client) != nil {
		return nil, stale("the client may not act for itself (any more)")
	}
	revoked, err := s.db.TokenRevoked(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	if revoked {
		return nil, stale("the token was revoked")
	}
	return &caller{kind: api.KindMachine, clientID: client.ID, name: client.Name, scopes: both(t.Scopes, client.MachineScopes)}, nil
}

// stale refuses a token that was good once.
func stale(why string) error {
	return challenge(http.StatusUnauthorized, api.BadToken, "invalid_token", why, "")
}

func both(a, b []string) []string {
	out := []string{}
	for _, one := range a {
		if slices.Contains(b, one) {
			out = append(out, one)
		}
	}
	return out
}

// linkPrefix begins the token of an owner's link session; no JWT begins so.
const linkPrefix = "hsal_"

// linkToken finds the token of a link's session.
func linkToken(h http.Header) (string, bool) {
	values := h["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	return raw, strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(raw, linkPrefix)
}
