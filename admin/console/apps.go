package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/admin/snippets"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// Apps: what signs people in, and machines that act for themselves. Each is shown with
// the program text that connects it.

func (c *Console) appRoutes() []route {
	return []route{
		{"GET /clients", "directory:read", c.apps},
		{"GET /new/client", "directory:write", c.chooseApp},
		{"GET /new/client/{sort}", "directory:write", c.newApp},
		{"POST /new/client/{sort}", "directory:write", c.newApp},
		{"GET /clients/{id}", "directory:read", c.app},
		{"GET /clients/{id}/edit", "directory:write", c.editApp},
		{"POST /clients/{id}/edit", "directory:write", c.editApp},
		{"GET /clients/{id}/delete", "directory:write", c.deleteApp},
		{"POST /clients/{id}/delete", "directory:write", c.deleteApp},
		{"GET /clients/{id}/secret", "directory:write", c.drawSecret},
		{"POST /clients/{id}/secret", "directory:write", c.drawSecret},
		{"GET /clients/{id}/secrets/{key}/end", "directory:write", c.endSecret},
		{"POST /clients/{id}/secrets/{key}/end", "directory:write", c.endSecret},
	}
}

// sorts of apps, as somebody who builds one calls them.
type sortOfApp struct {
	Name, Title, Says string
	Start             things
}

var sorts = []sortOfApp{
	{"web", "Web app with a server", "It keeps a secret: Go, Java, Python, Rails, Next.js, WordPress, Apache …", things{"first_party": true}},
	{"spa", "App in the browser, on a phone or on a desk", "It cannot keep a secret; PKCE protects it.", things{"public": true, "first_party": true, "refresh_tokens": "online"}},
	{"machine", "Machine", "It acts for itself, without a person: a job, a service.", things{}},
	{"api", "API that asks about tokens", "It cannot check tokens by itself and asks by introspection.", things{}},
}

func (c *Console) apps(v *visit) error {
	page, err := v.api.Clients(v.ctx(), v.query("q"), v.list())
	if err != nil {
		return err
	}
	return v.show("apps", "Apps", struct {
		*api.Page[api.ClientInfo]
		Q string
	}{page, v.query("q")})
}

func (c *Console) chooseApp(v *visit) error { return v.show("app-sorts", "A new app", sorts) }

func (c *Console) newApp(v *visit) error {
	i := slices.IndexFunc(sorts, func(s sortOfApp) bool { return s.Name == v.arg("sort") })
	if i < 0 {
		return errNotFound
	}
	etag, err := v.tag()
	if err != nil {
		return err
	}
	choices, err := v.appChoices()
	if err != nil {
		return err
	}
	made := things{}
	for name, value := range sorts[i].Start {
		made[name] = value
	}
	form := appForm(sorts[i].Name, made, choices, true)
	form.ETag, form.Cancel = etag, "/new/client"
	draft := func() (*directory.Client, error) { return as[directory.Client](fill(made, form)) }
	return v.edit(change{Title: "Add a " + strings.ToLower(sorts[i].Title[:1]) + sorts[i].Title[1:], Lead: sorts[i].Says, Form: form,
		Edit: func() (api.Edit, error) {
			d, err := draft()
			if err == nil && !d.Public && d.JWKSURI == "" { // the secret is drawn when it is applied
				d.Secrets = []providers.Secret{"to be drawn when this is applied"}
			}
			return api.Edit{Op: "put", Kind: "client", Client: d}, err
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			d, err := draft()
			if err != nil {
				return nil, err
			}
			return v.api.AddClient(v.ctx(), *d, o)
		},
		Done: func(*api.Applied) (string, string) { return "/clients/" + url.PathEscape(made.text("id")), "Added." }})
}

