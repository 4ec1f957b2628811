package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/handstamp/handstamp/broker/mapping"
)

// Snapshot is one compiled Document. It is immutable and shared by any number of
// requests; what it returns is shared too and must not be changed.
type Snapshot struct {
	issuer    string
	version   string
	providers []*Provider
	clients   []*Client
	resources []*Resource
	rules     *mapping.Rules
	brand     Brand

	enabled        []*Provider    // those that are not switched off
	place          map[string]int // slug → its place in the document
	providerBySlug map[string]*Provider
	providerByID   map[string]*Provider
	clientByID     map[string]*Client
	account        *Client // see Account
	admin          *Client // see Admin
	administration *Resource
	resourceByID   map[string]*Resource
	resourceOf     map[string]*Resource // scope → the one resource that owns it
	origins        map[string]bool
	claimsOf       map[string][]string // see claimsByProvider
	scopes         []string
}

// Version identifies the document by its content, secrets left out.
func (s *Snapshot) Version() string { return s.version }

// Issuer is the broker's own issuer, exactly as the settings spell it.
func (s *Snapshot) Issuer() string { return s.issuer }

// Brand is what the document says of the house itself; empty parts are as the settings
// of the installation say.
func (s *Snapshot) Brand() Brand { return s.brand }

// Client finds a client by its id, also a disabled one.
func (s *Snapshot) Client(id string) (*Client, bool) { c, ok := s.clientByID[id]; return c, ok }

// Clients lists all clients in the order of the document.
func (s *Snapshot) Clients() []*Client { return slices.Clone(s.clients) }

// Provider finds a provider by its slug, also a disabled one.
func (s *Snapshot) Provider(slug string) (*Provider, bool) {
	p, ok := s.providerBySlug[slug]
	return p, ok
}

// ProviderByID finds a provider by the internal id that storage knows it by.
func (s *Snapshot) ProviderByID(id string) (*Provider, bool) {
	p, ok := s.providerByID[id]
	return p, ok
}

// Providers lists all providers in the order of the document.
func (s *Snapshot) Providers() []*Provider { return slices.Clone(s.providers) }

// ProvidersFor lists what a client's chooser may show: enabled and allowed, in the
// order of the document.
func (s *Snapshot) ProvidersFor(c *Client) []*Provider {
	if current, ok := s.current(c); ok {
		return slices.Clone(current.compiled.chooser)
	}
	return nil
}

// Resource finds an API by its audience.
func (s *Snapshot) Resource(id string) (*Resource, bool) { r, ok := s.resourceByID[id]; return r, ok }

// Resources lists all APIs in the order of the document.
func (s *Snapshot) Resources() []*Resource { return slices.Clone(s.resources) }

// Rules are the compiled mapping rules.
func (s *Snapshot) Rules() *mapping.Rules { return s.rules }

// ScopesSupported lists every scope that a client can ask for, for discovery.
func (s *Snapshot) ScopesSupported() []string { return slices.Clone(s.scopes) }

// ClaimsSupported lists the claims about a person that some client can be told, for
// discovery, sorted.
func (s *Snapshot) ClaimsSupported() []string {
	var list []string
	for claim, scope := range releasable {
		if slices.Contains(s.scopes, scope) {
			list = append(list, claim)
		}
	}
	slices.Sort(list)
	return list
}

// ACRSupported lists the authentication context classes that some provider can prove,
// in the order of the document, for discovery.
func (s *Snapshot) ACRSupported() []string {
	var list []string
	for _, p := range s.providers {
		for _, acr := range p.ACRValues {
			if !p.Disabled && !slices.Contains(list, acr) {
				list = append(list, acr)
			}
		}
	}
	return list
}

// Scope finds a scope with the words that a consent page shows for it.
func (s *Snapshot) Scope(name string) (Scope, bool) {
	if i := slices.IndexFunc(identityScopes, func(sc Scope) bool { return sc.Name == name }); i >= 0 {
		return identityScopes[i], true
	}
	if r, ok := s.resourceOf[name]; ok {
		i := slices.IndexFunc(r.Scopes, func(sc Scope) bool { return sc.Name == name })
		return r.Scopes[i], true
	}
	return Scope{}, false
}

// ScopeOwner finds the API that a scope opens. Those of OpenID Connect have none.
func (s *Snapshot) ScopeOwner(scope string) (*Resource, bool) {
	r, ok := s.resourceOf[scope]
	return r, ok
}

// IsIdentityScope tells whether a scope is one of OpenID Connect, which a sign-in gives
// by itself.
func IsIdentityScope(scope string) bool { return isIdentityScope(scope) }

// Origins are the browser origins of all enabled clients: a CORS preflight carries
// no client, so any of them may pass it.
func (s *Snapshot) Origins() map[string]bool { return maps.Clone(s.origins) }

// AllowsOrigin tells whether any enabled client registered this origin.
func (s *Snapshot) AllowsOrigin(origin string) bool { return s.origins[origin] }

// ClaimNames lists the claims that are needed of one provider, sorted: what rules for
// it read, what apps that may use it may be told, and what admit() judges by. Where
// its ID token lacks one, the provider asks its userinfo endpoint.
func (s *Snapshot) ClaimNames(provider string) []string {
	list := append(s.rules.ClaimNames(provider), s.claimsOf[""]...)
	list = append(list, s.claimsOf[provider]...)
	if p, ok := s.providerBySlug[provider]; ok && len(p.AllowedDomains) > 0 {
		list = append(list, "email", "email_verified")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// claimsByProvider gathers, once, what apps may be told: under a provider's slug what
// the apps want that name it, under "" what those want that take every provider. Ten
// thousand apps need not be asked again for each of a thousand providers.
func claimsByProvider(clients []*Client) map[string][]string {
	sets := map[string]map[string]bool{}
	for _, c := range clients {
		if c.Disabled {
			continue
		}
		wanted := c.claims()
		slugs := c.Providers
		if c.compiled.providers == nil {
			slugs = []string{""}
		}
		for _, slug := range slugs {
			if sets[slug] == nil {
				sets[slug] = map[string]bool{}
			}
			for _, name := range wanted {
				sets[slug][name] = true
			}
		}
	}
	out := make(map[string][]string, len(sets))
	for slug, set := range sets {
		out[slug] = slices.Sorted(maps.Keys(set))
	}
	return out
}

// claims lists what an app may be told about a person.
func (c *Client) claims() []string {
	list := slices.Clone(c.IDTokenClaims)
	for _, scope := range c.Scopes {
		switch scope {
		case "profile":
			list = append(list, "name")
		case "email":
			list = append(list, "email", "email_verified")
		case "groups":
			list = append(list, "groups")
		case "address":
			list = append(list, "address")
		case "phone":
			list = append(list, "phone_number")
		}
	}
	return list
}

// BindInternalIDs ties slugs to the ids that storage gave them. It belongs to
// making the snapshot: call it once, before any request can see it.
func (s *Snapshot) BindInternalIDs(bySlug map[string]string) {
	s.providerByID = make(map[string]*Provider, len(bySlug))
	for _, p := range s.providers {
		if id, ok := bySlug[p.Slug]; ok && id != "" {
			p.InternalID = id
			s.providerByID[id] = p
		}
	}
}

// version hashes what the document says. Secrets are no part of it, so that
// rotating one changes nobody's grant.
func version(issuer string, d Document) string {
	b, err := json.Marshal(struct {
		Issuer   string
		Document Document
	}{issuer, d})
	if err != nil { // strings, booleans and lists of them always marshal
		panic("directory: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
