package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// advance leads a signed-in person on: decide again with today's rules, ask for
// consent if it is missing, and otherwise answer the app. Single sign-on, "continue
// as …" and the return from the consent page all come through here.
func (b *Broker) advance(c *gin.Context, v *visit, s *storage.Session) error {
	ctx := c.Request.Context()
	who, d, err := b.decideAgain(ctx, v, s)
	if err != nil {
		return err
	}
	ask, err := b.mustAsk(ctx, v, who, d)
	switch {
	case err != nil:
		return err
	case ask && v.request.Asks("none"):
		return back(v.request, oauth.E(oauth.ConsentRequired, "the person has not agreed yet"))
	case ask:
		return b.toConsent(c, v, s, d)
	}
	return b.issue(c, v, s, d, false)
}

// decideAgain takes the person of a session through rules and admit() once more.
func (b *Broker) decideAgain(ctx context.Context, v *visit, s *storage.Session) (*grant.Subject, *grant.Decided, error) {
	p, ok := v.dir.ProviderByID(s.ProviderID)
	if !ok {
		return nil, nil, back(v.request, oauth.E(oauth.AccessDenied, "this provider is gone"))
	}
	id, err := b.db.Identity(ctx, s.UserID, s.ProviderID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil, back(v.request, oauth.E(oauth.LoginRequired, "please sign in again").Because(err))
	}
	if err != nil {
		return nil, nil, unavailable(err)
	}
	who := &grant.Subject{User: s.User, Provider: p, Claims: grant.OfSignIn(id.Claims, s.ACR, s.AMR, s.AuthTime), ClaimsAt: id.ClaimsAt}
	if who.AdminRole, err = grant.AdminRole(ctx, b.db, v.client, s.ProviderID, id.Subject); err != nil {
		return nil, nil, err
	}
	traced(ctx).recognised(who, id.Subject)
	d, err := b.decide(ctx, v, *who)
	return who, d, err
}

// decide asks the rules and admit(); a refusal goes back to the app.
func (b *Broker) decide(ctx context.Context, v *visit, who grant.Subject) (*grant.Decided, error) {
	t := traced(ctx)
	defer within(ctx, "decide")()
	d, refusal, oerr := grant.Decide(v.dir.Snapshot, v.client, who, v.request.Resources, v.request.Scopes)
	if oerr != nil {
		return nil, back(v.request, oerr)
	}
	t.step(b.now(), storage.StepRules, "")
	t.decides(d)
	if refusal != nil {
		return nil, backRefusal(v.request, refusal)
	}
	t.step(b.now(), storage.StepAdmitted, "")
	d.Ask(v.request.Claims)
	return d, nil
}

// issue makes the code for a session that exists already: one write transaction.
func (b *Broker) issue(c *gin.Context, v *visit, s *storage.Session, d *grant.Decided, remember bool) error {
	if err := v.proven(s.ACR); err != nil {
		return err
	}
	code := b.newCode(c)
	g := b.newGrant(v, d, s.ProviderID, s.SID, proof{s.AuthTime, s.ACR, s.AMR}, code)
	g.Login = rec(c).reference
	if remember {
		g.RememberConsent, g.Agreed = true, v.toAgree(d)
	}
	err := b.db.IssueCode(c.Request.Context(), actor(c, "person", s.UserID), s.UserID, *g)
	switch {
	case errors.Is(err, storage.ErrDisabled):
		return back(v.request, oauth.E(oauth.AccessDenied, "this account may not sign in").Because(err))
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrRevoked):
		return back(v.request, oauth.E(oauth.LoginRequired, "please sign in again").Because(err))
	case err != nil:
		return unavailable(err)
	}
	b.issued(c, g, v)
	return b.respondCode(c, v.request, code)
}

// proof is how and when a session's person was recognised.
type proof struct {
	at  time.Time
	acr string
	amr []string
}

// newGrant drafts the row behind a code: who, for whom, what, why and for how long.
func (b *Broker) newGrant(v *visit, d *grant.Decided, providerID, sid string, how proof, code string) *storage.NewGrant {
	r := v.request
	return &storage.NewGrant{ID: oauth.NewSecret()[:22], ClientID: v.client.ID, ProviderID: providerID, SID: sid, Scopes: d.Scopes, Audience: d.Target.Audience,
		Roles: d.Roles, Claims: d.Claims, Trace: d.Trace, Snapshot: d.Basis, AuthTime: how.at, ACR: how.acr, AMR: how.amr, RedirectHost: oauth.RedirectHost(r.RedirectURI),
		Code: storage.NewCode{Hash: oauth.Hash("code", code), RedirectURI: r.RedirectURI, Challenge: r.Challenge, Nonce: r.Nonce, ExpiresAt: b.now().Add(b.life.Code)}}
}

// mustAsk tells whether the person has to be asked what the app may have. Consent
// is remembered for (person, client, redirect host) and covers only the scopes it named (D33).
func (b *Broker) mustAsk(ctx context.Context, v *visit, who *grant.Subject, d *grant.Decided) (bool, error) {
	if v.client.FirstParty {
		return false, nil
	}
	if who.New || v.request.Asks("consent") {
		return true, nil
	}
	agreed, err := b.db.Consent(ctx, who.User.ID, v.client.ID, oauth.RedirectHost(v.request.RedirectURI))
	if err != nil {
		return false, unavailable(err)
	}
	return agreed == nil || slices.ContainsFunc(v.toAgree(d), func(s string) bool { return !slices.Contains(agreed, s) }), nil
}
