package providers

import (
	"context"
	"errors"
	"net/url"
)

// Departure is a person who signed out here and is to be signed out upstream as well.
type Departure struct {
	IDToken   string // of the sign-in, Identity.IDToken; "" when it was not kept
	SessionID string // the upstream's sid; "" when it has none
	ReturnTo  string // where the browser comes back to, as registered upstream
	State     string // comes back with it from upstreams that know how
}

// Leaver is a provider that may be able to sign a person out upstream. Where it
// cannot, Leave says so by ErrStays.
type Leaver interface {
	// Leave tells where to send the browser. It does not wait long: the person has been
	// signed out here, and the app waits for them.
	Leave(ctx context.Context, d Departure) (string, error)
}

// ErrStays means that the upstream offers no way to sign a person out.
var ErrStays = errors.New("the upstream offers no sign-out that can be used")

// maxHint is the longest ID token that is kept to be shown again: it travels in a
// URL, and servers refuse long ones. A longer one is left out.
const maxHint = 4 << 10

// Leave makes a logout request (OpenID Connect RP-Initiated Logout 1.0 §2).
func (u *upstream) Leave(ctx context.Context, d Departure) (string, error) {
	if d.ReturnTo == "" {
		return "", broken("the departure lacks an address to return to")
	}
	if u.preset.stays {
		return "", ErrStays
	}
	ctx, cancel := context.WithTimeout(ctx, u.patience)
	defer cancel()
	m, err := u.metadata(ctx)
	if err != nil {
		return "", err
	}
	if m.leaveURL == "" {
		if u.preset.leaveWithout == nil {
			return "", ErrStays
		}
		return u.preset.leaveWithout(u.settings, u.issuer, d), nil
	}
	q := url.Values{"post_logout_redirect_uri": {d.ReturnTo}}
	if d.State != "" {
		q.Set("state", d.State)
	}
	switch {
	case d.IDToken != "":
		q.Set("id_token_hint", d.IDToken)
	case d.SessionID != "":
		q.Set("logout_hint", d.SessionID)
		fallthrough
	default:
		q.Set("client_id", u.settings.ClientID)
	}
	return withQuery(m.leaveURL, q), nil
}

// hint is the ID token that a later sign-out shows again: kept only where the
// settings want that, since nothing else needs it.
func (u *upstream) hint(raw string) string {
	if !u.settings.UpstreamLogout || len(raw) > maxHint {
		return ""
	}
	return raw
}

// judgeLeave reads end_session_endpoint, where people are to be signed out. A person's
// ID token goes there, so it is held to the same hosts; one that cannot be used keeps
// nobody from signing in, and `handstamp check` tells.
func (u *upstream) judgeLeave(doc map[string]any) string {
	s, _ := doc["end_session_endpoint"].(string)
	if !u.settings.UpstreamLogout || s == "" || u.hosts.approve(s) != nil {
		return ""
	}
	return s
}

// cannotLeave tells whether the settings want what the upstream does not offer.
func (u *upstream) cannotLeave(m *metadata) bool {
	return u.settings.UpstreamLogout && m.leaveURL == "" && u.preset.leaveWithout == nil
}
