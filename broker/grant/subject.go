package grant

import "github.com/handstamp/handstamp/providers"

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
