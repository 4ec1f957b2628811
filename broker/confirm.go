package broker

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
)

// confirmRedirect keeps an error of the front door from being sent on by itself to an app that
// the administrator does not vouch for (confirm_redirect): anybody could make a link
// that begins with our address and ends at that app's. The page names the host and
// waits (RFC 9700 §4.11.2). Whoever is signed in here is sent on: that is a login.
func (b *Broker) confirmRedirect(c *gin.Context, err error) error {
	var be *backError
	if err == nil || !errors.As(err, &be) {
		return err
	}
	client, ok := b.desk.Client(b.dir.Load().Snapshot, be.request.ClientID)
	if !ok || !client.ConfirmRedirect {
		return err
	}
	if s, serr := b.session(c); serr != nil || s != nil {
		return err
	}
	b.told(c, http.StatusBadRequest, be.err)
	r, answer := be.request, url.Values{"error": {be.err.Code}, "error_description": {b.referred(c, be.err)}}
	view := page.ConfirmRedirect{App: nameOf(client), Host: oauth.RedirectHost(r.RedirectURI), Code: be.err.Code, Reference: rec(c).reference}
	if r.ResponseMode == "form_post" {
		view.Href, view.Fields = r.RedirectURI, b.fields(r, answer)
	} else {
		view.Href = b.responseURL(r, answer)
	}
	return b.speak(c).ConfirmRedirect(c.Writer, view)
}
