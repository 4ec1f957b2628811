package broker

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

// toConsent seals the request into this tab's cookie and sends the person to the
// page that asks. Only that cookie counts later: hidden fields and queries name
// the transaction but carry nothing of it (D22).
func (b *Broker) toConsent(c *gin.Context, v *visit, s *storage.Session, d *grant.Decided) error {
	rec(c).trace.step(b.now(), storage.StepConsent, "")
	tx := &session.Transaction{Stage: session.Consent, Provider: "", State: oauth.NewSecret(), Token: oauth.NewSecret(), SID: s.SID,
		Shown: v.asksFor(d), Hint: v.hint, Created: b.now().Unix(), Request: *v.request}
	b.carry(c, tx)
	if err := b.jar.Put(c.Writer, c.Request, tx); err != nil {
		return back(v.request, oauth.E(oauth.InvalidRequest, "the request is too large").Because(err))
	}
	rec(c).trace.wait()
	b.ended(c, storage.LoginAbandoned, "", nil) // until the answer comes
	redirect(c, b.path("/consent?tx="+tx.Key()))
	return nil
}

// askConsent shows what the app asks for, in the words of the resource's owner.
func (b *Broker) askConsent(c *gin.Context) error {
	tx, v, s, err := b.atConsent(c, c.Query("tx"))
	if err != nil {
		return err
	}
	_, d, err := b.decideAgain(c.Request.Context(), v, s)
	if err != nil {
		return err
	}
	if v.asksFor(d) != tx.Shown {
		return b.toConsent(c, v, s, d)
	}
	view := page.Consent{App: v.app(), Person: nameOfPerson(s.User), Action: b.path("/consent"), Tx: tx.Key(), Token: tx.Token,
		NotYouHref: b.link(v.request, "prompt", "login"), RedirectHost: oauth.RedirectHost(v.request.RedirectURI)}
	for _, name := range v.toAgree(d) {
		scope, _ := v.dir.Scope(name)
		view.Scopes = append(view.Scopes, page.ScopeLine{Name: name, Description: scope.Description})
	}
	return b.speak(c).Consent(c.Writer, view)
}

// takeConsent takes the person's answer. It is a POST from our own page, with this
// tab's transaction, its one-time token and the session it was rendered for.
func (b *Broker) takeConsent(c *gin.Context) error {
	if !door.SameSite(c.Request, b.issuer) {
		return refuse(http.StatusForbidden, "This request did not come from our own page.", alarmed(door.EventCrossSite, "cross-site POST to the consent page"))
	}
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	tx, v, s, err := b.atConsent(c, form.Get("tx"))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(tx.Token)) != 1 {
		return replayed(http.StatusForbidden, notYours, alarmed(door.EventCrossSite, "wrong consent token"))
	}
	if !b.spent.take(tx.State) {
		return replayed(http.StatusBadRequest, notYours, alarmed(door.EventStateReplayed, "the consent was answered before"))
	}
	b.jar.Drop(c.Writer, tx)
	switch form.Get("decision") {
	case "allow":
		rec(c).trace.step(b.now(), storage.StepAgreed, "")
	case "deny":
		return back(v.request, oauth.E(oauth.AccessDenied, "the person did not agree"))
	default:
		return replayed(http.StatusBadRequest, "Please press one of the two buttons.", reason("unknown decision"))
	}
	_, d, err := b.decideAgain(c.Request.Context(), v, s)
	if err != nil {
		return err
	}
	if v.asksFor(d) != tx.Shown { // settings changed meanwhile: nobody agreed to this
		return b.toConsent(c, v, s, d)
	}
	return b.issue(c, v, s, d, true)
}

// asksFor is a fingerprint of what a consent page names.
func (v *visit) asksFor(d *grant.Decided) string {
	return base64.RawURLEncoding.EncodeToString(oauth.Hash("agree", strings.Join(v.toAgree(d), " ")))[:22]
}

// atConsent finds transaction, visit and session again. The session must be the one
// that the page was made for: nobody agrees in another person's name (S13).
func (b *Broker) atConsent(c *gin.Context, key string) (*session.Transaction, *visit, *storage.Session, error) {
	tx, ok := b.jar.ByKey(c.Request, key)
	if !ok || tx.Stage != session.Consent {
		return nil, nil, nil, refuse(http.StatusBadRequest, notYours, alarmed(door.EventForeignBrowser, "no consent transaction of this browser has this key"))
	}
	b.resume(c, tx)
	v, err := b.revisit(c, &tx.Request, tx.Hint)
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := b.session(c)
	if err != nil {
		return nil, nil, nil, err
	}
	if s == nil || s.SID != tx.SID {
		return nil, nil, nil, &pageError{status: http.StatusBadRequest, sentence: "You are no longer signed in as before. Please start again.",
			restart: b.link(&tx.Request), cause: reason("the session is not the one that consent was asked for")}
	}
	return tx, v, s, nil
}