func (c *Console) editApp(v *visit) error {
	id := v.arg("id")
	etag, err := v.tag()
	if err != nil {
		return err
	}
	load := func() (things, error) {
		info, err := v.api.Client(v.ctx(), id)
		if err != nil {
			return nil, err
		}
		return thingsOf(info.Settings())
	}
	now, err := load()
	if err != nil {
		return err
	}
	choices, err := v.appChoices()
	if err != nil {
		return err
	}
	form := appForm("", now, choices, false)
	form.ETag, form.Cancel = etag, "/clients/"+url.PathEscape(id)
	draft := func() (*directory.Client, error) { return as[directory.Client](fill(now, form)) }
	return v.edit(change{Title: "Change " + id, Form: form,
		Edit: func() (api.Edit, error) {
			d, err := draft()
			return api.Edit{Op: "put", Kind: "client", ID: id, Client: d}, err
		},
		Apply: func(o api.ChangeOptions) (*api.Applied, error) {
			d, err := draft()
			if err != nil {
				return nil, err
			}
			return v.api.PutClient(v.ctx(), id, *d, o)
		},
		Fresh: func() (*Form, error) {
			fresh, err := load()
			return appForm("", fresh, choices, false), err
		},
		Done: func(*api.Applied) (string, string) { return form.Cancel, "Saved." }})
}

// appChoices are the names that an app's form offers.
type appChoices struct{ providers, scopes, resources []Option }

func (v *visit) appChoices() (out appChoices, err error) {
	upstreams, err := v.api.Providers(v.ctx(), api.ListOptions{Limit: 200})
	if err != nil {
		return out, err
	}
	for _, p := range upstreams.Items {
		out.providers = append(out.providers, Option{Value: p.Slug, Label: words(orElse(p.Title, p.Slug), 60)})
	}
	resources, err := v.api.Resources(v.ctx(), api.ListOptions{Limit: 200})
	if err != nil {
		return out, err
	}
	for _, r := range resources.Items {
		out.resources = append(out.resources, Option{Value: r.ID, Label: words(orElse(r.Name, r.ID), 60)})
		for _, s := range r.Scopes {
			out.scopes = append(out.scopes, Option{Value: s.Name, Label: s.Name, Help: words(s.Description, 120)})
		}
	}
	return out, nil
}

var identityScopes = []Option{{"openid", "openid", "that it is them"}, {"profile", "profile", "name and picture"}, {"email", "email", "e-mail address"}, {"groups", "groups", "groups as the provider says them"},
	{"address", "address", "postal address"}, {"phone", "phone", "phone number"}, {"offline_access", "offline_access", "stay connected while they are away"}}

