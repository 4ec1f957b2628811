package persona

import "strings"

// class is an authentication context class that a vendor knows: what an app asks for
// in acr_values, and what the ID token then says.
type class struct {
	acr   string
	level int // how much it takes: 1 a password, 2 a second factor, 3 one that nobody can phish
	amr   []string
}

// Okta's predefined values (developer.okta.com, "Step-up authentication using ACR
// values"). Unknown ones are ignored there.
var oktaClasses = []class{
	{"urn:okta:loa:1fa:any", 1, []string{"pwd"}},
	{"urn:okta:loa:1fa:pwd", 1, []string{"pwd"}},
	{"urn:okta:loa:2fa:any", 2, []string{"mfa", "otp", "pwd"}},
	{"phr", 3, []string{"hwk", "mfa", "pwd"}},
	{"phrh", 3, []string{"hwk", "mfa", "pwd"}},
}

// Auth0 knows one, that asks for a second factor.
var auth0Classes = []class{
	{"http://schemas.openid.net/pape/policies/2007/06/multi-factor", 2, []string{"mfa"}},
}

// classOf finds the class that is asked for: the first that the vendor knows, as
// acr_values are in the order of preference (OIDC Core §3.1.2.1). nil: none.
func (v *vendor) classOf(acrValues string) *class {
	for _, acr := range strings.Fields(acrValues) {
		for i := range v.classes {
			if v.classes[i].acr == acr {
				return &v.classes[i]
			}
		}
	}
	return nil
}

// needs is the level that a request asks for.
func (r *authRequest) needs() int {
	if r.class == nil {
		return 1
	}
	return r.class.level
}

// proved tells in the ID token what was asked for and done, never what was not.
func (g *given) proved(claims Claims) {
	if g.req.class != nil {
		claims["acr"], claims["amr"] = g.req.class.acr, g.req.class.amr
	}
}
