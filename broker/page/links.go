package page

import (
	"html/template"
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// link is an address that was looked at before it went into a page.
type link = template.URL

// webURL reads an absolute https URL (http on loopback, for development) whose
// host is spelled so plainly that it may stand in a policy header.
func webURL(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.User != nil || !plainHost(u.Host) {
		return nil, false
	}
	switch u.Scheme {
	case "https":
		return u, true
	case "http":
		return u, loopback(u.Hostname())
	}
	return nil, false
}

func plainHost(host string) bool {
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-:[]", rune(c)) {
			return false
		}
	}
	return host != ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// webLink is for links that an admin configured: policies and terms. What is no
// web address becomes "" and is not shown.
func webLink(address string) link {
	if u, ok := webURL(address); ok {
		return link(u.String())
	}
	return ""
}

// walkLink is for the links that the broker makes: its own pages, and the way
// back to an app. A native app's private-use scheme counts when it carries a dot
// (RFC 8252 §7.1), as `javascript:` and its cousins never do. Unlike
// html/template's own filter it knows those schemes, hence the typed value.
func walkLink(address string) link {
	if address == "" || strings.IndexFunc(address, unicode.IsControl) >= 0 || strings.Contains(address, `\`) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	switch scheme := u.Scheme; {
	case scheme == "https", scheme == "http":
		if u.Host == "" {
			return ""
		}
	case scheme == "": // "//host" would leave this host unseen
		if strings.HasPrefix(address, "//") {
			return ""
		}
	case !strings.Contains(scheme, "."):
		return ""
	}
	return link(address)
}

// initial is the letter shown where there is no logo.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "·"
}

// words makes a name that somebody chose fit for one line of a page; prose does
// it for a sentence.
func words(s string) string { return Clean(s, 120) }
func prose(s string) string { return Clean(s, 400) }

// Clean makes what others wrote fit for a page: it leaves out control and direction
// marks, which could rearrange the words around them, and whatever is longer than most
// characters, more than a person would read.
func Clean(s string, most int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c' { // joiners spell emoji and Persian
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return s
}
