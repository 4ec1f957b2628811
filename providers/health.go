package providers

import (
	"context"
	"errors"
)

// MostLooks is how many upstreams one page or one scrape may look at again. There can be a
// thousand of them, and whoever asks how they do must not set off a storm.
const MostLooks = 8

// Health answers from memory at once, and asks nobody.
func (u *upstream) Health() Health {
	v := u.discovery.look()
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.health
	h.Asked = v.turn > 0 || v.failure != nil
	return h
}

// LookAgain begins, in the background and with the cooldown of discovery, to look at an
// upstream that was down, not yet asked, or not asked for a while, and tells whether it did:
// a button that says "out of order" must not need a person to press it before it heals.
func (u *upstream) LookAgain() bool {
	v, h := u.discovery.look(), u.Health()
	if v.running || v.rest <= failureRest || v.turn > 0 && !h.Down && v.age <= metadataFresh {
		return false
	}
	u.discovery.start(context.Background())
	return true
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
