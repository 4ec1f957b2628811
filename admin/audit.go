package admin

import (
	"encoding/json"
	"net/http"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

// The audit is read, exported and verified here; nothing changes or deletes a row.

func (s *Server) auditFilter(c *call) (f storage.AuditFilter, err error) {
	f = storage.AuditFilter{Actor: c.query("actor"), Action: c.query("action"), Target: c.query("target")}
	if f.Since, f.Until, err = c.span(); err != nil {
		return f, err
	}
	f.Limit, f.Before, err = c.page()
	return f, err
}

func (s *Server) audit(c *call) error {
	f, err := s.auditFilter(c)
	if err != nil {
		return err
	}
	rows, next, err := s.db.AuditPage(c.ctx(), f)
	if err != nil {
		return err
	}
	page := api.Page[api.Audit]{Items: make([]api.Audit, len(rows)), Next: c.nextBefore(next)}
	for i := range rows {
		page.Items[i] = tellAudit(&rows[i])
	}
	return c.json(http.StatusOK, page)
}

func tellAudit(r *storage.AuditRow) api.Audit {
	return api.Audit{ID: r.ID, At: r.At, ActorKind: r.Actor.Kind, Actor: r.Actor.ID, IP: r.Actor.IP, Request: r.Actor.RequestID, Action: r.Action,
		Target: r.Target, Detail: r.Detail}
}

// exportAudit streams every row that the filters leave, one JSON object a line, the
// newest first, page by page: neither side holds it all.
func (s *Server) exportAudit(c *call) error {
	f, err := s.auditFilter(c)
	if err != nil {
		return err
	}
	f.Limit = 200
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
