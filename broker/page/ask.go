package page

import "net/http"

// Ask is a form that the person fills in: a name and a password, a code.
type Ask struct {
	App        App    // the zero App when no app asked
	Title      string // empty: "Sign in", to App if there is one
	Lead       string // one sentence, or ""
	Problem    string // what was wrong with the answer before, or ""
	Fields     []AskField
	Action     string // where the form posts to
	Tx, Token  string // hidden fields "tx", left out when empty, and "token"
	Button     string
	CancelHref string // back to the app, or ""
	EndsHere   bool   // the form does not lead on to an app
}

// AskField is one input. Its id is its name.
type AskField struct {
	Name, Label  string
	Type         string // text or password
	Autocomplete string // what a password manager fills in
	Value        string
	Numeric      bool // digits
	ReadOnly     bool
}

// Ask shows the form.
func (p *Pages) Ask(w http.ResponseWriter, status int, v Ask) error {
	var csp policy // may end at the app: no form-action
	if v.EndsHere {
		csp.Forms = "'self'"
	}
	fields := make([]AskField, 0, len(v.Fields))
	for _, f := range v.Fields {
		f.Label, f.Value = words(p.Say(f.Label)), words(f.Value)
		if f.Type != "password" {
			f.Type = "text"
		}
		fields = append(fields, f)
	}
	title, button := words(p.Say(or(v.Title, "Sign in"))), words(p.Say(or(v.Button, "Continue")))
	if v.Title == "" && v.App.Name != "" {
		title = p.Say("Sign in to %s", words(v.App.Name))
	}
	return p.show(w, status, "ask", view{Title: title, Accent: v.App.Accent, Page: struct {
		App                                     app
		Title, Lead, Problem, Tx, Token, Button string
		Fields                                  []AskField
		Action, Cancel                          link
	}{appView(v.App, &csp), title, prose(p.Say(v.Lead)), prose(p.Say(v.Problem)), v.Tx, v.Token, button, fields, walkLink(v.Action), walkLink(v.CancelHref)}}, csp)
}

// Done says that something is finished.
type Done struct{ Title, Sentence string }

// Done shows it.
func (p *Pages) Done(w http.ResponseWriter, v Done) error {
	title := words(p.Say(or(v.Title, "Done")))
	return p.show(w, http.StatusOK, "done", view{Title: title, Page: Done{title, prose(p.Say(v.Sentence))}}, policy{Forms: "'none'"})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
