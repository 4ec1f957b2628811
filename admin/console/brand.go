package console

import (
	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// How the house looks on its pages. An app has a look of its own among its settings.

func (c *Console) brandRoutes() []route {
	return []route{
		{"GET /brand", "directory:read", c.brand},
		{"GET /brand/edit", "directory:write", c.editBrand},
		{"POST /brand/edit", "directory:write", c.editBrand},
	}
}

func (c *Console) brand(v *visit) error {
	b, err := v.api.Brand(v.ctx())
	if err != nil {
		return err
	}
	return v.show("brand", "Look", b)
}

func (c *Console) editBrand(v *visit) error {
	etag, err := v.tag()
	if err != nil {
		return err
	}
	load := func() (things, error) {
		b, err := v.api.Brand(v.ctx())
		if err != nil {
			return nil, err
		}
		return thingsOf(b)
	}
	now, err := load()
	if err != nil {
		return err
	}
	form := brandForm(now)
	form.ETag, form.Cancel = etag, "/brand"
	draft := func() (*directory.Brand, error) { return as[directory.Brand](fill(now, form)) }
	return v.edit(change{Title: "Change the look", Lead: "Of every page that people see on their way in. What is left empty is as the settings file says.", Form: form,
		Edit: func() (api.Edit, error) {
			b, err := draft()
			return api.Edit{Op: "put", Kind: directory.KindBrand, Brand: b}, err
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			b, err := draft()
			if err != nil {
				return nil, err
			}
			return v.api.PutBrand(v.ctx(), *b, o)
		},
		Fresh: func() (*Form, error) {
			fresh, err := load()
			return brandForm(fresh), err
		},
		Done: func(*api.Applied) (string, string) { return "/brand", "Saved." }})
}

func brandForm(now things) *Form {
	name := &Field{Name: "name", Label: "Name", Value: now.text("name"), Auto: "organization", Help: "At the head of every page, and in its title."}
	return &Form{Groups: []Group{{Fields: append([]*Field{name}, lookFields(now)...)}}}
}

// lookFields are what a house and an app both show of themselves.
func lookFields(now things) []*Field {
	return []*Field{
		{Name: "logo", Label: "Logo", Kind: "url", Value: now.text("logo"), Help: "An https address of a picture."},
		{Name: "accent", Label: "Colour", Value: now.text("accent"), Help: "Of buttons and links on the sign-in pages, such as #1a7f5a. It is made readable by day and by night."},
		{Name: "policy_uri", Label: "Privacy policy", Kind: "url", Value: now.text("policy_uri"), Help: "An https address."},
		{Name: "tos_uri", Label: "Terms of service", Kind: "url", Value: now.text("tos_uri"), Help: "An https address."},
	}
}
