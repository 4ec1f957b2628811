package broker

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/storage"
)

// respondCode hands the app its code.
func (b *Broker) respondCode(c *gin.Context, r *oauth.AuthRequest, code string) error {
	b.ended(c, storage.LoginSignedIn, "", nil)
	return b.respond(c, r, url.Values{"code": {code}})
}

// respond is the only way back to an app: state as it came, our issuer in every
// answer (RFC 9207 §2), a 303 so that a POST never travels on (RFC 9700 §4.12), or
// a page that posts the answer (OAuth 2.0 Form Post Response Mode).
func (b *Broker) respond(c *gin.Context, r *oauth.AuthRequest, answer url.Values) error {
	if r.ResponseMode == "form_post" {
		return b.speak(c).FormPost(c.Writer, page.FormPost{Action: r.RedirectURI, Fields: b.fields(r, answer)})
	}
	redirect(c, b.responseURL(r, answer))
	return nil
}

// fields is an answer as the fields of a form.
func (b *Broker) fields(r *oauth.AuthRequest, answer url.Values) (fields []page.Field) {
	b.complete(r, answer)
	for _, name := range []string{"code", "error", "error_description", "state", "iss"} {
		if answer.Has(name) {
			fields = append(fields, page.Field{Name: name, Value: answer.Get(name)})
		}
	}
	return fields
}

func (b *Broker) responseURL(r *oauth.AuthRequest, answer url.Values) string {
	b.complete(r, answer)
	return oauth.ResponseURL(r.RedirectURI, answer)
}

func (b *Broker) complete(r *oauth.AuthRequest, answer url.Values) {
	if r.State != "" {
		answer.Set("state", r.State)
	}
	answer.Set("iss", b.name)
}

// redirect is the one redirect of the house: always 303, never cached, no referrer.
func redirect(c *gin.Context, to string) {
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("Location", to)
	empty(c, http.StatusSeeOther)
}
