package console

import (
	"fmt"
	"slices"

	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) administratorRoutes() []route {
	const read, own = "users:read", "owners:write"
	return []route{
		{"GET /administrators", read, c.administrators},
		{"GET /administrators/links", own, c.endLinks},
		{"POST /administrators/links", own, c.endLinks},
		{"GET /administrators/{provider}/{key}", own, c.administrator},
		{"POST /administrators/{provider}/{key}", own, c.administrator},
		{"GET /administrators/{provider}/{key}/remove", own, c.dropAdministrator},
		{"POST /administrators/{provider}/{key}/remove", own, c.dropAdministrator},
	}
}

// roles are what an administrator may be, with what that means.
var roles = []Option{
	{"owner", "Owner", "May do everything, also say who administers, rotate keys and erase people."},
	{"editor", "Editor", "May change providers, apps, resources, rules and people."},
	{"viewer", "Viewer", "May look at everything and change nothing."},
}

// administrators lists who may come in here.
func (c *Console) administrators(v *visit) error {
	page, err := v.api.Admins(v.ctx())
	if err != nil {
		return err
	}
	return v.show("administrators", "Administrators", struct {
		Items []api.Admin
		Owned bool
		Roles []Option
	}{page.Items, slices.ContainsFunc(page.Items, func(a api.Admin) bool { return a.Role == "owner" && !a.Disabled }), roles})
}

// administrator gives one identity a role.
func (c *Console) administrator(v *visit) error {
	slug := v.arg("provider")
	subject, err := api.FromKey(v.arg("key"))
	if err != nil {
		return errNotFound
	}
	page, err := v.api.Admins(v.ctx())
	if err != nil {
		return err
	}
	role := &Field{Name: "role", Label: "Role", Kind: "select", Options: append([]Option{{"", "None yet", ""}}, roles...), Required: true}
	data := struct {
		Provider, Subject, Person string
		Now                       string
		Form                      *Form
		Roles                     []Option
	}{Provider: slug, Subject: subject, Roles: roles,
		Form: &Form{Action: v.r.URL.Path, Submit: "Give this role", Cancel: "/administrators", AskWhy: "optional", Groups: []Group{{Fields: []*Field{role}}}}}
	for _, a := range page.Items {
		if a.Provider == slug && a.Subject == subject {
			data.Now, data.Person, role.Value, role.Options = a.Role, a.Name, a.Role, roles
		}
	}
	if v.r.Method == "GET" {
		return v.show("administrator", "Administrator", data)
	}
	if !data.Form.read(v.r.PostForm) || v.reopened() {
		return v.showAs(statusOf(len(data.Form.Problems) == 0), "administrator", "Administrator", data)
	}
	if err := v.api.SetAdmin(v.ctx(), slug, subject, role.Value, data.Form.Reason, false); err != nil {
		if data.Form.blame(err) {
			return v.showAs(problemOf(err).Status, "administrator", "Administrator", data)
		}
		return err
	}
	return v.done("/administrators", fmt.Sprintf("%s at %s is %s now.", words(subject, 80), words(slug, 60), role.Value))
}

func (c *Console) dropAdministrator(v *visit) error {
	subject, err := api.FromKey(v.arg("key"))
	if err != nil {
		return errNotFound
	}
	return v.confirm(ask{Title: "Take the role away?", Sentence: words(subject, 120) + " at " + words(v.arg("provider"), 60) + " does not administer any more, from the next click on.",
		Form: &Form{Submit: "Take it away", Cancel: "/administrators"}}, func(reason string) error {
		if err := v.api.RemoveAdmin(v.ctx(), v.arg("provider"), subject, reason, false); err != nil {
			return err
		}
		return v.done("/administrators", "The role is taken away.")
	})
}

func (c *Console) endLinks(v *visit) error {
	return v.confirm(ask{Title: "End every owner's link?", Sentence: "Links that were not used yet stop working, and every session that came of one ends: also this one, if it did.",
		Form: &Form{Submit: "End them", Cancel: "/administrators"}}, func(reason string) error {
		ended, err := v.api.RevokeAdminLinks(v.ctx(), reason)
		if err != nil {
			return err
		}
		return v.done("/administrators", fmt.Sprintf("Links and sessions that ended: %d.", ended.Sessions))
	})
}
