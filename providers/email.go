package providers

import (
	"slices"
	"strings"
)

// emailVerified decides whether the upstream's word on the address counts.
// Only the JSON boolean true is a yes; "true" and 1 are not.
func (u *upstream) emailVerified(claims map[string]any) bool {
	if verified, ok := claims["email_verified"].(bool); !ok || !verified {
		return false
	}
	domain, ok := emailDomain(claims["email"])
	if !ok {
		return false
	}
	switch u.settings.TrustEmail {
	case "always":
		return true
	case "own_domains":
		return slices.Contains(u.settings.EmailDomains, domain) || u.preset.authority(domain, claims)
	default:
		return false
	}
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
