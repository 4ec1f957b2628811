package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
)

// Every change of the directory takes one way: a copy of the active document is edited,
// and the book judges and applies the whole.

// mostEffects is how many people a plan tells one by one.
const mostEffects = 200

// draft is a document to become the active one.
type draft struct {
	base    int64
	doc     directory.Document
	drawn   []api.DrawnSecret
	created string // the address of what is new, for Location
	focus   string // the path of the one thing that is changed: problems are told from there
	back    int64  // roll back to this revision instead
}

// draft copies the active document, as far as edits reach, after If-Match was compared.
func (c *call) draft() (*draft, error) {
	now := c.server.book.Current()
	err := c.matches(now.Number)
	if api.IsConflict(err) { // what the caller read at another node may not have come here yet
		c.server.book.Look(c.ctx())
		now = c.server.book.Current()
		err = c.matches(now.Number)
	}
	if err != nil {
		return nil, err
	}
	return draftOf(now), nil
}

func draftOf(now *revision.Active) *draft {
	d := now.Document
	d.Providers, d.Clients, d.Resources, d.Rules = slices.Clone(d.Providers), slices.Clone(d.Clients), slices.Clone(d.Resources), slices.Clone(d.Rules)
	return &draft{base: now.Number, doc: d}
}

// matches compares If-Match with the active revision (RFC 9110 §13.1.1, RFC 6585 §3). A
// plan may go without.
func (c *call) matches(active int64) error {
	values := c.gin.Request.Header["If-Match"]
	if len(values) == 0 {
		if c.flag("plan") {
			return nil
		}
		return problem(http.StatusPreconditionRequired, api.NoIfMatch, "send the ETag of what you read, so that nobody's change is lost")
	}
	tag, quoted := strings.CutPrefix(values[0], `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	n, err := strconv.ParseInt(tag, 10, 64)
	if len(values) > 1 || !quoted || !closed || err != nil || n < 0 || strconv.FormatInt(n, 10) != tag {
		return badRequest(`If-Match is one revision in quotes, such as "7"`)
	}
	if n != active {
		p := problem(http.StatusPreconditionFailed, api.Conflict, "read it again, and make the change on what is there now")
		p.Revision = active
		return p
	}
	return nil
}

// apply plans a draft or makes it the active directory, and answers.
func (c *call) apply(d *draft) error {
	change := revision.Change{Base: d.base, Document: d.doc, Rollback: d.back, Actor: c.actor(), Reason: c.reason(), Source: c.who.source(),
		Shell: c.shell, Force: c.flag("force"), CanOwn: c.who.has(directory.WriteOwners)}
	if d.back != 0 {
		change.Document, change.Source = directory.Document{}, ""
	}
	book := c.server.book
	if c.flag("plan") {
		plan, err := book.Plan(c.ctx(), change)
		return c.tellPlan(d, plan, err)
	}
	if !c.who.fresh(c.server.now()) { // then no sensitive change
		plan, err := book.Plan(c.ctx(), change)
		if err != nil {
			return c.withPlan(d, err, plan)
		}
		if plan.Sensitive || plan.NeedsOwner {
			return c.withPlan(d, c.mustBeFresh(), plan)
		}
	}
	active, plan, err := book.Apply(c.ctx(), change)
	if err != nil {
		return c.withPlan(d, err, plan)
	}
	c.gin.Header("ETag", api.ETag(active.Number))
	status := http.StatusOK
	if d.created != "" {
		c.gin.Header("Location", api.Base+d.created)
		status = http.StatusCreated
	}
	return c.json(status, api.Applied{Revision: active.Number, Plan: c.told(d, plan), Secrets: d.drawn})
}

// withPlan adds what the change would have done to its refusal.
func (c *call) withPlan(d *draft, err error, plan *revision.Plan) error {
	r := c.server.explainError(err)
	r.Problems = d.near(r.Problems)
	if plan != nil {
		r.Plan = c.told(d, plan)
	}
	return r
}

// near tells faults from the one thing that is changed: of a form for one provider,
// providers[3].issuer is issuer.
func (d *draft) near(list []api.Fault) []api.Fault {
	if d.focus == "" {
		return list
	}
	for i := range list {
		list[i].Path = strings.TrimPrefix(strings.TrimPrefix(list[i].Path, d.focus+"."), d.focus)
	}
	return list
}

// tellPlan answers with a plan. What is wrong with the document is part of it, not a
// failure to plan.
func (c *call) tellPlan(d *draft, plan *revision.Plan, err error) error {
	if err == nil {
		return c.json(http.StatusOK, c.told(d, plan))
	}
	r := c.server.explainError(err)
	if plan == nil || r.Status != http.StatusUnprocessableEntity && r.Kind() != api.LocksOut && r.Kind() != api.OwnersOnly {
		return r
	}
	out := c.told(d, plan)
	if len(out.Problems) == 0 {
		out.Problems = d.near(r.Problems)
	}
	return c.json(http.StatusOK, out)
}

// told is a plan as this caller may see it: who people are is for who may see logins.
func (c *call) told(d *draft, p *revision.Plan) *api.Plan {
	out := &api.Plan{Base: p.Base, Changes: p.Changes, Effects: p.Effects, Gains: p.Gains, Replayed: p.Replayed, Affected: p.Affected,
		Warnings: d.near(tellFaults(p.Warnings)), Problems: d.near(tellFaults(p.Problems)), LocksOut: p.LocksOut, NeedsOwner: p.NeedsOwner, Sensitive: p.Sensitive}
	if out.Gains == nil {
		out.Gains = []policy.Gain{}
	}
	if out.Changes == nil {
		out.Changes = []directory.Change{}
	}
	if out.Effects == nil || !c.who.has(directory.ReadLogins) {
		out.Effects = []policy.Effect{}
	}
	if len(out.Effects) > mostEffects {
		out.Effects = out.Effects[:mostEffects]
	}
	return out
}

// plan tells what a document, or some edits of the active one, would do.
func (s *Server) plan(c *call) error {
	in, err := body[api.PlanRequest](c)
	if err != nil {
		return err
	}
	if literal(in) && !c.who.has(directory.WriteDirectory) { // or the plan would tell whether a guess is right
		return challenge(http.StatusForbidden, api.TooFewScopes, "insufficient_scope", "a secret is typed by whoever may apply it", directory.WriteDirectory)
	}
	d := draftOf(s.book.Current())
	if in.Document != nil {
		if len(in.Edits) > 0 {
			return badRequest("say document or edits")
		}
		d.doc = *in.Document
	}
	for i, e := range in.Edits {
		if err := d.edit(s, e); err != nil {
			var r *refusal
			if errors.As(err, &r) && r.Detail != "" {
				r.Detail = "edits[" + strconv.Itoa(i) + "]: " + r.Detail
			}
			return err
		}
	}
	d.focus = ""
	change := revision.Change{Base: d.base, Document: d.doc, Actor: c.actor(), Source: c.who.source(), Shell: c.shell, CanOwn: c.who.has(directory.WriteOwners)}
	plan, err := s.book.Plan(c.ctx(), change)
	return c.tellPlan(d, plan, err)
}

// literal tells whether a secret itself was sent, in place of a source.
func literal(in *api.PlanRequest) bool {
	typed := func(s providers.Secret) bool { return s != "" }
	provider := func(p directory.Provider) bool { return typed(p.ClientSecret) }
	client := func(c directory.Client) bool { return slices.ContainsFunc(c.Secrets, typed) }
	return in.Document != nil && (slices.ContainsFunc(in.Document.Providers, provider) || slices.ContainsFunc(in.Document.Clients, client)) ||
		slices.ContainsFunc(in.Edits, func(e api.Edit) bool {
			return e.Provider != nil && provider(*e.Provider) || e.Client != nil && client(*e.Client)
		})
}

// edit makes one change of a plan's.
func (d *draft) edit(s *Server, e api.Edit) error {
	given := 0
	for _, is := range []bool{e.Provider != nil, e.Client != nil, e.Resource != nil, e.Rule != nil, e.Brand != nil} {
		if is {
			given++
		}
	}
	if want := map[string]int{"put": 1, "delete": 0}; e.Op != "put" && e.Op != "delete" || given != want[e.Op] {
		return badRequest("op is put, with one thing to put, or delete")
	}
	if e.Kind == directory.KindBrand && e.Brand != nil && e.ID == "" {
		d.setBrand(*e.Brand)
		return nil
	}
	if e.Op == "delete" && e.ID == "" {
		return badRequest("id says what to delete")
	}
	switch {
	case e.Kind == directory.KindProvider && (e.Op == "delete" || e.Provider != nil):
		return d.setProvider(e.ID, e.Provider)
	case e.Kind == directory.KindClient && (e.Op == "delete" || e.Client != nil):
		if e.ID == "" && needsSecret(e.Client) {
			s.draw(d, e.Client)
		}
		return d.setClient(e.ID, e.Client)
	case e.Kind == directory.KindResource && (e.Op == "delete" || e.Resource != nil):
		return d.setResource(e.ID, e.Resource)
	case e.Kind == directory.KindRule && (e.Op == "delete" || e.Rule != nil):
		return d.setRule(e.ID, e.Rule, e.Before)
	}
	return badRequest("kind is provider, client, resource, rule or brand, and what is put is of that kind")
}

// set replaces, adds ("") or removes (nil) one element of a list.
func set[T any](list []T, noun, id string, v *T, name func(*T) string) ([]T, error) {
	find := func(id string) int { return slices.IndexFunc(list, func(one T) bool { return name(&one) == id }) }
	at := find(id)
	if id != "" && at < 0 {
		return nil, notFound("there is no %s %.100q", noun, id)
	}
	if v == nil {
		return slices.Delete(list, at, at+1), nil
	}
	if other := find(name(v)); other >= 0 && other != at {
		return nil, exists("there is a %s %.100q already", noun, name(v))
	}
	if id == "" {
		return append(list, *v), nil
	}
	list[at] = *v
	return list, nil
}

// focus is the path of what was set.
func focus[T any](name string, list []T, v *T, nameOf func(*T) string) string {
	if v == nil {
		return ""
	}
	at := slices.IndexFunc(list, func(one T) bool { return nameOf(&one) == nameOf(v) })
	return name + "[" + strconv.Itoa(at) + "]"
}

func slugOf(p *directory.Provider) string     { return p.Slug }
func idOf(cl *directory.Client) string        { return cl.ID }
func audienceOf(r *directory.Resource) string { return r.ID }
func nameOf(r *mapping.Rule) string           { return r.Name }

// setProvider changes a provider. A secret that is left out stays as it is.
func (d *draft) setProvider(slug string, p *directory.Provider) (err error) {
	if p != nil && slug != "" {
		if p.Slug == "" {
			p.Slug = slug
		}
		if p.Slug != slug {
			return invalid("a provider's slug cannot be changed: people are known by it. Add another provider")
		}
		if i := slices.IndexFunc(d.doc.Providers, func(one directory.Provider) bool { return one.Slug == slug }); i >= 0 &&
			p.ClientSecretSource == "" && p.ClientSecret == "" && p.AuthMethod != directory.AuthNone {
			p.ClientSecretSource = d.doc.Providers[i].ClientSecretSource
		}
	}
	defer func() { d.focus = focus("providers", d.doc.Providers, p, slugOf) }()
	d.doc.Providers, err = set(d.doc.Providers, "provider", slug, p, slugOf)
	return err
}

// setClient changes a client. Secrets that are left out stay as they are.
func (d *draft) setClient(id string, cl *directory.Client) (err error) {
	if cl != nil && id != "" {
		if cl.ID == "" {
			cl.ID = id
		}
		if cl.ID != id {
			return invalid("a client's id cannot be changed: the app is known by it. Add another client")
		}
		if i := slices.IndexFunc(d.doc.Clients, func(one directory.Client) bool { return one.ID == id }); i >= 0 &&
			len(cl.SecretSources) == 0 && len(cl.Secrets) == 0 && !cl.Public && cl.JWKS == "" && cl.JWKSURI == "" {
			cl.SecretSources = slices.Clone(d.doc.Clients[i].SecretSources)
		}
	}
	defer func() { d.focus = focus("clients", d.doc.Clients, cl, idOf) }()
	d.doc.Clients, err = set(d.doc.Clients, "client", id, cl, idOf)
	return err
}

func (d *draft) setResource(id string, r *directory.Resource) (err error) {
	if r != nil && id != "" && r.ID == "" {
		r.ID = id
	}
	defer func() { d.focus = focus("resources", d.doc.Resources, r, audienceOf) }()
	d.doc.Resources, err = set(d.doc.Resources, "resource", id, r, audienceOf)
	return err
}

// setRule changes a rule; it stands before another, where one is named.
func (d *draft) setRule(name string, r *mapping.Rule, before string) (err error) {
	if r != nil && name != "" && r.Name == "" {
		r.Name = name
	}
	defer func() { d.focus = focus("rules", d.doc.Rules, r, nameOf) }()
	if d.doc.Rules, err = set(d.doc.Rules, "rule", name, r, nameOf); err != nil || r == nil || before == "" {
		return err
	}
	at := slices.IndexFunc(d.doc.Rules, func(one mapping.Rule) bool { return one.Name == r.Name })
	moved := slices.Delete(d.doc.Rules, at, at+1)
	to := slices.IndexFunc(moved, func(one mapping.Rule) bool { return one.Name == before })
	if to < 0 {
		return invalid("there is no rule %.100q to stand before", before)
	}
	d.doc.Rules = slices.Insert(moved, to, *r)
	return nil
}

func (d *draft) setBrand(b directory.Brand) { d.doc.Brand, d.focus = b, "brand" }
