package grant

import (
	"context"
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// Proof is what a grant type established: the tokens it entitles to.
type Proof struct {
	Granted tokens.Granted
	ID      *tokens.IDToken // nil unless openid was granted
	Refresh string          // the refresh token to hand out, or ""
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

// Unavailable answers a storage failure: 503 and try again, never a false success.
func Unavailable(err error) *oauth.Error {
	e := oauth.E(oauth.TemporarilyUnavailable, "please try again").Because(err)
	e.Status = 503
	return e
}
