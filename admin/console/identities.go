package console

import (
	"github.com/handstamp/handstamp/admin/api"
)

// The ways in which a person is known.

// link gives a person a way to sign in that a provider has made anew for them.
func (c *Console) link(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	status, err := v.api.Status(v.ctx())
	if err != nil {
		return err
	}
	var slugs []Option
	for _, p := range status.Providers {
		if p.Kind != "local" {
			slugs = append(slugs, Option{Value: p.Slug, Label: p.Title + " (" + p.Slug + ")"})
		}
	}
	form := &Form{Submit: "Add it", Cancel: path, Groups: []Group{{Fields: []*Field{
		{Name: "provider", Label: "Provider", Kind: "select", Options: slugs, Required: true},
		{Name: "subject", Label: "Subject", Required: true, Help: "What the provider calls them (sub), letter by letter. The page of one of their logins shows it."},
		{Name: "from", Label: "Taken from", Help: "The id (sub) of the account that has it now, where somebody signed in with it already. It loses it, with its sessions and what apps hold by it."},
	}}}}
	return v.confirm(ask{Title: "Add a way to sign in to " + nameOf(u) + "?", Sentence: "Whoever signs in there as this subject is this person from then on, with everything that they may do. Be sure who it is: an address is no proof.", Form: form}, func(reason string) error {
		i, err := v.api.Link(v.ctx(), u.Sub, form.Field("provider").Value, form.Field("subject").Value, form.Field("from").Value, reason)
		if err != nil {
			return err
		}
		return v.done(path, "Added: "+words(i.Provider, 60)+".")
	})
}

func (c *Console) unlink(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	subject, err := api.FromKey(v.arg("key"))
	if err != nil {
		return errNotFound
	}
	form := &Form{Submit: "Unlink", Cancel: path}
	if v.Can("owners:write") {
		form.Groups = []Group{{Fields: []*Field{{Name: "force", Kind: "check", Label: "Even if it is the last one", Help: "Nobody could sign in as this person any more."}}}}
	}
	return v.confirm(ask{Title: "Unlink " + words(v.arg("provider"), 60) + " from " + nameOf(u) + "?", Sentence: "Whoever signs in there as " + words(subject, 120) + " is no longer this person.", Form: form}, func(reason string) error {
		if err := v.api.Unlink(v.ctx(), u.Sub, v.arg("provider"), subject, reason, form.Field("force").Checked()); err != nil {
			return err
		}
		return v.done(path, "It is unlinked.")
	})
}
