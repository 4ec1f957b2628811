package providers

import (
	"errors"
	"fmt"
)

// The words of Error.Code: what the broker may tell the app.
const (
	AccessDenied           = "access_denied"           // a person or a policy said no
	LoginRequired          = "login_required"          // the upstream would have to ask the person
	TemporarilyUnavailable = "temporarily_unavailable" // the upstream is dead or overloaded
	ServerError            = "server_error"            // the upstream broke the protocol, or the settings are wrong
)

// ErrMixUp is wrapped by an Error whose answer does not belong to the attempt:
// another state, another issuer, a doubled parameter. Such an answer says nothing
// about the person or the app, so it earns a page and no redirect (RFC 9207 §2.4).
var ErrMixUp = errors.New("the answer does not belong to this attempt")

// Error is why a person could not be recognised.
type Error struct {
	Code   string // for the app: one of the four words above
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
