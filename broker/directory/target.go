package directory

import (
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
)

// Target is where the tokens of one request may be used and what for.
type Target struct {
	Audience []string  // the resource first, then the issuer if openid was asked for
	Resource *Resource // nil where only the issuer is meant
	Scopes   []string  // asked for ∩ the client's ∩ (identity scopes ∪ the resource's), in the order asked
}

// Target decides audience and scopes of a request:
//
//	a) the one resource that it names (RFC 8707 §2);
//	b) else the resource that owns the API scopes asked for, if exactly one does;
//	c) else the client's default resource;
//	d) else the issuer.
//
// The issuer is an audience too whenever openid is among the scopes, so that
// userinfo takes the token. Scopes that the client or the target does not know
// are left out (RFC 6749 §3.3: the answer then tells which were given).
func (s *Snapshot) Target(c *Client, resources, scopes []string) (Target, *oauth.Error) {
	c, ok := s.current(c)
	if !ok {
		return Target{}, oauth.E(oauth.UnauthorizedClient, "the client does not exist any more")
	}
	if slices.ContainsFunc(scopes, func(name string) bool { return strings.HasPrefix(name, reserved) && !c.MayAsk(name) }) {
		return Target{}, oauth.E(oauth.InvalidScope, "the client may not ask for this scope")
	}
	r, err := s.resourceFor(c, c.compiled.reach, resources, scopes)
	if err != nil {
		return Target{}, err
	}
	t := Target{Resource: r, Scopes: make([]string, 0, min(len(scopes), len(c.Scopes)))}
	for _, name := range scopes {
		owner, allowed := c.compiled.scopes[name]
		if allowed && (owner == nil || owner == r) && !slices.Contains(t.Scopes, name) {
			t.Scopes = append(t.Scopes, name)
		}
	}
	if r != nil {
		t.Audience = append(t.Audience, r.ID)
	}
	if r == nil || slices.Contains(t.Scopes, "openid") {
		t.Audience = append(t.Audience, s.issuer)
	}
	return t, nil
}

// resourceFor finds the API that a request is about; nil means the issuer only.
func (s *Snapshot) resourceFor(c *Client, may reach, resources, scopes []string) (*Resource, *oauth.Error) {
	named, issuer := "", false
	for _, id := range resources {
		switch {
		case id == s.issuer:
			issuer = true
		case named != "" && named != id:
			return nil, oauth.E(oauth.InvalidTarget, "a token is for one resource: ask for them one after the other")
		case may.resources[id] == nil:
			return nil, oauth.E(oauth.InvalidTarget, "the resource is unknown, or this client may not use it")
		default:
			named = id
		}
	}
	if named != "" || issuer {
		return may.resources[named], nil
	}
	var owner *Resource
	for _, name := range scopes {
		switch r := may.scopes[name]; {
		case r == nil || r == owner:
		case owner != nil:
			return nil, oauth.E(oauth.InvalidTarget, "the scopes belong to "+owner.ID+" and "+r.ID+": name one of them with resource")
		default:
			owner = r
		}
	}
	if owner == nil {
		owner = may.resources[c.DefaultResource]
	}
	return owner, nil
}

// Grantable is what remains of a target for one person: identity scopes need no
// rule, because the person's own sign-in gives them; every other scope is there
// only if a rule gave it. So what is granted is never more than asked for, than the
// client may have, or than the person has.
func (t Target) Grantable(byRules []string) []string {
	granted := make([]string, 0, len(t.Scopes))
	for _, name := range t.Scopes {
		if isIdentityScope(name) || slices.Contains(byRules, name) {
			granted = append(granted, name)
		}
	}
	return granted
}
