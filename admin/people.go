package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// People, by the sub that apps know. Everything of a person is looked up below that
// person: another's session, identity or app is not there (A05).

// users lists people, or finds the one who has a login name here.
func (s *Server) users(c *call) error {
	if login := c.query("login"); login != "" {
		return s.userByLogin(c, login)
	}
	f := storage.UserFilter{Q: c.query("q")}
	if c.query("disabled") != "" {
		disabled := c.flag("disabled")
		f.Disabled = &disabled
	}
	var err error
	if f.Limit, f.Before, err = c.page(); err != nil {
		return err
	}
	people, next, err := s.db.UsersPage(c.ctx(), f)
	if err != nil {
		return err
	}
	admins, err := s.db.Admins(c.ctx())
	if err != nil {
		return err
	}
	page := api.Page[api.User]{Items: make([]api.User, len(people)), Next: c.nextBefore(next)}
	for i := range people {
		u, err := s.tellUserAmong(c.ctx(), &people[i], admins)
		if err != nil {
			return err
		}
		page.Items[i] = *u
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) userByLogin(c *call, login string) error {
	l, err := s.ledger(c.ctx(), c.query("provider"))
	if err != nil {
		return err
	}
	page := api.Page[api.User]{Items: []api.User{}}
	a, err := s.db.Account(c.ctx(), l.Slug, providers.LoginName(login))
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return err
	default:
		u, err := s.tellUser(c.ctx(), &a.User)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, *u)
	}
	return c.json(http.StatusOK, page)
}

// user is the person of the path.
func (s *Server) user(c *call) (*storage.User, error) {
	u, err := s.db.UserBySubject(c.ctx(), c.path("sub"))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, notFound("nobody has this sub")
	}
	return u, err
}

// showUser tells about one person.
func (s *Server) showUser(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	whole, err := s.tellUser(c.ctx(), u)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, whole)
}

// tellUser is a person with the ways in which they are known.
func (s *Server) tellUser(ctx context.Context, u *storage.User) (*api.User, error) {
	admins, err := s.db.Admins(ctx)
	if err != nil {
		return nil, err
	}
	return s.tellUserAmong(ctx, u, admins)
}

