package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// A change of the directory goes three steps on one address: the form, what it would
// do, and doing it. What was typed travels with every step, so that nothing is lost.

// things are settings by name: what a form does not know goes back as it came.
type things map[string]any

// text, list and yes read one setting.
func (t things) text(name string) string {
	switch v := t[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (t things) list(name string) (out []string) {
	all, _ := t[name].([]any)
	for _, one := range all {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (t things) yes(name string) bool { b, _ := t[name].(bool); return b }

// set writes one setting; what is empty is left out, which means its default.
func (t things) set(name string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			delete(t, name)
			return
		}
	case []string:
		if len(v) == 0 {
			delete(t, name)
			return
		}
	case bool:
		if !v {
			delete(t, name)
			return
		}
	}
	t[name] = value
}

// thingsOf spells settings as names and values.
func thingsOf(settings any) (things, error) {
	b, err := json.Marshal(settings)
	t := things{}
	if err == nil {
		read := json.NewDecoder(bytes.NewReader(b))
		read.UseNumber() // text shows it as it is
		err = read.Decode(&t)
	}
	return t, err
}

// as reads settings back.
func as[T any](t things) (*T, error) {
	b, err := json.Marshal(t)
	out := new(T)
	if err == nil {
		err = json.Unmarshal(b, out)
	}
	return out, err
}

// tag names the directory as it is now. It is read before what a form is filled with: a
// change in between is then a conflict, and not lost.
func (v *visit) tag() (string, error) {
	now, err := v.api.Status(v.ctx())
	if err != nil {
		return "", err
	}
	return api.ETag(now.Revision), nil
}

// change is one edit of the directory on its way.
type change struct {
	Title string
	Lead  string
	Form  *Form
	Edit  func() (api.Edit, error)                      // from the form that was read
	Apply func(api.ChangeOptions) (*api.Applied, error) // the same, for good
	Fresh func() (*Form, error)                         // the form as it would be filled now, after a conflict; nil where nothing was there
	Done  func(*api.Applied) (to, note string)
	Notes any    // more for the template
	Page  string // its template; "edit" by default
}

// editPage is what the edit template is given.
type editPage struct {
	Title, Lead string
	Form        *Form
	Notes       any
}

// edit shows a form, then what it would do, then does it.
func (v *visit) edit(ch change) error {
	ch.Form.Action = v.r.URL.RequestURI()
	if ch.Form.Submit == "" {
		ch.Form.Submit = "See what it would do"
	}
	if ch.Page == "" {
		ch.Page = "edit"
	}
	show := func(status int) error {
		return v.showAs(status, ch.Page, ch.Title, editPage{ch.Title, ch.Lead, ch.Form, ch.Notes})
	}
	if v.r.Method != http.MethodPost {
		return show(http.StatusOK)
	}
	ok := ch.Form.read(v.r.PostForm)
	if !ok || v.reopened() || v.typed("_do") == "edit" {
		return show(statusOf(ok))
	}
	edit, err := ch.Edit()
	if err == nil && v.typed("_do") == "apply" {
		return v.applyChange(ch, show)
	}
	var plan *api.Plan
	if err == nil {
		plan, err = v.api.Plan(v.ctx(), api.PlanRequest{Edits: []api.Edit{edit}})
	}
	if err != nil {
		return v.unsaved(ch, err, show)
	}
	if len(plan.Problems) > 0 { // beside what was typed, and not on a page that only repeats it
		ch.Form.blameAll(plan.Problems)
		return show(http.StatusUnprocessableEntity)
	}
	plan.Warnings = append(plan.Warnings, v.askAhead(edit, plan)...)
	return v.showPlan(ch, plan, edit.Op == "delete")
}

// askAhead asks a provider that is new, or is to be reached elsewhere, before anything is
// applied: whoever misspelled its issuer reads so while it is only a form.
func (v *visit) askAhead(edit api.Edit, plan *api.Plan) []api.Fault {
	moved := slices.ContainsFunc(plan.Changes, func(c directory.Change) bool {
		return c.Kind == directory.KindProvider && (c.Op == directory.Added || slices.Contains([]string{"kind", "issuer", "authorization_server", "endpoint_hosts"}, c.Field))
	})
	if edit.Provider == nil || !moved {
		return nil
	}
	result, err := v.api.CheckProvider(v.ctx(), edit.Provider.Slug, edit.Provider)
	switch p := problemOf(err); {
	case p != nil:
		return []api.Fault{{Message: "It could not be asked whether it answers: " + p.Error()}}
	case err == nil && result.State == "silent":
		return []api.Fault{{Message: "It does not answer: " + result.Reason, Hint: "is its issuer really " + result.Issuer + "?"}}
	}
	return nil
}

// applyChange writes, and shows what stands in the way.
func (v *visit) applyChange(ch change, show func(int) error) error {
	applied, err := ch.Apply(v.change(ch.Form))
	if err != nil {
		return v.unsaved(ch, err, show)
	}
	to, note := ch.Done(applied)
	if len(applied.Secrets) > 0 {
		return v.show("secret", "Copy the secret now", secretPage{applied.Secrets, to})
	}
	return v.done(to, note)
}

// unsaved brings a form back with what is wrong, or with what somebody else saved.
func (v *visit) unsaved(ch change, err error, show func(int) error) error {
	p := problemOf(err)
	if p == nil || p.Status != http.StatusPreconditionFailed {
		if ch.Form.blame(err) {
			return show(p.Status)
		}
		return err
	}
	if ch.Form.ETag, err = v.tag(); err != nil {
		return err
	}
	if ch.Fresh != nil {
		now, err := ch.Fresh()
		if err != nil {
			return err
		}
		ch.Form.against(now, ch.Form.ETag)
	}
	if len(ch.Form.Theirs) == 0 { // something else changed: nothing of this form's is at stake
		ch.Form.Problems = append(ch.Form.Problems, Summary{Text: "Somebody saved something else meanwhile. Look once more what this would do."})
	}
	return show(http.StatusPreconditionFailed)
}

// planPage is what a change would do, with the form in its pocket.
type planPage struct {
	Title  string
	Plan   *api.Plan
	Action string
	Kept   []Hidden
	ETag   string
	Reason string
	Danger bool
}

func (v *visit) showPlan(ch change, plan *api.Plan, danger bool) error {
	p := planPage{Title: ch.Title, Plan: plan, Action: ch.Form.Action, ETag: ch.Form.ETag, Reason: ch.Form.Reason, Danger: danger}
	for name, values := range v.r.PostForm {
		if name == csrfField || name == "_do" || name == "_etag" || name == "_reason" || name == "_again" {
			continue
		}
		for _, value := range values {
			p.Kept = append(p.Kept, Hidden{name, value})
		}
	}
	slices.SortStableFunc(p.Kept, func(a, b Hidden) int { return strings.Compare(a.Name, b.Name) })
	return v.show("plan", ch.Title, p)
}

// secretPage is what is shown once.
type secretPage struct {
	Secrets []api.DrawnSecret
	To      string
}
