// Package persona holds truthful stand-ins for the sign-in services of
// Google, Okta and Auth0: complete OpenID Providers in one http.Handler, with
// the issuer, the paths, the claims and the quirks of the real ones, a few
// people to sign in as, and knobs to make them misbehave.
//
//	your code ──▶ authorize ─▶ sign-in page ─▶ code ──▶ your callback
//	          ──▶ token ─▶ id_token, access_token, refresh_token
//	          ──▶ userinfo, keys, revoke, sign-out
//	              ▲
//	              └── Faults: wrong nonce, forged signature, dead endpoint, …
//
// It is for tests and for trying things out at one's desk. A persona is strict
// where the real one is strict (byte-equal redirect_uri, PKCE, single-use
// codes, client secrets) and odd where the real one is odd (see Google, Okta,
// OktaOrg and Auth0), so that a green test against it means something. It
// keeps everything in memory, knows one client, and signs in anybody who
// clicks: never let it near real users.
//
// It owns what an identity provider does. It leaves the relying party to you
// and imports nothing but the standard library, so it serves any OpenID Connect
// client library.
//
// A program that drives the sign-in page finds the button of a person as
// #user-alice (a form field user=alice) and Cancel as #cancel; in Go, SignIn
// presses them.
package persona

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kinds of persona.
const (
	KindGoogle  = "google"
	KindOkta    = "okta"
	KindOktaOrg = "okta-org"
	KindAuth0   = "auth0"
)

// Options says where a persona lives and who may ask it. Everything but
// Issuer has a default.
type Options struct {
	// Issuer is the base URL at which Handler is reachable, without a trailing
	// slash: "http://127.0.0.1:4100". The issuer that the persona prints is
	// derived from it as its vendor does; see (*Persona).Issuer.
	Issuer string

	ClientID     string // default "persona-client"
	ClientSecret string // default "persona-secret"

	RedirectURIs           []string     // byte-equal; see also (*Persona).AllowRedirect
	PostLogoutRedirectURIs []string     // byte-equal; see also (*Persona).AllowPostLogoutRedirect
	BackchannelLogoutURI   string       // see also (*Persona).SetBackchannelLogout
	HTTPClient             *http.Client // for BackchannelLogout; default: the standard one

	Users []User           // default People(kind)
	Now   func() time.Time // default time.Now
}

// Persona is one running stand-in. It is safe for concurrent use.
type Persona struct {
	base   string // Options.Issuer
	prefix string // path of base, "" at a host's root
	vendor vendor
	now    func() time.Time

	clientID, clientSecret string

	faults   *Faults
	requests log
	keys     keyring

	mu         sync.Mutex
	redirects  map[string]bool
	afterLeave map[string]bool

	backchannel string // where the relying party takes logout tokens
	client      *http.Client

	users []User
	state book
}

// Issuer is the exact string of the iss claim and of the discovery document:
// for Okta's custom authorization server it ends in "/oauth2/default", for
// Auth0 in "/".
func (p *Persona) Issuer() string { return p.base + p.vendor.issuerPath }

// BaseURL is where the persona is served: Options.Issuer.
func (p *Persona) BaseURL() string { return p.base }

// Kind is one of the Kind constants.
func (p *Persona) Kind() string { return p.vendor.kind }

// Title is the vendor's name as a person knows it.
func (p *Persona) Title() string { return p.vendor.title }

// ClientID is the one client that the persona knows.
func (p *Persona) ClientID() string { return p.clientID }

// ClientSecret is the secret of that client.
func (p *Persona) ClientSecret() string { return p.clientSecret }

// Users are the people who can sign in here.
func (p *Persona) Users() []User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]User(nil), p.users...)
}

// SetUsers replaces the people, as an admin at the vendor would.
func (p *Persona) SetUsers(users ...User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users = append([]User(nil), users...)
}

// User finds a person by User.ID.
func (p *Persona) User(id string) (User, bool) {
	for _, u := range p.Users() {
		if u.ID == id {
			return u, true
		}
	}
	return User{}, false
}

// AllowRedirect registers one more redirect URI, for callers who learn their
// own address only after the persona runs.
func (p *Persona) AllowRedirect(uri string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redirects[uri] = true
}

// AllowPostLogoutRedirect registers one more URI to return to after sign-out.
func (p *Persona) AllowPostLogoutRedirect(uri string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.afterLeave[uri] = true
}

// Faults are the knobs that make the persona misbehave.
func (p *Persona) Faults() *Faults { return p.faults }

// Requests tells which endpoints were asked, how often and with what.
func (p *Persona) Requests() *Requests { return p.requests.snapshot() }

// Handler serves everything of the persona, below the path of Options.Issuer.
func (p *Persona) Handler() http.Handler {
	mux := http.NewServeMux()
	doors := map[Endpoint]http.HandlerFunc{
		Discovery:  p.discovery,
		Authorize:  p.authorize,
		SignInForm: p.signIn,
		Token:      p.token,
		UserInfo:   p.userInfo,
		JWKS:       p.jwks,
		Revoke:     p.revoke,
	}
	for e, h := range doors {
		for _, path := range p.vendor.paths[e] {
			mux.HandleFunc(p.prefix+path, p.door(e, h))
		}
	}
	for path, read := range p.vendor.leave {
		mux.HandleFunc(p.prefix+path, p.door(EndSession, func(w http.ResponseWriter, r *http.Request) { p.signOut(w, r, read) }))
	}
	mux.HandleFunc(p.prefix+signInPath, p.door(SignInForm, p.signIn))
	mux.HandleFunc("POST "+p.prefix+signOutPath, p.signOutEverywhere)
	mux.HandleFunc(p.prefix+canaryPath, p.door(Canary, p.canary))
	mux.HandleFunc(p.prefix+"/{$}", p.home)
	return mux
}

const (
	signInPath  = "/persona/signin"
	signOutPath = "/persona/signout" // an administrator's button
	canaryPath  = "/persona/canary"
)

// CanaryURL is an address of this persona that no correct relying party opens.
func (p *Persona) CanaryURL() string { return p.base + canaryPath }

// endpoint is the printed address of a door, "" where the vendor has none.
func (p *Persona) endpoint(e Endpoint) string {
	if paths := p.vendor.paths[e]; len(paths) > 0 {
		return p.base + paths[0]
	}
	return ""
}

// build makes a persona of a vendor.
func build(v vendor, o Options) *Persona {
	p := &Persona{
		base:         strings.TrimSuffix(o.Issuer, "/"),
		vendor:       v,
		now:          o.Now,
		clientID:     o.ClientID,
		clientSecret: o.ClientSecret,
		redirects:    map[string]bool{},
		afterLeave:   map[string]bool{},
		backchannel:  o.BackchannelLogoutURI,
		client:       o.HTTPClient,
		users:        slices.Clone(o.Users),
	}
	if u, err := url.Parse(p.base); err == nil {
		p.prefix = u.EscapedPath()
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.clientID == "" {
		p.clientID = "persona-client"
	}
	if p.clientSecret == "" {
		p.clientSecret = "persona-secret"
	}
	if o.Users == nil {
		p.users = People(v.kind)
	}
	for _, uri := range o.RedirectURIs {
		p.redirects[uri] = true
	}
	for _, uri := range o.PostLogoutRedirectURIs {
		p.afterLeave[uri] = true
	}
	p.faults = &Faults{p: p}
	p.state.init()
	return p
}
