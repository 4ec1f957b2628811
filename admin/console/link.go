package console

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) linkRoutes() []route {
	return []route{
		{"GET /enter", nobody, c.lookAtLink},
		{"POST /enter", nobody, c.takeLink},
	}
}

// lookAtLink shows a button. Chat programs open links to preview them: a GET spends nothing.
func (c *Console) lookAtLink(v *visit) error {
	link := v.query("token")
	if link == "" {
		return v.tell(http.StatusBadRequest, "This link is not whole", "Copy the whole line that handstamp admin link printed.", "")
	}
	return v.show("enter", "Enter as owner", link)
}

// takeLink spends the link for an owner session of some minutes.
func (c *Console) takeLink(v *visit) error {
	got, err := c.client("").TakeLink(v.ctx(), v.typed("token"))
	if api.IsKind(err, api.LinkSpent) || api.IsUnauthorized(err) || api.IsNotFound(err) || api.IsKind(err, api.BadRequest) {
		v.cause = err
		return v.tell(http.StatusForbidden, "This link is spent", "A link works once and for ten minutes. Make another one in the shell: handstamp admin link", "")
	}
	if err != nil {
		return err
	}
	s := &session{ID: rand.Text(), Access: got.AccessToken, Expires: got.ExpiresAt, Ends: got.ExpiresAt, Link: true}
	if !c.jar.setSession(v.w, s) {
		return errors.New("the session does not fit into a cookie")
	}
	return v.done("/", "You are in. Name an owner under Administrators, so that you need no link next time.")
}
