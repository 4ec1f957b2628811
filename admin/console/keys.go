package console

import (
	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) keyRoutes() []route {
	return []route{
		{"GET /keys", "directory:read", c.keys},
		{"GET /keys/rotate", "keys:write", c.rotateKeys},
		{"POST /keys/rotate", "keys:write", c.rotateKeys},
		{"GET /logout-notices", "users:read", c.notices},
	}
}

// keys lists what signs tokens.
func (c *Console) keys(v *visit) error {
	page, err := v.api.Keys(v.ctx())
	if err != nil {
		return err
	}
	return v.show("keys", "Keys", page.Items)
}

// rotateKeys moves signing keys on: calmly, or at once where one leaked.
func (c *Console) rotateKeys(v *visit) error {
	form := &Form{Submit: "Rotate", Cancel: "/keys", AskWhy: "required", Groups: []Group{{Fields: []*Field{
		{Name: "alg", Label: "Which", Kind: "select", Options: []Option{{"", "Every algorithm", ""}, {"ES256", "ES256 (access tokens)", ""}, {"RS256", "RS256 (ID tokens)", ""}}},
		{Name: "now", Label: "At once: a key has leaked", Kind: "check", Help: "The new key signs before everybody knows it, and the old one goes with all that it signed: apps and APIs fail until they fetch the new keys."}}}}}
	return v.confirm(ask{Title: "Rotate the signing keys?", Sentence: "The next key begins to sign, and another one is published for the time after. Apps notice nothing.", Form: form}, func(reason string) error {
		if _, err := v.api.RotateKeys(v.ctx(), api.RotateRequest{Alg: form.Field("alg").Value, Now: form.Field("now").Checked()}, reason); err != nil {
			return err
		}
		return v.done("/keys", "The keys have moved on.")
	})
}

// notices lists what apps were told of ended sessions.
func (c *Console) notices(v *visit) error {
	f := v.readFilters()
	page, err := v.api.LogoutNotices(v.ctx(), api.NoticeFilter{ListOptions: v.list(), Client: f.Client, Outcome: f.Outcome, User: f.User})
	if err != nil {
		return err
	}
	return v.show("notices", "Logout notices", struct {
		Filters  filters
		Items    []api.Notice
		Pager    pager
		Outcomes []Option
	}{f, page.Items, pagerView(f.Base, page.Next), []Option{{"waiting", "Waiting", ""}, {"delivered", "Delivered", ""}, {"gave_up", "Given up", ""}, {"unwanted", "Not wanted", ""}}})
}
