package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

// notices tells which apps were told, or have to be told, that a session ended.
func (s *Server) notices(c *call) error {
	f := storage.NoticeFilter{Client: c.query("client"), Outcome: c.query("outcome")}
	outcomes := []string{storage.NoticeWaiting, storage.NoticeDelivered, storage.NoticeGaveUp, storage.NoticeUnwanted}
	if f.Outcome != "" && !slices.Contains(outcomes, f.Outcome) {
		return badRequest("outcome is one of %s", strings.Join(outcomes, ", "))
	}
	var err error
	if f.UserID, err = s.filterUser(c); errors.Is(err, storage.ErrNotFound) {
		return c.json(http.StatusOK, api.Page[api.Notice]{Items: []api.Notice{}})
	}
	if err != nil {
		return err
	}
	if f.Limit, f.Before, err = c.page(); err != nil {
		return err
	}
	all, next, err := s.db.NoticesPage(c.ctx(), f)
	if err != nil {
		return err
	}
	page := api.Page[api.Notice]{Items: make([]api.Notice, len(all)), Next: c.nextBefore(next)}
	for i, n := range all {
		page.Items[i] = api.Notice{ID: n.ID, Client: n.ClientID, Sub: n.Subject, SID: n.SID, Outcome: n.Outcome, Attempts: n.Attempts, CreatedAt: n.CreatedAt,
			LastTryAt: n.LastTryAt, LastStatus: n.LastStatus, LastError: n.LastError}
		if n.Outcome == storage.NoticeWaiting {
			page.Items[i].DueAt = n.DueAt
		}
	}
	return c.json(http.StatusOK, page)
}

// filterUser reads the parameter user, which is a sub, as the internal id that rows have.
func (s *Server) filterUser(c *call) (string, error) {
	sub := c.query("user")
	if sub == "" {
		return "", nil
	}
	u, err := s.db.UserBySubject(c.ctx(), sub)
	if err != nil {
		return "", err
	}
	return u.ID, nil
}
