package providers

import (
	"net/url"
	"strings"
)

// Kind auth0 knows that an Auth0 issuer ends with a slash, that an application
// sends its secret in the body unless told otherwise, and that an organization
// asked for must be found again in the token.
func init() {
	(&preset{
		name: "auth0", title: "Auth0",
		defaults: Settings{
			AuthMethod: "client_secret_post",
			Scopes:     ownedByOIDC,
			Algs:       []string{"RS256", "PS256"}, // never HS256, which an application can still be set to
		},
		ownSettings: []string{"organization"},
		issuerOf: func(s Settings) (string, error) {
			if s.Issuer == "" || strings.HasSuffix(s.Issuer, "/") {
				return s.Issuer, nil
			}
			return s.Issuer + "/", nil
		},
		adjust: func(s Settings, q url.Values) {
			if s.Organization != "" {
				q.Set("organization", s.Organization)
			}
		},
		admit:        auth0Organization,
		leaveWithout: auth0Leave,
	}).register()
}

// auth0Leave is the way of tenants from before November 2023, whose discovery names
// none until an administrator switches that on. It does not know state.
func auth0Leave(s Settings, issuer string, d Departure) string {
	return issuer + "v2/logout?" + url.Values{"client_id": {s.ClientID}, "returnTo": {d.ReturnTo}}.Encode()
}

// auth0Organization compares an id exactly and a name, which Auth0 keeps in lower
// case, without regard to case.
func auth0Organization(s Settings, claims map[string]any) *Error {
	var member bool
	switch {
	case s.Organization == "":
		return nil
	case strings.HasPrefix(s.Organization, "org_"):
		member = claims["org_id"] == s.Organization
	default:
		name, _ := claims["org_name"].(string)
		member = strings.EqualFold(name, s.Organization)
	}
	if !member {
		return denied("the person signed in to another organization than the settings ask for")
	}
	return nil
}
