package broker

import "net/url"

// SameHost lets tests ask what the entrance compares.
func SameHost(issuer, host string) bool {
	u, err := url.Parse(issuer)
	return err == nil && sameHost(u, host)
}
