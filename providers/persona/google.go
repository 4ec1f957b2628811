package persona

import (
	"net/url"
	"strings"
	"time"
)

// Google makes a stand-in for accounts.google.com. What it shares with the
// real one, and what relying parties stumble over:
//
//   - hd is in the ID token of company accounts only, and the request
//     parameter hd is a mere hint: anybody can be picked
//   - a refresh token comes only with access_type=offline, and only on consent:
//     the first time, or with prompt=consent; it is never rotated
//   - the scope offline_access and prompt=login are errors, shown on Google's
//     own page and not sent back
//   - the callback carries iss (RFC 9207) and further parameters, and a code
//     holds a slash
//   - max_age is ignored and there is no auth_time
//   - no groups, no end of the session: there is no end_session_endpoint
//   - revocation asks for no client authentication
func Google(o Options) *Persona { return build(googleVendor, o) }

var googleVendor = vendor{
	kind: KindGoogle, title: "Google",
	paths: map[Endpoint][]string{
		Discovery: {"/.well-known/openid-configuration"},
		Authorize: {"/o/oauth2/v2/auth"},
		Token:     {"/token"},
		UserInfo:  {"/v1/userinfo"},
		JWKS:      {"/oauth2/v3/certs"},
		Revoke:    {"/revoke"},
	},
	metadata: func(*Persona) Claims {
		return Claims{
			"response_types_supported":              []string{"code"},
			"response_modes_supported":              []string{"query", "form_post"},
			"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"scopes_supported":                      []string{"openid", "email", "profile"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
			"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture", "sub"},
			"code_challenge_methods_supported":      []string{"plain", "S256"},
		}
	},
	prompts:      []string{"none", "consent", "select_account"},
	scopes:       []string{"openid", "email", "profile", googleEmail, googleProfile},
	strictScopes: true,
	errorsOnPage: true,
	sendsIss:     true,
	plainPKCE:    true,
	authTime:     func(*authRequest) bool { return false },

	note: func(u User) string {
		if u.HostedDomain == "" {
			return "private account"
		}
		return "company account of " + u.HostedDomain
	},

	codeLife: 10 * time.Minute, accessLife: 3599 * time.Second, idLife: time.Hour,
	newCode:   func() string { return "4/0A" + random(60) },
	newAccess: func() string { return "ya29.a0" + random(160) },
	callback: func(r *authRequest, u User, q url.Values) {
		q.Set("scope", strings.Join(r.scopes, " "))
		q.Set("authuser", "0")
		if u.HostedDomain != "" {
			q.Set("hd", u.HostedDomain)
		}
		if len(r.prompt) > 0 {
			q.Set("prompt", strings.Join(r.prompt, " "))
		} else {
			q.Set("prompt", "none")
		}
	},
	disabled: func() (string, string) { return "", "This account has been disabled." },
	offline: func(p *Persona, r *authRequest, u User) bool {
		if r.accessType != "offline" {
			return false
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		consented := p.state.consents[u.ID]
		p.state.consents[u.ID] = true
		return !consented || r.asks("consent")
	},
	idClaims: func(g *given, u User, _ time.Time) Claims {
		out := googleClaims(g, u)
		if u.HostedDomain != "" {
			out["hd"] = u.HostedDomain
		}
		return out
	},
	userInfo: func(g *given, u User) Claims {
		out := googleClaims(g, u)
		if u.HostedDomain != "" && g.req.has("email") {
			out["hd"] = u.HostedDomain
		}
		return out
	},
	grantedScopes: func(scopes []string) string {
		out := make([]string, len(scopes))
		for i, s := range scopes {
			switch s {
			case "email":
				s = googleEmail
			case "profile":
				s = googleProfile
			}
			out[i] = s
		}
		return strings.Join(out, " ")
	},
	refuse: func(why refusal) (int, string, string) {
		switch why {
		case badClient:
			return 401, "invalid_client", "Unauthorized"
		case badGrantType:
			return 400, "unsupported_grant_type", "Invalid grant_type"
		case badCode:
			return 400, "invalid_grant", "Bad Request"
		case badRedirect:
			return 400, "redirect_uri_mismatch", "Bad Request"
		case badVerifier:
			return 400, "invalid_grant", "Invalid code verifier."
		case badRefresh:
			return 400, "invalid_grant", "Token has been expired or revoked."
		default:
			return 400, "invalid_request", "Bad Request"
		}
	},
	anyoneRevokes: true,
}

// Google's own long names of two scopes, which it uses in its answers.
const (
	googleEmail   = "https://www.googleapis.com/auth/userinfo.email"
	googleProfile = "https://www.googleapis.com/auth/userinfo.profile"
)

func googleClaims(g *given, u User) Claims {
	out := profile(g, u)
	if g.req.has("profile") {
		out["picture"] = "https://pictures.example/" + u.ID + ".png"
	}
	override(out, u.Claims)
	return out
}
