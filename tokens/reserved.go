package tokens

import (
	"maps"
	"slices"
	"strings"
)

// reserved are the claims that the Mint or a later profile owns. A rule or a
// client setting that could write one of them could become another person,
// widen its scopes or fake a proof of possession.
var reserved = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`
		iss sub aud exp nbf iat jti
		client_id azp scope scp roles sid auth_time acr amr
		nonce at_hash c_hash s_hash
		act may_act cnf authorization_details events toe txn sub_id sub_jwk
		typ alg kid token_type active entitlements groups_overflow _claim_names _claim_sources`) {
		names[name] = true
	}
	return names
}()

// ReservedClaim tells whether a claim name may not be set by a rule or a
// setting: it belongs to the Mint, differs from such a name only in its case,
// or is no plain name at all. Letter case and plainness count because verifiers
// elsewhere fold them: Go's own decoder reads "SUB" and "ſub" into sub.
func ReservedClaim(name string) bool {
	return !plainName(name) || reserved[strings.ToLower(name)]
}

// plainName admits what claim names are made of, URLs (namespaced claims) included.
func plainName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// unreserved returns the claims that are left when the reserved ones are taken
// away, but for those in except. It copies only when there is something to drop.
func unreserved(claims map[string]any, except ...string) map[string]any {
	drop := func(name string) bool { return ReservedClaim(name) && !slices.Contains(except, name) }
	for name := range claims {
		if drop(name) {
			kept := maps.Clone(claims)
			maps.DeleteFunc(kept, func(name string, _ any) bool { return drop(name) })
			return kept
		}
	}
	return claims
}
