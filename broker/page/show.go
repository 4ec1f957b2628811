package page

import (
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
)

// app is an App fit to be shown: every address was looked at.
type app struct {
	Name, Logo  string
	Policy, TOS link
}

func appView(a App, csp *policy) app {
	return app{Name: words(a.Name), Logo: csp.image(a.Logo), Policy: webLink(a.PolicyURI), TOS: webLink(a.TOSURI)}
}

func (a app) or(name string) app {
	if a.Name == "" {
		a.Name = name
	}
	return a
}

// Chooser asks which provider to sign in with. Its buttons are links, so that no
// form-action can stand between a person and an upstream.
func (p *Pages) Chooser(w http.ResponseWriter, v Chooser) error {
	csp := policy{Forms: "'none'"}
	type button struct {
		Slug, Title, Icon, Down string
		Href                    link
	}
	buttons := make([]button, 0, len(v.Buttons))
	for _, b := range v.Buttons {
		down := ""
		if b.Down {
			if down = prose(p.Say(b.DownReason)); down == "" {
				down = p.Say("Not answering at the moment. You can still try.")
			}
		}
		buttons = append(buttons, button{Slug: b.Slug, Title: words(b.Title), Icon: csp.image(b.Icon), Down: down, Href: walkLink(b.Href)})
	}
	a := appView(v.App, &csp).or(p.Say("continue"))
	return p.show(w, http.StatusOK, "chooser", view{Title: p.Say("Sign in to %s", a.Name), Accent: v.App.Accent, Page: struct {
		App     app
		Buttons []button
		Cancel  link
	}{a, buttons, walkLink(v.CancelHref)}}, csp)
}

// Continue offers the session that the browser already has.
func (p *Pages) Continue(w http.ResponseWriter, v Continue) error {
	csp := policy{Forms: "'none'"}
	a := appView(v.App, &csp).or(p.Say("the app"))
	return p.show(w, http.StatusOK, "continue", view{Title: p.Say("Continue to %s", a.Name), Accent: v.App.Accent, Page: struct {
		App                     app
		Person, Provider        string
		Continue, Other, Cancel link
	}{a, words(v.Person), words(v.Provider), walkLink(v.ContinueHref), walkLink(v.OtherHref), walkLink(v.CancelHref)}}, csp)
}

// Consent asks whether the app may have what it asked for. The answer is the
// button's name and value: decision=allow or decision=deny.
func (p *Pages) Consent(w http.ResponseWriter, v Consent) error {
	var csp policy // the form ends at the app: no form-action
	a := appView(v.App, &csp).or(p.Say("the app"))
	type line struct{ Text, Code string }
	lines := make([]line, 0, len(v.Scopes))
	for _, s := range v.Scopes {
		l := line{Text: prose(p.Say(s.Description)), Code: words(s.Name)}
		if l.Text == "" {
			l = line{Text: l.Code}
		}
		lines = append(lines, l)
	}
	host := words(v.RedirectHost)
	if name, _, err := net.SplitHostPort(host); loopback(host) || err == nil && loopback(name) {
		host += " (" + p.Say("this device") + ")"
	}
	return p.show(w, http.StatusOK, "consent", view{Title: p.Say("Give %s access?", a.Name), Accent: v.App.Accent, Page: struct {
		App           app
		Person        string
		Scopes        []line
		Action, NotMe link
		Tx, Token     string
		RedirectHost  string
	}{a, words(v.Person), lines, walkLink(v.Action), walkLink(v.NotYouHref), v.Tx, v.Token, host}}, csp)
}

// Error tells the person in one sentence what went wrong. The page's address may
// hold a code or a state, so it loads nothing and links nowhere but to RestartHref.
func (p *Pages) Error(w http.ResponseWriter, status int, v ErrorPage) error {
	title := words(p.Say(or(v.Title, "That did not work")))
	return p.show(w, status, "error", view{Title: title, Bare: true, Page: struct {
		Title, Sentence, Code, Reference string
		Restart                          link
	}{title, prose(p.Say(v.Sentence)), words(v.Code), words(v.Reference), walkLink(v.RestartHref)}}, policy{Forms: "'none'"})
}

// SignOut asks before the session ends.
func (p *Pages) SignOut(w http.ResponseWriter, v SignOut) error {
	var csp policy // may end at the app's post-logout page: no form-action
	fields := make([]Field, 0, len(v.Fields)+1)
	for name, value := range v.Fields {
		fields = append(fields, Field{name, value})
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	if v.Token != "" {
		fields = append(fields, Field{"token", v.Token})
	}
	return p.show(w, http.StatusOK, "signout", view{Title: p.Say("Sign out?"), Accent: v.App.Accent, Page: struct {
		App            app
		Person         string
		Action, Cancel link
		Fields         []Field
	}{appView(v.App, &csp), words(v.Person), walkLink(v.Action), walkLink(v.CancelHref), fields}}, csp)
}

// SignedOut says that the session has ended.
func (p *Pages) SignedOut(w http.ResponseWriter, v SignedOut) error {
	csp := policy{Forms: "'none'"}
	return p.show(w, http.StatusOK, "signedout", view{Title: p.Say("Signed out"), Accent: v.App.Accent, Page: struct {
		App  app
		Back link
	}{appView(v.App, &csp).or(p.Say("the app")), walkLink(v.BackHref)}}, csp)
}

// FormPost sends an answer by POST. It holds a one-time code, so it loads nothing.
func (p *Pages) FormPost(w http.ResponseWriter, v FormPost) error {
	u, ok := webURL(v.Action)
	if !ok {
		return fmt.Errorf("form post: %q is neither https nor http on loopback", v.Action)
	}
	return p.show(w, http.StatusOK, "formpost", view{Title: p.Say("Taking you back"), Bare: true, Page: struct {
		Action link
		Host   string
		Fields []Field
		Script template.JS
	}{link(v.Action), u.Host, v.Fields, submitScript}}, policy{Script: hashSource([]byte(submitScript))})
}
