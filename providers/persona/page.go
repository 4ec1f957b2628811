package persona

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// One page for everything that a person sees. It needs no script, no picture
// and nothing from elsewhere.
var (
	page     = template.Must(template.New("page").Parse(pageHTML))
	pageCSSH = func() string {
		sum := sha256.Sum256([]byte(pageCSS))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}()
)

type pageData struct {
	Kind, Vendor, Title string
	Style               template.CSS
	Alert, Text, Code   string
	Host                string // where the sign-in leads to; "" on a page without a choice
	Action              string
	People              []pagePerson
	SignOut             string // address that signs one of them out everywhere, or ""
	Fields              []pageFact
	FactsTitle          string
	Facts               []pageFact
}

type pagePerson struct {
	ID, Name, Email, Note, Initial string
	Badges                         []string
	First                          bool
}

type pageFact struct{ Name, Value string }

// showSignIn shows the people to pick from. The form's address carries the
// authorization request on.
func (p *Persona) showSignIn(w http.ResponseWriter, r *http.Request, status int, req *authRequest, alert string) {
	here, _, signedIn := p.sessionOf(r)
	data := pageData{Title: "Sign in", Alert: alert, Action: p.prefix + signInPath + "?" + r.Form.Encode()}
	if r.URL.Path == p.prefix+signInPath {
		data.Action = p.prefix + signInPath + "?" + r.URL.RawQuery
	}
	if u, err := url.Parse(req.redirectURI); err == nil {
		data.Host = u.Host
	}
	if data.Host == "" {
		data.Host = "the app"
	}
	likely := func(u User) int {
		if signedIn && u.ID == here.user {
			return max(1, u.hinted(req))
		}
		return u.hinted(req)
	}
	for i, u := range inOrder(p.Users(), likely) {
		person := p.newPagePerson(u)
		person.First = i == 0 && likely(u) > 0
		if signedIn && u.ID == here.user {
			person.Badges = append(person.Badges, "signed in here")
		}
		data.People = append(data.People, person)
	}
	data.FactsTitle = "What the app asked for"
	for _, name := range []string{"client_id", "redirect_uri", "scope", "prompt", "max_age", "acr_values", "login_hint", "hd", "organization", "access_type", "audience", "code_challenge_method", "response_mode"} {
		if v := r.Form.Get(name); v != "" {
			data.Facts = append(data.Facts, pageFact{name, v})
		}
	}
	p.show(w, status, data)
}

func (p *Persona) newPagePerson(u User) pagePerson {
	person := pagePerson{ID: u.ID, Name: u.Name, Email: u.Email, Note: u.Note}
	if person.Note == "" {
		person.Note = p.vendor.note(u)
	}
	if person.Name == "" {
		person.Name = u.ID
	}
	person.Initial = strings.ToUpper(string([]rune(person.Name + "?")[:1]))
	if u.Disabled {
		person.Badges = append(person.Badges, "disabled")
	}
	if u.Email != "" && !u.EmailVerified {
		person.Badges = append(person.Badges, "e-mail not verified")
	}
	return person
}

// showError tells a developer what is wrong with a request that cannot be
// answered by a redirect.
func (p *Persona) showError(w http.ResponseWriter, status int, code, description string) {
	p.show(w, status, pageData{Title: "This request cannot be answered", Alert: description, Code: code})
}

func (p *Persona) showMessage(w http.ResponseWriter, status int, title, text string) {
	p.show(w, status, pageData{Title: title, Text: text})
}

// showFormPost answers with response_mode=form_post. The real ones submit the
// form by script; here it waits for a press of the button.
func (p *Persona) showFormPost(w http.ResponseWriter, action string, q url.Values) {
	data := pageData{Title: "Back to the app", Text: "The app asked for the answer as a form.", Action: action}
	for name, values := range q {
		for _, v := range values {
			data.Fields = append(data.Fields, pageFact{name, v})
		}
	}
	p.show(w, http.StatusOK, data)
}

// home is what somebody sees who opens the base URL.
func (p *Persona) home(w http.ResponseWriter, _ *http.Request) {
	data := pageData{
		Title:      "Hello from pretend " + p.vendor.title,
		Text:       "An app sends people here to sign in. These are the ones it can meet:",
		FactsTitle: "Settings for an app",
		Facts: []pageFact{
			{"issuer", p.Issuer()},
			{"client_id", p.clientID},
			{"metadata", p.endpoint(Discovery)},
		},
	}
	for _, u := range p.Users() {
		data.People = append(data.People, p.newPagePerson(u))
	}
	p.mu.Lock()
	if p.backchannel != "" {
		data.SignOut = p.prefix + signOutPath
	}
	p.mu.Unlock()
	p.show(w, http.StatusOK, data)
}

func (p *Persona) show(w http.ResponseWriter, status int, data pageData) {
	data.Kind, data.Vendor, data.Style = p.vendor.kind, p.vendor.title, template.CSS(pageCSS)
	noStore(w)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: the form ends at the app, and Chrome checks every hop.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+pageCSSH+"; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_ = page.Execute(w, data) // the browser is gone, if anything
}
