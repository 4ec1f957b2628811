package console

import (
	"cmp"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/admin/snippets"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// Resources with their scopes, and the rules that give them.

func (c *Console) policyRoutes() []route {
	return []route{
		{"GET /resources", "directory:read", c.resources},
		{"GET /new/resource", "directory:write", c.editResource},
		{"POST /new/resource", "directory:write", c.editResource},
		{"GET /resources/{key}", "directory:read", c.resource},
		{"GET /resources/{key}/edit", "directory:write", c.editResource},
		{"POST /resources/{key}/edit", "directory:write", c.editResource},
		{"GET /resources/{key}/delete", "directory:write", c.deleteResource},
		{"POST /resources/{key}/delete", "directory:write", c.deleteResource},
		{"GET /rules", "directory:read", c.rules},
		{"GET /new/rule", "directory:write", c.editRule},
		{"POST /new/rule", "directory:write", c.editRule},
		{"GET /rules/{key}", "directory:read", c.rule},
		{"GET /rules/{key}/edit", "directory:write", c.editRule},
		{"POST /rules/{key}/edit", "directory:write", c.editRule},
		{"GET /rules/{key}/delete", "directory:write", c.deleteRule},
		{"POST /rules/{key}/delete", "directory:write", c.deleteRule},
	}
}

func (c *Console) resources(v *visit) error {
	page, err := v.api.Resources(v.ctx(), v.list())
	if err != nil {
		return err
	}
	return v.show("resources", "Resources", page)
}

// named reads what the address spells as a key.
func (v *visit) named() (string, error) {
	name, err := api.FromKey(v.arg("key"))
	if err != nil {
		return "", errNotFound
	}
	return name, nil
}

func (c *Console) resource(v *visit) error {
	id, err := v.named()
	if err != nil {
		return err
	}
	r, err := v.api.Resource(v.ctx(), id)
	if err != nil {
		return err
	}
	scope := "items:read"
	if len(r.Scopes) > 0 {
		scope = r.Scopes[0].Name
	}
	text, err := snippets.API(c.Issuer, r.ID, scope)
	if err != nil {
		return err
	}
	return v.show("resource", cmp.Or(r.Name, r.ID), struct {
		*api.ResourceInfo
		Snippets []snippets.Snippet
	}{r, text})
}

// editResource makes an API or changes one.
func (c *Console) editResource(v *visit) error {
	etag, err := v.tag()
	if err != nil {
		return err
	}
	id, fresh, back := "", v.arg("key") == "", "/resources"
	load := func() (directory.Resource, error) { return directory.Resource{}, nil }
	if !fresh {
		if id, err = v.named(); err != nil {
			return err
		}
		back = "/resources/" + v.arg("key")
		load = func() (directory.Resource, error) {
			r, err := v.api.Resource(v.ctx(), id)
			if err != nil {
				return directory.Resource{}, err
			}
			return r.Settings(), nil
		}
	}
	now, err := load()
	if err != nil {
		return err
	}
	form := resourceForm(now, fresh)
	form.ETag, form.Cancel = etag, back
	title := "Change " + cmp.Or(now.Name, id)
	if fresh {
		title = "Add a resource"
	}
	return v.edit(change{Title: title, Lead: "An API of yours, with the permissions that it knows. Tokens are made for one resource and are good nowhere else.", Form: form,
		Edit: func() (api.Edit, error) {
			r := resourceFrom(now, form)
			return api.Edit{Op: "put", Kind: "resource", ID: id, Resource: &r}, nil
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			if fresh {
				return v.api.AddResource(v.ctx(), resourceFrom(now, form), o)
			}
			return v.api.PutResource(v.ctx(), id, resourceFrom(now, form), o)
		},
		Fresh: func() (*Form, error) {
			r, err := load()
			return resourceForm(r, fresh), err
		},
		Done: func(*api.Applied) (string, string) { return "/resources/" + key(form.Field("id").Value), "Saved." }})
}

func resourceForm(r directory.Resource, fresh bool) *Form {
	var scopes []string
	for _, s := range r.Scopes {
		line := s.Name
		if s.Description != "" && s.Description != s.Name {
			line += " = " + s.Description
		}
		scopes = append(scopes, line)
	}
	return &Form{Groups: []Group{{Fields: []*Field{
		{Name: "id", Label: "Audience", Value: r.ID, Required: fresh, ReadOnly: !fresh, Kind: "url", Help: "An absolute URI, such as https://api.example.com. It stands in its tokens and need not be an address that answers."},
		{Name: "name", Label: "Name", Value: r.Name, Help: "What the consent page says."},
		{Name: "scopes", Label: "Scopes", Kind: "list", Values: scopes, Rows: 6, Help: "One a line, with what the consent page says behind an equals sign: items:read = Read your items"},
		{Name: "alg", Label: "Signs its access tokens", Kind: "select", Value: r.Alg, Options: []Option{{"", "ES256", ""}, {"RS256", "RS256", ""}, {"PS256", "PS256", ""}, {"EdDSA", "EdDSA", ""}}},
	}}}}
}

func resourceFrom(r directory.Resource, form *Form) directory.Resource {
	if id := form.Field("id"); !id.ReadOnly {
		r.ID = id.Value
	}
	r.Name, r.Alg, r.Scopes = form.Field("name").Value, form.Field("alg").Value, nil
	for _, line := range form.Field("scopes").Values {
		name, says, _ := strings.Cut(line, "=")
		r.Scopes = append(r.Scopes, directory.Scope{Name: strings.TrimSpace(name), Description: strings.TrimSpace(says)})
	}
	return r
}

func (c *Console) deleteResource(v *visit) error {
	id, err := v.named()
	if err != nil {
		return err
	}
	etag, err := v.tag()
	if err != nil {
		return err
	}
	if _, err := v.api.Resource(v.ctx(), id); err != nil {
		return err
	}
	return v.edit(change{Title: "Remove the resource " + id, Lead: "No more tokens are made for it. Those that there are work until they expire.",
		Form:  &Form{ETag: etag, Cancel: "/resources/" + v.arg("key"), Danger: true},
		Edit:  func() (api.Edit, error) { return api.Edit{Op: "delete", Kind: "resource", ID: id}, nil },
		Apply: func(o api.ChangeOptions) (*api.Applied, error) { return v.api.DeleteResource(v.ctx(), id, o) },
		Done:  func(*api.Applied) (string, string) { return "/resources", "Removed." }})
}

func (c *Console) rules(v *visit) error {
	page, err := v.api.Rules(v.ctx(), v.list())
	if err != nil {
		return err
	}
	return v.show("rules", "Rules", page)
}

func (c *Console) rule(v *visit) error {
	name, err := v.named()
	if err != nil {
		return err
	}
	r, err := v.api.Rule(v.ctx(), name)
	if err != nil {
		return err
	}
	return v.show("rule", r.Name, r)
}

// editRule makes a rule or changes one. What it would do to people who signed in lately is
// shown before it does anything: the dry run.
func (c *Console) editRule(v *visit) error {
	etag, err := v.tag()
	if err != nil {
		return err
	}
	all, err := api.All(func(o api.ListOptions) (*api.Page[api.RuleInfo], error) { return v.api.Rules(v.ctx(), o) })
	if err != nil {
		return err
	}
	name, fresh, back := "", v.arg("key") == "", "/rules"
	load := func() (mapping.Rule, error) { return mapping.Rule{}, nil }
	if !fresh {
		if name, err = v.named(); err != nil {
			return err
		}
		back = "/rules/" + v.arg("key")
		load = func() (mapping.Rule, error) {
			r, err := v.api.Rule(v.ctx(), name)
			if err != nil {
				return mapping.Rule{}, err
			}
			return r.Settings(), nil
		}
	}
	now, err := load()
	if err != nil {
		return err
	}
	choices, err := v.appChoices()
	if err != nil {
		return err
	}
	form := ruleForm(now, choices, all, fresh)
	form.ETag, form.Cancel, form.Submit = etag, back, "See what it would do"
	title := "Change a rule"
	if fresh {
		title = "Add a rule"
	}
	return v.edit(change{Title: title, Form: form, Page: "edit-rule",
		Edit: func() (api.Edit, error) {
			r := ruleFrom(now, form)
			return api.Edit{Op: "put", Kind: "rule", ID: name, Rule: &r, Before: form.Field("before").Value}, nil
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			if fresh {
				return v.api.AddRule(v.ctx(), ruleFrom(now, form), form.Field("before").Value, o)
			}
			return v.api.PutRule(v.ctx(), name, ruleFrom(now, form), form.Field("before").Value, o)
		},
		Fresh: func() (*Form, error) {
			r, err := load()
			return ruleForm(r, choices, all, fresh), err
		},
		Done: func(*api.Applied) (string, string) { return "/rules/" + key(form.Field("name").Value), "Saved." }})
}

func ruleForm(r mapping.Rule, choices appChoices, all []api.RuleInfo, fresh bool) *Form {
	var claims []string
	for name, expression := range r.Claims {
		claims = append(claims, name+" = "+expression)
	}
	slices.Sort(claims)
	before := &Field{Name: "before", Label: "Its place", Kind: "select", Options: []Option{{"", "at the end", ""}}, Help: "The first denial's reason is the one that a person reads; of two rules that write a claim the later holds."}
	if !fresh {
		before.Options[0].Label = "where it is"
	}
	for _, other := range all {
		if other.Name != r.Name {
			before.Options = append(before.Options, Option{Value: other.Name, Label: "before " + words(other.Name, 60)})
		}
	}
	return &Form{Groups: []Group{
		{Fields: []*Field{
			{Name: "name", Label: "Name", Value: r.Name, Required: true, Help: "Stands in traces and answers."},
			{Name: "when", Label: "When", Kind: "code", Value: r.When, Rows: 3, Help: "A condition in CEL over claims, user, provider and client. Empty: always. For example 'Engineering' in claims.groups"},
		}},
		{Legend: "Then it gives", Fields: []*Field{
			{Name: "roles", Label: "Roles", Kind: "list", Values: r.Roles, Rows: 2, Help: "One a line."},
			{Name: "scopes", Label: "Scopes", Kind: "choices", Values: r.Scopes, Options: offered(slices.Clone(choices.scopes), r.Scopes)},
			{Name: "claims", Label: "Claims of access tokens", Kind: "list", Values: claims, Rows: 2, Help: "One a line, each with a CEL expression: department = claims.?department"},
		}},
		{Legend: "Or it denies", Fields: []*Field{{Name: "deny", Label: "Reason", Value: r.Deny, Help: "The person reads it. A rule with a reason gives nothing; it turns away."}}},
		{Legend: "Only for some logins", Folded: len(r.Providers)+len(r.Clients) == 0, Fields: []*Field{
			{Name: "providers", Label: "Through these providers", Kind: "choices", Values: r.Providers, Options: offered(slices.Clone(choices.providers), r.Providers), Help: "None ticked: every provider."},
			{Name: "clients", Label: "For these apps", Kind: "list", Values: r.Clients, Rows: 2, Help: "Client IDs, one a line. Empty: every app."},
			before,
		}},
	}}
}

func ruleFrom(r mapping.Rule, form *Form) mapping.Rule {
	f := func(name string) *Field { return form.Field(name) }
	r.Name, r.When, r.Deny = f("name").Value, strings.TrimSpace(f("when").Value), f("deny").Value
	r.Roles, r.Scopes, r.Providers, r.Clients = f("roles").Values, f("scopes").Values, f("providers").Values, f("clients").Values
	r.Claims = nil
	for _, line := range f("claims").Values {
		name, expression, _ := strings.Cut(line, "=")
		if r.Claims == nil {
			r.Claims = map[string]string{}
		}
		r.Claims[strings.TrimSpace(name)] = strings.TrimSpace(expression)
	}
	return r
}

func (c *Console) deleteRule(v *visit) error {
	name, err := v.named()
	if err != nil {
		return err
	}
	etag, err := v.tag()
	if err != nil {
		return err
	}
	if _, err := v.api.Rule(v.ctx(), name); err != nil {
		return err
	}
	return v.edit(change{Title: "Remove the rule " + name, Lead: "What it gave is taken back at each person's next refresh.",
		Form:  &Form{ETag: etag, Cancel: "/rules/" + v.arg("key"), Danger: true},
		Edit:  func() (api.Edit, error) { return api.Edit{Op: "delete", Kind: "rule", ID: name}, nil },
		Apply: func(o api.ChangeOptions) (*api.Applied, error) { return v.api.DeleteRule(v.ctx(), name, o) },
		Done:  func(*api.Applied) (string, string) { return "/rules", "Removed." }})
}
