package broker

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// revoke ends what is behind a refresh or access token (RFC 7009 §2.1): a person's whole
// grant, or a machine's one token. "200" is said only after the commit; a token that
// means nothing to us gets it too.
func (b *Broker) revoke(c *gin.Context) error {
	form, _, client, err := b.clientRequest(c)
	if err != nil {
		return err
	}
	raw := form.Get("token")
	if raw == "" {
		return oauth.E(oauth.InvalidRequest, "token is missing")
	}
	owner, end, err := b.revocable(c.Request.Context(), raw)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, tokens.ErrInvalid):
		empty(c, http.StatusOK)
		return nil
	case err != nil:
		return unavailable(err)
	case owner != client.ID:
		return oauth.E(oauth.InvalidGrant, "the token was issued to another client").Because(alarmed(door.EventForeignToken, "revocation of a token of "+owner))
	}
	if err := end(c.Request.Context(), actor(c, "client", client.ID)); err != nil {
		return unavailable(err)
	}
	empty(c, http.StatusOK)
	return nil
}

// revocable finds the client that a token was issued to, and what ends it;
// token_type_hint is not needed, since the kinds look different (RFC 7009 §2.1).
func (b *Broker) revocable(ctx context.Context, raw string) (owner string, end func(context.Context, storage.Actor) error, err error) {
	grantID := ""
	if storage.IsRefreshToken(raw) {
		g, err := b.db.GrantByRefresh(ctx, raw)
		if err != nil {
			return "", nil, err
		}
		owner, grantID = g.ClientID, g.ID
	} else {
		claims, err := b.verifier.AccessForAnyAudience(ctx, raw)
		if err != nil {
			return "", nil, err
		}
		owner, grantID = claims.ClientID, claims.GrantID()
		if grantID == "" {
			return owner, func(ctx context.Context, a storage.Actor) error {
				return b.db.RevokeToken(ctx, a, claims.ID, owner, claims.ExpiresAt)
			}, nil
		}
	}
	return owner, func(ctx context.Context, a storage.Actor) error {
		return b.db.RevokeGrant(ctx, a, grantID, "revoked by the client")
	}, nil
}
