package grant

import (
	"context"
	"errors"
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

func init() { Register(authorizationCode{}) }

// authorizationCode redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.6).
type authorizationCode struct{}

func (authorizationCode) Type() string { return "authorization_code" }

func (authorizationCode) Redeem(ctx context.Context, r *Request) (*Proof, error) {
	code := r.Form.Get("code")
	if code == "" {
		return nil, oauth.E(oauth.InvalidRequest, "code is missing")
	}
	take := storage.TakeCode{Hash: oauth.Hash("code", code), ClientID: r.Client.ID, RedirectURI: r.Form.Get("redirect_uri")}
	if r.Form.Has("code_verifier") {
		challenge, ok := oauth.S256(r.Form.Get("code_verifier"))
		if !ok {
			return nil, oauth.E(oauth.InvalidGrant, "the code_verifier does not fit")
		}
		take.Challenge = challenge
	}
	take.Family = r.family()
	taken, err := r.Desk.DB.TakeCode(ctx, r.Actor, take)
	if err != nil {
		return nil, codeRefused(err)
	}
	g := &taken.Grant
	refusal, err := StillAdmitted(ctx, r.Desk.DB, r.Snapshot, r.Client, g)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, revoke(ctx, r, g.ID, refusal.ForOperator)
	}
	return r.proof(g, g.Scopes, g.Nonce, taken.RefreshToken), nil
}

// family is what a client's refresh tokens may do, or nil where it gets none.
func (r *Request) family() *storage.NewFamily {
	if r.Client.RefreshTokens == directory.RefreshNone {
		return nil
	}
	return &storage.NewFamily{Offline: r.Client.RefreshTokens == directory.RefreshOffline, OfflineScope: "offline_access", Idle: r.Desk.Life.RefreshIdle, Absolute: r.Desk.Life.RefreshAbsolute}
}

// revoke ends a grant that policy no longer allows, and says invalid_grant.
func revoke(ctx context.Context, r *Request, grantID, why string) error {
	if err := r.Desk.DB.RevokeGrant(ctx, r.Actor, grantID, why); err != nil {
		return Unavailable(err)
	}
	return oauth.E(oauth.InvalidGrant, "the grant is no longer valid").Because(reason(why))
}

// codeRefused gives every wrong code the same answer; the cause is for the operator.
func codeRefused(err error) error {
	if errors.Is(err, storage.ErrNoChallenge) {
		return oauth.E(oauth.InvalidRequest, "the authorization request had no code_challenge").Because(err)
	}
	for _, known := range []error{storage.ErrNotFound, storage.ErrMismatch, storage.ErrExpired, storage.ErrUsed, storage.ErrRevoked, storage.ErrDisabled} {
		if errors.Is(err, known) {
			return oauth.E(oauth.InvalidGrant, "the code is not valid").Because(err)
		}
	}
	return Unavailable(err)
}

// Unavailable answers a storage failure: 503 and try again, never a false success.
func Unavailable(err error) *oauth.Error {
	e := oauth.E(oauth.TemporarilyUnavailable, "please try again").Because(err)
	e.Status = 503
	return e
}

// proof turns a live grant into what Mint needs.
func (r *Request) proof(g *storage.Grant, scopes []string, nonce, refresh string) *Proof {
	granted := tokens.Granted{GrantID: g.ID, Subject: g.User.Subject, ClientID: g.ClientID, SessionID: g.SID, Audience: g.Audience,
		Scopes: scopes, Roles: g.Roles, Claims: accessClaims(g), AuthTime: g.AuthTime, ACR: g.ACR, AMR: g.AMR, TTL: r.Desk.Life.Access}
	if len(g.Audience) > 0 {
		if res, ok := r.Snapshot.Resource(g.Audience[0]); ok {
			granted.Alg = tokens.Alg(res.Alg)
		}
	}
	p := &Proof{Granted: granted, Refresh: refresh}
	if slices.Contains(scopes, "openid") {
		p.ID = &tokens.IDToken{Nonce: nonce, Claims: inIDToken(g, r.Client), Alg: tokens.Alg(r.Client.IDTokenAlg), TTL: r.Desk.Life.ID}
	}
	return p
}
