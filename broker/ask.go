package broker

import (
	"crypto/subtle"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// askPerson shows a provider's form on a page of ours. What the form needs travels in
// this tab's sealed cookie, with a value that is good for one answer.
func (b *Broker) askPerson(c *gin.Context, v *visit, tx *session.Transaction, ask *providers.Ask) error {
	tx.Stage, tx.Token, tx.Keep = session.Ask, oauth.NewSecret(), ask.Keep
	if tx.Keep != "" { // nothing goes upstream: what would have is room for it in the cookie
		tx.Nonce, tx.Verifier = "", ""
	}
	b.carry(c, tx)
	if err := b.jar.Put(c.Writer, c.Request, tx); err != nil {
		return back(v.request, oauth.E(oauth.InvalidRequest, "the request is too large").Because(err))
	}
	view := page.Ask{App: v.app(), Lead: ask.Lead, Problem: ask.Problem, Action: b.path("/ask"),
		Tx: tx.Key(), Token: tx.Token, Button: "Sign in", CancelHref: b.cancel(v.request)}
	for _, f := range ask.Fields {
		view.Fields = append(view.Fields, page.AskField{Name: f.Name, Label: f.Label, Type: f.Type, Autocomplete: f.Autocomplete, Value: f.Value, Numeric: f.Numeric})
	}
	status := http.StatusOK
	if ask.Wait > 0 {
		status = http.StatusTooManyRequests
		view.Problem = tooManyTries(b.speak(c), ask.Wait)
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(ask.Wait.Seconds()))))
	}
	return b.speak(c).Ask(c.Writer, status, view)
}

// tooManyTries says how long, in words that tell nothing about the account.
func tooManyTries(p *page.Pages, wait time.Duration) string {
	if seconds := int(math.Ceil(wait.Seconds())); seconds != 1 {
		return p.Say("There were too many failed tries. Please wait %d seconds and try again.", seconds)
	}
	return p.Say("There were too many failed tries. Please wait a second and try again.")
}

// takeAnswer takes what the person filled in. Like the consent, it is a POST from our
// own page, with this tab's transaction and its one-time value; the provider checks it
// and either knows the person or asks again.
func (b *Broker) takeAnswer(c *gin.Context) error {
	if !door.SameSite(c.Request, b.issuer) {
		return refuse(http.StatusForbidden, "This request did not come from our own page.", alarmed(door.EventCrossSite, "cross-site POST to the sign-in page"))
	}
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	tx, err := b.atAsk(c, form)
	if err != nil {
		return err
	}
	v, err := b.revisit(c, &tx.Request, tx.Hint)
	if err != nil {
		return err
	}
	p, err := b.stillThere(v, tx)
	if err != nil {
		return err
	}
	attempt := b.attempt(p, tx)
	attempt.Address, attempt.Keep = c.ClientIP(), tx.Keep
	rec(c).trace.step(b.now(), storage.StepBack, "")
	form.Del("tx")
	form.Del("token")
	identity, err := v.dir.Upstreams[p.Slug].Finish(c.Request.Context(), attempt, form)
	var again *providers.Again
	switch {
	case errors.As(err, &again):
		note(c, "", again)
		return b.askPerson(c, v, tx, &again.Ask)
	case err != nil:
		return upstreamFailed(v.request, err)
	}
	b.jar.Drop(c.Writer, tx)
	return b.signIn(c, v, p, tx, identity)
}

// atAsk finds the transaction of an answer and spends the form's one-time value.
func (b *Broker) atAsk(c *gin.Context, form url.Values) (*session.Transaction, error) {
	tx, ok := b.jar.ByKey(c.Request, form.Get("tx"))
	switch {
	case tx == nil || tx.Stage != session.Ask:
		return nil, refuse(http.StatusBadRequest, notYours, alarmed(door.EventForeignBrowser, "no transaction of this browser waits for this answer"))
	}
	b.resume(c, tx)
	switch {
	case !ok:
		return nil, b.startAgain(tx, "This sign-in took too long. Please start again.", "the transaction is older than its lifetime")
	case subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(tx.Token)) != 1:
		return nil, b.answeredBefore(tx, "This page is not the latest one of this sign-in. Please start again.", "wrong token of the sign-in page")
	case !b.spent.take(tx.Token):
		return nil, b.answeredBefore(tx, "This page was sent before. Please start again.", "the sign-in page was answered before")
	}
	rec(c).provider = tx.Provider
	return tx, nil
}

func (b *Broker) startAgain(tx *session.Transaction, sentence, why string) error {
	return &pageError{status: http.StatusBadRequest, sentence: sentence, restart: b.link(&tx.Request), cause: reason(why)}
}

// answeredBefore is startAgain for a copy of a page: the login goes on in the other one.
func (b *Broker) answeredBefore(tx *session.Transaction, sentence, why string) error {
	return &pageError{status: http.StatusBadRequest, sentence: sentence, restart: b.link(&tx.Request), cause: reason(why), aside: true}
}

// stillThere finds the provider of a transaction again: it may have been switched off.
func (b *Broker) stillThere(v *visit, tx *session.Transaction) (*directory.Provider, error) {
	p, ok := v.dir.Provider(tx.Provider)
	if !ok || p.InternalID != tx.ProviderID || p.Disabled && !v.tests() || v.dir.Upstreams[p.Slug] == nil {
		return nil, back(v.request, oauth.E(oauth.AccessDenied, "this provider was switched off"))
	}
	return p, nil
}

// askedLate is for somebody who reloads the address of an answered page.
func askedLate(*gin.Context) error {
	return refuse(http.StatusBadRequest, notYours, reason("the sign-in page was opened by its address"))
}
