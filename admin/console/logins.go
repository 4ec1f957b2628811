package console

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) loginRoutes() []route {
	return []route{
		{"GET /logins", "logins:read", c.logins},
		{"GET /logins/{reference}", "logins:read", c.login},
	}
}

// filters are the fields above a list, as they were sent.
type filters struct {
	Q, Client, Provider, Outcome, User  string
	Actor, Action, Target, Since, Until string
	Disabled                            string
	Base                                string // the address of this list, ending in ? or &
}

// readFilters takes what stands behind the question mark.
func (v *visit) readFilters() (f filters) {
	keep := url.Values{}
	for name, to := range map[string]*string{"q": &f.Q, "client": &f.Client, "provider": &f.Provider, "outcome": &f.Outcome, "user": &f.User,
		"actor": &f.Actor, "action": &f.Action, "target": &f.Target, "since": &f.Since, "until": &f.Until, "disabled": &f.Disabled} {
		if *to = v.query(name); *to != "" {
			keep.Set(name, *to)
		}
	}
	f.Base = v.r.URL.Path + "?"
	if len(keep) > 0 {
		f.Base += keep.Encode() + "&"
	}
	return f
}

// span reads the two days of a filter; a day ends with its last moment.
func (f filters) span() (since, until time.Time) {
	since, _ = time.Parse(time.DateOnly, f.Since)
	if t, err := time.Parse(time.DateOnly, f.Until); err == nil {
		until = t.Add(24*time.Hour - time.Microsecond)
	}
	return since, until
}

// logins lists who came, when, and how it ended.
func (c *Console) logins(v *visit) error {
	f := v.readFilters()
	since, until := f.span()
	page, err := v.api.Logins(v.ctx(), api.LoginFilter{ListOptions: v.list(), Client: f.Client, Provider: f.Provider, Outcome: f.Outcome, User: f.User, Q: f.Q, Since: since, Until: until})
	if err != nil {
		return err
	}
	return v.show("logins", "Logins", struct {
		Filters  filters
		Items    []api.Login
		Pager    pager
		Outcomes []Option
	}{f, page.Items, pagerView(f.Base, page.Next), []Option{{"signed_in", "Signed in", ""}, {"refused", "Refused", ""}, {"failed", "Failed", ""}, {"abandoned", "Not finished", ""}, {"test", "Test", ""}}})
}

// login tells one story: what happened, what the provider said, which rules fired and
// why, and what it would come to if something were different.
func (c *Console) login(v *visit) error {
	l, err := v.api.Login(v.ctx(), v.arg("reference"))
	if err != nil {
		return err
	}
	data := struct {
		Login      *api.Login
		Claims     string
		AddGroups  string
		SetText    string
		AsOf       string
		Asked      bool
		Explained  *api.Explained
		WhatIfFail string
	}{Login: l, Claims: pretty(l.Claims), AddGroups: v.query("add_groups"), SetText: v.query("set"), AsOf: v.query("as_of")}
	if v.r.URL.Query().Has("add_groups") || v.r.URL.Query().Has("as_of") {
		data.Asked = true
		ask := api.ExplainRequest{Reference: l.Reference}
		for g := range strings.SplitSeq(data.AddGroups, ",") {
			if g = strings.TrimSpace(g); g != "" {
				ask.AddGroups = append(ask.AddGroups, g)
			}
		}
		if name, value, ok := strings.Cut(data.SetText, "="); ok {
			ask.Set = map[string]any{strings.TrimSpace(name): claimValue(strings.TrimSpace(value))}
		}
		ask.AsOf, _ = strconv.ParseInt(data.AsOf, 10, 64)
		if data.Explained, err = v.api.Explain(v.ctx(), ask); err != nil {
			p := problemOf(err)
			if p == nil || p.Status == 401 {
				return err
			}
			data.WhatIfFail = p.Title + ": " + p.Detail
			for _, f := range p.Problems {
				data.WhatIfFail += " " + faultText(f)
			}
		}
	}
	return v.show("login", "Login "+l.Reference, data)
}

// claimValue reads what was typed as JSON, or else as words.
func claimValue(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	return text
}

func pretty(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil || string(b) == "null" {
		return ""
	}
	return string(b)
}
