package providers

import (
	"slices"
	"strings"
)

// emailVerified decides whether the upstream's word on the address counts.
func (u *upstream) emailVerified(claims map[string]any) bool {
	verified, _ := judgeEmail(u.settings, u.preset.authority, claims)
	return verified
}

// JudgeEmail is what a provider with these settings would say of the address in claims,
// in a login, and why.
func JudgeEmail(s Settings, claims map[string]any) (verified bool, why string) {
	kind, _ := Lookup(s.Kind)
	return judgeEmail(s, kind.authority, claims)
}

// judgeEmail takes only the JSON boolean true for a yes; "true" and 1 are not. authority
// tells whether the vendor is the authority for a domain by itself.
func judgeEmail(s Settings, authority func(domain string, claims map[string]any) bool, claims map[string]any) (verified bool, why string) {
	address, _ := claims["email"].(string)
	domain, ok := emailDomain(address)
	said, isBool := claims["email_verified"].(bool)
	switch {
	case address == "":
		return false, "there is no e-mail address in the claims"
	case !ok:
		return false, "the e-mail address in the claims is malformed"
	case claims["email_verified"] == nil:
		return false, "claims.email_verified is not there"
	case !isBool:
		return false, "claims.email_verified is not the JSON boolean true"
	case !said:
		return false, "the provider says that it is not verified"
	}
	switch s.TrustEmail {
	case "always":
		return true, "the provider says so, and trust_email is always"
	case "own_domains", "":
	default:
		return false, "trust_email is never"
	}
	switch {
	case slices.Contains(s.EmailDomains, domain):
		return true, "the provider says so, and " + domain + " is one of its email_domains"
	case authority != nil && authority(domain, claims):
		return true, "the provider says so, and it is the authority for this account's address"
	}
	return false, "the provider says so, but " + domain + " is not among its email_domains (trust_email: own_domains)"
}

// emailDomain reads the domain of a plain ASCII address; what is quoted, spaced,
// or has two @ is no address here.
func emailDomain(v any) (string, bool) {
	address, _ := v.(string)
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain == "" || len(address) > 254 {
		return "", false
	}
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c > '~' || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return "", false
		}
	}
	if strings.Contains(domain, "@") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", false
	}
	return strings.ToLower(domain), true
}
