package oauth

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CheckRedirectRegistration tells why a redirect URI must not be registered, or
// nil. What it lets through is https, http on this very machine, or a native app's
// own scheme with a dot (RFC 9700 §2.6, RFC 8252 §7.1 and §8.3), spelled exactly as
// a browser will spell it, because later only equal bytes match.
func CheckRedirectRegistration(uri string) error {
	scheme, rest, err := splitURI(uri)
	if err != nil {
		return err
	}
	switch {
	case scheme == "https" || scheme == "http":
		host, path, err := splitAuthority(rest)
		if err != nil {
			return err
		}
		if scheme == "http" && !loopbackHost(host) {
			return errors.New("http is for this machine only: 127.0.0.1, [::1] or localhost; use https")
		}
		rest = path
	case !strings.Contains(scheme, "."):
		return errors.New("a native app's scheme needs a dot, as in com.example.app:/callback, so that no other app takes it by chance")
	case strings.Trim(rest, "/") == "":
		return errors.New("nothing follows the scheme")
	case strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///"):
		if _, rest, err = splitAuthority(rest); err != nil {
			return err
		}
	}
	return checkPathAndQuery(rest)
}

// CheckOrigin tells why a browser origin must not be registered, or nil. An origin
// is scheme, host and port, and nothing else (RFC 6454 §7).
func CheckOrigin(origin string) error {
	if origin == "*" || origin == "null" {
		return errors.New("each origin is written out; * and null would let every page in")
	}
	scheme, rest, err := splitURI(origin)
	if err != nil {
		return err
	}
	if scheme != "https" && scheme != "http" {
		return errors.New("an origin begins with https://")
	}
	host, path, err := splitAuthority(rest)
	switch {
	case err != nil:
		return err
	case scheme == "http" && !loopbackHost(host):
		return errors.New("http is for this machine only: 127.0.0.1, [::1] or localhost; use https")
	case path != "":
		return errors.New("an origin has no path: it ends after host and port")
	case scheme == "https" && strings.HasSuffix(rest, ":443"), scheme == "http" && strings.HasSuffix(rest, ":80"):
		return errors.New("browsers leave the default port out of an origin")
	}
	return nil
}

// splitURI refuses every byte that two programs may read differently, then splits
// off the scheme.
func splitURI(uri string) (scheme, rest string, err error) {
	switch {
	case uri == "":
		return "", "", errors.New("it is empty")
	case len(uri) > 2048:
		return "", "", errors.New("it is longer than 2048 bytes")
	}
	for i := range len(uri) {
		switch c := uri[i]; {
		case c <= ' ' || c >= 0x7f:
			return "", "", errors.New("only visible ASCII characters can stand in it; a name in another script is written as xn--…")
		case c == '*':
			return "", "", errors.New("there are no wildcards: register each URI")
		case c == '#':
			return "", "", errors.New("a fragment (#…) cannot be part of it")
		case strings.IndexByte("\\\"<>^`{|}", c) >= 0:
			return "", "", errors.New("it contains " + strconv.QuoteRune(rune(c)) + ", which is no URI character")
		case c == '%' && !escaped(uri[i:]):
			return "", "", errors.New("it contains a % that is not followed by two hexadecimal digits")
		}
	}
	scheme, rest, found := strings.Cut(uri, ":")
	if !found || !validScheme(scheme) {
		return "", "", errors.New("it must begin with a lower-case scheme such as https://")
	}
	return scheme, rest, nil
}

func escaped(s string) bool {
	return len(s) >= 3 && hexDigit(s[1]) && hexDigit(s[2])
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// validScheme is RFC 3986 §3.1 in lower case, which is what MatchRedirect compares.
func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.') {
			continue
		}
		return false
	}
	return s != ""
}

// splitAuthority splits "//host:port/path?query" and checks the first part.
func splitAuthority(rest string) (host, path string, err error) {
	rest, found := strings.CutPrefix(rest, "//")
	if !found {
		return "", "", errors.New("two slashes must follow the scheme")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	if strings.Contains(authority, "@") {
		return "", "", errors.New("it must not contain a user name (…@)")
	}
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		if !validPort(authority[i+1:]) {
			return "", "", errors.New("the port is not a number from 1 to 65535")
		}
		host = authority[:i]
	}
	if !validHost(host) {
		return "", "", errors.New("the host must be a lower-case name or an IP address")
	}
	return host, path, nil
}

// validHost takes a literal IP address in its canonical spelling, or a name whose
// last label is no number, because browsers read 127.1 and 0x7f.1 as addresses
// (WHATWG URL, "ends in a number").
func validHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == "" && ip.String() == inner
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Is4() && ip.String() == host
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return len(host) <= 253 && !(last[0] >= '0' && last[0] <= '9')
}

func loopbackHost(host string) bool {
	return host == "127.0.0.1" || host == "[::1]" || host == "localhost"
}

// answered are the parameters that an authorization response adds; a registered
// query that has one already would make the response ambiguous.
var answered = []string{"code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token", "access_token", "session_state"}

func checkPathAndQuery(s string) error {
	path, query, _ := strings.Cut(s, "?")
	for segment := range strings.SplitSeq(path, "/") {
		switch plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", "."); plain {
		case ".", "..":
			return errors.New("the path must not contain . or .. segments: browsers rewrite them")
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its query is malformed")
	}
	for name := range values {
		if slices.Contains(answered, name) {
			return errors.New("its query contains " + name + ", which the answer to the app will add")
		}
	}
	return nil
}
