package directory

import (
	"slices"

	"github.com/handstamp/handstamp/providers"
)

// providerOfOwnBook checks a provider that asks people itself: whatever tells how to
// talk to an upstream means nothing to it.
func (c *compiler) providerOfOwnBook(p *Provider, at report) {
	for _, foreign := range []struct {
		key string
		set bool
	}{
		{"issuer", p.Issuer != ""}, {"client_id", p.ClientID != ""}, {"client_secret", p.ClientSecret != ""}, {"auth_method", p.AuthMethod != ""},
		{"scopes", len(p.Scopes) > 0}, {"params", len(p.Params) > 0}, {"userinfo", p.UserInfo != ""}, {"endpoint_hosts", len(p.EndpointHosts) > 0},
		{"allow_private_network", p.AllowPrivateNetwork},
	} {
		if foreign.set {
			at.at(foreign.key).say(foreign.key+" means nothing to kind "+p.Kind+", which has no upstream", "remove it")
		}
	}
	if p.Signup == SignupAutomatic {
		at.at("signup").say("nobody makes an account at kind "+p.Kind+" by signing in", "remove it; handstamp users makes and invites people")
	}
	p.UserInfo, p.Signup = UserInfoAuto, SignupExisting
}

// clientPassword checks the permission to send people's passwords, and adds the grant.
func (c *compiler) clientPassword(cl *Client, at report) {
	if !cl.PasswordGrant {
		return
	}
	where := at.at("password_grant")
	switch {
	case !cl.FirstParty:
		where.say("only one's own app may handle people's passwords", "add first_party: true, or remove password_grant")
	case cl.Public:
		where.say("a public client cannot have password_grant: anybody could guess passwords in its name", "give it a secret and remove public: true")
	case len(c.ownBooks(cl)) != 1:
		where.say("password_grant needs exactly one provider of kind local among those of the client", "name it under the client's providers")
	}
	if !slices.Contains(cl.GrantTypes, GrantPassword) {
		cl.GrantTypes = append(cl.GrantTypes, GrantPassword)
	}
}

// ownBooks lists the client's providers that keep passwords.
func (c *compiler) ownBooks(cl *Client) (slugs []string) {
	for _, p := range c.doc.Providers {
		kind, _ := providers.Lookup(p.Kind)
		if kind.OwnBook && (len(cl.Providers) == 0 || slices.Contains(cl.Providers, p.Slug)) {
			slugs = append(slugs, p.Slug)
		}
	}
	return slugs
}

// Offers tells whether any client that is not switched off may use a grant type.
func (s *Snapshot) Offers(grantType string) bool {
	return slices.ContainsFunc(s.clients, func(c *Client) bool { return !c.Disabled && c.AllowsGrant(grantType) })
}
