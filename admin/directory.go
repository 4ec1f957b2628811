package admin

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/storage"
)

// directory is the whole active document.
func (s *Server) directory(c *call) error {
	now := s.book.Current()
	author, err := s.tellActor(c, now.Author, map[string]*api.Person{})
	if err != nil {
		return err
	}
	return c.tagged(now, api.Directory{Revision: now.Number, Hash: now.Hash, At: now.At.UTC(), Author: author, Reason: now.Reason,
		Source: now.Source, Document: now.Document})
}

func (s *Server) putDirectory(c *call) error {
	in, err := body[directory.Document](c)
	if err != nil {
		return err
	}
	d, err := c.draft()
	if err != nil {
		return err
	}
	d.doc = *in
	return c.apply(d)
}

// tagged answers with something of the directory and the ETag that changes it.
func (c *call) tagged(now *revision.Active, v any) error {
	c.gin.Header("ETag", api.ETag(now.Number))
	return c.json(http.StatusOK, v)
}

// tellActor names who did something, to who may read of people; known is what one answer
// has looked up already.
func (s *Server) tellActor(c *call, a storage.Actor, known map[string]*api.Person) (api.Actor, error) {
	out := api.Actor{Kind: a.Kind, ID: a.ID, IP: a.IP}
	if a.Kind != "admin" && a.Kind != "person" || !c.who.has(directory.ReadUsers) {
		return out, nil
	}
	var err error
	out.Person, err = s.whom(c.ctx(), a.ID, known)
	return out, err
}

// index is what lists tell of a revision besides its document, counted once.
type index struct{ of atomic.Pointer[counted] }

type counted struct {
	active                             *revision.Active
	byProvider                         map[string]int // clients that may use it
	everyProvider                      int            // clients that may use all
	resourceOf                         map[string]string
	clientsOfResource, rulesOfResource map[string]int
}

// count reads the index of the active revision.
func (s *Server) count(now *revision.Active) *counted {
	if have := s.index.of.Load(); have != nil && have.active == now {
		return have
	}
	n := &counted{active: now, byProvider: map[string]int{}, resourceOf: map[string]string{}, clientsOfResource: map[string]int{}, rulesOfResource: map[string]int{}}
	for _, r := range now.Document.Resources {
		for _, scope := range r.Scopes {
			n.resourceOf[scope.Name] = r.ID
		}
	}
	for i := range now.Document.Clients {
		n.client(&now.Document.Clients[i])
	}
	for _, rule := range now.Document.Rules {
		for id := range n.resourcesOf(rule.Scopes) {
			n.rulesOfResource[id]++
		}
	}
	s.index.of.Store(n)
	return n
}

func (n *counted) client(cl *directory.Client) {
	if len(cl.Providers) == 0 {
		n.everyProvider++
	}
	for _, slug := range cl.Providers {
		n.byProvider[slug]++
	}
	ids := n.resourcesOf(cl.Scopes, cl.MachineScopes)
	for _, id := range append(slices.Clone(cl.Introspects), cl.DefaultResource) {
		if id != "" {
			ids[id] = true
		}
	}
	for id := range ids {
		n.clientsOfResource[id]++
	}
}

func (n *counted) resourcesOf(lists ...[]string) map[string]bool {
	ids := map[string]bool{}
	for _, list := range lists {
		for _, scope := range list {
			if id := n.resourceOf[scope]; id != "" {
				ids[id] = true
			}
		}
	}
	return ids
}

// list answers with one page of a list of the directory.
func list[T, V any](c *call, now *revision.Active, all []T, name func(*T) string, text func(*T) string, tell func(int, *T) V) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	at, err := c.place()
	if err != nil {
		return err
	}
	page := api.Page[V]{Items: []V{}}
	wanted := strings.ToLower(c.query("q"))
	for i := begin(at, all, name); i < len(all); i++ {
		if wanted != "" && !strings.Contains(strings.ToLower(text(&all[i])), wanted) {
			continue
		}
		if len(page.Items) == limit {
			page.Next = c.next(at)
			break
		}
		page.Items = append(page.Items, tell(i, &all[i]))
		at = at.after(name(&all[i]), i)
	}
	return c.tagged(now, page)
}

