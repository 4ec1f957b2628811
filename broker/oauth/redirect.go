package oauth

import "strings"

// MatchRedirect tells whether a redirect URI is registered: byte for byte, with
// no URL parsing in the decision (RFC 9700 §4.1.3). Only a registered
// http://127.0.0.1 or http://[::1] URI may be asked for with another port, as
// native apps need (RFC 8252 §7.3).
func MatchRedirect(registered []string, uri string) bool {
	if uri == "" {
		return false
	}
	for _, r := range registered {
		if r == uri {
			return true
		}
		if host, rest, ok := loopback(r); ok {
			h, got, ok := loopback(uri)
			if ok && h == host && got == rest {
				return true
			}
		}
	}
	return false
}

// loopback splits a literal loopback URI into its host and what follows the port.
func loopback(uri string) (host, rest string, ok bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		after, found := strings.CutPrefix(uri, host)
		if !found {
			continue
		}
		if port, is := strings.CutPrefix(after, ":"); is {
			n := 0
			for n < len(port) && port[n] >= '0' && port[n] <= '9' {
				n++
			}
			if n == 0 || n > 5 {
				return "", "", false
			}
			after = port[n:]
		}
		return host, after, after == "" || after[0] == '/' || after[0] == '?'
	}
	return "", "", false
}
