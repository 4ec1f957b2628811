package persona

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Auth0 makes a stand-in for an Auth0 tenant. What it shares with the real one:
//
//   - the issuer ends in a slash, and iss is compared byte by byte
//   - sub is "connection|id"
//   - roles are in RolesClaim, a claim named by a URL as an Action adds it, in
//     ID token and userinfo
//   - updated_at is a text, not a number
//   - organization in the request limits sign-in to its members and puts
//     org_id into the ID token
//   - auth_time is there only when max_age or prompt=login asked for it, and
//     at_hash is not there at all
//   - a refused code is HTTP 403, a wrong client secret "access_denied", a
//     blocked person "unauthorized": none of them what the RFCs say
//   - unknown scopes are ignored; offline_access gives a refresh token that is
//     rotated, and the reuse of an old one kills the family
//   - without the parameter audience the access token is opaque
//   - two ways to sign out: /oidc/logout, and the older
//     /v2/logout?client_id&returnTo
func Auth0(o Options) *Persona { return build(auth0Vendor, o) }

var auth0Vendor = vendor{
	kind: KindAuth0, title: "Auth0",
	issuerPath: "/",
	paths: map[Endpoint][]string{
		Discovery:  {"/.well-known/openid-configuration"},
		Authorize:  {"/authorize"},
		Token:      {"/oauth/token"},
		UserInfo:   {"/userinfo"},
		JWKS:       {"/.well-known/jwks.json"},
		Revoke:     {"/oauth/revoke"},
		EndSession: {"/oidc/logout"},
	},
	leave: map[string]leaver{
		"/oidc/logout": rpInitiated,
		"/v2/logout": func(p *Persona, q url.Values) (string, bool) {
			return q.Get("returnTo"), q.Get("client_id") == p.clientID
		},
	},
	metadata: func(*Persona) Claims {
		return Claims{
			"response_types_supported":              []string{"code"},
			"response_modes_supported":              []string{"query", "form_post"},
			"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{"HS256", "RS256", "PS256"},
			"scopes_supported":                      []string{"openid", "profile", "offline_access", "name", "given_name", "family_name", "nickname", "email", "email_verified", "picture", "created_at", "identities", "phone", "address"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
			"claims_supported":                      []string{"aud", "auth_time", "created_at", "email", "email_verified", "exp", "family_name", "given_name", "iat", "identities", "iss", "name", "nickname", "phone_number", "picture", "sub"},
			"code_challenge_methods_supported":      []string{"S256", "plain"},
		}
	},
	prompts:    []string{"none", "login", "consent", "select_account"},
	plainPKCE:  true,
	honoursAge: true,
	classes:    auth0Classes,
	authTime:   func(r *authRequest) bool { return r.maxAge != nil || r.asks("login") },

	note: func(u User) string {
		if len(u.Roles) == 0 {
			return "no role"
		}
		return "roles " + strings.Join(u.Roles, ", ")
	},

	codeLife: 10 * time.Minute, accessLife: 24 * time.Hour, idLife: 10 * time.Hour,
	newCode:   func() string { return random(45) },
	newAccess: func() string { return random(64) },
	accessToken: func(p *Persona, g *given, _ User, now time.Time) string {
		if g.req.audience == "" {
			return ""
		}
		key := p.keys.signer()
		return rs256(Claims{"alg": "RS256", "typ": "JWT", "kid": key.id}, compactJSON(Claims{
			"iss": p.Issuer(), "sub": g.subject, "aud": []string{g.req.audience, p.base + "/userinfo"},
			"iat": now.Unix(), "exp": now.Add(p.vendor.accessLife).Unix(), "jti": random(22),
			"azp": p.clientID, "scope": strings.Join(g.req.scopes, " "),
		}), key.private)
	},
	disabled: func() (string, string) { return "unauthorized", "user is blocked" },
	offline:  func(_ *Persona, r *authRequest, _ User) bool { return r.has("offline_access") },
	rotates:  true,
	idClaims: func(g *given, u User, now time.Time) Claims {
		out := auth0Person(g, u, now)
		out["sid"] = g.sessionID
		g.proved(out)
		if g.req.organization != "" {
			out["org_id"] = u.Organization
		}
		return out
	},
	userInfo: func(g *given, u User) Claims { return auth0Person(g, u, g.issuedAt) },
	grantedScopes: func(scopes []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
			return !slices.Contains([]string{"openid", "profile", "email", "address", "phone", "offline_access"}, s)
		}), " ")
	},
	refuse: func(why refusal) (int, string, string) {
		switch why {
		case badClient:
			return 401, "access_denied", "Unauthorized"
		case badGrantType:
			return 403, "unsupported_grant_type", "Unsupported grant type"
		case badCode:
			return 403, "invalid_grant", "Invalid authorization code"
		case badRedirect:
			return 403, "unauthorized_client", "The redirect URI is wrong."
		case badVerifier:
			return 403, "invalid_grant", "Failed to verify code verifier"
		case badRefresh:
			return 403, "invalid_grant", "Unknown or invalid refresh token."
		default:
			return 400, "invalid_request", "The token request is not valid."
		}
	},
}

func auth0Person(g *given, u User, now time.Time) Claims {
	out := profile(g, u)
	if g.req.has("profile") {
		nickname, _, _ := strings.Cut(u.Email, "@")
		out["nickname"] = nickname
		out["picture"] = "https://pictures.example/" + u.ID + ".png"
		out["updated_at"] = now.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if len(u.Roles) > 0 {
		out[RolesClaim] = slices.Clone(u.Roles)
	}
	override(out, u.Claims)
	return out
}
