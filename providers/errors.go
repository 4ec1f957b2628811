package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// The words of Error.Code: what the broker may tell the app.
const (
	AccessDenied           = "access_denied"                     // a person or a policy said no
	LoginRequired          = "login_required"                    // the upstream would have to ask the person
	UnmetAuthentication    = "unmet_authentication_requirements" // the person cannot sign in as surely as acr_values asks
	TemporarilyUnavailable = "temporarily_unavailable"           // the upstream is dead or overloaded
	ServerError            = "server_error"                      // the upstream broke the protocol, or the settings are wrong
)

// ErrMixUp is wrapped by an Error whose answer does not belong to the attempt:
// another state, another issuer, a doubled parameter. Such an answer says nothing
// about the person or the app, so it earns a page and no redirect (RFC 9207 §2.4).
var ErrMixUp = errors.New("the answer does not belong to this attempt")

// Error is why a person could not be recognised.
type Error struct {
	Code   string // for the app: one of the words above
	Reason string // for the operator: fixed words, never text of the upstream
	Err    error  // more for the operator; nil when Reason says all
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func broken(reason string) *Error { return &Error{Code: ServerError, Reason: reason} }

func denied(reason string) *Error { return &Error{Code: AccessDenied, Reason: reason} }

func mixedUp(reason string) *Error {
	return &Error{Code: ServerError, Reason: reason, Err: ErrMixUp}
}

var (
	errTooLarge = errors.New("the answer is too large")
	errPlain    = errors.New("plain http is only for this machine")
)

// statusError is all that is kept of an upstream's refusal: its body may echo
// the code or our secret.
type statusError struct {
	status int
	code   string // OAuth error code, or ""
}

func (e *statusError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("HTTP status %d", e.status)
	}
	return fmt.Sprintf("HTTP status %d, error %s", e.status, e.code)
}

// Status is the HTTP status with which an upstream refused, or 0.
func Status(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	return 0
}

// oauthCode keeps an error code when it looks like one (RFC 6749 §5.2), else
// drops it: it goes into logs.
func oauthCode(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return ""
		}
	}
	return s
}

// refusal tells what an HTTP status of the upstream means.
func refusal(what string, status int, code string) *Error {
	err := &statusError{status, oauthCode(code)}
	switch {
	case status >= 300 && status < 400:
		return &Error{ServerError, what + " answers with a redirect, which is never followed", err}
	case status == 429 || status >= 500 || err.code == TemporarilyUnavailable:
		return &Error{TemporarilyUnavailable, what + " is out of order", err}
	case err.code == "invalid_client" || err.code == "unauthorized_client":
		return &Error{ServerError, what + " does not accept our client id, secret or auth_method", err}
	default:
		return &Error{ServerError, what + " refuses", err}
	}
}

// Unreachable tells in fixed words why no answer came to a request of NewClient's
// client: the errors of the layers below quote what the other side sent.
func Unreachable(what string, err error) *Error { return unreachable(what, err) }

// unreachable tells why no answer came. Only texts of this machine are kept: the
// HTTP and TLS layers quote what the other side sent.
func unreachable(what string, err error) *Error {
	var (
		blocked *blockedAddress
		dial    *net.OpError
		dns     *net.DNSError
		untrust *tls.CertificateVerificationError
		expired x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &blocked):
		return &Error{ServerError, what + " has an address that is not allowed", blocked}
	case errors.Is(err, errPlain):
		return &Error{ServerError, what + " must be https", errPlain}
	case errors.Is(err, errForeignHost):
		return &Error{ServerError, what + " is on a host that is not approved", errForeignHost}
	case errors.Is(err, errTooLarge):
		return &Error{ServerError, what + " answers too much", nil}
	case errors.As(err, &untrust) && errors.As(err, &expired) && expired.Reason == x509.Expired:
		return &Error{ServerError, what + " shows a certificate that is expired or not yet valid", nil}
	case errors.As(err, &untrust):
		return &Error{ServerError, what + " shows a certificate that is not trusted for its name", nil}
	case strings.Contains(err.Error(), "tls: "): // its errors have no type in common
		return &Error{ServerError, what + " does not speak TLS 1.2 or later", nil}
	case errors.Is(err, context.Canceled):
		return &Error{TemporarilyUnavailable, "the person left while " + what + " was asked", context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timeout(err):
		return &Error{TemporarilyUnavailable, what + " does not answer in time", context.DeadlineExceeded}
	case errors.As(err, &dns):
		return &Error{TemporarilyUnavailable, what + " has a name that does not resolve", nil}
	case errors.As(err, &dial) && dial.Op == "dial":
		return &Error{TemporarilyUnavailable, what + " cannot be reached", dial}
	default:
		return &Error{TemporarilyUnavailable, what + " broke the connection", nil}
	}
}

func timeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
