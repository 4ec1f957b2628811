package broker

import (
	"errors"
	"net/http"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// Event is something that should not happen: an attack, or an app or a provider that does
// what an attacker would. Each is one counter and one word in the request's log record;
// docs/observability.md says what to do about it.
type Event string

const (
	EventCodeReplayed   Event = "code_replayed"        // a code was used again: its grant is revoked
	EventCodeMismatch   Event = "code_mismatch"        // a code came with another client, redirect URI or verifier
	EventRefreshReused  Event = "refresh_reused"       // a rotated refresh token was used again: its grant is revoked
	EventStateReplayed  Event = "state_replayed"       // an answer, a form or a consent came a second time
	EventForeignBrowser Event = "foreign_browser"      // an answer came to a browser that did not begin its login
	EventMixUp          Event = "mix_up"               // an answer came from or to another provider than the one asked
	EventCrossSite      Event = "cross_site"           // a form of ours was sent from another site, or without its token
	EventClientRefused  Event = "client_auth_failed"   // an app did not prove who it is
	EventHeldUp         Event = "guessing"             // too many wrong passwords or secrets: the caller has to wait
	EventForgedLogout   Event = "logout_token_refused" // a provider's logout token was not what it should be
	EventForeignToken   Event = "foreign_token"        // an app sent a token of another app
)

// Events are all there are.
var Events = []Event{EventCodeReplayed, EventCodeMismatch, EventRefreshReused, EventStateReplayed, EventForeignBrowser, EventMixUp, EventCrossSite,
	EventClientRefused, EventHeldUp, EventForgedLogout, EventForeignToken}

// alarm is a cause that is a security event, too.
type alarm struct {
	event Event
	error
}

func (a alarm) Unwrap() error { return a.error }

// alarmed is reason for an event.
func alarmed(e Event, why string) error { return alarm{e, reason(why)} }

// eventOf tells which event a request was, or "". It reads the cause that the request's
// one log record has, so that no door can count what it does not tell.
func eventOf(r *recorder) Event {
	var a alarm
	switch cause := r.cause; {
	case r.Status == http.StatusTooManyRequests:
		return EventHeldUp
	case cause == nil:
	case errors.As(cause, &a):
		return a.event
	case errors.Is(cause, providers.ErrMixUp):
		return EventMixUp
	case errors.Is(cause, storage.ErrStateSpent):
		return EventStateReplayed
	case errors.Is(cause, storage.ErrReused):
		return EventRefreshReused
	case errors.Is(cause, storage.ErrUsed):
		return EventCodeReplayed
	case errors.Is(cause, storage.ErrMismatch) && r.grantType == "authorization_code":
		return EventCodeMismatch
	case errors.Is(cause, storage.ErrMismatch) && r.grantType == "refresh_token":
		return EventForeignToken
	}
	if r.code == oauth.InvalidClient {
		return EventClientRefused
	}
	return ""
}
