package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

func (c *Console) userRoutes() []route {
	const read, write, own = "users:read", "users:write", "owners:write"
	both := func(path, need string, do func(*visit) error) []route {
		return []route{{"GET " + path, need, do}, {"POST " + path, need, do}}
	}
	return slices.Concat([]route{
		{"GET /users", read, c.users},
		{"GET /new/user", write, c.newUser},
		{"POST /new/user", write, c.newUser},
		{"GET /users/{sub}", read, c.user},
	}, both("/users/{sub}/disable", write, c.disableUser), both("/users/{sub}/enable", write, c.enableUser),
		both("/users/{sub}/sign-out", write, c.signOutUser), both("/users/{sub}/sessions/{sid}/end", write, c.endSession),
		both("/users/{sub}/access/{client}/end", write, c.endAccess), both("/users/{sub}/consents/{client}/{host}/forget", write, c.forgetConsent),
		both("/users/{sub}/identities/new", own, c.link), both("/users/{sub}/identities/{provider}/{key}/unlink", write, c.unlink),
		both("/users/{sub}/invitation", write, c.invite), both("/users/{sub}/password", write, c.setPassword),
		both("/users/{sub}/second-factor", write, c.setSecondFactor), both("/users/{sub}/second-factor/drop", write, c.dropSecondFactor),
		both("/users/{sub}/export", own, c.exportUser), both("/users/{sub}/erase", own, c.eraseUser))
}

// users lists and finds people.
func (c *Console) users(v *visit) error {
	f := v.readFilters()
	filter := api.UserFilter{ListOptions: v.list(), Q: f.Q}
	if f.Disabled == "true" || f.Disabled == "false" {
		disabled := f.Disabled == "true"
		filter.Disabled = &disabled
	}
	page, err := v.api.Users(v.ctx(), filter)
	if err != nil {
		return err
	}
	slugs, err := v.localProviders()
	if err != nil {
		return err
	}
	return v.show("users", "Users", struct {
		Filters filters
		Items   []api.User
		Pager   pager
		Local   bool // people can be added here
	}{f, page.Items, pagerView(f.Base, page.Next), len(slugs) > 0})
}

// user shows one person: how they are known, where they are signed in, and why they
// have each scope.
func (c *Console) user(v *visit) error {
	var (
		sub  = v.arg("sub")
		data struct {
			User       *api.User
			Identities []identityView
			Sessions   []api.Session
			Access     []api.Access // of apps that they use, or that hold something for them
			Others     []api.Access // what a sign-in would come to elsewhere
			Logins     []api.Login
		}
		err error
	)
	if data.User, err = v.api.User(v.ctx(), sub); err != nil {
		return err
	}
	identities, err := v.api.Identities(v.ctx(), sub)
	if err != nil {
		return err
	}
	for _, i := range identities.Items {
		data.Identities = append(data.Identities, identityView{i, pretty(i.Claims)})
	}
	sessions, err := v.api.Sessions(v.ctx(), sub)
	if err != nil {
		return err
	}
	data.Sessions = sessions.Items
	access, err := v.api.Access(v.ctx(), sub)
	if err != nil {
		return err
	}
	if v.Can("logins:read") {
		page, err := v.api.Logins(v.ctx(), api.LoginFilter{ListOptions: api.ListOptions{Limit: 10}, User: sub})
		if err != nil {
			return err
		}
		data.Logins = page.Items
	}
	for _, a := range access.Items {
		used := slices.ContainsFunc(data.Logins, func(l api.Login) bool { return l.Client == a.Client })
		if used || len(a.Holds) > 0 || len(a.Consents) > 0 {
			data.Access = append(data.Access, a)
		} else if a.Client != directory.AdminClient {
			data.Others = append(data.Others, a)
		}
	}
	return v.show("user", nameOf(data.User), data)
}

// accessLine is one app on the page of a person.
type accessLine struct {
	Access api.Access
	Sub    string
	Write  bool
}

func accessView(f frame, sub string, a api.Access) accessLine {
	return accessLine{a, sub, f.Can("users:write")}
}

type identityView struct {
	api.Identity
	ClaimsText string
}

func nameOf(u *api.User) string {
	for _, name := range []string{u.Name, u.Email, u.Sub} {
		if name != "" {
			return words(name, 120)
		}
	}
	return "somebody"
}

// about begins a page that asks something about a person.
func (v *visit) about() (u *api.User, path string, err error) {
	u, err = v.api.User(v.ctx(), v.arg("sub"))
	return u, "/users/" + v.arg("sub"), err
}

func (c *Console) disableUser(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "Disable " + nameOf(u) + "?", Sentence: "They cannot sign in any more, every session ends, and apps lose what they hold. Enabling them later brings nothing of that back.",
		Form: &Form{Submit: "Disable", Cancel: path}}, func(reason string) error {
		yes := true
		if _, err := v.api.PatchUser(v.ctx(), u.Sub, api.UserChange{Disabled: &yes}, reason); err != nil {
			return err
		}
		return v.done(path, nameOf(u)+" is disabled.")
	})
}

