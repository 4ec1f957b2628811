package guard

import (
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/tokens"
)

// bearer returns the token of an Authorization header (RFC 6750 §2.1). A token in
// the query or in a form is not looked at: URLs end up in logs (RFC 9700 §4.3.2).
// Another scheme counts as no token, so that the answer names the one we take.
func bearer(h http.Header) (string, *Refusal) {
	values := h["Authorization"]
	switch len(values) {
	case 0:
		return "", noToken()
	case 1:
	default: // two parsers could choose two tokens
		return "", malformed("there is more than one Authorization header")
	}
	value := values[0]
	if len(value) > len("Bearer ")+tokens.MaxLength {
		return "", tooLong()
	}
	scheme, raw, found := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: in any case
		return "", noToken()
	}
	raw = strings.Trim(raw, " ")
	if !found || raw == "" || !isToken68(raw) {
		return "", malformed("the Authorization header is not Bearer and one token")
	}
	return raw, nil
}

func tooLong() *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: invalidTok, Description: "the access token is too long"}
}

// isToken68 checks the syntax of a bearer token (RFC 6750 §2.1, b64token).
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
