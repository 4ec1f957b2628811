package broker

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

// ended are the sentences of the account page after something ended.
var ended = map[string]string{
	"session":  "That session has ended.",
	"others":   "All other sessions have ended.",
	"app":      "The app has no access any more. What it was given stops working within minutes.",
	"consent":  "That is forgotten. The app will ask you the next time.",
	"join":     "You can sign in with it from now on.",
	"already":  "You can sign in with that already.",
	"identity": "You cannot sign in with that any more.",
}

// endAtAccount ends something of the person's own: a POST from our own page with the
// one value that only a page made for this session holds.
func (b *Broker) endAtAccount(c *gin.Context) error {
	if !door.SameSite(c.Request, b.issuer) {
		return refuse(http.StatusForbidden, "This request did not come from our own page. Nothing has changed.", alarmed(door.EventCrossSite, "cross-site POST to the account page"))
	}
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	s, err := b.accountSession(c, b.accountVisit())
	if err != nil {
		return err
	}
	if s == nil { // no redirect: it could end at a provider, where the page's form may not lead
		return &pageError{status: http.StatusForbidden, sentence: "You are no longer signed in here. Nothing has changed.", restart: b.path("/account"),
			cause: reason("account form without a session")}
	}
	id, _ := b.jar.SessionID(c.Request)
	if subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(session.FormToken("account", id))) != 1 {
		return refuse(http.StatusForbidden, "This page is older than your sign-in. Nothing has changed.", alarmed(door.EventCrossSite, "account form without its token"))
	}
	switch form.Get("end") {
	case "link":
		return b.startLink(c, s, form)
	case "join":
		return b.acceptLink(c, s, form)
	case "identity":
		return b.unlink(c, s, form)
	}
	if err := b.end(c, s, form); err != nil {
		return err
	}
	b.jar.SetNote(c.Writer, form.Get("end"))
	redirect(c, b.path("/account"))
	return nil
}

// end does what the button says. Storage looks for everything under the person's own
// id, so that another's session, app or consent is not there.
func (b *Broker) end(c *gin.Context, s *storage.Session, form url.Values) error {
	ctx, who := c.Request.Context(), actor(c, "person", s.UserID)
	var err error
	switch form.Get("end") {
	case "session":
		err = b.db.EndSessionOf(ctx, who, s.UserID, form.Get("sid"))
	case "others":
		_, err = b.db.EndOtherSessions(ctx, who, s.UserID, s.SID)
	case "app":
		err = b.db.EndAccess(ctx, who, s.UserID, form.Get("client"))
	case "consent":
		err = b.db.ForgetConsent(ctx, who, s.UserID, form.Get("client"), form.Get("host"))
	default:
		return refuse(http.StatusBadRequest, "Please press one of the buttons.", reason("unknown thing to end"))
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return &pageError{status: http.StatusNotFound, sentence: "There is nothing of yours to end there. Perhaps it has ended already.", restart: b.path("/account"), cause: err}
	case err != nil:
		return unavailable(err)
	}
	return nil
}
