package console

import (
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// Providers: a list, a wizard for each vendor, one provider with its health, and the
// test sign-in that shows what it would say about somebody.

func (c *Console) providerRoutes() []route {
	return []route{
		{"GET /providers", "directory:read", c.providers},
		{"GET /new/provider", "directory:write", c.chooseKind},
		{"GET /new/provider/{kind}", "directory:write", c.newProvider},
		{"POST /new/provider/{kind}", "directory:write", c.newProvider},
		{"GET /providers/{slug}", "directory:read", c.provider},
		{"GET /providers/{slug}/edit", "directory:write", c.editProvider},
		{"POST /providers/{slug}/edit", "directory:write", c.editProvider},
		{"GET /providers/{slug}/delete", "directory:write", c.deleteProvider},
		{"POST /providers/{slug}/delete", "directory:write", c.deleteProvider},
		{"POST /providers/{slug}/check", "directory:write", c.checkProvider},
		{"POST /providers/{slug}/test", "directory:write", c.testProvider},
		{"GET /providers/{slug}/tested", "directory:write", c.testedProvider},
		{"POST /providers/{slug}/owner", "owners:write", c.ownerFromTest},
	}
}

func (c *Console) providers(v *visit) error {
	page, err := v.api.Providers(v.ctx(), v.list())
	if err != nil {
		return err
	}
	return v.show("providers", "Providers", page)
}

func (v *visit) kind(name string) (*api.Kind, error) {
	all, err := v.api.Kinds(v.ctx())
	if err != nil {
		return nil, err
	}
	for i := range all.Items {
		if all.Items[i].Name == name {
			return &all.Items[i], nil
		}
	}
	return nil, errNotFound
}

func (c *Console) chooseKind(v *visit) error {
	all, err := v.api.Kinds(v.ctx())
	if err != nil {
		return err
	}
	return v.show("kinds", "A new provider", all)
}

// wizard is what stands beside a provider's form.
type wizard struct {
	Kind        *api.Kind
	Slug        string
	RedirectURI string
	Steps       []string // at the vendor's console
	New         bool
}

func wizardFor(kind *api.Kind, slug string, fresh bool) wizard {
	w := wizard{Kind: kind, Slug: slug, RedirectURI: strings.ReplaceAll(kind.RedirectURI, "{slug}", slug), New: fresh}
	for _, step := range kind.Steps {
		w.Steps = append(w.Steps, strings.ReplaceAll(step, "{slug}", slug))
	}
	return w
}

// newProvider is the wizard: where to click at the vendor's, what to paste there, and
// what to bring back. What is made is switched off until somebody tried it.
func (c *Console) newProvider(v *visit) error {
	kind, err := v.kind(v.arg("kind"))
	if err != nil {
		return err
	}
	etag, err := v.tag()
	if err != nil {
		return err
	}
	slug := kind.Name
	if v.r.Method == http.MethodPost {
		slug = v.typed("slug")
	}
	made := things{"kind": kind.Name, "slug": slug, "title": "", "disabled": !kind.OwnBook}
	if v.r.Method == http.MethodPost {
		made["disabled"] = v.typed("disabled") != ""
	}
	form := providerForm(kind, made, true)
	form.ETag, form.Cancel = etag, "/new/provider"
	draft := func() (*directory.Provider, error) { return providerFrom(made, form) }
	return v.edit(change{Title: "Add " + kind.Title, Lead: kind.Summary, Form: form, Page: "wizard",
		Notes: wizardFor(kind, slug, true),
		Edit: func() (api.Edit, error) {
			p, err := draft()
			return api.Edit{Op: "put", Kind: "provider", Provider: p}, err
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			p, err := draft()
			if err != nil {
				return nil, err
			}
			return v.api.AddProvider(v.ctx(), *p, o)
		},
		Done: func(*api.Applied) (string, string) {
			if made.yes("disabled") {
				return "/providers/" + made.text("slug"), "Added, and switched off so far: try it below, then switch it on."
			}
			return "/providers/" + made.text("slug"), "Added."
		}})
}

func (c *Console) editProvider(v *visit) error {
	slug := v.arg("slug")
	etag, err := v.tag()
	if err != nil {
		return err
	}
	load := func() (things, error) {
		p, err := v.api.Provider(v.ctx(), slug)
		if err != nil {
			return nil, err
		}
		return thingsOf(p.Settings())
	}
	now, err := load()
	if err != nil {
		return err
	}
	kind, err := v.kind(now.text("kind"))
	if err != nil {
		return err
	}
	form := providerForm(kind, now, false)
	form.ETag, form.Cancel = etag, "/providers/"+slug
	draft := func() (*directory.Provider, error) { return providerFrom(now, form) }
	return v.edit(change{Title: "Change " + slug, Form: form, Page: "wizard",
		Notes: wizardFor(kind, slug, false),
		Edit: func() (api.Edit, error) {
			p, err := draft()
			return api.Edit{Op: "put", Kind: "provider", ID: slug, Provider: p}, err
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			p, err := draft()
			if err != nil {
				return nil, err
			}
			return v.api.PutProvider(v.ctx(), slug, *p, o)
		},
		Fresh: func() (*Form, error) {
			fresh, err := load()
			return providerForm(kind, fresh, false), err
		},
		Done: func(*api.Applied) (string, string) { return "/providers/" + slug, "Saved." }})
}

// providerFrom makes a provider of a form. A secret that was typed is a value, whatever
// it looks like: over the network nobody names the server's files.
func providerFrom(t things, form *Form) (*directory.Provider, error) {
	fill(t, form)
	p, err := as[directory.Provider](t)
	if typed := form.Field("client_secret").Value; err == nil && typed != "" {
		p.ClientSecret, p.ClientSecretSource = providers.Secret(typed), ""
	}
	return p, err
}

// providerForm asks what a kind wants to know, and what every provider has.
func providerForm(kind *api.Kind, now things, fresh bool) *Form {
	main, more := Group{}, Group{Legend: "More settings", Folded: true}
	for _, f := range kind.Fields {
		one := fieldOf(f, now)
		if f.Name == "slug" && !fresh {
			one.ReadOnly = true
		}
		if f.Type == "secret" && !fresh {
			one.Required, one.Help = false, "Leave it empty to keep the secret that is there: "+orNone(now.text(f.Name))
		}
		if f.Advanced {
			more.Fields = append(more.Fields, one)
		} else {
			main.Fields = append(main.Fields, one)
		}
	}
	for _, f := range []api.Field{
		{Name: "linking", Label: "Adding it to an account that exists", Type: "choice", Options: []string{"none", "account", "email"}, Help: "account: people add it themselves on their account page. email: also joined by a verified address of its own domains."},
		{Name: "icon", Label: "Picture on the button", Type: "url", Help: "An https address. Empty: a neutral letter."},
	} {
		if !kind.OwnBook || f.Name == "icon" {
			more.Fields = append(more.Fields, fieldOf(f, now))
		}
	}
	off := &Field{Name: "disabled", Label: "Switched off", Kind: "check", Value: boolText(now.yes("disabled")), Help: "Nobody can sign in with it. A test sign-in still works."}
	return &Form{Groups: []Group{main, {Fields: []*Field{off}}, more}}
}

// fieldOf turns the API's description of a setting into a field, filled with what is there.
func fieldOf(f api.Field, now things) *Field {
	one := &Field{Name: f.Name, Label: f.Label, Help: f.Help, Required: f.Required, Value: now.text(f.Name)}
	if f.Example != "" {
		one.Help = strings.TrimSpace(one.Help + " For example " + f.Example)
	}
	switch f.Type {
	case "secret":
		one.Kind, one.Value = "secret", ""
	case "list":
		one.Kind, one.Values, one.Rows = "list", now.list(f.Name), 3
		one.Help = strings.TrimSpace(one.Help + " One a line.")
	case "choice":
		one.Kind = "select"
		for i, o := range f.Options {
			value := o
			if i == 0 {
				value = "" // the default is not written down
			}
			one.Options = append(one.Options, Option{Value: value, Label: o})
		}
		if len(f.Options) > 0 && one.Value == f.Options[0] {
			one.Value = ""
		}
	case "switch":
		one.Kind, one.Value = "check", boolText(now.yes(f.Name))
	case "url":
		one.Kind = "url"
	}
	if f.Name == "min_password" {
		one.Kind = "number"
	}
	return one
}

// fill writes a form into settings. A secret that was left empty stays as it is.
func fill(t things, form *Form) things {
	for _, one := range form.Fields() {
		if one.ReadOnly {
			continue
		}
		switch {
		case one.Kind == "secret": // see providerFrom
		case one.Kind == "list", one.Kind == "choices":
			t.set(one.Name, one.Values)
		case one.Kind == "check":
			t.set(one.Name, one.Value == "true")
		case one.Kind == "number":
			t.set(one.Name, numberOf(one.Value))
		default:
			t.set(one.Name, one.Value)
		}
	}
	return t
}

// numberOf keeps what is no number as it was typed: the API says what is wrong with it.
func numberOf(s string) any {
	n := 0
	for _, r := range s {
		if r < '0' || r > '9' || n > 1e6 {
			return s
		}
		n = n*10 + int(r-'0')
	}
	if s == "" {
		return ""
	}
	return n
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// providerPage is one provider with what to do about it.
type providerPage struct {
	*api.ProviderInfo
	Check *api.CheckResult
	Tests []api.Login
}

func (c *Console) provider(v *visit) error { return v.showProvider(nil) }

func (v *visit) showProvider(check *api.CheckResult) error {
	slug := v.arg("slug")
	p, err := v.api.Provider(v.ctx(), slug)
	if err != nil {
		return err
	}
	page := providerPage{ProviderInfo: p, Check: check}
	if v.Can("logins:read") {
		tests, err := v.api.Logins(v.ctx(), api.LoginFilter{Provider: slug, Outcome: "test", ListOptions: api.ListOptions{Limit: 3}})
		if err != nil {
			return err
		}
		page.Tests = tests.Items
	}
	return v.show("provider", orElse(p.Title, p.Slug), page)
}

func (c *Console) checkProvider(v *visit) error {
	result, err := v.api.CheckProvider(v.ctx(), v.arg("slug"), nil)
	if err != nil {
		return err
	}
	return v.showProvider(result)
}

func (c *Console) deleteProvider(v *visit) error {
	slug := v.arg("slug")
	etag, err := v.tag()
	if err != nil {
		return err
	}
	if _, err := v.api.Provider(v.ctx(), slug); err != nil {
		return err
	}
	return v.edit(change{Title: "Remove the provider " + slug, Form: &Form{ETag: etag, Cancel: "/providers/" + slug, Danger: true},
		Lead:  "People who came with it cannot come back that way. They and their accounts stay; its short name stays tied to its issuer, if anybody did.",
		Edit:  func() (api.Edit, error) { return api.Edit{Op: "delete", Kind: "provider", ID: slug}, nil },
		Apply: func(o api.ChangeOptions) (*api.Applied, error) { return v.api.DeleteProvider(v.ctx(), slug, o) },
		Done:  func(*api.Applied) (string, string) { return "/providers", "Removed. Its people are kept." }})
}
