package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

func (s *Server) revisions(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	at, err := c.place()
	if err != nil {
		return err
	}
	all, err := s.db.Revisions(c.ctx(), at.Number, limit+1)
	if err != nil {
		return err
	}
	active := s.book.Current().Number
	page := api.Page[api.Revision]{Items: []api.Revision{}}
	known := map[string]*api.Person{}
	for i := range all {
		if len(page.Items) == limit {
			page.Next = c.next(place{Number: all[i-1].Number})
			break
		}
		one, err := s.tellRevision(c, &all[i], active, known)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, one)
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) tellRevision(c *call, r *storage.Revision, active int64, known map[string]*api.Person) (api.Revision, error) {
	author, err := s.tellActor(c, r.Author, known)
	return api.Revision{Number: r.Number, At: r.At.UTC(), Author: author, Reason: r.Reason, Source: r.Source, Changes: r.Changes, Hash: r.Hash, Active: r.Number == active}, err
}

func (s *Server) revision(c *call) error {
	n, err := c.number("number")
	if err != nil {
		return err
	}
	r, doc, err := s.readRevision(c, n)
	if err != nil {
		return err
	}
	out, err := s.tellRevision(c, r, s.book.Current().Number, map[string]*api.Person{})
	if err != nil {
		return err
	}
	out.Document = doc
	return c.json(http.StatusOK, out)
}

// number reads a revision's number from the path.
func (c *call) number(name string) (int64, error) {
	n, err := strconv.ParseInt(c.path(name), 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != c.path(name) {
		return 0, notFound("a revision is a number from 1")
	}
	return n, nil
}

func (s *Server) readRevision(c *call, n int64) (*storage.Revision, *directory.Document, error) {
	r, err := s.db.Revision(c.ctx(), n)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil, notFound("there is no revision %d (any more)", n)
	}
	if err != nil {
		return nil, nil, err
	}
	if active := s.book.Current(); active.Number == n { // read before, by whoever made it active
		doc := active.Document
		return r, &doc, nil
	}
	doc, problems := directory.ParseDocument(r.Document)
	if len(problems) > 0 {
		return nil, nil, fmt.Errorf("revision %d: %s", n, problems[0])
	}
	return r, &doc, nil
}

func (s *Server) revisionDiff(c *call) error {
	n, err := c.number("number")
	if err != nil {
		return err
	}
	against := n - 1
	if text := c.query("against"); text != "" {
		if against, err = strconv.ParseInt(text, 10, 64); err != nil || against < 0 || strconv.FormatInt(against, 10) != text {
			return badRequest("against is the number of a revision")
		}
	}
	_, after, err := s.readRevision(c, n)
	if err != nil {
		return err
	}
	before := &directory.Document{} // of a book without revisions
	if against > 0 {
		if _, before, err = s.readRevision(c, against); err != nil {
			return err
		}
	}
	out := api.RevisionDiff{From: against, To: n, Changes: directory.Diff(*before, *after)}
	if out.Changes == nil {
		out.Changes = []directory.Change{}
	}
	return c.json(http.StatusOK, out)
}

func (s *Server) rollback(c *call) error {
	n, err := c.number("number")
	if err != nil {
		return err
	}
	return c.drop(func(d *draft) error {
		d.back = n
		return nil
	})
}

// export gives a revision as a file. It is in source form: no secret is in it.
func (s *Server) export(c *call) error {
	n, err := c.number("number")
	if err != nil {
		return err
	}
	format := c.query("format")
	if format != "" && format != "json" && format != "yaml" || format == "yaml" && s.options.YAML == nil {
		return badRequest("format is yaml or json")
	}
	_, doc, err := s.readRevision(c, n)
	if err != nil {
		return err
	}
	if err := s.db.Note(c.ctx(), c.actor(), auditExported, fmt.Sprintf("revision:%d", n), nil); err != nil {
		return err
	}
	if format == "json" || s.options.YAML == nil {
		c.gin.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="directory-%d.json"`, n))
		return c.json(http.StatusOK, doc)
	}
	c.gin.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="directory-%d.yaml"`, n))
	c.gin.Data(http.StatusOK, "application/yaml", s.options.YAML(*doc, nil))
	return nil
}

// auditExported says that somebody took the directory along.
const auditExported = "directory_exported"
