package directory

import "github.com/handstamp/handstamp/broker/oauth"

// Target is where the tokens of one request may be used and what for.
type Target struct {
	Audience []string  // the resource first, then the issuer if openid was asked for
	Resource *Resource // nil where only the issuer is meant
	Scopes   []string  // asked for ∩ the client's ∩ (identity scopes ∪ the resource's), in the order asked
}

var identityScopes []Scope

// Target decides audience and scopes of a request.
func (s *Snapshot) Target(c *Client, resources, scopes []string) (Target, *oauth.Error) {
	return Target{}, nil
}

// Grantable is what remains of a target for one person: identity scopes need no
// rule, because the person's own sign-in gives them; every other scope is there
// only if a rule gave it.
func (t Target) Grantable(byRules []string) []string { return nil }
