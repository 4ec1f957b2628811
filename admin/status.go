package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/providers"
)

// me tells who calls, and what they may do.
func (s *Server) me(c *call) error {
	out := api.Me{Kind: c.who.kind, Subject: c.who.subject, ClientID: c.who.clientID, Name: c.who.name, Email: c.who.email, Role: c.who.role, Scopes: c.who.scopes}
	if c.who.kind == api.KindPerson {
		out.AuthTime = ptr(c.who.authTime)
		out.ReauthAfter = ptr(c.who.authTime.Add(freshFor))
	}
	out.LinkExpiresAt = ptr(c.who.ends)
	return c.json(http.StatusOK, out)
}

// status tells how the broker does, from memory.
func (s *Server) status(c *call) error {
	now, state := s.book.Current(), s.book.State()
	d := now.Document
	out := api.Status{Issuer: s.issuer, Version: s.version, Storage: s.db.Kind(), Now: s.now().UTC(), StartedAt: ptr(s.started), Revision: now.Number, AppliedAt: now.At.UTC(), Blind: state.Blind,
		Newest: state.Newest, Cause: state.Cause,
		Counts:    api.Counts{Providers: len(d.Providers), Clients: len(d.Clients), Resources: len(d.Resources), Rules: len(d.Rules)},
		Providers: []api.ProviderHealth{}}
	looks := 0
	for i := range d.Providers {
		health := healthOf(now, &d.Providers[i])
		out.Providers = append(out.Providers, health)
		if health.State == "down" && looks < providers.MostLooks && now.Upstreams[health.Slug].(providers.Reporter).LookAgain() {
			looks++ // whoever looks the next time sees it heal
		}
	}
	return c.tagged(now, out)
}

// ptr is a time in UTC for JSON; nil where there is none.
func ptr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// keys lists the signing keys; their private halves stay sealed.
func (s *Server) keys(c *call) error {
	page, err := s.readKeys(c.ctx())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) readKeys(ctx context.Context) (*api.Page[api.SigningKey], error) {
	keys, _, err := s.db.Keys(ctx)
	if err != nil {
		return nil, err
	}
	page := &api.Page[api.SigningKey]{Items: []api.SigningKey{}}
	for _, k := range keys {
		page.Items = append(page.Items, api.SigningKey{ID: k.ID, Alg: k.Alg, State: k.State, CreatedAt: k.CreatedAt.UTC(), ActiveAt: ptr(k.ActiveAt), RetireAt: ptr(k.RetireAt), GoneAt: ptr(k.GoneAt)})
	}
	return page, nil
}

// rotateKeys moves signing keys on.
func (s *Server) rotateKeys(c *call) error {
	in, err := optional[api.RotateRequest](c)
	if err != nil {
		return err
	}
	if s.options.Rotate == nil {
		return invalid("this server cannot change its keys")
	}
	page, err := s.readKeys(c.ctx())
	if err != nil {
		return err
	}
	if in.Alg != "" && !slices.ContainsFunc(page.Items, func(k api.SigningKey) bool { return k.Alg == in.Alg }) {
		return invalid("no key signs with %.20q", in.Alg)
	}
	if err := s.options.Rotate(c.ctx(), c.actor(), in.Alg, in.Now); err != nil {
		return err
	}
	if page, err = s.readKeys(c.ctx()); err != nil {
		return err
	}
	return c.json(http.StatusOK, page)
}

// restored ends everything that a backup held. Only the shell may: it is where the backup
// was put in place.
func (s *Server) restored(c *call) error {
	if err := c.noBody(); err != nil {
		return err
	}
	if s.options.Restored == nil {
		return notNow("this server cannot change its keys")
	}
	newest, err := s.db.Audit(c.ctx(), 1)
	if err != nil {
		return err
	}
	ended, err := s.options.Restored(c.ctx(), c.actor())
	if err != nil {
		return err
	}
	page, err := s.readKeys(c.ctx())
	if err != nil {
		return err
	}
	out := api.Restored{Sessions: ended.Sessions, Grants: ended.Grants, RefreshTokens: ended.RefreshTokens, Codes: ended.Codes, Invitations: ended.Invitations,
		LinkOffers: ended.LinkOffers, AdminLinks: ended.AdminLinks, Keys: page.Items}
	if len(newest) > 0 {
		out.Newest = ptr(newest[0].At)
	}
	return c.json(http.StatusOK, out)
}
