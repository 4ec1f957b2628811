package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

// The test sign-in: what a provider says about somebody, and what that comes to, without
// a user, a session or a code.

// testProvider leads to the provider by a link: a form of ours may not end elsewhere.
func (c *Console) testProvider(v *visit) error {
	slug := v.arg("slug")
	started, err := v.api.TestProvider(v.ctx(), slug, c.URL+"/providers/"+url.PathEscape(slug)+"/tested")
	if err != nil {
		return err
	}
	return v.show("test", "Test sign-in with "+slug, struct{ Slug, URL string }{slug, started.URL})
}

// tested is what a test sign-in brought.
type tested struct {
	Slug      string
	Login     *api.Login
	Client    string
	Clients   []api.ClientInfo
	Explained *api.Explained
	Role      string // that this identity has already
	Disabled  bool
}

// testedProvider shows the claims that came and what they map to.
func (c *Console) testedProvider(v *visit) error {
	slug, reference := v.arg("slug"), v.query("reference")
	login, err := v.patiently(reference)
	if err != nil {
		return err
	}
	if login.Provider != slug || login.Outcome != "test" {
		return errNotFound
	}
	page := tested{Slug: slug, Login: login, Client: v.query("client")}
	p, err := v.api.Provider(v.ctx(), slug)
	if err != nil {
		return err
	}
	page.Disabled = p.Disabled
	clients, err := v.api.Clients(v.ctx(), "", api.ListOptions{Limit: 200})
	if err != nil {
		return err
	}
	page.Clients = clients.Items
	if page.Client == "" && len(clients.Items) > 0 {
		page.Client = clients.Items[0].ID
	}
	if login.Subject != "" && page.Client != "" {
		page.Explained, err = v.api.Explain(v.ctx(), api.ExplainRequest{Provider: slug, Client: page.Client, Claims: login.Claims})
		if p := problemOf(err); err != nil && (p == nil || p.Status >= 500) {
			return err
		}
	}
	if v.Can("owners:write") {
		admins, err := v.api.Admins(v.ctx())
		if err != nil {
			return err
		}
		for _, a := range admins.Items {
			if a.Provider == slug && a.Subject == login.Subject {
				page.Role = a.Role
			}
		}
	}
	return v.show("tested", "What "+slug+" said", page)
}

// patiently reads a login that is written behind everybody's back, a moment after it
// happened.
func (v *visit) patiently(reference string) (*api.Login, error) {
	for try := 0; ; try++ {
		login, err := v.api.Login(v.ctx(), reference)
		if p := problemOf(err); p == nil || p.Status != http.StatusNotFound || try == 20 {
			return login, err
		}
		select {
		case <-v.r.Context().Done():
			return nil, v.r.Context().Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ownerFromTest makes the identity of a test sign-in an owner.
func (c *Console) ownerFromTest(v *visit) error {
	slug, reference := v.arg("slug"), v.typed("reference")
	login, err := v.api.Login(v.ctx(), reference)
	if err != nil {
		return err
	}
	if login.Provider != slug || login.Outcome != "test" || login.Subject == "" {
		return errNotFound
	}
	if err := v.api.NewAdmin(v.ctx(), slug, login.Subject, api.AdminRole{Role: "owner", Reference: reference}, "test sign-in "+reference); err != nil {
		return err
	}
	return v.done("/administrators", "This person is an owner now: "+login.Person)
}