func (c *Console) enableUser(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "Enable " + nameOf(u) + "?", Sentence: "They may sign in again.", Form: &Form{Submit: "Enable", Cancel: path}}, func(reason string) error {
		no := false
		if _, err := v.api.PatchUser(v.ctx(), u.Sub, api.UserChange{Disabled: &no}, reason); err != nil {
			return err
		}
		return v.done(path, nameOf(u)+" is enabled.")
	})
}

func (c *Console) signOutUser(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	form := &Form{Submit: "Sign out everywhere", Cancel: path, Groups: []Group{{Fields: []*Field{{Name: "offline", Kind: "check", Label: "Also from apps that come back without the person",
		Help: "Access that survives a sign-out ends too."}}}}}
	return v.confirm(ask{Title: "Sign " + nameOf(u) + " out everywhere?", Sentence: "Every session ends, and apps that understand it are told. They may sign in again at once.", Form: form}, func(reason string) error {
		ended, err := v.api.SignOut(v.ctx(), u.Sub, form.Field("offline").Checked(), reason)
		if err != nil {
			return err
		}
		return v.done(path, fmt.Sprintf("Sessions that ended: %d.", ended.Sessions))
	})
}

func (c *Console) endSession(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "End this session of " + nameOf(u) + "?", Sentence: "The browser is signed out, and apps that understand it are told.", Form: &Form{Submit: "End it", Cancel: path}}, func(reason string) error {
		if err := v.api.EndSession(v.ctx(), u.Sub, v.arg("sid"), reason); err != nil {
			return err
		}
		return v.done(path, "The session has ended.")
	})
}

func (c *Console) endAccess(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	client, err := api.FromKey(v.arg("client"))
	if err != nil {
		return errNotFound
	}
	return v.confirm(ask{Title: "End the access of " + words(client, 80) + "?", Sentence: "The app loses what it holds for " + nameOf(u) + ". It can get it again when they sign in.", Form: &Form{Submit: "End it", Cancel: path}}, func(reason string) error {
		if err := v.api.EndAccess(v.ctx(), u.Sub, client, reason); err != nil {
			return err
		}
		return v.done(path, "The access has ended.")
	})
}

func (c *Console) forgetConsent(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	client, err := api.FromKey(v.arg("client"))
	host, err2 := api.FromKey(v.arg("host"))
	if err != nil || err2 != nil {
		return errNotFound
	}
	return v.confirm(ask{Title: "Forget what " + nameOf(u) + " agreed to?", Sentence: words(client, 80) + " at " + words(host, 120) + " asks again the next time.", Form: &Form{Submit: "Forget it", Cancel: path}}, func(reason string) error {
		if err := v.api.ForgetConsent(v.ctx(), u.Sub, client, host, reason); err != nil {
			return err
		}
		return v.done(path, "It is forgotten.")
	})
}

func (c *Console) eraseUser(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	phrase := u.Email
	if phrase == "" {
		phrase = u.Sub
	}
	return v.confirm(ask{Title: "Erase " + nameOf(u) + "?", Sentence: "Everything personal about them goes: identities, sessions, logins, what apps hold. The audit keeps that it happened, without their name. This cannot be undone.",
		Phrase: words(phrase, 200), Form: &Form{Submit: "Erase", Cancel: path, AskWhy: "required"}}, func(reason string) error {
		if err := v.api.EraseUser(v.ctx(), u.Sub, reason, false); err != nil {
			return err
		}
		return v.done("/users", "Everything personal is erased.")
	})
}

// exportUser hands over everything that is kept about a person, as a file.
func (c *Console) exportUser(v *visit) error {
	u, path, err := v.about()
	if err != nil {
		return err
	}
	return v.confirm(ask{Title: "Export everything about " + nameOf(u) + "?", Sentence: "A JSON file with all that is kept about them. The audit says that you took it.", Form: &Form{Submit: "Download", Cancel: path}}, func(reason string) error {
		export, err := v.api.ExportUser(v.ctx(), u.Sub, reason)
		if err != nil {
			return err
		}
		body, err := json.MarshalIndent(export, "", "  ")
		if err != nil {
			return err
		}
		return v.download("application/json", "user-"+plainName(u.Sub)+".json", body)
	})
}

// download hands a file over.
func (v *visit) download(kind, name string, body []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+plainName(name)+`"`)
	v.w.WriteHeader(http.StatusOK)
	if _, err := v.w.Write(body); err != nil {
		v.cause = err
	}
	return nil
}

// plainName keeps what every file system and header takes.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
			return r
		}
		return '_'
	}, s)
}
