package persona

import (
	"net/url"
	"time"
)

// vendor is what makes a persona one provider and not another: addresses,
// claims and habits. Everything else is shared. There is one file a vendor.
type vendor struct {
	kind, title string
	issuerPath  string                // what the issuer has after the base URL
	paths       map[Endpoint][]string // below the base URL; the first is printed in discovery
	leave       map[string]leaver     // paths of sign-out, by how they read a request
	metadata    func(p *Persona) Claims

	// The authorization request.
	prompts      []string // known values of prompt
	scopes       []string // known values of scope
	strictScopes bool     // an unknown scope is an error and not just ignored
	needsState   bool
	plainPKCE    bool    // besides S256
	honoursAge   bool    // max_age is looked at
	classes      []class // what acr_values may ask for
	errorsOnPage bool    // a faulty request ends on the vendor's page and not at the client

	// The sign-in and its answer.
	note     func(u User) string                        // what is known of a person that rules may ask for
	disabled func() (code, description string)          // how a disabled person is sent away; without code, by a sentence on the page
	sendsIss bool                                       // RFC 9207
	callback func(r *authRequest, u User, q url.Values) // further parameters; may be nil

	// Tokens.
	codeLife, accessLife, idLife time.Duration
	newCode, newAccess           func() string
	accessToken                  func(p *Persona, g *given, u User, now time.Time) string // "" or nil: newAccess
	idClaims                     func(g *given, u User, now time.Time) Claims
	authTime                     func(r *authRequest) bool // whether the ID token says auth_time
	userInfo                     func(g *given, u User) Claims
	grantedScopes                func(scopes []string) string
	offline                      func(p *Persona, r *authRequest, u User) bool // a refresh token is due
	rotates                      bool                                          // refresh tokens are for one use
	anyoneRevokes                bool                                          // revocation asks for no client authentication
	refuse                       func(why refusal) (status int, code, description string)
}
