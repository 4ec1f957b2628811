package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// A person adds a second way to sign in to their account:
//
//	/account ─POST─▶ startLink ─▶ the provider ─▶ callback ─▶ offerLink ─▶ a page that names both
//	    ▲                                                                          │
//	    └──────────────────────── acceptLink ◀────────────────POST─────────────────┘
//
// Every step belongs to one session of one account: it begins with a POST from our own
// page, shortly after a sign-in, and what the provider said waits under a value that
// only the page of that session holds (L06, L07).

const (
	freshEnough = 5 * time.Minute  // how young a sign-in has to be that changes how to sign in
	offerLives  = 10 * time.Minute // how long a person may think about it
)

// linkable lists the providers that a person may add, in the order of the document.
func (v *visit) linkable() []*directory.Provider {
	var list []*directory.Provider
	for _, p := range v.dir.ProvidersFor(v.client) {
		if p.Links() {
			list = append(list, p)
		}
	}
	return list
}

// startLink leads to the provider that is to be added.
func (b *Broker) startLink(c *gin.Context, s *storage.Session, form url.Values) error {
	v := b.accountVisit()
	p, ok := v.dir.Provider(form.Get("provider"))
	if !ok || p.Disabled || !p.Links() {
		return refuse(http.StatusForbidden, "This way to sign in cannot be added here.", reason("linking is off for the provider, or there is none"))
	}
	if !b.young(s) {
		return b.speak(c).LinkAway(c.Writer, page.LinkAway{SignInDue: true, Href: b.path("/account?again=1"), CancelHref: b.path("/account")})
	}
	upstream, ok := v.dir.Upstreams[p.Slug]
	if !ok {
		return b.refuseAtAccount(oauth.E(oauth.ServerError, "this provider is not running"))
	}
	rec(c).provider = p.Slug
	v.request.Place, v.request.Prompt = oauth.PlaceLink, []string{"select_account"}
	tx := b.newAttempt(c, v, p)
	tx.SID = s.SID
	b.carry(c, tx)
	step, err := upstream.Begin(c.Request.Context(), b.attempt(p, tx))
	if err != nil {
		return upstreamFailed(v.request, err)
	}
	if step.Ask != nil {
		return b.askPerson(c, v, tx, step.Ask)
	}
	if err := b.jar.Put(c.Writer, c.Request, tx); err != nil {
		return unavailable(err)
	}
	if step.Post != nil {
		return b.speak(c).FormPost(c.Writer, postForm(step.Post))
	}
	return b.speak(c).LinkAway(c.Writer, page.LinkAway{Provider: titleOf(p), Href: step.Redirect, CancelHref: b.path("/account")})
}

// young tells whether the person proved themselves a moment ago.
func (b *Broker) young(s *storage.Session) bool { return b.now().Sub(s.AuthTime) <= freshEnough }

// offerLink takes the provider's answer. Nothing is added yet: the person sees whom the
// provider knows, and whose account it is, and says yes or goes away.
func (b *Broker) offerLink(c *gin.Context, v *visit, p *directory.Provider, tx *session.Transaction, id *providers.Identity) error {
	ctx := c.Request.Context()
	s, err := b.accountSession(c, b.accountVisit())
	if err != nil {
		return err
	}
	if s == nil || s.SID != tx.SID {
		return &pageError{status: http.StatusForbidden, sentence: "You are no longer signed in as before. Please start again.", restart: b.path("/account"),
			cause: reason("the session is not the one that began to add a way to sign in")}
	}
	if !p.Links() {
		return refuse(http.StatusForbidden, "This way to sign in cannot be added here.", reason("linking was switched off meanwhile"))
	}
	who := grant.Subject{User: s.User, Provider: p, Claims: id.Claims}
	who.Learn(id)
	if _, err := b.decide(ctx, v, who); err != nil { // whoever may not come in this way does not get it as a way in
		return err
	}
	switch owner, _, err := b.db.FindIdentity(ctx, p.InternalID, id.Subject); {
	case err == nil && owner.ID == s.UserID:
		b.jar.SetNote(c.Writer, "already")
		redirect(c, b.path("/account"))
		return nil
	case err == nil:
		return b.taken(c, s, p)
	case !errors.Is(err, storage.ErrNotFound):
		return unavailable(err)
	}
	offer := oauth.NewSecret()
	err = b.db.OfferLink(ctx, actor(c, "person", s.UserID), storage.LinkOffer{Hash: oauth.Hash("link", offer), StateHash: oauth.Hash("state", tx.State),
		UserID: s.UserID, SID: s.SID, ProviderID: p.InternalID, Issuer: id.Issuer, Subject: id.Subject, Claims: id.Claims, ExpiresAt: b.now().Add(offerLives)})
	switch {
	case errors.Is(err, storage.ErrStateSpent):
		return refuse(http.StatusBadRequest, notYours, err)
	case err != nil:
		return unavailable(err)
	}
	sid, _ := b.jar.SessionID(c.Request)
	return b.speak(c).LinkConfirm(c.Writer, page.LinkConfirm{Person: nameOfPerson(s.User), Provider: titleOf(p), Identity: nameOfPerson(orSubject(who.User, id.Subject)),
		Action: b.path("/account"), Token: session.FormToken("account", sid), Offer: offer, CancelHref: b.path("/account")})
}

// orSubject names somebody of whom the provider says neither name nor address.
func orSubject(u storage.User, subject string) storage.User {
	if u.Name == "" && u.Email == "" {
		u.Name = subject
	}
	return u
}

