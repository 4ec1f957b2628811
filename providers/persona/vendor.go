package persona

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// vendor is what makes a persona one provider and not another: addresses,
// claims and habits. Everything else is shared. One file a vendor.
type vendor struct {
	kind, title string
	issuerPath  string
	paths       map[Endpoint][]string // below the base URL; the first is printed in discovery

	metadata func(p *Persona) Claims // members beside issuer and the endpoints
	prompts  []string                // known values of prompt
	scopes   []string                // known scopes
	// strictScopes: an unknown scope is an error; others ignore it.
	strictScopes bool
	// errorsOnPage: a faulty request ends on the vendor's page instead of back
	// at the client.
	errorsOnPage bool
	needsState   bool
	sendsIss     bool
	plainPKCE    bool
	authTime     func(r *authRequest) bool // whether the ID token says auth_time
	honoursAge   bool                      // max_age is looked at
	note         func(u User) string       // what is known here that rules may ask for

	codeLife, accessLife, idLife time.Duration
	newCode, newAccess           func() string
	callback                     func(p *Persona, r *authRequest, u User, q url.Values)
	// disabled is how a disabled person is sent away: an error for the client,
	// or code "" for a sentence on the page.
	disabled      func() (code, description string)
	offline       func(p *Persona, r *authRequest, u User) bool // a refresh token is due
	rotates       bool                                          // refresh tokens are for one use
	idClaims      func(g *given, u User, now time.Time) Claims
	accessToken   func(p *Persona, g *given, u User, now time.Time) string // nil: newAccess
	userInfo      func(g *given, u User) Claims
	grantedScopes func(scopes []string) string
	refuse        func(why refusal) (status int, code, description string)
	leave         map[string]leaver // paths of sign-out, by how they read a request
	anyoneRevokes bool
}

// People are the people that a persona of this kind starts with.
func People(kind string) []User {
	var out []User
	for _, f := range folk {
		u := f.User
		u.Subject = f.subjects[kind]
		switch kind {
		case KindGoogle:
			u.Groups, u.Roles, u.Organization = nil, nil, ""
		case KindOkta, KindOktaOrg:
			u.HostedDomain, u.Roles, u.Organization = "", nil, ""
		case KindAuth0:
			u.HostedDomain, u.Groups = "", nil
		}
		u.Groups, u.Roles = slices.Clone(u.Groups), slices.Clone(u.Roles)
		out = append(out, u)
	}
	return out
}

func build(v vendor, o Options) *Persona {
	p := &Persona{
		base:         strings.TrimSuffix(o.Issuer, "/"),
		vendor:       v,
		now:          o.Now,
		clientID:     o.ClientID,
		clientSecret: o.ClientSecret,
		redirects:    map[string]bool{},
		afterLeave:   map[string]bool{},
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
	mux.HandleFunc(p.prefix+canaryPath, p.door(Canary, p.canary))
	mux.HandleFunc(p.prefix+"/{$}", p.home)
	return mux
}

const (
	signInPath = "/persona/signin"
	canaryPath = "/persona/canary"
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
