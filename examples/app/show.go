package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// view is all that the page can show; what is empty is left out.
type view struct {
	Title     string
	Problem   *problem
	Bye       string // where the person has just signed out
	Issuer    string
	Account   string // the broker's page on which a person ends sessions and access
	API       string
	Providers []Provider
	Person    *person // nil: nobody is signed in
	Rules     []rule
	Explained bool // the broker told which rule gave what
	Scopes    []scope
	Doors     []door
	ID        *decoded
	Access    *decoded
	Refresh   refreshView
}

type person struct {
	Name, Email, Subject string
	Verified             bool
	Groups               []string
}

// rule is one line of the broker's explanation (`handstamp_why` in userinfo).
type rule struct {
	Rule   string   `json:"rule"`
	Scopes []string `json:"scopes"`
	Roles  []string `json:"roles"`
}

type scope struct {
	Name    string
	Granted bool
}

// door is one thing that the API does.
type door struct {
	ID, Title, Button   string
	Method, Path, Scope string
	Granted             bool
	Young               string // how young the sign-in has to be, or ""
	Call                *call
}

type refreshView struct {
	Has   bool
	Short string // its beginning
	Count int
	At    string
	Ends  string // when the access token does
}

// home is the one page: before and after sign-in.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	if v := a.visit(r); v != nil {
		a.show(w, http.StatusOK, a.signedInView(v))
		return
	}
	out := view{}
	if id := a.cookies.get(r, a.cookies.session()); id != "" && a.sessions.endedElsewhere(id) {
		out.Bye = "Your session ended at Handstamp, and Handstamp said so here."
		a.cookies.set(w, a.cookies.session(), "", 0)
	}
	switch a.cookies.get(r, a.cookies.bye()) {
	case "":
	case byeBoth:
		out.Bye = "Here and at Handstamp."
		a.cookies.set(w, a.cookies.bye(), "", 0)
	default:
		out.Bye = "Here. Handstamp could not be asked, so you may still be signed in there."
		a.cookies.set(w, a.cookies.bye(), "", 0)
	}
	a.show(w, http.StatusOK, out)
}

// show renders the page whole before the first byte leaves.
func (a *app) show(w http.ResponseWriter, status int, v view) {
	v.Issuer, v.API, v.Providers, v.Account = a.Issuer, a.APIURL, a.Providers, strings.TrimSuffix(a.Issuer, "/")+"/account"
	if v.Title == "" {
		v.Title = "Items Desk"
		if v.Problem != nil {
			v.Title = v.Problem.Title + " · " + v.Title
		}
	}
	var body bytes.Buffer
	if err := a.pages.ExecuteTemplate(&body, "page", v); err != nil {
		a.Logger.Error("render page", "cause", err)
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

func (a *app) signedInView(v *visit) view {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := a.Now()
	out := view{Problem: v.problem, ID: decode(v.who.IDToken, now), Access: decode(v.who.AccessToken, now)}
	v.problem = nil
	out.Person = personOf(v.who)
	out.Title = out.Person.Name + " · Items Desk"
	out.Rules, out.Explained = rulesOf(v.who.Info)
	for _, name := range a.Scopes {
		out.Scopes = append(out.Scopes, scope{name, slices.Contains(v.who.Scopes, name)})
	}
	out.Doors = []door{
		{ID: "read", Title: "Read the items", Button: "Read the items", Method: "GET", Path: "/items", Scope: "items:read"},
		{ID: "write", Title: "Add an item", Button: "Add an item", Method: "POST", Path: "/items", Scope: "items:write"},
		{ID: "empty", Title: "Empty the shelf", Button: "Take everything off the shelf", Method: "DELETE", Path: "/items", Scope: "items:write", Young: "5 minutes"},
	}
	for i := range out.Doors {
		d := &out.Doors[i]
		d.Granted = slices.Contains(v.who.Scopes, d.Scope)
		for _, c := range v.calls {
			if c.Door == d.ID {
				d.Call = &c
			}
		}
	}
	out.Refresh = refreshView{Has: v.who.RefreshToken != "", Count: v.refreshed, Ends: moment(v.who.Expires, now)}
	if out.Refresh.Has {
		out.Refresh.Short = v.who.RefreshToken[:min(len(v.who.RefreshToken), 12)]
	}
	if v.refreshed > 0 {
		out.Refresh.At = moment(v.renewedAt, now)
	}
	return out
}

// personOf takes what userinfo says, and the ID token's subject, which was checked.
func personOf(who *identity) *person {
	p := &person{Subject: who.Subject}
	p.Name, _ = who.Info["name"].(string)
	p.Email, _ = who.Info["email"].(string)
	p.Verified, _ = who.Info["email_verified"].(bool)
	groups, _ := who.Info["groups"].([]any)
	for _, g := range groups {
		if s, ok := g.(string); ok {
			p.Groups = append(p.Groups, s)
		}
	}
	if p.Name == "" {
		p.Name = p.Email
	}
	if p.Name == "" {
		p.Name = who.Subject
	}
	return p
}

func rulesOf(info map[string]any) (rules []rule, explained bool) {
	why, explained := info["handstamp_why"]
	if !explained {
		return nil, false
	}
	b, err := json.Marshal(why)
	if err != nil || json.Unmarshal(b, &rules) != nil {
		return nil, false
	}
	return rules, true
}

// initial is the letter that stands for a person or a provider.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return strings.ToUpper(string(r))
		}
	}
	return "·"
}
