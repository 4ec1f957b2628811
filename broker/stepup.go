package broker

import (
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// stepUp finds the provider to ask once more when a session would do but for its age
// or its strength (max_age, acr; RFC 9470 §4): the one that knows the person already,
// so that nobody has to choose again and comes back as somebody else. nil: the person
// is to choose, for example because another provider is known to prove what is asked for.
func (v *visit) stepUp(s *storage.Session, allowed []*directory.Provider) *directory.Provider {
	r := v.request
	if s == nil || r.Provider != "" || r.Asks("login") || r.Asks("select_account") || !v.expects(s.User.Subject) {
		return nil
	}
	i := slices.IndexFunc(allowed, func(p *directory.Provider) bool { return p.InternalID == s.ProviderID })
	if i < 0 {
		return nil
	}
	proves := func(p *directory.Provider) bool {
		return slices.ContainsFunc(r.ACRWanted(), func(acr string) bool { return slices.Contains(p.ACRValues, acr) })
	}
	if !proves(allowed[i]) && slices.ContainsFunc(allowed, proves) {
		return nil
	}
	return allowed[i]
}
