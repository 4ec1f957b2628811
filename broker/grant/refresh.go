package grant

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

func init() { Register(refreshToken{}) }

// refreshToken rotates a refresh token (RFC 6749 §6, RFC 9700 §4.14.2): read,
// decide again with today's rules, then one deciding statement.
type refreshToken struct{}

func (refreshToken) Type() string { return "refresh_token" }

func (refreshToken) Redeem(ctx context.Context, r *Request) (*Proof, error) {
	raw := r.Form.Get("refresh_token")
	if raw == "" {
		return nil, oauth.E(oauth.InvalidRequest, "refresh_token is missing")
	}
	f, err := r.Desk.DB.FindRefresh(ctx, raw, r.Client.ID, r.Desk.Life.RefreshGrace)
	if err != nil {
		if g, err := r.Desk.DB.GrantByRefresh(ctx, raw); err == nil {
			r.Seen.Grant = g.ID
		}
		return nil, refreshRefused(err)
	}
	r.Seen.Grant = f.Grant.ID
	if !f.Current { // a retry within the grace, or a theft: storage decides before anything else is looked at
		next, err := r.Desk.DB.RotateRefresh(ctx, r.Actor, f, r.Desk.Life.RefreshGrace, storage.GrantUpdate{})
		if err != nil {
			return nil, refreshRefused(err)
		}
		return r.refreshed(ctx, f, next)
	}
	update, err := again(ctx, r, f)
	if err != nil {
		return nil, err
	}
	if _, oerr := narrowed(r.Form.Get("scope"), f.Grant.Scopes); oerr != nil {
		return nil, oerr // before the rotation: a mistake in the request costs no token
	}
	next, err := r.Desk.DB.RotateRefresh(ctx, r.Actor, f, r.Desk.Life.RefreshGrace, update)
	if err != nil {
		return nil, refreshRefused(err)
	}
	return r.refreshed(ctx, f, next)
}

func (r *Request) refreshed(ctx context.Context, f *storage.Refresh, next string) (*Proof, error) {
	refusal, err := StillAdmitted(ctx, r.Desk.DB, r.Snapshot, r.Client, &f.Grant)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, oauth.E(oauth.InvalidGrant, "the grant is no longer valid").Because(reason(refusal.ForOperator))
	}
	scopes, oerr := narrowed(r.Form.Get("scope"), f.Grant.Scopes)
	if oerr != nil {
		return nil, oerr
	}
	return r.proof(&f.Grant, scopes, "", next), nil
}

// again decides anew whenever the directory or the upstream's claims changed since
// the grant was made, and otherwise asks admit() alone. It updates f.Grant.
func again(ctx context.Context, r *Request, f *storage.Refresh) (storage.GrantUpdate, error) {
	g, none := &f.Grant, storage.GrantUpdate{}
	p, ok := r.Snapshot.ProviderByID(g.ProviderID)
	if !ok {
		return none, revoke(ctx, r, g.ID, "the provider of the grant is gone")
	}
	if outlived(r.Client, f) {
		return none, revoke(ctx, r, g.ID, "client "+r.Client.ID+" may not have offline access any more")
	}
	if r.Desk.stale(p, f) {
		return none, oauth.E(oauth.InvalidGrant, "the person must sign in again").Because(reason("the upstream answer is older than max_upstream_age"))
	}
	role, err := AdminRole(ctx, r.Desk.DB, r.Client, g.ProviderID, f.Identity.Subject)
	if err != nil {
		return none, err
	}
	who := Subject{User: g.User, Provider: p, ClaimsAt: f.Identity.ClaimsAt, AdminRole: role}
	if g.Snapshot == basis(r.Snapshot, who) {
		return none, nil // admit() is asked once more before the tokens are made
	}
	who.Claims = OfSignIn(f.Identity.Claims, g.ACR, g.AMR, g.AuthTime)
	d, refusal, oerr := Decide(r.Snapshot, r.Client, who, resourcesOf(g, r.Snapshot.Issuer()), g.Scopes)
	if oerr != nil {
		return none, oauth.E(oauth.InvalidGrant, "the grant is no longer valid").Because(oerr)
	}
	if refusal != nil {
		return none, revoke(ctx, r, g.ID, refusal.ForOperator)
	}
	d.Ask(askedOf(g))
	g.Scopes, g.Audience, g.Roles, g.Claims, g.Trace, g.Snapshot = d.Scopes, d.Target.Audience, d.Roles, d.Claims, d.Trace, d.Basis
	return storage.GrantUpdate{Changed: true, Scopes: g.Scopes, Audience: g.Audience, Roles: g.Roles, Claims: g.Claims, Trace: g.Trace, Snapshot: g.Snapshot}, nil
}

// outlived tells whether a refresh token survives sign-outs although its client may not
// have such any more.
func outlived(c *directory.Client, f *storage.Refresh) bool {
	return f.Offline && c.RefreshTokens != directory.RefreshOffline
}

// stale tells whether the upstream's answer is too old for rules to work on.
func (d *Desk) stale(p *directory.Provider, f *storage.Refresh) bool {
	limit := d.Life.upstreamAge(p)
	return limit > 0 && d.Now().Sub(f.Identity.ClaimsAt) > limit
}

// Usable tells without using it whether a refresh token would be accepted now: "" if
// so, else the reason for the operator.
func (d *Desk) Usable(ctx context.Context, s *directory.Snapshot, c *directory.Client, f *storage.Refresh) (string, error) {
	p, ok := s.ProviderByID(f.Grant.ProviderID)
	switch {
	case !f.Current:
		return "the refresh token has a successor", nil
	case !c.AllowsGrant(directory.GrantRefresh):
		return "client " + c.ID + " may not refresh any more", nil
	case !ok:
		return "the provider of the grant is gone", nil
	case outlived(c, f):
		return "client " + c.ID + " may not have offline access any more", nil
	case d.stale(p, f):
		return "the upstream answer is older than max_upstream_age", nil
	}
	refusal, err := StillAdmitted(ctx, d.DB, s, c, &f.Grant)
	if err != nil || refusal == nil {
		return "", err
	}
	return refusal.ForOperator, nil
}

// resourcesOf reads the resource back from the audience that was granted.
func resourcesOf(g *storage.Grant, issuer string) []string {
	return slices.DeleteFunc(slices.Clone(g.Audience), func(a string) bool { return a == issuer })
}

// narrowed applies the scope parameter: fewer scopes are fine, more never (RFC 6749 §6).
func narrowed(asked string, granted []string) ([]string, *oauth.Error) {
	if asked == "" {
		return granted, nil
	}
	if len(asked) > 1024 {
		return nil, oauth.E(oauth.InvalidScope, "scope is too long")
	}
	out := []string{}
	for _, s := range strings.Fields(asked) {
		if !slices.Contains(granted, s) {
			return nil, oauth.E(oauth.InvalidScope, "scope was not granted originally")
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, nil
}

func refreshRefused(err error) error {
	for _, known := range []error{storage.ErrNotFound, storage.ErrMismatch, storage.ErrExpired, storage.ErrReused, storage.ErrRevoked, storage.ErrDisabled} {
		if errors.Is(err, known) {
			return oauth.E(oauth.InvalidGrant, "the refresh token is not valid").Because(err)
		}
	}
	return Unavailable(err)
}
