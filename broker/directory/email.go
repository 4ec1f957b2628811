package directory

import "strings"

// emailDomain returns the lower-cased domain of an e-mail address, read so
// strictly that no two programs can disagree about it: ASCII, exactly one @, an
// unquoted local part, a plain host name. Anything else has no domain.
func emailDomain(address string) (string, bool) {
	if len(address) > 254 || strings.Count(address, "@") != 1 {
		return "", false
	}
	local, domain, _ := strings.Cut(address, "@")
	domain = lower(domain)
	return domain, validLocal(local) && validDomain(domain)
}

// validLocal is the dot-atom of RFC 5322 §3.2.3.
func validLocal(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return false
		}
	}
	return true
}

// validDomain takes a lower-case host name of two labels or more; a name in
// another script only as xn--….
func validDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if !validSlug(label, "") || len(label) > 63 {
			return false
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9' // 10.0.0.7 is an address
}

// lower changes ASCII letters only: strings.ToLower would turn the Kelvin sign
// into a k, and with it one domain into another.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
