package console

import (
	"github.com/handstamp/handstamp/admin/api"
)

// People who have a password here are added, invited and helped on these pages. What is
// shown once is never stored by the console.

// localProviders are the slugs of providers that have people of their own.
func (v *visit) localProviders() (slugs []string, err error) {
	if !v.Can("directory:read") {
		return nil, nil
	}
	status, err := v.api.Status(v.ctx())
	if err != nil {
		return nil, err
	}
	for _, p := range status.Providers {
		if p.Kind == "local" {
			slugs = append(slugs, p.Slug)
		}
	}
	return slugs, nil
}

// handedOver is what is shown once, to be given to a person.
type handedOver struct {
	Title, Lead, Back string
	Things            []Hidden
	Ends              stamp
}

func (v *visit) handOver(h handedOver) error { return v.show("hand-over", h.Title, h) }

// newUser adds a person: by a link with which they choose a password, or with one that
// is typed or drawn here.
func (c *Console) newUser(v *visit) error {
	slugs, err := v.localProviders()
	if err != nil {
		return err
	}
	if len(slugs) == 0 {
		return errNotFound
	}
	provider := &Field{Name: "provider", Label: "At", Kind: "select", Value: slugs[0]}
	for _, s := range slugs {
		provider.Options = append(provider.Options, Option{Value: s, Label: s})
	}
	login := &Field{Name: "login", Label: "Login name", Required: true, Help: "What they type to sign in, such as an address."}
	name := &Field{Name: "name", Label: "Name"}
	email := &Field{Name: "email", Label: "E-mail"}
	verified := &Field{Name: "email_verified", Label: "You know that the address is theirs", Kind: "check"}
	groups := &Field{Name: "groups", Label: "Groups", Kind: "list", Rows: 2, Help: "One a line. Rules see them as claims.groups."}
	how := &Field{Name: "how", Label: "Password", Kind: "select", Value: "invite", Options: []Option{{Value: "invite", Label: "They choose it, by a link that you send"}, {Value: "draw", Label: "One is drawn and shown here, once"}}}
	form := &Form{Action: "/new/user", Submit: "Add", Cancel: "/users", AskWhy: "optional", Groups: []Group{{Fields: []*Field{provider, login, name, email, verified, groups, how}}}}
	page := struct {
		Title, Sentence string
		Details         []string
		Form            *Form
	}{Title: "Add a person", Sentence: "For people who have a password here. Others come by themselves, with their provider.", Form: form}
	if v.r.Method != "POST" {
		return v.show("confirm", page.Title, page)
	}
	ok := form.read(v.r.PostForm)
	if !ok || v.reopened() {
		return v.showAs(statusOf(ok), "confirm", page.Title, page)
	}
	made, err := v.api.AddUser(v.ctx(), api.NewUser{Provider: provider.Value, Login: login.Value, Name: name.Value, Email: email.Value, EmailVerified: verified.Checked(),
		Groups: groups.Values, Invite: how.Value == "invite"}, form.Reason)
	if err != nil {
		if form.blame(err) {
			return v.showAs(problemOf(err).Status, "confirm", page.Title, page)
		}
		return err
	}
	h := handedOver{Title: "Added: " + nameOf(&made.User), Lead: "Give this to them. It is shown this once.", Back: "/users/" + made.Sub}
	if made.Invitation != nil {
		h.Things, h.Ends = []Hidden{{"Link", made.Invitation.Link}}, stamp(made.Invitation.ExpiresAt)
	}
	if made.Password != "" {
		h.Things = append(h.Things, Hidden{"Password", made.Password})
	}
	return v.handOver(h)
}

func (c *Console) invite(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "Invite " + nameOf(u) + "?", Sentence: "A link with which they choose a password. No mail is sent: you copy it.", Form: &Form{Submit: "Make the link", Cancel: path}}, func(reason string) error {
		i, err := v.api.Invite(v.ctx(), u.Sub, reason)
		if err != nil {
			return err
		}
		return v.handOver(handedOver{Title: "An invitation for " + nameOf(u), Lead: "Whoever has this link chooses the password. It is shown this once.", Back: path, Things: []Hidden{{"Link", i.Link}}, Ends: stamp(i.ExpiresAt)})
	})
}

func (c *Console) setPassword(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "A new password for " + nameOf(u) + "?", Sentence: "One is drawn and shown once. The old one stops working and their sessions end. An invitation is better: then only they know it.",
		Form: &Form{Submit: "Draw one", Cancel: path}}, func(reason string) error {
		p, err := v.api.SetPassword(v.ctx(), u.Sub, api.NewPassword{}, reason)
		if err != nil {
			return err
		}
		return v.handOver(handedOver{Title: "A new password for " + nameOf(u), Lead: "It is shown this once.", Back: path, Things: []Hidden{{"Password", p.Password}}})
	})
}

func (c *Console) setSecondFactor(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "A second factor for " + nameOf(u) + "?", Sentence: "A new secret for an authenticator app. One that they had stops working.", Form: &Form{Submit: "Make one", Cancel: path}}, func(reason string) error {
		f, err := v.api.SetSecondFactor(v.ctx(), u.Sub, reason)
		if err != nil {
			return err
		}
		return v.handOver(handedOver{Title: "A second factor for " + nameOf(u), Lead: "They type the secret into their authenticator app, or open the link there. It is shown this once.", Back: path,
			Things: []Hidden{{"Secret", f.Secret}, {"Link", f.Link}}})
	})
}

func (c *Console) dropSecondFactor(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "Drop the second factor of " + nameOf(u) + "?", Sentence: "The password alone lets them in.", Form: &Form{Submit: "Drop it", Cancel: path}}, func(reason string) error {
		if err := v.api.DropSecondFactor(v.ctx(), u.Sub, reason); err != nil {
			return err
		}
		return v.done(path, "The second factor is dropped.")
	})
}
