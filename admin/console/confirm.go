package console

// ask is a page that asks before something is destroyed.
type ask struct {
	Title, Sentence string
	Details         []string
	Form            *Form
	Phrase          string // what has to be typed, or ""
}

// confirm asks on a page of its own: a GET shows it, its POST acts with the reason that
// was typed. act runs only after a POST whose form is whole.
func (v *visit) confirm(a ask, act func(reason string) error) error {
	if a.Form == nil {
		a.Form = &Form{}
	}
	a.Form.Action, a.Form.Danger = v.r.URL.Path, true
	if a.Form.AskWhy == "" {
		a.Form.AskWhy = "optional"
	}
	if a.Phrase != "" {
		a.Form.Groups = append(a.Form.Groups, Group{Fields: []*Field{{Name: "phrase", Label: "Type " + a.Phrase + " to confirm", Required: true}}})
	}
	if v.r.Method != "POST" {
		return v.show("confirm", a.Title, a)
	}
	ok := a.Form.read(v.r.PostForm)
	if ok && a.Phrase != "" && a.Form.Field("phrase").Value != a.Phrase {
		a.Form.wrong(a.Form.Field("phrase"), "That is not what stands above.")
		ok = false
	}
	if !ok || v.reopened() {
		return v.showAs(statusOf(ok), "confirm", a.Title, a)
	}
	err := act(a.Form.Reason)
	if err != nil && a.Form.blame(err) {
		return v.showAs(problemOf(err).Status, "confirm", a.Title, a)
	}
	return err
}

// statusOf is how a form that is shown again answers.
func statusOf(ok bool) int {
	if ok {
		return 200
	}
	return 422
}