// appForm asks what an app of one sort needs; an app that exists shows all of it.
func appForm(sort string, now things, choices appChoices, fresh bool) *Form {
	people := sort == "web" || sort == "spa" || sort == "" && len(now.list("redirect_uris")) > 0
	var groups []Group
	id := &Field{Name: "id", Label: "Client ID", Required: fresh, ReadOnly: !fresh, Value: now.text("id"), Help: "Only a-z, 0-9 and - . _ ; the app sends it, and it stays."}
	name := &Field{Name: "name", Label: "Name", Value: now.text("name"), Help: "What people read on the sign-in and consent pages."}
	groups = append(groups, Group{Fields: []*Field{id, name}})
	if people {
		groups = append(groups, Group{Legend: "Signing people in", Fields: []*Field{
			{Name: "redirect_uris", Label: "Redirect URIs", Kind: "list", Values: now.list("redirect_uris"), Required: true, Rows: 3, Help: "Where people come back to: compared byte for byte. One a line. http is for loopback only, where the port may vary."},
			{Name: "post_logout_redirect_uris", Label: "After signing out", Kind: "list", Values: now.list("post_logout_redirect_uris"), Rows: 2, Help: "Addresses that the app may send people to. One a line."},
			{Name: "first_party", Label: "One of our own apps", Kind: "check", Value: boolText(now.yes("first_party")), Help: "People are not asked for consent."},
			{Name: "scopes", Label: "What it may ask for", Kind: "choices", Values: now.list("scopes"), Options: offered(append(slices.Clone(identityScopes), choices.scopes...), now.list("scopes")), Help: "None ticked: openid, profile, email."},
			{Name: "providers", Label: "Where its people may come from", Kind: "choices", Values: now.list("providers"), Options: offered(choices.providers, now.list("providers")), Help: "None ticked: every provider."},
			choice("refresh_tokens", "Refresh tokens", now, "They let the app come back without the person.", Option{"", "none", ""}, Option{"online", "online: they end with the session", ""}, Option{"offline", "offline: they survive a sign-out", ""}),
		}})
	}
	if !people || len(now.list("machine_scopes")) > 0 {
		groups = append(groups, Group{Legend: "Acting for itself", Fields: []*Field{
			{Name: "machine_scopes", Label: "What it may do", Kind: "choices", Values: now.list("machine_scopes"), Options: offered(choices.scopes, now.list("machine_scopes")), Help: "Scopes of resources, by client_credentials. No rule speaks about them."}}})
	}
	if sort == "api" || len(now.list("introspects")) > 0 {
		groups = append(groups, Group{Legend: "Asking about tokens", Fields: []*Field{
			{Name: "introspects", Label: "Whose tokens it may ask about", Kind: "choices", Values: now.list("introspects"), Options: offered(choices.resources, now.list("introspects"))}}})
	}
	groups = append(groups, Group{Fields: []*Field{{Name: "disabled", Label: "Switched off", Kind: "check", Value: boolText(now.yes("disabled")), Help: "Nobody can sign in to it, and its tokens do not renew."}}})
	more := Group{Legend: "More settings", Folded: true}
	if people {
		more.Fields = append(more.Fields,
			&Field{Name: "allowed_origins", Label: "Browser origins", Kind: "list", Values: now.list("allowed_origins"), Rows: 2, Help: "Of pages that call token, userinfo and revoke from a browser. One a line."},
			&Field{Name: "backchannel_logout_uri", Label: "Back-channel logout", Kind: "url", Value: now.text("backchannel_logout_uri"), Help: "Is told when a session ends that the app took part in."},
			choice("default_resource", "Tokens are for", now, "Where a request names no resource and its scopes do not tell.", append([]Option{{"", "what the request says", ""}}, choices.resources...)...),
			&Field{Name: "id_token_claims", Label: "Claims in the ID token", Kind: "list", Values: now.list("id_token_claims"), Rows: 2, Help: "Such as email, groups. One a line. Empty: ID tokens are lean."},
			choice("id_token_alg", "ID tokens are signed with", now, "", Option{"", "RS256", ""}, Option{"ES256", "ES256", ""}, Option{"PS256", "PS256", ""}, Option{"EdDSA", "EdDSA", ""}),
			&Field{Name: "explain", Label: "Userinfo tells which rule gave what", Kind: "check", Value: boolText(now.yes("explain")), Help: "For apps that you trust."},
			&Field{Name: "confirm_redirect", Label: "Ask before an error is sent on", Kind: "check", Value: boolText(now.yes("confirm_redirect")), Help: "For apps whose owners you do not know well."})
	}
	if !now.yes("public") {
		more.Fields = append(more.Fields,
			choice("auth_method", "How it proves who it is", now, "", Option{"", "its secret, either way", ""}, Option{"client_secret_basic", "client_secret_basic", ""}, Option{"client_secret_post", "client_secret_post", ""}, Option{"private_key_jwt", "private_key_jwt", ""}),
			&Field{Name: "jwks_uri", Label: "Where it publishes its keys", Kind: "url", Value: now.text("jwks_uri"), Help: "For private_key_jwt."})
	}
	more.Fields = append(more.Fields, lookFields(now)...)
	return &Form{Groups: append(groups, more)}
}

func choice(name, label string, now things, help string, options ...Option) *Field {
	f := &Field{Name: name, Label: label, Kind: "select", Value: now.text(name), Options: options, Help: help}
	if f.Value == options[0].Label {
		f.Value = "" // the default, written out
	}
	if !slices.ContainsFunc(options, func(o Option) bool { return o.Value == f.Value }) {
		f.Options = append(f.Options, Option{Value: f.Value, Label: f.Value})
	}
	return f
}

