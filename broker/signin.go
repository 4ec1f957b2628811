package broker

import (
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// signIn writes the recognised person into the book: it finds or makes the local
// user, asks rules and admit(), and in one write transaction spends the state,
// stores what upstream said, begins the session and, where no consent is needed,
// makes the code.
func (b *Broker) signIn(c *gin.Context, v *visit, p *directory.Provider, tx *session.Transaction, id *providers.Identity) error {
	if v.request.Place == oauth.PlaceLink {
		return b.offerLink(c, v, p, tx, id)
	}
	if v.tests() {
		return b.tested(c, v, p, tx, id)
	}
	t := rec(c).trace
	who, err := b.recognise(c.Request.Context(), v, p, id)
	if err != nil {
		t.recognised(unknown(p, id), id.Subject)
		return err
	}
	t.recognised(who, id.Subject)
	t.step(b.now(), storage.StepRecognised, newWord[who.New])
	if err := b.fresh(c, v, tx, id, who); err != nil {
		return err
	}
	if !v.expects(who.User.Subject) {
		return back(v.request, oauth.E(oauth.LoginRequired, "somebody else signed in than the app expects"))
	}
	if err := v.proven(proofOf(id).acr); err != nil {
		return err
	}
	d, err := b.decide(c.Request.Context(), v, *who)
	if err != nil {
		return err
	}
	ask, err := b.mustAsk(c.Request.Context(), v, who, d)
	if err != nil {
		return err
	}
	s, sessionID := b.newSession(id)
	in := storage.SignIn{StateHash: oauth.Hash("state", tx.State), StateExpires: time.Unix(tx.Created, 0).Add(2 * b.life.Transaction),
		ProviderID: p.InternalID, Issuer: id.Issuer, Subject: id.Subject, Claims: id.Claims, Create: v.makesUsers(p), NewSubject: who.User.Subject,
		Name: who.User.Name, Email: who.User.Email, EmailVerified: who.User.EmailVerified, PasswordSince: id.PasswordSince, Session: s}
	if who.Joins {
		in.JoinUser = who.User.ID
	}
	if old, ok := b.jar.SessionID(c.Request); ok {
		in.EndSession = session.HashID(old)
	}
	var code string
	if !ask && !v.own() {
		code = b.newCode(c)
		in.Grant = b.newGrant(v, d, p.InternalID, s.SID, proof{s.AuthTime, s.ACR, s.AMR}, code)
		in.Grant.Login = rec(c).reference
	}
	signed, err := b.db.SignIn(c.Request.Context(), actor(c, "person", who.User.ID), in)
	if err != nil {
		return signInFailed(v.request, err)
	}
	who.User = signed.User
	b.jar.SetSession(c.Writer, sessionID, s.ExpiresAt)
	b.jar.ForgetSignOut(c.Writer, c.Request)
	switch {
	case v.own():
		b.ended(c, storage.LoginSignedIn, "", nil)
		redirect(c, b.path("/account"))
		return nil
	case ask:
		return b.toConsent(c, v, signed, d)
	}
	b.issued(c, in.Grant, v)
	return b.respondCode(c, v.request, code)
}

// unknown is somebody whom a provider knows and we do not.
func unknown(p *directory.Provider, id *providers.Identity) *grant.Subject {
	who := &grant.Subject{New: true, Provider: p, Claims: id.Claims}
	who.Learn(id)
	return who
}

// newWord is what a trace says of a person's first login.
var newWord = map[bool]string{true: "new"}

// issued notes what the code gives, and what it does not although it was asked for.
func (b *Broker) issued(c *gin.Context, g *storage.NewGrant, v *visit) {
	r := rec(c)
	r.leftOut = less(v.request.Scopes, g.Scopes)
	r.trace.step(b.now(), storage.StepCode, g.ID)
}

// recognise finds the local user of an external identity, or drafts a new one.
// The key is (provider, subject); e-mail is data, never a key (docs/decisions/0003).
func (b *Broker) recognise(ctx context.Context, v *visit, p *directory.Provider, id *providers.Identity) (*grant.Subject, error) {
	who := &grant.Subject{Provider: p, Claims: id.Claims}
	user, _, err := b.db.FindIdentity(ctx, p.InternalID, id.Subject)
	if errors.Is(err, storage.ErrNotFound) && p.Linking == directory.LinkingEmail {
		if user, err = b.ownerOfAddress(ctx, v, p, id); err == nil {
			who.Joins = true
		}
	}
	switch {
	case errors.Is(err, storage.ErrNotFound) && v.client.ID == directory.AdminClient:
		return nil, backRefusal(v.request, directory.NotAnAdministrator())
	case errors.Is(err, storage.ErrNotFound) && !v.makesUsers(p):
		return nil, back(v.request, oauth.E(oauth.AccessDenied, "there is no account for this person").Because(reason("sign-up is closed for this provider")))
	case errors.Is(err, storage.ErrNotFound):
		who.New, who.User = true, storage.User{Subject: oauth.NewSecret()[:26]}
	case err != nil:
		return nil, unavailable(err)
	default:
		who.User = *user
	}
	who.Learn(id)
	who.AdminRole, err = grant.AdminRole(ctx, b.db, v.client, p.InternalID, id.Subject)
	return who, err
}

// fresh checks that a sign-in the app wanted anew is new: a provider that answers
// with an old auth_time did not do what it was asked (OpenID Connect Core §3.1.2.1).
// Clocks differ by a minute; the auth_time that this browser's session has already
// does not become newer by that.
func (b *Broker) fresh(c *gin.Context, v *visit, tx *session.Transaction, id *providers.Identity, who *grant.Subject) error {
	if id.AuthTime.IsZero() {
		return nil
	}
	const skew = time.Minute
	stale := v.request.Asks("login") && id.AuthTime.Before(time.Unix(tx.Created, 0).Add(-skew))
	if v.request.MaxAge != nil && b.now().Sub(id.AuthTime) > time.Duration(*v.request.MaxAge)*time.Second+skew {
		stale = true
	}
	if v.request.Asks("login") && !stale {
		s, err := b.session(c)
		if err != nil {
			return err
		}
		stale = s != nil && s.ProviderID == tx.ProviderID && s.User.Subject == who.User.Subject && !id.AuthTime.After(s.AuthTime)
	}
	if stale {
		return back(v.request, oauth.E(oauth.LoginRequired, "the provider did not sign the person in again"))
	}
	return nil
}

// newSession draws a session: a fresh id and a fresh sid at every sign-in (S01, T21).
func (b *Broker) newSession(id *providers.Identity) (s storage.NewSession, sessionID string) {
	sessionID = oauth.NewSecret()
	now := b.now()
	at := now
	if !id.AuthTime.IsZero() && id.AuthTime.Before(now) {
		at = id.AuthTime
	}
	return storage.NewSession{IDHash: session.HashID(sessionID), SID: oauth.NewSecret()[:22], AuthTime: at.Truncate(time.Second), ACR: proofOf(id).acr, AMR: proofOf(id).amr,
		UpstreamSID: id.SessionID, UpstreamIDToken: id.IDToken, Idle: b.life.SessionIdle, ExpiresAt: now.Add(b.life.SessionAbsolute)}, sessionID
}

func signInFailed(r *oauth.AuthRequest, err error) error {
	switch {
	case errors.Is(err, storage.ErrStateSpent):
		return replayed(400, notYours, err)
	case errors.Is(err, storage.ErrNoUser), errors.Is(err, storage.ErrDisabled):
		return back(r, oauth.E(oauth.AccessDenied, "this account may not sign in").Because(err))
	case errors.Is(err, storage.ErrPasswordChanged), errors.Is(err, storage.ErrConflict):
		return back(r, oauth.E(oauth.LoginRequired, "please sign in again").Because(err))
	}
	return unavailable(err)
}
