package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/door"
)

// notice is a page that says one thing.
type notice struct {
	Title, Sentence string
	Reference       string
	Problems        []api.Fault
	Link            string // where to go on, or ""
}

// tell shows one sentence and a way on.
func (v *visit) tell(status int, title, sentence, link string) error {
	n := notice{Title: title, Sentence: sentence, Link: link}
	if status >= 400 {
		n.Reference = v.reference
	}
	return v.showAs(status, "notice", title, n)
}

// fail is the one exit for errors: each becomes a page that says what to do.
func (v *visit) fail(err error) {
	v.cause = err
	if rec, ok := v.w.(*door.Writer); ok && rec.Status != 0 {
		return // a page is on its way
	}
	if shown := v.failKindly(err); shown != nil {
		v.c.Logger.Error("console: error page", "reference", v.reference, "cause", shown)
		http.Error(v.w, "Something went wrong. Reference: "+v.reference, http.StatusInternalServerError)
	}
}

func (v *visit) failKindly(err error) error {
	switch p := problemOf(err); {
	case errors.Is(err, errSignedOut), p != nil && p.Status == http.StatusUnauthorized:
		return v.signInFirst()
	case api.IsReauth(err):
		if v.session.Sub == "" {
			return v.tell(http.StatusForbidden, "This needs a fresh link", "Make another link in the shell: handstamp admin link", "")
		}
		return v.confirmYou()
	case p != nil:
		return v.tellProblem(p)
	}
	for _, row := range []struct {
		is              error
		status          int
		title, sentence string
	}{
		{errForbidden, http.StatusForbidden, "Your role does not allow this", "An owner may change roles under Administrators."},
		{errNotFound, http.StatusNotFound, "There is nothing here", "The address may be misspelled, or what it named is gone."},
		{errMethod, http.StatusMethodNotAllowed, "This address does not answer that", "It may be a form that has to be sent by its own button."},
		{errWrongHost, http.StatusMisdirectedRequest, "Another host was asked", "This console answers at " + v.c.URL + " only."},
		{errCrossSite, http.StatusForbidden, "This did not come from here", "The form was not sent by a page of this console. Nothing was changed."},
		{errFormToken, http.StatusForbidden, "This form is too old", "It was made for another session. Go back, load the page anew and send it again. Nothing was changed."},
		{errUnreadable, http.StatusBadRequest, "The form could not be read", "It is larger than a megabyte, or was not sent by a form. Nothing was changed."},
	} {
		if errors.Is(err, row.is) {
			return v.tell(row.status, row.title, row.sentence, "/")
		}
	}
	return v.tell(http.StatusInternalServerError, "That did not work", "Something went wrong here. The log says what, under this reference.", "/")
}

// signInFirst leads to the sign-in and back. A form that was sent too late waits, where
// a session of ours sent it.
func (v *visit) signInFirst() error {
	if v.session != nil && v.session.Link {
		v.c.jar.clear(v.w, "")
		v.session = nil
		return v.tell(http.StatusForbidden, "The owner session has ended", "It was good for some minutes. Make another link in the shell: handstamp admin link", "")
	}
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		if v.session == nil || v.r.PostForm == nil {
			return v.tell(http.StatusUnauthorized, "You are signed out", "Sign in and send the form again. Nothing was changed.", "/sign-in?to=/")
		}
		return v.confirmYou()
	}
	var out bool
	if v.c.jar.open(v.r, "-out", &out) {
		v.c.jar.clear(v.w, "-out")
		return v.show("signed-out", "Signed out", nil)
	}
	return v.seeOther("/sign-in?" + to(v.r.URL.RequestURI()))
}

// confirmYou keeps the form and asks the person to sign in once more.
func (v *visit) confirmYou() error {
	if v.r.Method == http.MethodGet {
		return v.seeOther("/sign-in?as=again&" + to(v.r.URL.RequestURI()))
	}
	return v.seeOther("/confirm/" + v.c.pending.keep(v.session.owner(), v.r.URL.Path, v.r.PostForm))
}

func (v *visit) tellProblem(p *api.Problem) error {
	n := notice{Title: p.Title, Sentence: p.Detail, Reference: p.Instance, Problems: p.Problems, Link: "/"}
	if n.Reference == "" {
		n.Reference = v.reference
	}
	switch p.Status {
	case http.StatusForbidden:
		n.Title = "Your role does not allow this"
		if p.Kind() == api.OwnersOnly {
			n.Title = "This needs an owner"
		}
	case http.StatusNotFound:
		n.Title, n.Sentence = "There is nothing here", "The address may be misspelled, or what it named is gone."
	case http.StatusPreconditionFailed:
		n.Title, n.Sentence = "Somebody else was faster", "This was changed meanwhile. Go back to what you typed, load the page in another tab, and compare."
	}
	n.Title = capital(n.Title)
	return v.showAs(p.Status, "notice", n.Title, n)
}

func capital(s string) string {
	if s == "" {
		return "That did not work"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
