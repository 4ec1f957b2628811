package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/storage"
)

// The audit is read, exported and verified here; nothing changes or deletes a row.

func (s *Server) auditFilter(c *call) (f storage.AuditFilter, err error) {
	f = storage.AuditFilter{Actor: c.query("actor"), Action: c.query("action"), Target: c.query("target")}
	id, err := s.filterUser(c)
	if err != nil {
		return f, err
	}
	switch {
	case id != "" && f.Target != "":
		return f, badRequest("target and user both say to whom: one of them will do")
	case id != "":
		f.Target = "user:" + id
	}
	if f.Since, f.Until, err = c.span(); err != nil {
		return f, err
	}
	f.Limit, f.Before, err = c.page()
	return f, err
}

func (s *Server) audit(c *call) error {
	f, err := s.auditFilter(c)
	if errors.Is(err, storage.ErrNotFound) { // nothing was done to nobody
		return c.json(http.StatusOK, api.Page[api.Audit]{Items: []api.Audit{}})
	}
	if err != nil {
		return err
	}
	rows, next, err := s.db.AuditPage(c.ctx(), f)
	if err != nil {
		return err
	}
	page := api.Page[api.Audit]{Items: make([]api.Audit, len(rows)), Next: c.nextBefore(next)}
	known := map[string]*api.Person{}
	for i := range rows {
		page.Items[i] = tellAudit(&rows[i])
		page.Items[i].Provider = s.providerIn(&rows[i])
		if !c.who.has(directory.ReadUsers) {
			continue // names are for who may read people
		}
		if page.Items[i].By, err = s.whom(c.ctx(), rows[i].Actor.ID, known); err != nil {
			return err
		}
		if id, is := strings.CutPrefix(rows[i].Target, "user:"); is {
			if page.Items[i].Whom, err = s.whom(c.ctx(), id, known); err != nil {
				return err
			}
		}
	}
	return c.json(http.StatusOK, page)
}

// providerIn is the slug of the provider that a row names by the id that it keeps for ever.
func (s *Server) providerIn(r *storage.AuditRow) string {
	id := r.Detail["provider"]
	if of, is := strings.CutPrefix(r.Target, "provider:"); is {
		id = of
	}
	if slug, there := s.slugOf(id); there {
		return slug
	}
	return ""
}

// whom finds the person behind an id of the book; nil for who is gone, and for what is no
// person. A row keeps only the id, so that erasing somebody erases them here as well.
func (s *Server) whom(ctx context.Context, id string, known map[string]*api.Person) (*api.Person, error) {
	if p, looked := known[id]; looked || id == "" {
		return p, nil
	}
	u, err := s.db.User(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		known[id] = nil
	case err != nil:
		return nil, err
	default:
		known[id] = &api.Person{Sub: u.Subject, Name: u.Name, Email: u.Email}
	}
	return known[id], nil
}

func tellAudit(r *storage.AuditRow) api.Audit {
	return api.Audit{ID: r.ID, At: r.At, ActorKind: r.Actor.Kind, Actor: r.Actor.ID, IP: r.Actor.IP, Request: r.Actor.RequestID, Action: r.Action,
		Target: r.Target, Detail: r.Detail}
}

// exportAudit streams every row that the filters leave, one JSON object a line, the
// newest first, page by page: neither side holds it all.
func (s *Server) exportAudit(c *call) error {
	f, err := s.auditFilter(c)
	if errors.Is(err, storage.ErrNotFound) {
		c.attach("audit.jsonl")
		_, err = c.stream("application/jsonl").Write(nil)
		return err
	}
	if err != nil {
		return err
	}
	f.Limit = 200
	door.Patient(c.rec)
	rows, next, err := s.db.AuditPage(c.ctx(), f)
	if err != nil {
		return err
	}
	c.attach("audit.jsonl")
	w := c.stream("application/jsonl")
	for {
		for i := range rows {
			line, err := json.Marshal(tellAudit(&rows[i]))
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return nil // the other side is gone, or too slow: it knows, since the answer has no end
			}
		}
		if next == "" {
			return nil
		}
		f.Before = next
		if rows, next, err = s.db.AuditPage(c.ctx(), f); err != nil {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
	}
}

// verifyAudit tells whether any row was changed, added or taken away.
func (s *Server) verifyAudit(c *call) error {
	door.Patient(c.rec)
	r, err := s.db.AuditChain(c.ctx())
	if err != nil {
		return err
	}
	out := api.AuditReport{Intact: r.Broken == nil, Rows: r.Rows, Waiting: r.Waiting, Older: r.Older, Since: r.Since, Head: r.Head}
	if r.Broken != nil {
		out.Broken = &api.AuditBreak{ID: r.Broken.ID, At: r.Broken.At, Why: r.Broken.Why}
	}
	return c.json(http.StatusOK, out)
}
