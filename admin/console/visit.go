package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
)

type visitKey struct{}

// visit is one request of one person: what a handler may read, write and show.
type visit struct {
	c         *Console
	w         http.ResponseWriter
	r         *http.Request
	session   *session // nil: nobody is signed in
	me        api.Me
	api       *api.Client // speaks with this person's token; the cookie stays here (A10)
	reference string
	cause     error
}

// recognise asks the API who has this session, after renewing its token if need be.
func (c *Console) recognise(v *visit) error {
	if v.session == nil {
		return errSignedOut
	}
	if err := c.renew(v); err != nil {
		return err
	}
	v.api = c.client(v.session.Access)
	me, err := v.api.Me(v.ctx())
	if err != nil {
		return err
	}
	v.me = *me
	if me.LinkExpiresAt != nil {
		v.session.Ends = *me.LinkExpiresAt
	}
	return nil
}

// client speaks to the API in process; without a token as nobody.
func (c *Console) client(token string) *api.Client {
	var wall http.RoundTripper = inside{c.API}
	if token != "" {
		wall = api.Bearer(token, wall)
	}
	return api.New(c.URL, &http.Client{Transport: wall, CheckRedirect: stay})
}

// Can tells whether this person's role allows something, such as "directory:write".
func (v *visit) Can(scope string) bool { return slices.Contains(v.me.Scopes, "handstamp:"+scope) }

// arg is a part of the address, such as {sub}.
func (v *visit) arg(name string) string { return v.r.PathValue(name) }

// query is one value behind the question mark, cut to what a person would type.
func (v *visit) query(name string) string {
	return strings.TrimSpace(first(v.r.URL.Query()[name], 512))
}

// typed is one value of the form.
func (v *visit) typed(name string) string {
	return strings.TrimSpace(first(v.r.PostForm[name], mostForm))
}

func first(values []string, most int) string {
	if len(values) == 0 || len(values[0]) > most {
		return ""
	}
	return strings.ToValidUTF8(values[0], "")
}

// problemOf finds the API's answer in an error.
func problemOf(err error) *api.Problem {
	p, _ := errors.AsType[*api.Problem](err)
	return p
}

// ctx is the context of calls that are made for this visitor.
func (v *visit) ctx() context.Context { return onBehalf(v.r) }

// change is how a change of the directory is sent: made from the revision that the form
// was shown with, for the reason that was typed.
func (v *visit) change(f *Form) api.ChangeOptions {
	n, _ := strconv.ParseInt(strings.Trim(f.ETag, `"`), 10, 64)
	return api.ChangeOptions{IfMatch: n, Reason: f.Reason}
}

// list says which page of a list is asked for.
func (v *visit) list() api.ListOptions { return api.ListOptions{Limit: 50, Cursor: v.query("cursor")} }

// seeOther leads to another page of the console.
func (v *visit) seeOther(path string) error {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// done leads on after a change and says there what happened.
func (v *visit) done(path, note string) error {
	v.c.jar.setFlash(v.w, note)
	return v.seeOther(path)
}

func newReference() string { return rand.Text()[:10] }
