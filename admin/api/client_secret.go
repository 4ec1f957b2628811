package api

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// A Go caller puts a new secret where secrets stand (ClientSecret, Secrets), whose types
// keep it out of JSON and logs. Only here, on its way to the API, it is spelled out.

func spellProvider(p directory.Provider) *directory.Provider {
	p.ClientSecretSource = sourceOf(p.ClientSecretSource, p.ClientSecret.Reveal())
	return &p
}

func spellClient(c directory.Client) *directory.Client {
	sources := make([]string, max(len(c.Secrets), len(c.SecretSources)))
	copy(sources, c.SecretSources)
	for i, secret := range c.Secrets {
		sources[i] = sourceOf(sources[i], secret.Reveal())
	}
	if c.SecretSources = nil; len(sources) > 0 {
		c.SecretSources = sources
	}
	return &c
}

func spell(d directory.Document) *directory.Document {
	d.Providers, d.Clients = slices.Clone(d.Providers), slices.Clone(d.Clients)
	for i := range d.Providers {
		d.Providers[i] = *spellProvider(d.Providers[i])
	}
	for i := range d.Clients {
		d.Clients[i] = *spellClient(d.Clients[i])
	}
	return &d
}

func (r PlanRequest) spelled() *PlanRequest {
	if r.Document != nil {
		r.Document = spell(*r.Document)
	}
	r.Edits = slices.Clone(r.Edits)
	for i := range r.Edits {
		if e := &r.Edits[i]; e.Provider != nil {
			e.Provider = spellProvider(*e.Provider)
		} else if e.Client != nil {
			e.Client = spellClient(*e.Client)
		}
	}
	return &r
}

// sourceOf spells a secret so that it is read back as it is: directory.ReadSecret takes
// ${ for a reference.
func sourceOf(source, literal string) string {
	if source != "" {
		return source
	}
	return strings.ReplaceAll(literal, "${", "$${")
}

// SecretName names a secret in a path by its source: the fingerprint of a sealed one, a
// short digest of where another comes from.
func SecretName(source string) string {
	if print, sealed := directory.SealedFingerprint(source); sealed {
		return print
	}
	sum := sha256.Sum256([]byte(source))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
