package console

import (
	"net/http"
	"strconv"

	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) revisionRoutes() []route {
	return []route{
		{"GET /revisions", "directory:read", c.revisions},
		{"GET /revisions/{number}", "directory:read", c.revision},
		{"GET /revisions/{number}/rollback", "directory:write", c.rollback},
		{"POST /revisions/{number}/rollback", "directory:write", c.rollback},
		{"GET /revisions/{number}/export", "owners:write", c.exportRevision},
	}
}

// revisions lists the versions of the directory.
func (c *Console) revisions(v *visit) error {
	page, err := v.api.Revisions(v.ctx(), v.list())
	if err != nil {
		return err
	}
	return v.show("revisions", "Revisions", struct {
		Items []api.Revision
		Pager pager
	}{page.Items, pagerView("/revisions?", page.Next)})
}

// mostChanges is how many changes a page shows: more is a file's business.
const mostChanges = 200

// revision shows what one version changed.
func (c *Console) revision(v *visit) error {
	n, err := v.number()
	if err != nil {
		return err
	}
	r, err := v.revisionWithoutDocument(n)
	if err != nil {
		return err
	}
	against, _ := strconv.ParseInt(v.query("against"), 10, 64)
	diff, err := v.api.Diff(v.ctx(), n, against)
	if err != nil {
		return err
	}
	more := max(len(diff.Changes)-mostChanges, 0)
	diff.Changes = diff.Changes[:len(diff.Changes)-more]
	return v.show("revision", "Revision "+v.arg("number"), struct {
		Revision *api.Revision
		Diff     *api.RevisionDiff
		Against  string
		More     int
	}{r, diff, v.query("against"), more})
}

// revisionWithoutDocument is what the history says of a revision: its document may hold
// ten thousand apps, and nobody reads it here.
func (v *visit) revisionWithoutDocument(n int64) (*api.Revision, error) {
	list := api.ListOptions{Limit: 200}
	for range 5 {
		page, err := v.api.Revisions(v.ctx(), list)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			if r.Number == n {
				return &r, nil
			}
		}
		if list.Cursor = page.Next; page.Next == "" {
			return nil, errNotFound
		}
	}
	return v.api.Revision(v.ctx(), n)
}

// rollback shows what applying an old version again would do, and does it.
func (c *Console) rollback(v *visit) error {
	n, err := v.number()
	if err != nil {
		return err
	}
	path := "/revisions/" + strconv.FormatInt(n, 10)
	plan, err := v.api.PlanRollback(v.ctx(), n)
	if err != nil {
		return err
	}
	more := max(len(plan.Changes)-mostChanges, 0)
	plan.Changes = plan.Changes[:len(plan.Changes)-more]
	form := &Form{Action: path + "/rollback", Submit: "Roll back", Danger: true, Cancel: path, AskWhy: "required", ETag: api.ETag(plan.Base)}
	data := struct {
		Number   int64
		Plan     *api.Plan
		Form     *Form
		More     int
		Overtake bool
	}{Number: n, Plan: plan, Form: form, More: more}
	title := "Roll back to revision " + v.arg("number")
	if v.r.Method == "GET" {
		return v.show("rollback", title, data)
	}
	if !form.read(v.r.PostForm) || v.reopened() {
		return v.showAs(statusOf(len(form.Problems) == 0), "rollback", title, data)
	}
	if _, err := v.api.Rollback(v.ctx(), n, v.change(form)); err != nil {
		if api.IsConflict(err) { // the plan above is of today: the person looks once more
			form.ETag, data.Overtake = api.ETag(plan.Base), true
			return v.showAs(http.StatusPreconditionFailed, "rollback", title, data)
		}
		if form.blame(err) {
			return v.showAs(problemOf(err).Status, "rollback", title, data)
		}
		return err
	}
	return v.done("/revisions", "Revision "+v.arg("number")+" applies again, as a new one.")
}

func (c *Console) exportRevision(v *visit) error {
	n, err := v.number()
	if err != nil {
		return err
	}
	format, kind := "yaml", "application/yaml"
	if v.query("format") == "json" {
		format, kind = "json", "application/json"
	}
	body, err := v.api.Export(v.ctx(), n, format)
	if err != nil {
		return err
	}
	return v.download(kind, "directory-"+v.arg("number")+"."+format, body)
}

func (v *visit) number() (int64, error) {
	n, err := strconv.ParseInt(v.arg("number"), 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != v.arg("number") {
		return 0, errNotFound
	}
	return n, nil
}
