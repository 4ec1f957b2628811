package page

import (
	"html/template"
	"net/http"
	"time"
)

// Account is what a person has here: ways in, sessions, apps that come back without
// them, and what they agreed to.
type Account struct {
	Person      string
	Notice      string // what has just ended, or ""
	Identities  []AccountIdentity
	Sessions    []AccountSession
	Apps        []AccountApp
	Consents    []AccountConsent
	Action      string // where the forms post to
	Token       string // hidden field "token"
	SignOutHref string
	Linkable    []AccountProvider // what the person may add as a way to sign in
}

// AccountProvider is a provider that a person may add.
type AccountProvider struct{ Slug, Title string }

// AccountIdentity is the person as one provider knows them.
type AccountIdentity struct {
	Provider, Email string
	Since, LastUsed time.Time

	ProviderID, Subject string // hidden fields "provider" and "subject"
	Removable           bool
}

// AccountSession is one browser in which the person is signed in.
type AccountSession struct {
	SID               string // hidden field "sid"
	Here              bool   // this very browser
	Device, IP        string // where it began
	Provider          string
	Started, LastSeen time.Time
}

// What the page shows of long lists: the latest, and how many more there are.
const (
	mostSessions = 30
	mostAccess   = 5
)

// AccountApp is an app that comes back without the person.
type AccountApp struct {
	ClientID, Name string // hidden field "client"
	Access         []AccountAccess
}

// AccountAccess is one refresh token family of an app.
type AccountAccess struct {
	Device, IP        string // where the person was
	FirstIP           string // where the app was
	Offline           bool   // survives sign-out
	Started, LastUsed time.Time
}

// AccountConsent is what the person agreed to give an app.
type AccountConsent struct {
	ClientID, Name, RedirectHost string // hidden fields "client" and "host"
	Scopes                       []ScopeLine
	Since                        time.Time
}

// Account shows a person what is theirs. Its forms end on this very page.
func (p *Pages) Account(w http.ResponseWriter, v Account) error {
	csp := policy{Forms: "'self'"}
	form := accountForm{Action: walkLink(v.Action), Token: v.Token}
	type identity struct {
		Provider, Email string
		Since, Last     moment
		Form            *accountForm // nil for the last one
	}
	type adding struct {
		Title string
		Form  accountForm
	}
	type row struct {
		Here         bool
		Title, Place string
		Provider     string
		Since, Last  moment
		Form         accountForm
	}
	type access struct {
		Place, From string
		First       string // where the app was, if elsewhere
		Offline     bool
		Since, Last moment
	}
	type app struct {
		Name   string
		Access []access
		More   int
		Form   accountForm
	}
	type consent struct {
		Name, Host string
		Scopes     []string
		Since      moment
		Form       accountForm
	}
	var out struct {
		Person, Notice string
		Identities     []identity
		Add            []adding
		Sessions       []row
		MoreSessions   int
		Others         *accountForm // nil where there are none
		Apps           []app
		Consents       []consent
		SignOut        link
	}
	out.Person, out.Notice, out.SignOut = words(v.Person), prose(p.Say(v.Notice)), walkLink(v.SignOutHref)
	for _, i := range v.Identities {
		line := identity{words(i.Provider), words(i.Email), moment(i.Since), moment(i.LastUsed), nil}
		if i.Removable {
			line.Form = form.to("identity", "provider", i.ProviderID, "subject", i.Subject)
		}
		out.Identities = append(out.Identities, line)
	}
	for _, l := range v.Linkable {
		out.Add = append(out.Add, adding{words(l.Title), *form.to("link", "provider", l.Slug)})
	}
	for _, s := range v.Sessions {
		if !s.Here {
			out.Others = form.to("others")
		}
		if len(out.Sessions) == mostSessions {
			out.MoreSessions++
			continue
		}
		out.Sessions = append(out.Sessions, row{s.Here, device(s.Device, p.Say("A browser")), words(s.IP), words(s.Provider), moment(s.Started), moment(s.LastSeen), *form.to("session", "sid", s.SID)})
	}
	for _, a := range v.Apps {
		line := app{Name: words(a.Name), More: max(len(a.Access)-mostAccess, 0), Form: *form.to("app", "client", a.ClientID)}
		for _, one := range a.Access[:min(len(a.Access), mostAccess)] {
			first := words(one.FirstIP)
			if one.FirstIP == one.IP {
				first = ""
			}
			place := device(one.Device, p.Say("a browser"))
			line.Access = append(line.Access, access{place, words(one.IP), first, one.Offline, moment(one.Started), moment(one.LastUsed)})
		}
		out.Apps = append(out.Apps, line)
	}
	for _, c := range v.Consents {
		line := consent{Name: words(c.Name), Host: words(c.RedirectHost), Since: moment(c.Since), Form: *form.to("consent", "client", c.ClientID, "host", c.RedirectHost)}
		for _, s := range c.Scopes {
			text := prose(p.Say(s.Description))
			if text == "" {
				text = words(s.Name)
			}
			line.Scopes = append(line.Scopes, text)
		}
		out.Consents = append(out.Consents, line)
	}
	return p.show(w, http.StatusOK, "account", view{Title: p.Say("Your account"), Wide: true, Page: out}, csp)
}

// accountForm is one button: where it goes, what it ends, and which.
type accountForm struct {
	Action link
	Token  string
	End    string
	Fields []Field
}

func (f accountForm) to(end string, fields ...string) *accountForm {
	f.End = end
	for i := 0; i+1 < len(fields); i += 2 {
		f.Fields = append(f.Fields, Field{fields[i], fields[i+1]})
	}
	return &f
}

func device(s, unknown string) string {
	if s = words(s); s == "" {
		return unknown
	}
	return s
}

// moment is a time for people and, in its datetime attribute, for programs.
type moment time.Time

// Known is false where something has not happened yet.
func (m moment) Known() bool { return !time.Time(m).IsZero() }

// Machine is the time as HTML wants it.
func (m moment) Machine() string { return time.Time(m).UTC().Format(time.RFC3339) }

// in is the time in words. Nobody knows here where the person is: hence UTC.
func (m moment) in(t *tongue) string {
	if !m.Known() {
		return t.say("unknown")
	}
	return time.Time(m).UTC().Format(t.say("2 January 2006, 15:04 UTC"))
}

// time is a moment for a template.
func (t *tongue) time(m moment) template.HTML {
	return template.HTML(`<time datetime="` + m.Machine() + `">` + template.HTMLEscapeString(m.in(t)) + "</time>") // escaped, and a machine's digits
}
