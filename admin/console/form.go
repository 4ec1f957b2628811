package console

import (
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
)

// Field is one thing to fill in.
type Field struct {
	Name     string // of the form value; its element's id is "f-" + Name
	Label    string
	Help     string
	Kind     string // text (default) · area · list (one a line) · select · check · choices · secret · number · url · code
	Value    string
	Values   []string // list, choices
	Options  []Option // select, choices
	Suggest  []string // offered, not required
	Rows     int
	Required bool
	ReadOnly bool
	Auto     string // the autocomplete attribute; "off" by default
	Path     string // how the API calls it; Name by default
	Problem  string
}

// Option is one of several answers.
type Option struct{ Value, Label, Help string }

// Group is some fields under one heading.
type Group struct {
	Legend, Note string
	Folded       bool // behind a disclosure, unless something in it is wrong
	Fields       []*Field
}

// Form is what a person fills in. It is filled from what is there (Value), read from
// what was sent, and shown again with problems.
type Form struct {
	Action   string
	Submit   string // "Save" by default
	Danger   bool
	Cancel   string // where to go instead
	ETag     string // of what was shown: a write sends it as If-Match
	Reason   string // what was typed under "why"
	AskWhy   string // "", "optional" or "required"
	Groups   []Group
	Problems []Summary
	Theirs   []Compared // after a conflict: what is there now, beside what was typed
	Extra    []Hidden
	Buttons  []Button // beside Submit, such as "Plan"
}

// Hidden is a field that nobody sees.
type Hidden struct{ Name, Value string }

// Button is another way to send the form.
type Button struct{ Name, Value, Label string }

// Summary is one problem above the form, with a link to its field.
type Summary struct{ Text, Field string }

// Compared is one field that somebody else changed meanwhile.
type Compared struct{ Label, Was, Theirs, Yours string }

// Checked tells whether a checkbox is ticked.
func (f *Field) Checked() bool { return f.Value == "true" }

// Has tells whether one of several choices is taken.
func (f *Field) Has(value string) bool {
	for _, v := range f.Values {
		if v == value {
			return true
		}
	}
	return f.Kind != "choices" && f.Value == value
}

// Text is the field's content as one text.
func (f *Field) Text() string {
	if f.Kind == "list" {
		return strings.Join(f.Values, "\n")
	}
	return f.Value
}

// Fields walks all fields.
func (f *Form) Fields() (all []*Field) {
	for _, g := range f.Groups {
		all = append(all, g.Fields...)
	}
	return all
}

// Field finds one by its name.
func (f *Form) Field(name string) *Field {
	for _, one := range f.Fields() {
		if one.Name == name {
			return one
		}
	}
	return &Field{Name: name}
}

// read takes what was sent and checks that what is required is there.
func (f *Form) read(sent url.Values) (ok bool) {
	f.Problems = nil
	f.ETag, f.Reason = first(sent["_etag"], 200), strings.TrimSpace(first(sent["_reason"], 1000))
	for _, one := range f.Fields() {
		one.Problem = ""
		if one.ReadOnly {
			continue
		}
		switch one.Kind {
		case "check":
			one.Value = "false"
			if sent.Has(one.Name) {
				one.Value = "true"
			}
		case "choices":
			one.Values = sent[one.Name]
		case "list":
			one.Values = lines(first(sent[one.Name], mostForm))
		case "area", "code":
			one.Value = strings.ReplaceAll(first(sent[one.Name], mostForm), "\r\n", "\n")
		default:
			one.Value = strings.TrimSpace(first(sent[one.Name], mostForm))
		}
		if one.Required && strings.TrimSpace(one.Text()) == "" && len(one.Values) == 0 {
			f.wrong(one, "Please fill this in.")
		}
	}
	if f.AskWhy == "required" && f.Reason == "" {
		f.Problems = append(f.Problems, Summary{"Please say why: the audit log keeps it.", "_reason"})
	}
	return len(f.Problems) == 0
}

func (f *Form) wrong(one *Field, text string) {
	one.Problem = strings.TrimSpace(one.Problem + " " + text)
	f.Problems = append(f.Problems, Summary{one.Label + ": " + text, one.Name})
}

// blame puts the API's problems beside their fields, and above the form those that
// belong to none. It reports whether err was of that kind.
func (f *Form) blame(err error) bool {
	p := problemOf(err)
	if p == nil || p.Status != 400 && p.Status != 409 && p.Status != 422 {
		return false
	}
	if len(p.Problems) == 0 {
		f.Problems = append(f.Problems, Summary{Text: words(p.Title+": "+p.Detail, 500)})
	}
	f.blameAll(p.Problems)
	return true
}

// blameAll puts faults beside their fields, and above the form those that belong to none.
func (f *Form) blameAll(faults []api.Fault) {
	for _, line := range faults {
		text := words(faultText(line), 600)
		if one := f.fieldAt(line.Path); one != nil {
			f.wrong(one, text)
		} else {
			f.Problems = append(f.Problems, Summary{Text: words(strings.Trim(line.Path+": "+text, ": "), 700)})
		}
	}
}

// fieldAt finds whose path is the end of a problem's, such as issuer in
// providers[2].issuer or redirect_uris in clients[0].redirect_uris[1].
func (f *Form) fieldAt(path string) (best *Field) {
	longest := 0
	for _, one := range f.Fields() {
		name := one.Path
		if name == "" {
			name = one.Name
		}
		for _, end := range []string{path, path[:strings.LastIndexAny("["+path, "[")]} {
			if (end == name || strings.HasSuffix(end, "."+name)) && len(name) > longest {
				best, longest = one, len(name)
			}
		}
	}
	return best
}

// against compares what was typed with what is there now. now is the form filled from
// the newest state; was, where known, the form as the person first saw it.
func (f *Form) against(now *Form, etag string) {
	f.ETag = etag
	for _, one := range f.Fields() {
		theirs := now.Field(one.Name)
		if one.Kind != "secret" && strings.TrimSpace(theirs.all()) != strings.TrimSpace(one.all()) {
			f.Theirs = append(f.Theirs, Compared{Label: one.Label, Theirs: theirs.all(), Yours: one.all()})
		}
	}
}

func (f *Field) all() string {
	if len(f.Values) > 0 {
		return strings.Join(f.Values, "\n")
	}
	if f.Kind == "check" && f.Value == "" {
		return "false"
	}
	return f.Value
}

// faultText is a fault and its likely fix as sentences.
func faultText(f api.Fault) string {
	text := strings.TrimSuffix(capital(f.Message), ".") + "."
	if f.Hint != "" {
		text += " " + strings.TrimSuffix(capital(f.Hint), ".") + "."
	}
	return text
}

func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func to(path string) string { return url.Values{"to": {path}}.Encode() }

// drawn is a form together with the frame that it is drawn in.
type drawn struct {
	*Form
	CSRF string
}

func formView(f frame, form *Form) drawn { return drawn{form, f.CSRF} }
