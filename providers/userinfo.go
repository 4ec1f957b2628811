package providers

import (
	"context"
	"maps"
	"slices"
)

// profileClaims are what userinfo may always add (OpenID Connect Core §5.1);
// beside them it may add the claims that rules need. Never what the protocol
// lives on, and never over a claim of the ID token.
var profileClaims = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
	"website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number",
	"phone_number_verified", "address", "updated_at",
}

// protocolClaims are about the token and the sign-in, not about the person.
var protocolClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "azp", "nonce", "auth_time", "acr", "amr", "sid", "s_hash",
	"at_hash", "c_hash", "_claim_names", "_claim_sources", "cnf", "events",
}

// completeClaims returns the ID token's claims, with those of userinfo where the
// settings or a missing claim ask for it.
func (u *upstream) completeClaims(ctx context.Context, m *metadata, t *idToken, accessToken string) (map[string]any, *Error) {
	switch u.settings.UserInfo {
	case "never":
		return t.claims, nil
	case "auto":
		if m.userInfoURL == "" || !u.missesClaim(t.claims) {
			return t.claims, nil
		}
	}
	body, err := u.get(ctx, "userinfo", m.userInfoURL, maxBody, accessToken)
	if err != nil {
		return nil, err
	}
	info, bad := readObject(body)
	if bad != nil {
		return nil, &Error{ServerError, "userinfo is not a strict JSON object", bad}
	}
	// OpenID Connect Core §5.3.2: otherwise its values must not be used.
	if sub, _ := info["sub"].(string); sub != t.subject {
		return nil, broken("userinfo speaks of another person than the ID token")
	}
	return mergeClaims(t.claims, info, u.mappedClaims()), nil
}

// MapClaims implements ClaimMapper.
func (u *upstream) MapClaims(names []string) { u.mapped.Store(&names) }

func (u *upstream) mappedClaims() []string {
	if names := u.mapped.Load(); names != nil {
		return *names
	}
	return u.settings.MappedClaims
}

// missesClaim tells whether asking userinfo could bring something that is needed.
func (u *upstream) missesClaim(claims map[string]any) bool {
	wanted := slices.Clone(u.mappedClaims())
	if slices.Contains(u.settings.Scopes, "email") {
		wanted = append(wanted, "email")
	}
	if slices.Contains(u.settings.Scopes, "profile") {
		wanted = append(wanted, "name")
	}
	return slices.ContainsFunc(wanted, func(name string) bool {
		_, there := claims[name]
		return !there && (u.preset.userInfoClaims == nil || slices.Contains(u.preset.userInfoClaims, name))
	})
}

// mergeClaims adds to a copy of the token's claims what userinfo may add.
func mergeClaims(token, info map[string]any, mapped []string) map[string]any {
	merged := maps.Clone(token)
	for name, value := range info {
		_, there := token[name]
		allowed := slices.Contains(profileClaims, name) || slices.Contains(mapped, name)
		if there || !allowed || slices.Contains(protocolClaims, name) {
			continue
		}
		merged[name] = value
	}
	if !sameEmail(token, info) {
		// An address and the word that it is verified must come from one mouth.
		for _, name := range []string{"email", "email_verified"} {
			if _, there := token[name]; !there {
				delete(merged, name)
			}
		}
	}
	return merged
}

// sameEmail holds when the two documents agree on the address and on whether it
// is verified, as far as both speak of them.
func sameEmail(token, info map[string]any) bool {
	for _, name := range []string{"email", "email_verified"} {
		a, there := token[name]
		if !there {
			continue
		}
		if b, there := info[name]; !there || !equalScalar(a, b) {
			return false
		}
	}
	return true
}

func equalScalar(a, b any) bool {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	default:
		return false
	}
}
