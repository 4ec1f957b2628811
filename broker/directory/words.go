package directory

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
)

// identityScopes are those that every client knows from OpenID Connect, with what
// a consent page says about them.
var identityScopes = []Scope{
	{"openid", "Know that it is you"},
	{"profile", "See your name and your picture"},
	{"email", "See your e-mail address"},
	{"address", "See your postal address"},
	{"phone", "See your phone number"},
	{"groups", "See which groups you are in"},
	{"offline_access", "Stay connected while you are away, until you or an administrator end it"},
}

func isIdentityScope(name string) bool {
	return slices.ContainsFunc(identityScopes, func(s Scope) bool { return s.Name == name })
}

// reserved scopes belong to the broker's own administration. No document can give
// them away, and asking for one without leave is an error rather than ignored.
const reserved = "handstamp:"

// releasable are the claims about a person that scopes release and an ID token can
// carry (OpenID Connect Core §5.4), each with its scope.
var releasable = map[string]string{
	"name": "profile", "given_name": "profile", "family_name": "profile", "middle_name": "profile", "nickname": "profile", "preferred_username": "profile",
	"profile": "profile", "picture": "profile", "website": "profile", "gender": "profile", "birthdate": "profile", "zoneinfo": "profile", "locale": "profile",
	"updated_at": "profile", "email": "email", "email_verified": "email", "groups": "groups",
	"address": "address", "phone_number": "phone", "phone_number_verified": "phone",
}

// rare scopes are offered to the world only where a client may ask for them: few
// providers say an address or a phone number, and a scope that gives nothing misleads.
func rare(scope string) bool { return scope == "address" || scope == "phone" }

// ReleasedBy names the scope that releases a claim about the person.
func ReleasedBy(claim string) (scope string, known bool) {
	scope, known = releasable[claim]
	return scope, known
}

// MayKnow tells whether a client may be told a claim about a person: it may ask for
// the scope that releases it, all together or this claim alone.
func (c *Client) MayKnow(claim string) bool {
	scope, known := releasable[claim]
	_, allowed := c.compiled.scopes[scope]
	return known && allowed
}

// MayAsk tells whether a client may ask people for a scope.
func (c *Client) MayAsk(scope string) bool {
	_, allowed := c.compiled.scopes[scope]
	return allowed
}

// validSlug is what a provider's slug and, with dots and underscores, a client's
// id may look like: ASCII that reads the same in a path, a log and another
// alphabet's eyes, compared as bytes.
func validSlug(s, more string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		inside := i > 0 && i < len(s)-1 && (c == '-' || strings.IndexByte(more, c) >= 0)
		if !letter && !inside {
			return false
		}
	}
	return true
}

// text checks words that a person will read.
func (r report) text(key, value string) {
	if len(value) > maxText || !oauth.CleanText(value) {
		r.at(key).say(key+" must be at most 120 bytes of readable text", "leave out control characters and marks that turn the reading direction")
	}
}

// hostLetters are those of a host that can stand in a Content-Security-Policy.
var hostLetters = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// link checks a URL that a page shows: https, or http on this machine.
func (r report) link(key, value string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	local := err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
	if err != nil || u.Host == "" || !hostLetters.MatchString(u.Host) || u.User != nil || u.Scheme != "https" && !local || len(value) > 2048 || !oauth.CleanText(value) {
		r.at(key).say(key+" is not an https URL", "write https://…")
	}
}

func quoted(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}
