package console

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/handstamp/handstamp/storage"
)

func (c *Console) linkRoutes() []route {
	if c.TakeLink == nil {
		return nil
	}
	return []route{
		{"GET /enter", nobody, c.lookAtLink},
		{"POST /enter", nobody, c.takeLink},
	}
}

// lookAtLink shows a button. Chat programs open links to preview them: a GET spends nothing.
func (c *Console) lookAtLink(v *visit) error {
	link := v.query("link")
	if link == "" {
		return v.tell(http.StatusBadRequest, "This link is not whole", "Copy the whole line that `handstamp admin link` printed.", "")
	}
	return v.show("enter", "Enter as owner", link)
}

// takeLink spends the link for an owner session of some minutes.
func (c *Console) takeLink(v *visit) error {
	who := storage.Actor{Kind: "link", IP: c.ClientIP(v.r), Device: words(v.r.UserAgent(), 200), RequestID: v.reference}
	access, err := c.TakeLink(v.r.Context(), v.typed("link"), who)
	if err != nil {
		v.cause = err
		return v.tell(http.StatusForbidden, "This link is spent", "A link works once and for ten minutes. Make another one in the shell: handstamp admin link", "")
	}
	got, err := claimsOf(access)
	if err != nil {
		return err
	}
	ends := time.Unix(got.Expires, 0)
	if !c.jar.setSession(v.w, &session{ID: rand.Text(), Access: access, Expires: ends, Ends: ends, Link: true}) {
		return errUnreadable
	}
	return v.done("/", "You are in. Name an owner under Administrators, so that you need no link next time.")
}