// taken refuses an identity that opens another account: two accounts never share one (L08).
func (b *Broker) taken(c *gin.Context, s *storage.Session, p *directory.Provider) error {
	why := "the identity belongs to another account"
	if err := b.db.Note(c.Request.Context(), actor(c, "person", s.UserID), storage.AuditLinkRefused, "user:"+s.UserID, map[string]string{"provider": p.InternalID, "reason": why}); err != nil {
		return unavailable(err)
	}
	return &pageError{status: http.StatusConflict, sentence: "This way to sign in opens another account here already. Nothing has changed.", restart: b.path("/account"), cause: reason(why)}
}

// acceptLink adds what was offered, once the person said so on the page that named both.
func (b *Broker) acceptLink(c *gin.Context, s *storage.Session, form url.Values) error {
	ctx, hash, v := c.Request.Context(), oauth.Hash("link", form.Get("offer")), b.accountVisit()
	gone := &pageError{status: http.StatusBadRequest, sentence: "This took too long, or it was done already. Nothing has changed.", restart: b.path("/account"),
		cause: reason("there is no such offer for this account and session")}
	offer, err := b.db.LinkOffered(ctx, hash, s.UserID, s.SID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return gone
	case err != nil:
		return unavailable(err)
	}
	p, ok := v.dir.ProviderByID(offer.ProviderID)
	if !ok || p.Disabled || !p.Links() {
		return refuse(http.StatusForbidden, "This way to sign in cannot be added here.", reason("linking was switched off meanwhile"))
	}
	switch err := b.db.AcceptLink(ctx, actor(c, "person", s.UserID), hash, s.UserID, s.SID); {
	case errors.Is(err, storage.ErrNotFound):
		return gone
	case errors.Is(err, storage.ErrTaken):
		return &pageError{status: http.StatusConflict, sentence: "This way to sign in opens another account here already. Nothing has changed.", restart: b.path("/account"), cause: err}
	case err != nil:
		return unavailable(err)
	}
	b.jar.SetNote(c.Writer, "join")
	redirect(c, b.path("/account"))
	return nil
}

// unlink takes a way to sign in away, with the sessions and grants that rest on it. The
// last one stays: without it nobody could come back.
func (b *Broker) unlink(c *gin.Context, s *storage.Session, form url.Values) error {
	if !b.young(s) {
		return b.speak(c).LinkAway(c.Writer, page.LinkAway{SignInDue: true, Href: b.path("/account?again=1"), CancelHref: b.path("/account")})
	}
	ctx, provider, subject := c.Request.Context(), form.Get("provider"), form.Get("subject")
	role, err := b.db.AdminRole(ctx, provider, subject)
	if err != nil {
		return unavailable(err)
	}
	if role != "" && (s.ProviderID != provider || s.Subject != subject) {
		return &pageError{status: http.StatusConflict, sentence: "This way to sign in administers. Sign in with it to remove it.", restart: b.path("/account"), cause: reason("an administrator's identity is removed by another one")}
	}
	err = b.db.Unlink(ctx, actor(c, "person", s.UserID), s.UserID, provider, subject, false)
	switch {
	case errors.Is(err, storage.ErrLastIdentity), errors.Is(err, storage.ErrLastOwner):
		return &pageError{status: http.StatusConflict, sentence: "This is the last way to sign in and stays.", restart: b.path("/account"), cause: err}
	case errors.Is(err, storage.ErrNotFound):
		return &pageError{status: http.StatusNotFound, sentence: "There is nothing of yours to end there. Perhaps it has ended already.", restart: b.path("/account"), cause: err}
	case err != nil:
		return unavailable(err)
	}
	b.jar.SetNote(c.Writer, "identity")
	redirect(c, b.path("/account"))
	return nil
}

// ownerOfAddress finds the one account that has the address of somebody who signs in
// for the first time, where the settings say that such a person is joined to it
// (linking: email). Both sides have to prove the address to a provider that is the
// authority of its domain (L03, L05), and a provider that knows the account already
// speaks of somebody else (L10). Whatever does not fit is ErrNotFound: a new account.
func (b *Broker) ownerOfAddress(ctx context.Context, v *visit, p *directory.Provider, id *providers.Identity) (*storage.User, error) {
	email, _ := id.Claims["email"].(string)
	if !id.EmailVerified || !p.OwnsAddress(email, id.Claims) {
		return nil, storage.ErrNotFound
	}
	owners, err := b.db.UsersByAddress(ctx, email)
	if err != nil {
		return nil, err
	}
	if len(owners) != 1 {
		return nil, storage.ErrNotFound
	}
	identities, err := b.db.Identities(ctx, owners[0].ID)
	if err != nil {
		return nil, err
	}
	proven := false
	for _, i := range identities {
		q, known := v.dir.ProviderByID(i.ProviderID)
		if i.ProviderID == p.InternalID {
			return nil, storage.ErrNotFound
		}
		switch role, err := b.db.AdminRole(ctx, i.ProviderID, i.Subject); {
		case err != nil:
			return nil, err
		case role != "": // whoever may change a provider's settings must not get an owner's account by them
			return nil, storage.ErrNotFound
		}
		proven = proven || known && !q.Disabled && q.OwnsAddress(email, i.Claims)
	}
	if !proven {
		return nil, storage.ErrNotFound
	}
	return &owners[0], nil
}
