package broker

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// revoke ends the whole grant behind a refresh or access token (RFC 7009 §2.1).
// "200" is said only after the commit; a token that means nothing to us gets it too.
func (b *Broker) revoke(c *gin.Context) error {
	form, _, client, err := b.clientRequest(c)
	if err != nil {
		return err
	}
	raw := form.Get("token")
	if raw == "" {
		return oauth.E(oauth.InvalidRequest, "token is missing")
	}
	g, err := b.grantOf(c.Request.Context(), raw)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrRevoked), errors.Is(err, storage.ErrExpired), errors.Is(err, tokens.ErrInvalid):
		c.Status(http.StatusOK)
		c.Writer.WriteHeaderNow()
		return nil
	case err != nil:
		return unavailable(err)
	case g.ClientID != client.ID:
		return oauth.E(oauth.InvalidGrant, "the token was issued to another client").Because(reason("revocation of a token of " + g.ClientID))
	}
	if err := b.db.RevokeGrant(c.Request.Context(), actor(c, "client", client.ID), g.ID, "revoked by the client"); err != nil {
		return unavailable(err)
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return nil
}

// grantOf finds the grant that a token of either kind belongs to; token_type_hint is
// not needed, since the two look different (RFC 7009 §2.1).
func (b *Broker) grantOf(ctx context.Context, raw string) (*storage.Grant, error) {
	if strings.HasPrefix(raw, "hsr_") {
		return b.db.GrantByRefresh(ctx, raw)
	}
	claims, err := b.verifier.AccessForAnyAudience(ctx, raw)
	if err != nil {
		return nil, err
	}
	return b.db.Grant(ctx, claims.GrantID())
}
