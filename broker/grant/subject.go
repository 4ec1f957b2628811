package grant

import (
	"maps"
	"time"

	"github.com/handstamp/handstamp/providers"
)

// Learn takes over what a provider says today about the person: the name, and an
// address that counts as verified only where the provider's word does.
func (s *Subject) Learn(id *providers.Identity) {
	if name, ok := id.Claims["name"].(string); ok && len(name) <= 256 {
		s.User.Name = name
	}
	s.User.Email, s.User.EmailVerified = "", false
	if email, ok := id.Claims["email"].(string); ok && len(email) <= 254 {
		s.User.Email, s.User.EmailVerified = email, id.EmailVerified
	}
}

// OfSignIn are a person's claims as one sign-in of theirs has them. What a provider said
// last is kept for all of a person's sessions; how they were recognised (acr, amr, auth_time)
// is each session's own, so that a strong sign-in elsewhere makes no weak one strong.
func OfSignIn(claims map[string]any, acr string, amr []string, at time.Time) map[string]any {
	own := maps.Clone(claims)
	if own == nil {
		own = map[string]any{}
	}
	delete(own, "acr")
	delete(own, "amr")
	if acr != "" {
		own["acr"] = acr
	}
	if len(amr) > 0 {
		methods := make([]any, len(amr))
		for i, m := range amr {
			methods[i] = m
		}
		own["amr"] = methods
	}
	if _, said := own["auth_time"]; said {
		own["auth_time"] = float64(at.Unix())
	}
	return own
}
