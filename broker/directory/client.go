package directory

import (
	"crypto/sha256"
	"crypto/subtle"
)

// compiledClient is what requests ask of a client, made ready once.
type compiledClient struct {
	scopes    map[string]*Resource // what it may ask for; nil for identity scopes
	resources map[string]bool      // the APIs it may name
	providers map[string]bool      // nil: every provider
	chooser   []*Provider          // enabled and allowed, in the order of the document
	digests   [2][sha256.Size]byte // of the live secrets; all zeros, which no text hashes to, where there is none
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

// compileClient makes the ready form; the snapshot's providers and resources exist.
func compileClient(c *Client, s *Snapshot) compiledClient {
	ready := compiledClient{scopes: map[string]*Resource{}, resources: map[string]bool{}}
	for _, name := range c.Scopes {
		owner := s.resourceOf[name]
		ready.scopes[name] = owner
		if owner != nil {
			ready.resources[owner.ID] = true
		}
	}
	if c.DefaultResource != "" {
		ready.resources[c.DefaultResource] = true
	}
	if len(c.Providers) > 0 {
		ready.providers = map[string]bool{}
		for _, slug := range c.Providers {
			ready.providers[slug] = true
		}
	}
	for _, p := range s.providers {
		if !p.Disabled && ready.allows(p.Slug) {
			ready.chooser = append(ready.chooser, p)
		}
	}
	for i, secret := range c.Secrets {
		ready.digests[i] = sha256.Sum256([]byte(secret.Reveal()))
	}
	return ready
}

func (r *compiledClient) allows(slug string) bool { return r.providers == nil || r.providers[slug] }
