package persona

import (
	"slices"
	"strings"
	"time"
)

// Okta makes a stand-in for the custom authorization server "default" of an
// Okta org: its issuer ends in "/oauth2/default". What it shares with the real
// one:
//
//   - groups are in the ID token and in userinfo when the scope groups is
//     granted; the claim is missing, not empty, for a person in no group, and
//     above 100 groups the token request fails
//   - email_verified is whatever an administrator set
//   - state is required, an unknown scope is an error
//   - access tokens are JWTs for an API, refresh tokens are persistent and come
//     with the scope offline_access
//   - acr_values asks for a second factor or for one that nobody can phish, and the
//     ID token then has acr; values that it does not know are ignored
//   - sign-out needs id_token_hint or client_id and a registered address
//
// Whether the real one takes prompt=select_account is not documented; the
// persona shows its page for it.
func Okta(o Options) *Persona { return build(oktaVendor, o) }

// OktaOrg makes a stand-in for the org authorization server: the issuer is the
// base URL itself. It differs from Okta in two ways:
//
//   - its ID tokens are thin: profile and e-mail are only in userinfo, groups
//     only in the ID token
//   - its access tokens are for Okta alone: the keys that sign them are not
//     published
func OktaOrg(o Options) *Persona { return build(oktaOrgVendor, o) }

var (
	oktaVendor = func() vendor {
		v := oktaServer(KindOkta, "/oauth2/default", "/oauth2/default")
		v.idClaims = func(g *given, u User, _ time.Time) Claims {
			out := oktaBase(g)
			override(out, oktaPerson(g, u))
			return out
		}
		v.userInfo = oktaPerson
		return v
	}()
	oktaOrgVendor = func() vendor {
		v := oktaServer(KindOktaOrg, "", "/oauth2")
		v.title = "Okta"
		v.idClaims = func(g *given, u User, _ time.Time) Claims {
			out := oktaBase(g)
			if g.req.has("groups") && len(u.Groups) > 0 {
				out["groups"] = u.Groups
			}
			return out
		}
		v.userInfo = func(g *given, u User) Claims {
			out := oktaPerson(g, u)
			delete(out, "groups")
			return out
		}
		return v
	}()
)

// oktaServer is what both servers of an org have in common: issuer is the path
// that the issuer ends in, at the path of the endpoints.
func oktaServer(kind, issuer, at string) vendor {
	return vendor{
		kind: kind, title: "Okta",
		issuerPath: issuer,
		paths: map[Endpoint][]string{
			Discovery:  {issuer + "/.well-known/openid-configuration", issuer + "/.well-known/oauth-authorization-server"},
			Authorize:  {at + "/v1/authorize"},
			Token:      {at + "/v1/token"},
			UserInfo:   {at + "/v1/userinfo"},
			JWKS:       {at + "/v1/keys"},
			Revoke:     {at + "/v1/revoke"},
			EndSession: {at + "/v1/logout"},
		},
		leave: map[string]leaver{at + "/v1/logout": rpInitiated},
		metadata: func(*Persona) Claims {
			return Claims{
				"response_types_supported":              []string{"code"},
				"response_modes_supported":              []string{"query", "form_post"},
				"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
				"subject_types_supported":               []string{"public"},
				"id_token_signing_alg_values_supported": []string{"RS256"},
				"scopes_supported":                      oktaScopes,
				"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
				"claims_supported":                      []string{"iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp", "nonce", "name", "nickname", "preferred_username", "given_name", "family_name", "email", "email_verified", "at_hash"},
				"code_challenge_methods_supported":      []string{"S256"},
			}
		},
		prompts:      []string{"none", "login", "consent", "select_account"},
		scopes:       oktaScopes,
		strictScopes: true,
		needsState:   true,
		honoursAge:   true,
		classes:      oktaClasses,
		authTime:     func(*authRequest) bool { return true },

		note: func(u User) string {
			if len(u.Groups) == 0 {
				return "in no group"
			}
			return "groups " + strings.Join(u.Groups, ", ")
		},

		codeLife: time.Minute, accessLife: time.Hour, idLife: time.Hour,
		newCode: func() string { return random(43) },
		accessToken: func(p *Persona, g *given, u User, now time.Time) string {
			claims := Claims{
				"ver": 1, "jti": "AT." + random(43), "iss": p.Issuer(),
				"iat": now.Unix(), "exp": now.Add(p.vendor.accessLife).Unix(),
				"cid": p.clientID, "uid": g.subject, "scp": g.req.scopes,
				"auth_time": g.authTime.Unix(), "sub": u.Email,
			}
			key := p.keys.signer()
			if p.vendor.kind == KindOktaOrg {
				claims["aud"] = p.base
				key = p.keys.unpublished()
			} else {
				claims["aud"] = "api://default"
			}
			return rs256(Claims{"alg": "RS256", "kid": key.id}, compactJSON(claims), key.private)
		},
		disabled: func() (string, string) {
			return "access_denied", "User is not assigned to the client application."
		},
		offline:       func(_ *Persona, r *authRequest, _ User) bool { return r.has("offline_access") },
		grantedScopes: func(scopes []string) string { return strings.Join(scopes, " ") },
		refuse: func(why refusal) (int, string, string) {
			switch why {
			case badClient:
				return 401, "invalid_client", "The client secret supplied for a confidential client is invalid."
			case badGrantType:
				return 400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server."
			case badCode:
				return 400, "invalid_grant", "The authorization code is invalid or has expired."
			case badRedirect:
				return 400, "invalid_grant", "The 'redirect_uri' does not match the redirection URI used in the authorization request."
			case badVerifier:
				return 400, "invalid_grant", "PKCE verification failed."
			case badRefresh:
				return 400, "invalid_grant", "The refresh token is invalid or expired."
			case tooManyGroups:
				return 400, "invalid_request", "The number of groups is above 100."
			default:
				return 400, "invalid_request", "The token request is not valid."
			}
		},
	}
}

var oktaScopes = []string{"openid", "email", "profile", "address", "phone", "offline_access", "groups"}

// oktaBase is in every ID token of Okta's.
func oktaBase(g *given) Claims {
	out := Claims{"ver": 1, "jti": "ID." + random(43), "amr": []string{"pwd"}, "idp": "00o1persona0idp0d5d7"}
	g.proved(out)
	return out
}

// oktaPerson is what Okta tells about a person, by scope.
func oktaPerson(g *given, u User) Claims {
	out := profile(g, u)
	if g.req.has("profile") {
		out["preferred_username"] = u.Email
	}
	if g.req.has("groups") && len(u.Groups) > 0 {
		out["groups"] = slices.Clone(u.Groups)
	}
	override(out, u.Claims)
	return out
}
