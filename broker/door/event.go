package door

// Event is something that should not happen at a door: an attack, or an app or a provider that does
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
	EventOwnerLink      Event = "owner_link_refused"   // an owner's link that was used up, is too old, or never was
	EventAdminToken     Event = "admin_token_refused"  // the administration API was called with a token that is none of its own
)

// Events are all there are.
var Events = []Event{EventCodeReplayed, EventCodeMismatch, EventRefreshReused, EventStateReplayed, EventForeignBrowser, EventMixUp, EventCrossSite,
	EventClientRefused, EventHeldUp, EventForgedLogout, EventForeignToken, EventOwnerLink, EventAdminToken}
