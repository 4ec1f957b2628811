package revision

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// look reads from the changes who may make them.
func (p *proposal) look() {
	for _, c := range p.plan.Changes {
		p.plan.Sensitive = p.plan.Sensitive || c.Sensitive
	}
	p.plan.NeedsOwner = p.touchesAdministration()
}

// touchesAdministration finds a change of a client that administers, or did, or shall:
// whoever gives it a secret of their own can do what it can.
func (p *proposal) touchesAdministration() bool {
	was := map[string]*directory.Client{}
	for i := range p.base.Document.Clients {
		if c := &p.base.Document.Clients[i]; administers(c) {
			was[c.ID] = c
		}
	}
	for i := range p.document.Clients {
		c := &p.document.Clients[i]
		old := was[c.ID]
		delete(was, c.ID)
		if (old != nil || administers(c)) && !reflect.DeepEqual(old, c) {
			return true
		}
	}
	return len(was) > 0 // somebody took it away
}

func administers(c *directory.Client) bool {
	return slices.ContainsFunc(c.MachineScopes, func(s string) bool { return strings.HasPrefix(s, "handstamp:") })
}

// guard refuses what no document says by itself: it depends on what there was before,
// and on who asks. A rollback brings back secrets that were guarded when they came; what
// they are read from, and which networks are open, may be something else by now.
func (p *proposal) guard() error {
	faults, was := p.keepIssuers(), before(p.base.Document)
	for i := range p.document.Providers {
		n := &p.document.Providers[i]
		at := fmt.Sprintf("providers[%d].", i)
		old := was.providers[n.Slug]
		faults = append(faults, p.guardSource(at+"client_secret", directory.ProviderOwner(n.Slug), n.ClientSecretSource, was))
		goesAlong := p.Rollback != 0 // a sealed secret comes back with the connection that it was typed for
		if directory.Reads(n.ClientSecretSource) {
			goesAlong = p.Shell
		}
		if p.kept(n.ClientSecretSource) && !goesAlong && old != nil && connection(old) != connection(n) {
			faults = append(faults, &Refusal{at + "client_secret", ErrRetype})
		}
		faults = append(faults, p.guardNetwork(at, n.AllowPrivateNetwork, old != nil && old.AllowPrivateNetwork))
	}
	for i := range p.document.Clients {
		n := &p.document.Clients[i]
		at := fmt.Sprintf("clients[%d].", i)
		old := was.clients[n.ID]
		for j, source := range n.SecretSources {
			faults = append(faults, p.guardSource(fmt.Sprintf("%ssecrets[%d]", at, j), directory.ClientOwner(n.ID), source, was))
		}
		faults = append(faults, p.guardNetwork(at, n.AllowPrivateNetwork, old != nil && old.AllowPrivateNetwork))
		if n.AllowPrivateNetwork && old != nil && old.AllowPrivateNetwork {
			faults = append(faults, p.guardHost(at+"jwks_uri", old.JWKSURI, n.JWKSURI), p.guardHost(at+"backchannel_logout_uri", old.BackchannelLogoutURI, n.BackchannelLogoutURI))
		}
	}
	return errors.Join(faults...)
}

// keepIssuers: people are known by a slug and a subject there, so that another issuer
// under the same slug would make strangers into them (L09).
func (p *proposal) keepIssuers() (faults []error) {
	p.issuers = map[string]string{}
	for i := range p.document.Providers {
		n := &p.document.Providers[i]
		kind, ok := providers.Lookup(n.Kind)
		if !ok {
			continue // Compile says so
		}
		issuer, err := kind.Issuer(n.Settings())
		if err != nil {
			continue
		}
		p.issuers[n.Slug] = issuer
		if bound, is := p.bound[n.Slug]; is && bound.Issuer != issuer && !bound.Free {
			faults = append(faults, &Refusal{fmt.Sprintf("providers[%d].issuer", i), fmt.Errorf("%w: people are known by %s from %s, use a new slug", ErrIssuerChanged, n.Slug, bound.Issuer)})
		}
	}
	return faults
}

// guardSource: a network caller keeps the source that is there, or gives a secret. Any
// other source would read this machine's files, or bring back a secret that was there
// under other settings. A rollback brings back what was guarded when it came.
func (p *proposal) guardSource(path, owner, source string, was earlier) error {
	if p.Shell || p.Rollback != 0 || !p.kept(source) || was.sources[owner+"\x00"+source] {
		return nil
	}
	return &Refusal{path, ErrReference}
}

// guardNetwork: which networks this machine may reach is not for the network to say (A08).
func (p *proposal) guardNetwork(at string, is, was bool) error {
	if p.Shell || !is || was {
		return nil
	}
	return &Refusal{at + "allow_private_network", ErrPrivate}
}

// guardHost: what may stand in a private network stays where the machine's operator said
// that it stands, or the network could point us at its neighbours.
func (p *proposal) guardHost(at, was, is string) error {
	if p.Shell || is == "" || hostOf(was) == hostOf(is) {
		return nil
	}
	return &Refusal{at, ErrPrivate}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// kept tells whether a secret is one that its giver need not know.
func (p *proposal) kept(source string) bool {
	if source == "" {
		return false
	}
	fingerprint, sealed := directory.SealedFingerprint(source)
	_, told := p.secrets[fingerprint]
	return !(sealed && told)
}

// earlier is what the active document has, by name.
type earlier struct {
	providers map[string]*directory.Provider
	clients   map[string]*directory.Client
	sources   map[string]bool // owner and source
}

func before(d directory.Document) earlier {
	e := earlier{map[string]*directory.Provider{}, map[string]*directory.Client{}, map[string]bool{}}
	for i := range d.Providers {
		n := &d.Providers[i]
		e.providers[n.Slug] = n
		e.sources[directory.ProviderOwner(n.Slug)+"\x00"+n.ClientSecretSource] = true
	}
	for i := range d.Clients {
		n := &d.Clients[i]
		e.clients[n.ID] = n
		for _, source := range n.SecretSources {
			e.sources[directory.ClientOwner(n.ID)+"\x00"+source] = true
		}
	}
	return e
}

// connection says where a provider's secret goes, and how. A host less in the list is no
// other way, but telling so is not worth it.
func connection(p *directory.Provider) string {
	return strings.Join([]string{p.Kind, p.Issuer, p.AuthorizationServer, p.ClientID, p.AuthMethod, strings.Join(p.EndpointHosts, " ")}, "\x00")
}
