package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Problem is every answer that is no success (RFC 9457).
type Problem struct {
	Type     string  `json:"type"` // TypeBase and one of the words below
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty"`
	Instance string  `json:"instance,omitempty"` // the reference in the log
	Problems []Fault `json:"problems,omitempty"` // everything that is wrong with what was sent
	Plan     *Plan   `json:"plan,omitempty"`     // what the change would have done, where it was refused for that

	Revision int64    `json:"revision,omitempty"` // of a conflict: the one that is active now
	Scopes   []string `json:"scopes,omitempty"`   // of insufficient_scope: those that are needed
}

// Fault is one thing that is wrong, with its place and the likely fix.
type Fault struct {
	Path    string `json:"path"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// TypeBase begins every Problem.Type. The rest is one of the words below.
const TypeBase = "urn:handstamp:problem:"

// The words of Problem.Type.
const (
	BadRequest       = "bad_request"           // 400: the request itself
	BadCursor        = "bad_cursor"            // 400
	NoToken          = "missing_token"         // 401
	BadToken         = "invalid_token"         // 401
	TooFewScopes     = "insufficient_scope"    // 403
	ReauthRequired   = "reauth_required"       // 403: sign in again, then try again
	OwnersOnly       = "owners_only"           // 403: the change needs an owner
	NotFound         = "not_found"             // 404
	WrongMethod      = "method_not_allowed"    // 405
	Exists           = "exists"                // 409
	LocksOut         = "locks_out"             // 409: nobody could administer afterwards
	LastOwner        = "last_owner"            // 409
	LastIdentity     = "last_identity"         // 409
	IdentityTaken    = "identity_taken"        // 409: it is somebody else's way in
	IssuerChanged    = "issuer_changed"        // 409: the slug is tied to another issuer
	NotNow           = "not_now"               // 409: something else has to be done first
	LinkSpent        = "link_spent"            // 410: an admin link that was used, or is too old
	Conflict         = "conflict"              // 412: somebody else changed it meanwhile
	TooLarge         = "too_large"             // 413
	WrongContent     = "unsupported_media"     // 415
	Invalid          = "invalid"               // 422: problems has all of it
	BlockedAddress   = "blocked_address"       // 422: an address that may not be called
	SecretNeeded     = "secret_needed"         // 422: what the secret is for changed, so it has to be given again
	ReferenceRefused = "reference_refused"     // 422: over the network nobody may name files or variables of the server
	NoIfMatch        = "precondition_required" // 428
	Unavailable      = "unavailable"           // 503
	Unknown          = "outcome_unknown"       // 503: it may have happened
	Internal         = "internal"              // 500
)

// Kind is the word of the type.
func (p *Problem) Kind() string { return strings.TrimPrefix(p.Type, TypeBase) }

// Error is a sentence for people.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, f := range p.Problems {
		text += "; " + f.String()
	}
	if p.Instance != "" {
		text += " (reference " + p.Instance + ")"
	}
	return text
}

// String is the fault in one line.
func (f Fault) String() string {
	text := f.Message
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}

// IsKind tells whether an error is a Problem of a kind.
func IsKind(err error, kind string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Kind() == kind
}

// IsConflict tells whether somebody else changed the directory meanwhile.
func IsConflict(err error) bool { return IsKind(err, Conflict) }

// IsNotFound tells whether there is no such thing.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsInvalid tells whether what was sent cannot be; Problem.Problems says why.
func IsInvalid(err error) bool { return IsKind(err, Invalid) }

// IsReauth tells whether the person has to sign in again first.
func IsReauth(err error) bool { return IsKind(err, ReauthRequired) }

// IsUnauthorized tells whether the token is missing, invalid or expired.
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden tells whether the caller may not do this.
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

func hasStatus(err error, status int) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status
}

// unreadable is the Problem of an answer that is none of the API's.
func unreadable(status int) *Problem {
	return &Problem{Type: TypeBase + Unavailable, Title: fmt.Sprintf("The server answered %d without saying why", status), Status: status,
		Detail: "is this the address of the administration API?"}
}
