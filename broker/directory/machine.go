package directory

import (
	"slices"

	"github.com/handstamp/handstamp/broker/oauth"
)

// MachineTarget is Target for a client that acts for itself (RFC 6749 §4.4): where its
// token may be used and what for. Rules speak about people, so a machine has what its
// machine_scopes say, and never the issuer as audience. Without a scope parameter it
// gets all that it has at the resource (RFC 6749 §3.3). A scope that it does not have
// is an error rather than left out: no person will notice that something is missing.
func (s *Snapshot) MachineTarget(c *Client, resources, scopes []string) (Target, *oauth.Error) {
	c, ok := s.clientByID[c.ID]
	if !ok {
		return Target{}, oauth.E(oauth.UnauthorizedClient, "the client does not exist any more")
	}
	if slices.Contains(resources, s.issuer) {
		return Target{}, oauth.E(oauth.InvalidTarget, "a machine has no business at userinfo: name an API")
	}
	for _, name := range scopes {
		if _, has := c.compiled.machine.scopes[name]; !has {
			return Target{}, oauth.E(oauth.InvalidScope, "the client may not have a scope that it asks for")
		}
	}
	if len(scopes) == 0 {
		scopes = c.MachineScopes
		if len(resources) == 0 && c.compiled.machine.resources[c.DefaultResource] != nil {
			resources = []string{c.DefaultResource}
		}
	}
	r, err := s.resourceFor(c, c.compiled.machine, resources, scopes)
	if err != nil {
		return Target{}, err
	}
	t := Target{Resource: r, Scopes: []string{}}
	for _, name := range scopes {
		if r != nil && c.compiled.machine.scopes[name] == r && !slices.Contains(t.Scopes, name) {
			t.Scopes = append(t.Scopes, name)
		}
	}
	if len(t.Scopes) == 0 {
		return Target{}, oauth.E(oauth.InvalidScope, "none of the scopes belongs to the resource")
	}
	t.Audience = []string{r.ID}
	return t, nil
}

// AdmitMachine is admit() for a client that acts for itself: nil means that it may,
// as this snapshot has it.
func (s *Snapshot) AdmitMachine(c *Client) *Refusal {
	a := Admission{Client: c}
	if refusal := s.admitClient(&a); refusal != nil {
		return refusal
	}
	if !a.Client.AllowsGrant(GrantClient) || a.Client.Public {
		return &Refusal{oauth.UnauthorizedClient, "This app may not act for itself.", "client " + a.Client.ID + " may not use client_credentials"}
	}
	return nil
}

// MachineHas tells whether the client has a scope for itself.
func (c *Client) MachineHas(scope string) bool {
	_, has := c.compiled.machine.scopes[scope]
	return has
}
