package directory

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"github.com/handstamp/handstamp/tokens"
)

// compiledClient is what requests ask of a client, made ready once.
type compiledClient struct {
	reach                          // what it may ask people for
	machine   reach                // what it may do for itself
	keys      tokens.KeySet        // of private_key_jwt, where the settings hold them
	providers map[string]bool      // nil: every provider
	chooser   []*Provider          // enabled and allowed, in the order of the document
	digests   [2][sha256.Size]byte // of the live secrets; all zeros, which no text hashes to, where there is none
}

// reach is a set of scopes and the APIs that they open.
type reach struct {
	scopes    map[string]*Resource // nil for identity scopes
	resources map[string]*Resource // the APIs that may be named, by audience
}

// reach makes the set of some scopes.
func (s *Snapshot) reach(scopes []string) reach {
	if len(scopes) == 0 {
		return reach{resources: map[string]*Resource{}}
	}
	to := reach{scopes: map[string]*Resource{}, resources: map[string]*Resource{}}
	for _, name := range scopes {
		owner := s.resourceOf[name]
		to.scopes[name] = owner
		if owner != nil {
			to.resources[owner.ID] = owner
		}
	}
	return to
}

// UnknownClient stands in for a client that does not exist, so that refusing it
// takes the same work as refusing a wrong secret. No secret is ever right for it.
var UnknownClient = &Client{Disabled: true}

// SecretMatches tells whether a secret is one of the client's live ones. It does the
// same for every client and every secret: one digest and two comparisons in
// constant time, whether there are two secrets, one, none, or no such client.
func (c *Client) SecretMatches(secret string) bool {
	return c.secretMatches(secret, subtle.ConstantTimeCompare)
}

func (c *Client) secretMatches(secret string, equal func(a, b []byte) int) bool {
	digest, match := sha256.Sum256([]byte(secret)), 0
	for i := range c.compiled.digests {
		match |= equal(digest[:], c.compiled.digests[i][:])
	}
	return match == 1
}

// Keys are the public keys that the settings hold for private_key_jwt; nil where the
// client publishes them at JWKSURI, or has none.
func (c *Client) Keys() tokens.KeySet { return c.compiled.keys }

// compileClient makes the ready form; the snapshot's providers and resources exist.
func compileClient(c *Client, s *Snapshot) compiledClient {
	ready := compiledClient{reach: s.reach(c.Scopes), machine: s.machineReach(c.MachineScopes)}
	if c.JWKS != "" {
		ready.keys, _ = tokens.ParseKeySet([]byte(c.JWKS)) // it was parsed when it was checked
	}
	if r := s.resourceByID[c.DefaultResource]; r != nil {
		ready.resources[r.ID] = r
	}
	ready.chooser = s.enabled // shared: ten thousand apps would hold ten million pointers
	if len(c.Providers) > 0 {
		ready.providers, ready.chooser = map[string]bool{}, nil
		for _, slug := range c.Providers {
			ready.providers[slug] = true
			if p := s.providerBySlug[slug]; p != nil && !p.Disabled {
				ready.chooser = append(ready.chooser, p)
			}
		}
		slices.SortFunc(ready.chooser, func(a, b *Provider) int { return cmp.Compare(s.place[a.Slug], s.place[b.Slug]) })
	}
	for i, secret := range c.Secrets {
		ready.digests[i] = secretDigest(secret)
	}
	return ready
}

func (r *compiledClient) allows(slug string) bool { return r.providers == nil || r.providers[slug] }
