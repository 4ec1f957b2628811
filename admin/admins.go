package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// Who administers: identities of one provider each, written in the book by name. No
// rule, no claim and no group makes anybody an administrator (A11).

var roles = []string{storage.RoleOwner, storage.RoleEditor, storage.RoleViewer}

func (s *Server) admins(c *call) error {
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	page := api.Page[api.Admin]{Items: make([]api.Admin, len(all))}
	for i := range all {
		page.Items[i] = s.tellAdmin(&all[i])
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) tellAdmin(a *storage.Admin) api.Admin {
	slug, _ := s.slugOf(a.ProviderID)
	return api.Admin{Provider: slug, Key: api.Key(a.Subject), Subject: a.Subject, Role: a.Role, Sub: a.UserSubject, Name: a.Name, Email: a.Email,
		Disabled: !s.canSignIn(a), CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy}
}

func (s *Server) canSignIn(a *storage.Admin) bool {
	p, ok := s.snapshot().ProviderByID(a.ProviderID)
	return ok && !p.Disabled && !a.UserDisabled
}

// setAdmin gives an identity a role. Who administers is an owner's word alone, with a
// sign-in of the last minutes.
func (s *Server) setAdmin(c *call) error {
	in, err := body[api.AdminRole](c)
	if err != nil {
		return err
	}
	if !slices.Contains(roles, in.Role) {
		return invalid("role is one of %s", strings.Join(roles, ", "))
	}
	provider, subject, err := s.named(c)
	if err != nil {
		return err
	}
	if in.Role != storage.RoleOwner {
		if err := s.leavesAnOwner(c, provider.InternalID, subject); err != nil {
			return err
		}
	}
	if in.Reference != "" {
		if err := s.makeKnown(c, provider, subject, in.Reference); err != nil {
			return err
		}
	}
	err = s.db.SetAdmin(c.ctx(), c.actor(), provider.InternalID, subject, in.Role, c.flag("force"))
	if errors.Is(err, storage.ErrNotFound) {
		return notFound("nobody of this provider with this subject has signed in here yet: let them sign in once, for example at %s/account", s.issuer)
	}
	if err != nil {
		return err
	}
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a storage.Admin) bool { return a.ProviderID == provider.InternalID && a.Subject == subject })
	if i < 0 {
		return notNow("somebody else took the role away at the same moment")
	}
	return c.json(http.StatusOK, s.tellAdmin(&all[i]))
}

// makeKnown writes somebody into the book who is known from a test sign-in only, with
// what the provider said then: the first owner has no app yet to sign in to.
func (s *Server) makeKnown(c *call, p *directory.Provider, subject, reference string) error {
	login, err := s.db.Login(c.ctx(), reference)
	if errors.Is(err, storage.ErrNotFound) || err == nil && (login.Outcome != storage.LoginTest || login.ProviderID != p.InternalID || login.Subject != subject) {
		return invalid("reference is no test sign-in of this identity")
	}
	if err != nil {
		return err
	}
	if _, _, err := s.db.FindIdentity(c.ctx(), p.InternalID, subject); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	issuer, err := issuerOf(p)
	if err != nil {
		return err
	}
	name, _ := login.Claims["name"].(string)
	email, _ := login.Claims["email"].(string)
	return s.db.MakeKnown(c.ctx(), c.actor(), storage.SignIn{ProviderID: p.InternalID, Issuer: issuer, Subject: subject, Claims: login.Claims,
		NewSubject: oauth.NewSecret()[:26], Name: name, Email: email})
}

// dropAdmin takes a role away.
func (s *Server) dropAdmin(c *call) error {
	subject, err := c.key("key")
	if err != nil {
		return err
	}
	id := s.providerID(c.path("provider"))
	if err := s.leavesAnOwner(c, id, subject); err != nil {
		return err
	}
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(a storage.Admin) bool { return a.ProviderID == id && a.Subject == subject }) {
		return notFound("this identity has no role")
	}
	if err := s.db.SetAdmin(c.ctx(), c.actor(), id, subject, "", c.flag("force")); err != nil {
		return err
	}
	return c.empty()
}

// named is the identity of the path.
func (s *Server) named(c *call) (*directory.Provider, string, error) {
	p, ok := s.snapshot().Provider(c.path("provider"))
	if !ok {
		return nil, "", notFound("there is no provider %q", c.path("provider"))
	}
	subject, err := c.key("key")
	return p, subject, err
}

// leavesAnOwner refuses what would leave no owner who can sign in through a provider
// that is switched on. Storage knows who is an owner and in which state, but not which
// providers work; its own check, in the transaction, decides a race.
func (s *Server) leavesAnOwner(c *call, providerID, subject string) error {
	if c.flag("force") {
		return nil
	}
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	return s.someOwner(all, func(a *storage.Admin) bool { return a.ProviderID == providerID && a.Subject == subject })
}

// ownerBeside refuses to switch off or erase a person who is the only owner.
func (s *Server) ownerBeside(c *call, u *storage.User) error {
	if c.flag("force") {
		return nil
	}
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	return s.someOwner(all, func(a *storage.Admin) bool { return a.UserID == u.ID })
}

// someOwner is ErrLastOwner when an owner who can sign in is among the gone, and none
// among the others.
func (s *Server) someOwner(all []storage.Admin, gone func(*storage.Admin) bool) error {
	lost := false
	for i := range all {
		switch a := &all[i]; {
		case a.Role != storage.RoleOwner || !s.canSignIn(a):
		case !gone(a):
			return nil
		default:
			lost = true
		}
	}
	if lost {
		return storage.ErrLastOwner
	}
	return nil
}

// mayTouch keeps whoever is no owner from what leads to an administrator's role: who can
// set an owner's password, take their second factor or unlink them could become them.
func (s *Server) mayTouch(c *call, u *storage.User) error {
	if c.who.has(directory.WriteOwners) {
		return nil
	}
	all, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(a storage.Admin) bool { return a.UserID == u.ID }) {
		return problem(http.StatusForbidden, api.OwnersOnly, "this person administers: only an owner may change how they sign in, or switch them off")
	}
	return nil
}
