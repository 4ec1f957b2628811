package configs

import (
	"slices"

	"github.com/handstamp/handstamp/apidocs"
	"github.com/handstamp/handstamp/broker/directory"
)

// docs checks that the documentation page can sign in with the client that it names.
func (v *validator) docs() {
	d := v.c.Docs
	if d.ClientID == "" {
		return
	}
	if !d.Enabled {
		v.problem("docs.client_id", "add enabled: true, or remove it", "it does nothing while the page is off")
		return
	}
	if !v.c.hasDirectory {
		return // whether there is such a client only the database knows
	}
	i := slices.IndexFunc(v.c.Directory.Clients, func(c directory.Client) bool { return c.ID == d.ClientID })
	if i < 0 {
		v.problem("docs.client_id", "add the client: public: true, first_party: true, and the redirect URI "+v.docsRedirect(), "there is no client %q", cut(d.ClientID))
		return
	}
	c := v.c.Directory.Clients[i]
	switch {
	case !c.Public:
		v.problem("docs.client_id", "a client with public: true, made for this page", "%s has a secret, which a page cannot keep", c.ID)
	case c.Disabled:
		v.problem("docs.client_id", "remove disabled: true", "%s is disabled", c.ID)
	case !slices.Contains(c.RedirectURIs, v.docsRedirect()):
		v.problem("docs.client_id", "add "+v.docsRedirect()+" to its redirect_uris", "people could not come back to the page from signing in with %s", c.ID)
	}
}

func (v *validator) docsRedirect() string { return v.c.Issuer + "/docs/" + apidocs.Redirect }
