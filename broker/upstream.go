package broker

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// toUpstream sends the person to a provider. All secrets of the attempt are drawn
// here and travel in this tab's sealed cookie; the provider only spends them.
func (b *Broker) toUpstream(c *gin.Context, v *visit, p *directory.Provider) error {
	rec(c).provider = p.Slug
	t := b.begin(c, v.client.ID)
	t.visits(v)
	t.step(b.now(), storage.StepProvider, p.Slug)
	upstream, ok := v.dir.Upstreams[p.Slug]
	if !ok {
		return back(v.request, oauth.E(oauth.ServerError, "this provider is not running"))
	}
	tx := b.newAttempt(c, v, p)
	t.step(b.now(), storage.StepSent, "")
	b.carry(c, tx)
	step, err := upstream.Begin(c.Request.Context(), b.attempt(p, tx))
	if err != nil {
		return upstreamFailed(v.request, err)
	}
	if step.Ask != nil {
		return b.askPerson(c, v, tx, step.Ask)
	}
	if err := b.jar.Put(c.Writer, c.Request, tx); err != nil {
		return back(v.request, oauth.E(oauth.InvalidRequest, "the request is too large").Because(err))
	}
	if step.Post != nil {
		return b.speak(c).FormPost(c.Writer, postForm(step.Post))
	}
	redirect(c, step.Redirect)
	return nil
}

// newAttempt draws the secrets of one attempt at one provider.
func (b *Broker) newAttempt(c *gin.Context, v *visit, p *directory.Provider) *session.Transaction {
	return &session.Transaction{Stage: session.Upstream, Provider: p.Slug, ProviderID: p.InternalID, State: oauth.NewSecret(), Nonce: oauth.NewSecret(),
		Verifier: oauth.NewSecret(), Prompt: b.promptUpstream(c, v), Hint: v.hint, Created: b.now().Unix(), Request: *v.request}
}

func postForm(post *providers.Post) page.FormPost {
	form := page.FormPost{Action: post.URL}
	for name, value := range post.Fields {
		form.Fields = append(form.Fields, page.Field{Name: name, Value: value})
	}
	return form
}

// promptUpstream says what the provider is asked to do: sign the person in anew when
// the app wants that, and show who is signed in when the person may be somebody else.
func (b *Broker) promptUpstream(c *gin.Context, v *visit) string {
	switch r := v.request; {
	case r.Asks("login") || r.MaxAge != nil:
		return "login"
	case r.Asks("select_account") || b.jar.SignedOut(c.Request):
		return "select_account"
	}
	return ""
}

// attempt is what a provider is given, at the start and again at the end.
func (b *Broker) attempt(p *directory.Provider, tx *session.Transaction) providers.Attempt {
	return providers.Attempt{State: tx.State, Nonce: tx.Nonce, Verifier: tx.Verifier, RedirectURI: b.path("/callback/" + tx.Provider), Prompt: tx.Prompt,
		MaxAge: tx.Request.MaxAge, LoginHint: tx.Request.LoginHint, ACRValues: acrFor(p, &tx.Request), UILocales: tx.Request.UILocales}
}

// upstreamFailed turns a provider's error into the one the app understands.
func upstreamFailed(r *oauth.AuthRequest, err error) error {
	var pe *providers.Error
	if !errors.As(err, &pe) {
		return back(r, oauth.E(oauth.ServerError, "the provider's answer could not be used").Because(err))
	}
	switch pe.Code {
	case oauth.AccessDenied:
		return back(r, oauth.E(oauth.AccessDenied, "the sign-in was cancelled or refused at the provider").Because(err))
	case oauth.TemporarilyUnavailable:
		return back(r, oauth.E(oauth.TemporarilyUnavailable, "the provider cannot be reached right now").Because(err))
	case oauth.UnmetAuthentication:
		return back(r, oauth.E(oauth.UnmetAuthentication, "the person cannot sign in at the provider as surely as is asked for").Because(err))
	case oauth.LoginRequired:
		return back(r, oauth.E(oauth.LoginRequired, "the provider did not sign the person in again").Because(err))
	}
	return back(r, oauth.E(oauth.ServerError, "the provider's answer could not be used").Because(err))
}
