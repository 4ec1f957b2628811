package oauth

import (
	"net/url"
	"strconv"
	"strings"
)

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
			if !validPort(port[:n]) {
				return "", "", false
			}
			after = port[n:]
		}
		return host, after, after == "" || after[0] == '/' || after[0] == '?'
	}
	return "", "", false
}

// validPort takes 1 to 65535, spelled as a browser would.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// ResponseURL is a redirect URI with an answer's parameters: the registered query
// stays in front (RFC 6749 §3.1.2, §4.1.2).
func ResponseURL(redirectURI string, params url.Values) string {
	encoded := params.Encode()
	switch {
	case encoded == "":
		return redirectURI
	case !strings.Contains(redirectURI, "?"):
		return redirectURI + "?" + encoded
	case strings.HasSuffix(redirectURI, "?"), strings.HasSuffix(redirectURI, "&"):
		return redirectURI + encoded
	}
	return redirectURI + "&" + encoded
}

// RedirectHost is where a redirect URI leads, as a person reads it on a consent
// page and as a remembered consent is bound to it: the host with its port, or the
// scheme of a native app. The port of a loopback address is left out, since native
// apps take a new one each time (RFC 8252 §7.3).
func RedirectHost(redirectURI string) string {
	if host, _, ok := loopback(redirectURI); ok {
		return strings.TrimPrefix(host, "http://")
	}
	scheme, rest, err := splitURI(redirectURI)
	if err != nil {
		return ""
	}
	if scheme != "https" && scheme != "http" {
		return scheme + ":"
	}
	rest = strings.TrimPrefix(rest, "//")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}