// find answers with one thing of the directory.
func find[T, V any](c *call, now *revision.Active, all []T, noun, id string, name func(*T) string, tell func(int, *T) V) error {
	for i := range all {
		if name(&all[i]) == id {
			return c.tagged(now, tell(i, &all[i]))
		}
	}
	return notFound("there is no %s %.100q", noun, id)
}

func (s *Server) resources(c *call) error {
	now := s.book.Current()
	return list(c, now, now.Document.Resources, audienceOf, func(r *directory.Resource) string { return r.ID + "\n" + r.Name }, s.tellResource(now))
}

func (s *Server) resource(c *call) error {
	id, err := c.key("key")
	if err != nil {
		return err
	}
	now := s.book.Current()
	return find(c, now, now.Document.Resources, "resource", id, audienceOf, s.tellResource(now))
}

func (s *Server) tellResource(now *revision.Active) func(int, *directory.Resource) api.ResourceInfo {
	n := s.count(now)
	return func(_ int, r *directory.Resource) api.ResourceInfo {
		return api.ResourceInfo{Resource: *r, Key: api.Key(r.ID), Clients: n.clientsOfResource[r.ID], Rules: n.rulesOfResource[r.ID]}
	}
}

func (s *Server) addResource(c *call) error { return s.changeResource(c, "") }

func (s *Server) putResource(c *call) error {
	id, err := c.key("key")
	if err != nil {
		return err
	}
	return s.changeResource(c, id)
}

func (s *Server) changeResource(c *call, id string) error {
	in, err := body[directory.Resource](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error {
		if id == "" {
			d.created = "/resources/" + api.Key(in.ID)
		}
		return d.setResource(id, in)
	})
}

func (s *Server) deleteResource(c *call) error {
	id, err := c.key("key")
	if err != nil {
		return err
	}
	return c.drop(func(d *draft) error { return d.setResource(id, nil) })
}

func (s *Server) rules(c *call) error {
	now := s.book.Current()
	return list(c, now, now.Document.Rules, nameOf, func(r *mapping.Rule) string {
		return strings.Join(append(append([]string{r.Name, r.When}, r.Roles...), r.Scopes...), "\n")
	}, tellRule)
}

func (s *Server) rule(c *call) error {
	name, err := c.key("key")
	if err != nil {
		return err
	}
	now := s.book.Current()
	return find(c, now, now.Document.Rules, "rule", name, nameOf, tellRule)
}

func tellRule(i int, r *mapping.Rule) api.RuleInfo {
	return api.RuleInfo{Rule: *r, Key: api.Key(r.Name), Place: i}
}

func (s *Server) addRule(c *call) error { return s.changeRule(c, "") }

func (s *Server) putRule(c *call) error {
	name, err := c.key("key")
	if err != nil {
		return err
	}
	return s.changeRule(c, name)
}

func (s *Server) changeRule(c *call, name string) error {
	in, err := body[mapping.Rule](c)
	if err != nil {
		return err
	}
	before := c.query("before")
	if before != "" {
		if before, err = api.FromKey(before); err != nil {
			return badRequest("before is the name of a rule in base64url without padding")
		}
	}
	return c.edit(func(d *draft) error {
		if name == "" {
			d.created = "/rules/" + api.Key(in.Name)
		}
		return d.setRule(name, in, before)
	})
}

func (s *Server) deleteRule(c *call) error {
	name, err := c.key("key")
	if err != nil {
		return err
	}
	return c.drop(func(d *draft) error { return d.setRule(name, nil, "") })
}

// edit changes one thing of the directory.
func (c *call) edit(change func(*draft) error) error {
	d, err := c.draft()
	if err != nil {
		return err
	}
	if err := change(d); err != nil {
		return err
	}
	return c.apply(d)
}

// drop is edit for what needs no body.
func (c *call) drop(change func(*draft) error) error {
	if err := c.noBody(); err != nil {
		return err
	}
	return c.edit(change)
}

func (s *Server) brand(c *call) error {
	now := s.book.Current()
	return c.tagged(now, now.Document.Brand)
}

func (s *Server) putBrand(c *call) error {
	in, err := body[directory.Brand](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error {
		d.setBrand(*in)
		return nil
	})
}
