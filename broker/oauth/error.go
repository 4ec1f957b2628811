package oauth

import "strings"

// Error codes of RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 8707 §2, OpenID
// Connect Core §3.1.2.6 and Unmet Authentication Requirements 1.0 §2.
const (
	InvalidRequest           = "invalid_request"
	InvalidClient            = "invalid_client"
	InvalidGrant             = "invalid_grant"
	InvalidScope             = "invalid_scope"
	InvalidTarget            = "invalid_target"
	InvalidToken             = "invalid_token"
	InsufficientScope        = "insufficient_scope"
	UnauthorizedClient       = "unauthorized_client"
	UnsupportedGrantType     = "unsupported_grant_type"
	UnsupportedResponseType  = "unsupported_response_type"
	AccessDenied             = "access_denied"
	ServerError              = "server_error"
	TemporarilyUnavailable   = "temporarily_unavailable"
	LoginRequired            = "login_required"
	ConsentRequired          = "consent_required"
	InteractionRequired      = "interaction_required"
	RequestNotSupported      = "request_not_supported"
	RequestURINotSupported   = "request_uri_not_supported"
	RegistrationNotSupported = "registration_not_supported"
	UnmetAuthentication      = "unmet_authentication_requirements"
)

// Error tells the app what was wrong; its Cause tells the operator and never
// leaves the process. Status is the HTTP status where it is not the default.
type Error struct {
	Code, Description string
	Cause             error
	Status            int
}

// E makes an Error from a code and a description for the app's developer. The
// description may hold an administrator's words; what RFC 6749 §4.1.2.1 does not
// allow in it is replaced.
func E(code, description string) *Error {
	return &Error{Code: code, Description: plain(description)}
}

// Because adds the operator's cause.
func (e *Error) Because(cause error) *Error { e.Cause = cause; return e }

func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Unwrap returns the operator's cause.
func (e *Error) Unwrap() error { return e.Cause }

// plain keeps to %x20-21 / %x23-5B / %x5D-7E, in 512 bytes.
func plain(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\u201c' || c == '\u201d' || c == '\u2019':
			return '\''
		case c == '\\':
			return '/'
		case c < 0x20:
			return ' '
		case c > 0x7e:
			return '?'
		}
		return c
	}, s)
	if len(s) > 512 {
		s = s[:512]
	}
	return s
}
