package admin

import (
	"net/url"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
)

func (s *Server) clients(c *call) error {
	now := s.book.Current()
	return list(c, now, now.Document.Clients, idOf, func(cl *directory.Client) string { return cl.ID + "\n" + cl.Name },
		func(_ int, cl *directory.Client) api.ClientInfo { return tellClient(cl) })
}

func (s *Server) client(c *call) error {
	now := s.book.Current()
	return find(c, now, now.Document.Clients, "client", c.path("id"), idOf, func(_ int, cl *directory.Client) api.ClientInfo {
		out := tellClient(cl)
		out.Effective = implied(now, cl.ID)
		return out
	})
}

func tellClient(cl *directory.Client) api.ClientInfo {
	return api.ClientInfo{Client: *cl, HasSecret: len(cl.SecretSources) > 0}
}

// implied is what the settings come to in a login.
func implied(now *revision.Active, id string) *api.Implied {
	ready, known := now.Snapshot.Client(id)
	if !known {
		return nil
	}
	out := &api.Implied{Name: ready.Name, AuthMethod: ready.AuthMethod, PKCE: ready.PKCE, GrantTypes: ready.GrantTypes, Scopes: ready.Scopes, Providers: []string{}}
	for _, p := range now.Snapshot.ProvidersFor(ready) {
		out.Providers = append(out.Providers, p.Slug)
	}
	if out.Scopes == nil {
		out.Scopes = []string{}
	}
	return out
}

// addClient adds a client; a secret is drawn for one that needs one and has none.
func (s *Server) addClient(c *call) error {
	in, err := body[directory.Client](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error {
		d.created = "/clients/" + url.PathEscape(in.ID)
		if needsSecret(in) {
			s.draw(d, in)
		}
		return d.setClient("", in)
	})
}

// needsSecret tells whether a client could not prove who it is as it stands.
func needsSecret(cl *directory.Client) bool {
	return !cl.Public && len(cl.SecretSources) == 0 && cl.JWKS == "" && cl.JWKSURI == "" && cl.AuthMethod != directory.AuthNone
}

func (s *Server) putClient(c *call) error {
	in, err := body[directory.Client](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error { return d.setClient(c.path("id"), in) })
}

func (s *Server) deleteClient(c *call) error {
	return c.drop(func(d *draft) error { return d.setClient(c.path("id"), nil) })
}

// drawSecret gives a client one more secret, so that it can change over: two are live
// until the older one is ended.
func (s *Server) drawSecret(c *call) error {
	return c.drop(func(d *draft) error {
		cl, err := d.clientToEdit(c.path("id"))
		if err != nil {
			return err
		}
		switch {
		case cl.Public:
			return invalid("a public client has no secrets: whoever has the app has them")
		case len(cl.SecretSources) >= 2:
			return notNow("two secrets are live: end the older one first")
		}
		s.draw(d, cl)
		return nil
	})
}

// draw makes a secret, shows it to the caller and keeps its digest.
func (s *Server) draw(d *draft, cl *directory.Client) {
	secret := oauth.NewSecret()
	print := s.db.Fingerprint(directory.ClientOwner(cl.ID), directory.DigestSecret(providers.Secret(secret)).Reveal())
	for len(cl.Secrets) < len(cl.SecretSources) {
		cl.Secrets = append(cl.Secrets, "")
	}
	cl.Secrets, cl.SecretSources = append(cl.Secrets, providers.Secret(secret)), append(cl.SecretSources, "")
	d.drawn = append(d.drawn, api.DrawnSecret{ClientID: cl.ID, Secret: secret, Fingerprint: print})
}

// endSecret takes one of a client's secrets away.
func (s *Server) endSecret(c *call) error {
	return c.drop(func(d *draft) error {
		cl, err := d.clientToEdit(c.path("id"))
		if err != nil {
			return err
		}
		at := slices.IndexFunc(cl.SecretSources, func(source string) bool { return api.SecretName(source) == c.path("fingerprint") })
		if at < 0 {
			return notFound("the client has no such secret")
		}
		cl.SecretSources, cl.Secrets = slices.Delete(cl.SecretSources, at, at+1), nil // no value is in a document
		return nil
	})
}

// clientToEdit is a client of the draft, whose lists may be changed.
func (d *draft) clientToEdit(id string) (*directory.Client, error) {
	for i := range d.doc.Clients {
		if cl := &d.doc.Clients[i]; cl.ID == id {
			cl.Secrets, cl.SecretSources = slices.Clone(cl.Secrets), slices.Clone(cl.SecretSources)
			return cl, nil
		}
	}
	return nil, notFound("there is no client %.100q", strings.ToValidUTF8(id, "?"))
}
