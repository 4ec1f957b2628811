// Package grant answers the token endpoint: it knows who the client is, what it
// proved, and what the person behind the proof may still have today.
//
//	form ─▶ Authenticate ─▶ Grant.Redeem ─▶ Proof ─▶ tokens.Mint
//	         (the client)    (one file a     (what was   (the only
//	                          grant type)     proven)     coiner)
//
// A grant type proves; it never coins. So none of them can forget audience,
// lifetime, binding or audit. Adding a grant type is one new file with an init.
package grant

import (
	"context"
	"net/url"
	"sort"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// Desk is what every grant type works with.
type Desk struct {
	DB         *storage.DB
	Mint       *tokens.Mint
	Assertions *Assertions
	Now        func() time.Time
	Life       Lifetimes
	Console    bool // people may sign in to the console: directory.AdminClient
}

// Client finds an app, or the console where it has a door.
func (d *Desk) Client(s *directory.Snapshot, id string) (*directory.Client, bool) {
	if d.Console && id == directory.AdminClient {
		return s.Admin(), true
	}
	return s.Client(id)
}

// Lifetimes are how long everything lives; configs has the table of defaults.
type Lifetimes struct {
	Access, ID, Code, Transaction              time.Duration
	SessionIdle, SessionAbsolute               time.Duration
	RefreshIdle, RefreshAbsolute, RefreshGrace time.Duration
	MaxUpstreamAge                             time.Duration // how long rules may work on the last upstream answer; a provider may say otherwise
}

func (l Lifetimes) upstreamAge(p *directory.Provider) time.Duration {
	if p.MaxUpstreamAge > 0 {
		return p.MaxUpstreamAge.Std()
	}
	return l.MaxUpstreamAge
}

// Request is one authenticated token request.
type Request struct {
	Desk     *Desk
	Form     url.Values
	Client   *directory.Client
	Snapshot *directory.Snapshot
	Actor    storage.Actor

	Upstreams map[string]providers.Provider // by slug

	Seen Seen
}

// Seen is what a request turned out to be about, for the log and the trace: also of one
// that is refused.
type Seen struct {
	Grant   string   // its id
	Login   string   // reference of the login that it comes from; only of a refusal
	Subject string   // password: what the provider calls the person
	Who     *Subject // password: whom the provider knows
	Judged  bool     // password: the rules were asked
	Decided *Decided // password: nil where it came to a refusal
}

// Grant answers one grant_type. The client is already authenticated and allowed
// to use this type.
type Grant interface {
	Type() string
	Redeem(ctx context.Context, r *Request) (*Proof, error)
}

var registry = map[string]Grant{}

// Register adds a grant type: from then on discovery prints it, and clients may list
// it in grant_types. Each calls it from the init of its own file.
func Register(g Grant) {
	registry[g.Type()] = g
	directory.KnowGrantType(g.Type())
}

// A conditional grant type exists only under some settings.
type conditional interface {
	Offered(s *directory.Snapshot) bool
}

// Types lists the grant types that exist under these settings, in a stable order.
func Types(s *directory.Snapshot) []string {
	var types []string
	for t := range registry {
		if _, ok := offered(s, t); ok {
			types = append(types, t)
		}
	}
	sort.Strings(types)
	return types
}

// Known tells whether there is such a grant type at all.
func Known(name string) bool { return registry[name] != nil }

func offered(s *directory.Snapshot, name string) (Grant, bool) {
	g, ok := registry[name]
	if c, is := g.(conditional); ok && is {
		ok = c.Offered(s)
	}
	return g, ok
}

// Answer is a successful token response (RFC 6749 §5.1).
type Answer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope"`
}

// Answer redeems the request's grant and coins the tokens.
func (r *Request) Answer(ctx context.Context) (*Answer, error) {
	name := r.Form.Get("grant_type")
	if name == "" {
		return nil, oauth.E(oauth.InvalidRequest, "grant_type is missing")
	}
	g, ok := offered(r.Snapshot, name)
	if !ok {
		return nil, oauth.E(oauth.UnsupportedGrantType, "this grant_type is not supported")
	}
	if !r.Client.AllowsGrant(name) {
		return nil, oauth.E(oauth.UnauthorizedClient, "this client may not use this grant_type")
	}
	proof, err := g.Redeem(ctx, r)
	if err != nil {
		if r.Seen.Grant != "" && r.Seen.Login == "" {
			r.Seen.Login, _ = r.Desk.DB.LoginOfGrant(ctx, r.Seen.Grant) // for the log alone
		}
		return nil, err
	}
	return r.coin(ctx, proof)
}

func (r *Request) coin(ctx context.Context, p *Proof) (*Answer, error) {
	raw, ttl, err := r.Desk.Mint.Access(ctx, p.Granted)
	if err != nil {
		return nil, oauth.E(oauth.ServerError, "the token could not be made").Because(err)
	}
	a := &Answer{AccessToken: raw, TokenType: "Bearer", ExpiresIn: int64(ttl.Seconds()),
		RefreshToken: p.Refresh, Scope: join(p.Granted.Scopes)}
	if p.ID != nil {
		p.ID.AccessToken = raw
		if a.IDToken, err = r.Desk.Mint.ID(ctx, p.Granted, *p.ID); err != nil {
			return nil, oauth.E(oauth.ServerError, "the token could not be made").Because(err)
		}
	}
	return a, nil
}
