package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// An owner's link is the way in while there is no owner, or no provider that works: who
// has the shell may make one. It is good for ten minutes and for one use. What it gives
// is a session without a user behind it, that ends by itself (docs/decisions/0045).
//
// Its token is the id of the link's row, sealed: it needs no signing key and no provider,
// no app can be given one, and the row is looked up on each call, so that whoever ends
// the link ends the session.

const (
	linkLife    = 10 * time.Minute // to take it
	linkSession = 30 * time.Minute // of what it gives
	linkDomain  = "admin link"     // see oauth.Hash
	linkPurpose = "admin link session"
)

// makeLink draws a link. Only the shell may.
func (s *Server) makeLink(c *call) error {
	if err := c.noBody(); err != nil {
		return err
	}
	if s.options.URL == s.issuer { // see Options.URL
		return notNow("there is no console that the link could lead to: set admin.listen, restart, and make the link again")
	}
	token, expires := oauth.NewSecret(), s.now().Add(linkLife).Truncate(time.Second)
	id, err := s.db.NewAdminLink(c.ctx(), c.actor(), oauth.Hash(linkDomain, token), expires)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, api.AdminLink{ID: id, Link: strings.TrimSuffix(s.options.URL, "/") + "/enter?token=" + token, ExpiresAt: expires.UTC()})
}

// takeLink uses a link up and gives its session. Nobody is signed in yet: the link is
// the proof, and of any number of tries one wins.
func (s *Server) takeLink(c *call) error {
	in, err := body[api.TakenLink](c)
	if err != nil {
		return err
	}
	who := storage.Actor{Kind: "admin", ID: "link", IP: c.gin.ClientIP(), RequestID: c.rec.reference}
	id, err := s.db.TakeAdminLink(c.ctx(), who, oauth.Hash(linkDomain, in.Token), linkSession)
	if errors.Is(err, storage.ErrNotFound) {
		spent := problem(http.StatusGone, api.LinkSpent, "it was used, is older than ten minutes, or never was; handstamp admin link makes another")
		spent.event = door.EventOwnerLink
		return spent
	}
	if err != nil {
		return err
	}
	row, err := s.db.AdminLink(c.ctx(), id)
	if err != nil {
		return err
	}
	raw := linkPrefix + base64.RawURLEncoding.EncodeToString(s.sealer.Seal(linkPurpose, nil, []byte(id)))
	return c.json(http.StatusCreated, api.LinkSession{ID: id, AccessToken: raw, ExpiresAt: row.ExpiresAt.UTC()})
}

// linkCaller is who holds the session of an owner's link.
func (s *Server) linkCaller(ctx context.Context, raw string) (*caller, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(raw, linkPrefix))
	if err != nil {
		return nil, stale("there is no such session")
	}
	id, err := s.sealer.Open(linkPurpose, nil, sealed)
	if err != nil {
		return nil, stale("there is no such session")
	}
	link, err := s.db.AdminLink(ctx, string(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, stale("the session of this link has ended: handstamp admin link makes another")
	}
	if err != nil {
		return nil, err
	}
	return &caller{kind: api.KindLink, name: "owner's link", role: storage.RoleOwner, scopes: directory.AdminScopes(storage.RoleOwner), authTime: link.UsedAt,
		linkID: link.ID, ends: link.ExpiresAt}, nil
}

// endLinks ends every link and every session that came of one.
func (s *Server) endLinks(c *call) error {
	n, err := s.db.RevokeAdminLinks(c.ctx(), c.actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, api.Ended{Sessions: int(n)})
}

// endLink ends the session that calls.
func (s *Server) endLink(c *call) error {
	if c.who.kind != api.KindLink {
		return notNow("this session did not come of a link")
	}
	if err := s.db.EndAdminLink(c.ctx(), c.actor(), c.who.linkID); err != nil {
		return err
	}
	return c.empty()
}
