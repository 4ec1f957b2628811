package broker

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

const notYours = "This sign-in was not started in this browser, or it is already finished. Please go back to the app and try again."

// callback takes the answer of an identity provider. Before any network is
// touched, the answer must belong to a transaction of this very browser, begun
// with the provider whose address it comes to (RFC 9700 §4.4, §4.7).
func (b *Broker) callback(c *gin.Context) error {
	if prefetch(c) {
		return nil
	}
	answer, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, notYours, err)
	}
	tx, err := b.claim(c, answer)
	if err != nil {
		return err
	}
	v, err := b.revisit(c, &tx.Request, tx.Hint)
	if err != nil {
		return err
	}
	p, ok := v.dir.Provider(tx.Provider)
	if !ok || p.InternalID != tx.ProviderID || p.Disabled && !v.tests() {
		return back(v.request, oauth.E(oauth.AccessDenied, "this provider was switched off"))
	}
	if !b.spent.take(tx.State) {
		return replayed(http.StatusBadRequest, notYours, alarmed(door.EventStateReplayed, "the state was used before"))
	}
	b.jar.Drop(c.Writer, tx)
	rec(c).trace.step(b.now(), storage.StepBack, "")
	rec(c).trace.hides(tx.State, tx.Nonce, tx.Verifier, answer.Get("code"), p.ClientSecret.Reveal())
	identity, err := v.dir.Upstreams[p.Slug].Finish(c.Request.Context(), b.attempt(p, tx), answer)
	if err != nil {
		if errors.Is(err, providers.ErrMixUp) && !v.tests() {
			return refuse(http.StatusBadRequest, "The answer did not come from the provider you chose. Please go back to the app and try again.", err)
		}
		return upstreamFailed(v.request, err)
	}
	return b.signIn(c, v, p, tx, identity)
}

// prefetch answers a browser that only looks ahead: it must not spend what is good once.
func prefetch(c *gin.Context) bool {
	if c.GetHeader("Sec-Purpose") == "" && c.GetHeader("Purpose") == "" {
		return false
	}
	empty(c, http.StatusServiceUnavailable)
	return true
}

// callbackByPost turns a small form_post answer (response_mode=form_post) into a
// GET of itself: the cross-site POST came without our Lax cookie, the GET has it.
func (b *Broker) callbackByPost(c *gin.Context) error {
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	encoded := form.Encode()
	if len(encoded) > 4<<10 || c.Request.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, notYours, reason("form_post answer too large or mixed with a query"))
	}
	redirect(c, b.path("/callback/"+url.PathEscape(c.Param("slug"))+"?"+encoded))
	return nil
}

// claim finds the transaction that an answer belongs to and checks that it is this
// browser's, unexpired and of this provider. It consumes nothing.
func (b *Broker) claim(c *gin.Context, answer url.Values) (*session.Transaction, error) {
	slug := c.Param("slug")
	if states := answer["state"]; len(states) != 1 || len(states[0]) != 43 {
		return nil, refuse(http.StatusBadRequest, notYours, reason("no usable state"))
	}
	for _, name := range []string{"code", "iss", "error"} {
		if len(answer[name]) > 1 {
			return nil, refuse(http.StatusBadRequest, notYours, reason(name+" is given more than once"))
		}
	}
	tx, ok := b.jar.ByState(c.Request, answer.Get("state"))
	switch {
	case tx == nil:
		return nil, refuse(http.StatusBadRequest, notYours, alarmed(door.EventForeignBrowser, "no transaction of this browser has this state"))
	case tx.Stage != session.Upstream || tx.Provider != slug:
		return nil, refuse(http.StatusBadRequest, notYours, alarmed(door.EventMixUp, "the answer came to another provider's address"))
	}
	b.resume(c, tx)
	if !ok {
		return nil, &pageError{status: http.StatusBadRequest, sentence: "This sign-in took too long. Please start again.",
			restart: b.link(&tx.Request), cause: reason("the transaction is older than its lifetime")}
	}
	rec(c).provider = slug
	return tx, nil
}
