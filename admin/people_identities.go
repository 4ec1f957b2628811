package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// The ways in which a person is known: one each for a provider and a subject there.

// listIdentities tells the ways in which a person is known.
func (s *Server) listIdentities(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	all, err := s.tellIdentities(c.ctx(), u)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.Page[api.Identity]{Items: all})
}

// link gives a person an identity by an owner's word: the one thing that ties somebody
// whom a provider knows by a new subject to who they were (L10).
func (s *Server) link(c *call) error {
	in, err := body[api.IdentityHolder](c)
	if err != nil {
		return err
	}
	u, err := s.user(c)
	if err != nil {
		return err
	}
	provider, subject, err := s.named(c)
	if err != nil {
		return err
	}
	if subject == "" || len(subject) > 255 { // OpenID Connect Core §2: sub
		return invalid("a subject has 1 to 255 characters")
	}
	holder, _, err := s.db.FindIdentity(c.ctx(), provider.InternalID, subject)
	switch {
	case err == nil && holder.ID != u.ID && holder.Subject != in.From:
		return problem(http.StatusConflict, api.IdentityTaken, fmt.Sprintf("it is the way in of %s; name them in from, if it is to be taken from them", holder.Subject))
	case errors.Is(err, storage.ErrNotFound) && in.From != "":
		return problem(http.StatusConflict, api.IdentityTaken, "nobody has it: leave from out")
	case errors.Is(err, storage.ErrNotFound) && s.ownBook(provider.Slug):
		return invalid("people of %s are made with a password, see POST /users", provider.Slug)
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return err
	}
	h := storage.NewHolder{UserID: u.ID, ProviderID: provider.InternalID, Subject: subject, Force: c.flag("force")}
	if err == nil {
		h.From = holder.ID
		if holder.ID != u.ID && u.Disabled {
			if err := s.leavesAnOwner(c, provider.InternalID, subject); err != nil {
				return err
			}
		}
	} else if h.Issuer, err = issuerOf(provider); err != nil {
		return err
	}
	if err := s.db.GiveIdentity(c.ctx(), c.actor(), h); err != nil {
		return err
	}
	all, err := s.tellIdentities(c.ctx(), u)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(i api.Identity) bool { return i.Provider == provider.Slug && i.Subject == subject })
	if i < 0 {
		return notNow("somebody else took it away at the same moment")
	}
	return c.json(http.StatusOK, all[i])
}

// issuerOf is whom a provider's answers come from.
func issuerOf(p *directory.Provider) (string, error) {
	kind, ok := providers.Lookup(p.Kind)
	if !ok {
		return "", invalid("there is no kind %.40q", p.Kind)
	}
	issuer, err := kind.Issuer(p.Settings())
	if err != nil {
		return "", invalid("%s", err)
	}
	return issuer, nil
}

// unlink takes an identity from a person, with what rests on it.
func (s *Server) unlink(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	subject, err := c.key("key")
	if err == nil {
		err = s.mayTouch(c, u)
	}
	if err != nil {
		return err
	}
	provider := s.providerID(c.path("provider"))
	if err := s.leavesAnOwner(c, provider, subject); err != nil {
		return err
	}
	if err := s.db.Unlink(c.ctx(), c.actor(), u.ID, provider, subject, c.flag("force")); err != nil {
		return err
	}
	return c.empty()
}
