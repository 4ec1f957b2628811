package providers

import (
	"context"
	"errors"
)

// Health answers from memory at once. It also begins, in the background and with
// the cooldown of discovery, to look again at an upstream that was down, not yet
// asked, or not asked for a while: a button that says "out of order" must not need
// a person to press it before it heals.
func (u *upstream) Health() Health {
	v := u.discovery.look()
	u.mu.Lock()
	h := u.health
	u.mu.Unlock()
	if !v.running && v.rest > failureRest && (v.turn == 0 || h.Down || v.age > metadataFresh) {
		u.discovery.start(context.Background())
	}
	return h
}

// heard notes what a conversation said about the upstream's life: one that
// refuses us lives.
func (u *upstream) heard(err *Error) {
	u.note(err, err != nil && err.Code == TemporarilyUnavailable)
}

// heardDiscovery notes it of discovery, without which nobody can sign in there,
// whatever the fault.
func (u *upstream) heardDiscovery(err *Error) { u.note(err, err != nil) }

func (u *upstream) note(err *Error, down bool) {
	if err != nil && errors.Is(err.Err, context.Canceled) { // it says something about the person
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case down && !u.health.Down:
		u.health = Health{Down: true, Reason: err.Reason, Since: u.settings.Now()}
		u.settings.Logger.Warn("upstream is down", "provider", u.settings.Slug, "reason", err.Error())
	case down:
		u.health.Reason = err.Reason
	case err == nil && u.health.Down:
		u.settings.Logger.Info("upstream is back", "provider", u.settings.Slug)
		u.health = Health{}
	}
}