// offered adds what is chosen already to what can be chosen.
func offered(options []Option, chosen []string) []Option {
	for _, one := range chosen {
		if !slices.ContainsFunc(options, func(o Option) bool { return o.Value == one }) {
			options = append(options, Option{Value: one, Label: one})
		}
	}
	return options
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// appPage is one app with its text to copy.
type appPage struct {
	*api.ClientInfo
	Snippets []snippets.Snippet
	Secrets  []appSecret
	Issuer   string
}

// appSecret is one of a client's secrets: how it is known, never what it is.
type appSecret struct{ Source, Key string }

func (c *Console) app(v *visit) error {
	info, err := v.api.Client(v.ctx(), v.arg("id"))
	if err != nil {
		return err
	}
	page := appPage{ClientInfo: info, Issuer: c.Issuer}
	for _, source := range info.SecretSources {
		page.Secrets = append(page.Secrets, appSecret{source, key(strings.TrimPrefix(source, "sealed:"))})
	}
	if len(info.RedirectURIs) > 0 {
		s := snippets.Client{ID: info.ID, Public: info.Public, RedirectURI: info.RedirectURIs[0], Scopes: info.Scopes, Groups: slices.Contains(info.IDTokenClaims, "groups")}
		if info.Effective != nil {
			s.Scopes = info.Effective.Scopes
			if len(info.Effective.Providers) == 1 {
				s.Provider = info.Effective.Providers[0]
			}
		}
		if page.Snippets, err = snippets.App(c.Issuer, s); err != nil {
			return err
		}
	}
	return v.show("app", orElse(info.Name, info.ID), page)
}

func (c *Console) deleteApp(v *visit) error {
	id := v.arg("id")
	etag, err := v.tag()
	if err != nil {
		return err
	}
	if _, err := v.api.Client(v.ctx(), id); err != nil {
		return err
	}
	return v.edit(change{Title: "Remove the app " + id, Lead: "Nobody can sign in to it any more, and its tokens do not renew.",
		Form:  &Form{ETag: etag, Cancel: "/clients/" + url.PathEscape(id), Danger: true},
		Edit:  func() (api.Edit, error) { return api.Edit{Op: "delete", Kind: "client", ID: id}, nil },
		Apply: func(o api.ChangeOptions) (*api.Applied, error) { return v.api.DeleteClient(v.ctx(), id, o) },
		Done:  func(*api.Applied) (string, string) { return "/clients", "Removed." }})
}

// drawSecret gives one more secret; the old one works until it is ended.
func (c *Console) drawSecret(v *visit) error {
	id := v.arg("id")
	form := &Form{Submit: "Draw a secret", Cancel: "/clients/" + url.PathEscape(id)}
	return v.aboutSecret(form, ask{Title: "A new secret for " + id, Form: form,
		Sentence: "The secret that there is keeps working until you end it, so that the app can change over without a gap. Two can be live at once."},
		func(o api.ChangeOptions) error {
			applied, err := v.api.DrawSecret(v.ctx(), id, o)
			if err != nil {
				return err
			}
			return v.show("secret", "Copy the secret now", secretPage{applied.Secrets, form.Cancel})
		})
}

func (c *Console) endSecret(v *visit) error {
	id := v.arg("id")
	fingerprint, err := api.FromKey(v.arg("key")) // of a reference it is the whole reference
	if err != nil {
		return errNotFound
	}
	form := &Form{Submit: "End it", Cancel: "/clients/" + url.PathEscape(id)}
	return v.aboutSecret(form, ask{Title: "End a secret of " + id, Sentence: "Whoever still uses it is turned away at once.", Details: []string{fingerprint}, Form: form},
		func(o api.ChangeOptions) error {
			if _, err := v.api.EndSecret(v.ctx(), id, fingerprint, o); err != nil {
				return err
			}
			return v.done(form.Cancel, "That secret has ended.")
		})
}

// aboutSecret asks first, and acts on the directory as it was when the question stood there.
func (v *visit) aboutSecret(form *Form, a ask, act func(api.ChangeOptions) error) error {
	etag, err := v.tag()
	if err != nil {
		return err
	}
	if form.ETag = etag; v.r.Method == http.MethodPost {
		form.ETag = v.typed("_etag")
	}
	return v.confirm(a, func(reason string) error {
		o := v.change(form)
		o.Reason = reason
		return act(o)
	})
}
