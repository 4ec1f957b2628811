package directory

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
)

// notScopes are names with a meaning of their own in OpenID Connect; an API that
// took one would be given away with every sign-in.
var notScopes = []string{"openid", "profile", "email", "groups", "offline_access", "address", "phone"}

// resource checks one API and fills in its defaults.
func (c *compiler) resource(i int) {
	r, at := &c.doc.Resources[i], c.root.item("resources", i)
	switch {
	case r.ID == "":
		at.at("id").say("id is missing", "the API's audience, for example https://api.example.com")
	case !validAudience(r.ID):
		at.at("id").say(quoted(r.ID)+" is not an absolute URI without a fragment (RFC 8707 §2)", "for example https://api.example.com")
	case strings.HasPrefix(r.ID, own):
		at.at("id").say(quoted(r.ID)+" is an audience of the broker itself", "give the API an address of its own")
	case r.ID == c.issuer:
		at.at("id").say("the issuer itself is no resource: its audience is for userinfo", "give the API an address of its own")
	case c.audiences[r.ID] != i:
		at.at("id").say(fmt.Sprintf("the resource %s is resources[%d] already", r.ID, c.audiences[r.ID]), "put all its scopes there")
	}
	if r.Name == "" {
		r.Name = r.ID
	}
	at.text("name", r.Name)
	if r.Alg != "" {
		at.oneOf("alg", &r.Alg, "ES256", "RS256", "PS256", "EdDSA")
	}
	if !at.short("scopes", len(r.Scopes)) {
		return
	}
	for j := range r.Scopes {
		c.resourceScope(r, j, at.item("scopes", j))
	}
}

func (c *compiler) resourceScope(r *Resource, j int, at report) {
	s := &r.Scopes[j]
	switch owner := c.owners[s.Name]; {
	case s.Name == "":
		at.at("name").say("name is missing", "for example items:read")
	case !oauth.ValidScope(s.Name) || len(s.Name) > 128:
		at.at("name").say(quoted(s.Name)+" is not a scope", "visible ASCII without spaces, quotes and backslashes, at most 128")
	case slices.Contains(notScopes, s.Name):
		at.at("name").say(s.Name+" is a scope of OpenID Connect", "choose another name, for example api:"+s.Name)
	case strings.HasPrefix(s.Name, reserved):
		at.at("name").say("scopes that begin with "+reserved+" are reserved for the broker's own administration", "choose another name")
	case owner != r:
		at.at("name").say(s.Name+" is a scope of "+owner.ID+" already: a rule that gives it would open both", "give each API's scopes a prefix, for example orders:read")
	case slices.IndexFunc(r.Scopes, func(o Scope) bool { return o.Name == s.Name }) < j:
		at.at("name").say(s.Name+" stands twice in this list", "remove one")
	}
	if s.Description == "" {
		s.Description = s.Name
	}
	at.text("description", s.Description)
}

// validAudience is RFC 8707 §2: an absolute URI without a fragment.
func validAudience(id string) bool {
	u, err := url.Parse(id)
	if err != nil || len(id) > 512 || !oauth.CleanText(id) || strings.ContainsAny(id, "# \"\\<>") {
		return false
	}
	for i := range len(id) {
		if id[i] >= 0x7f {
			return false
		}
	}
	return u.IsAbs() && u.User == nil && (u.Host != "" || u.Opaque != "")
}