// tellUserAmong is tellUser where the administrators are at hand: for a page of people
// they are read once.
func (s *Server) tellUserAmong(ctx context.Context, u *storage.User, admins []storage.Admin) (*api.User, error) {
	out := &api.User{Sub: u.Subject, Name: u.Name, Email: u.Email, EmailVerified: u.EmailVerified, Disabled: u.Disabled, CreatedAt: u.CreatedAt, Providers: []string{}}
	identities, err := s.db.Identities(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range admins {
		if a.UserID == u.ID && rank(a.Role) > rank(out.Role) {
			out.Role = a.Role
		}
	}
	here := false // a password
	for _, i := range identities {
		slug, there := s.slugOf(i.ProviderID)
		if !slices.Contains(out.Providers, slug) {
			out.Providers = append(out.Providers, slug)
		}
		if i.ClaimsAt.After(out.LastSignIn) {
			out.LastSignIn = i.ClaimsAt
		}
		here = here || !there || s.ownBook(slug)
	}
	if !here {
		return out, nil
	}
	a, err := s.db.AccountOf(ctx, u.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Account = tellAccount(a)
	return out, nil
}

// ownBook tells whether people of a provider have their passwords here.
func (s *Server) ownBook(slug string) bool {
	p, ok := s.snapshot().Provider(slug)
	if !ok {
		return false
	}
	kind, _ := providers.Lookup(p.Kind)
	return kind.OwnBook
}

// rank orders roles by what they may do.
func rank(role string) int { return len(directory.AdminScopes(role)) }

func tellAccount(a *storage.Account) *api.Account {
	out := &api.Account{Provider: a.Provider, Login: a.Login, Groups: a.Groups, EmailVerified: a.EmailVerified, State: "active", SecondFactor: a.TOTP != "",
		Imported: a.Hash != "" && password.Outdated(a.Hash)}
	switch {
	case a.User.Disabled:
		out.State = "disabled"
	case a.Hash == "":
		out.State = "invited"
	}
	return out
}

func (s *Server) tellIdentities(ctx context.Context, u *storage.User) ([]api.Identity, error) {
	all, err := s.db.Identities(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	out := make([]api.Identity, len(all))
	for i, one := range all {
		slug, there := s.slugOf(one.ProviderID)
		out[i] = api.Identity{Provider: slug, Gone: !there, Key: api.Key(one.Subject), Issuer: one.Issuer, Subject: one.Subject,
			CreatedAt: one.CreatedAt, ClaimsAt: one.ClaimsAt, Claims: one.Claims}
		if out[i].Role, err = s.db.AdminRole(ctx, one.ProviderID, one.Subject); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// slugOf names a provider; one that the directory no longer has, by its internal id.
func (s *Server) slugOf(providerID string) (slug string, there bool) {
	if p, ok := s.snapshot().ProviderByID(providerID); ok {
		return p.Slug, true
	}
	return providerID, false
}

// providerID is slugOf the other way.
func (s *Server) providerID(named string) string {
	if p, ok := s.snapshot().Provider(named); ok {
		return p.InternalID
	}
	return named
}

// patchUser switches a person off or on. Off is at once and everywhere: sessions,
// grants and refresh tokens end in the same transaction (L12).
func (s *Server) patchUser(c *call) error {
	in, err := body[api.UserChange](c)
	if err != nil {
		return err
	}
	if in.Disabled == nil {
		return badRequest("there is nothing to change: disabled is what may be")
	}
	u, err := s.user(c)
	if err != nil {
		return err
	}
	if err := s.mayTouch(c, u); err != nil {
		return err
	}
	switch {
	case *in.Disabled && c.flag("force"):
		err = s.db.ForceUserDisabled(c.ctx(), c.actor(), u.ID)
	case *in.Disabled:
		if err = s.ownerBeside(c, u); err == nil {
			err = s.db.SetUserDisabled(c.ctx(), c.actor(), u.ID, true)
		}
	default:
		err = s.db.SetUserDisabled(c.ctx(), c.actor(), u.ID, false)
	}
	if err != nil {
		return err
	}
	u.Disabled = *in.Disabled
	whole, err := s.tellUser(c.ctx(), u)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, whole)
}

// eraseUser removes a person with everything personal. If they come back they are
// somebody new (L20).
func (s *Server) eraseUser(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	if err := s.ownerBeside(c, u); err != nil {
		return err
	}
	if err := s.db.EraseUser(c.ctx(), c.actor(), u.ID, c.flag("force")); err != nil {
		return err
	}
	return c.empty()
}

// exportUser hands out everything that is kept about a person, for that person.
func (s *Server) exportUser(c *call) error {
	u, err := s.user(c)
	if err != nil {
		return err
	}
	x, err := s.db.ExportUser(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	whole, err := s.tellUser(c.ctx(), u)
	if err != nil {
		return err
	}
	if err := s.db.Note(c.ctx(), c.actor(), auditUserExported, "user:"+u.ID, nil); err != nil {
		return err
	}
	out := api.UserExport{At: x.At, User: *whole, Sessions: s.tellSessions(x.Sessions), Logins: make([]api.Login, len(x.Logins)),
		Audit: make([]api.Audit, len(x.Audit)), Admin: make([]api.Admin, len(x.Admin))}
	if out.Identities, err = s.tellIdentities(c.ctx(), u); err != nil {
		return err
	}
	if out.Access, err = s.access(c.ctx(), u, x.Access, x.Consents, nil); err != nil {
		return err
	}
	for i := range x.Logins {
		out.Logins[i] = tellLogin(&x.Logins[i])
		out.Logins[i].Claims = x.Logins[i].Claims
	}
	for i := range x.Audit {
		out.Audit[i] = tellAudit(&x.Audit[i])
	}
	for i := range x.Admin {
		out.Admin[i] = s.tellAdmin(&x.Admin[i])
	}
	c.attach("person-" + u.Subject + ".json")
	return c.json(http.StatusOK, out)
}

// auditUserExported says that somebody was given everything about a person.
const auditUserExported = "user_exported"
