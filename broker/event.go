package broker

import (
	"errors"
	"net/http"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// alarm is a cause that is a security event, too.
type alarm struct {
	event door.Event
	error
}

func (a alarm) Unwrap() error { return a.error }

// alarmed is reason for an event.
func alarmed(e door.Event, why string) error { return alarm{e, reason(why)} }

// eventOf tells which event a request was, or "". It reads the cause that the request's
// one log record has, so that no door can count what it does not tell.
func eventOf(r *recorder) door.Event {
	var a alarm
	switch cause := r.cause; {
	case r.Status == http.StatusTooManyRequests:
		return door.EventHeldUp
	case cause == nil:
	case errors.As(cause, &a):
		return a.event
	case errors.Is(cause, providers.ErrMixUp):
		return door.EventMixUp
	case errors.Is(cause, storage.ErrStateSpent):
		return door.EventStateReplayed
	case errors.Is(cause, storage.ErrReused):
		return door.EventRefreshReused
	case errors.Is(cause, storage.ErrUsed):
		return door.EventCodeReplayed
	case errors.Is(cause, storage.ErrMismatch) && r.grantType == "authorization_code":
		return door.EventCodeMismatch
	case errors.Is(cause, storage.ErrMismatch) && r.grantType == "refresh_token":
		return door.EventForeignToken
	}
	if r.code == oauth.InvalidClient {
		return door.EventClientRefused
	}
	return ""
}
