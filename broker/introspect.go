package broker

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// introspect tells a client what a token is worth at this moment (RFC 7662): to an API
// that cannot check tokens by itself, or for which minutes are too long. A client sees
// its own tokens and the access tokens for audiences that it is registered for; all
// others, like those that are dead, are "not active" and nothing else (§2.2, §4).
func (b *Broker) introspect(c *gin.Context) error {
	form, dir, client, err := b.clientRequest(c)
	if err != nil {
		return err
	}
	if client.Public { // a name alone proves nothing (§2.1)
		e := oauth.E(oauth.InvalidClient, "client authentication failed").Because(reason("public client " + client.ID + " asks about a token"))
		e.Status = http.StatusUnauthorized
		return e
	}
	raw := form.Get("token")
	if raw == "" {
		return oauth.E(oauth.InvalidRequest, "token is missing")
	}
	answer, err := b.worth(c.Request.Context(), dir, client, raw)
	var dead worthless
	switch {
	case errors.As(err, &dead):
		rec(c).cause = dead
		answer = map[string]any{"active": false}
	case err != nil:
		return unavailable(err)
	}
	writeJSON(c, http.StatusOK, answer)
	return nil
}

// worthless is why a token counts for nothing. Only the operator learns it.
type worthless struct{ cause error }

func (w worthless) Error() string { return "the token is worth nothing: " + w.cause.Error() }
func (w worthless) Unwrap() error { return w.cause }

// worth looks at a token of either kind; the two look different, so token_type_hint
// is not needed (RFC 7662 §2.1).
func (b *Broker) worth(ctx context.Context, dir *Directory, asking *directory.Client, raw string) (map[string]any, error) {
	if storage.IsRefreshToken(raw) {
		return b.refreshWorth(ctx, dir, asking, raw)
	}
	claims, err := b.verifier.AccessForAnyAudience(ctx, raw)
	if errors.Is(err, tokens.ErrInvalid) {
		return nil, worthless{err}
	}
	if err != nil {
		return nil, err
	}
	if claims.ClientID != asking.ID && !slices.ContainsFunc(asking.Introspects, func(a string) bool { return slices.Contains(claims.Audience, a) }) {
		return nil, worthless{reason("it is of " + claims.ClientID + " for others")}
	}
	answer, scopes := maps.Clone(claims.Extra), claims.Scopes
	if claims.Machine() && claims.GrantID() == "" {
		machine, err := b.machineBehind(ctx, dir, claims)
		if err != nil {
			return nil, err
		}
		scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !machine.MachineHas(s) })
	} else {
		g, client, err := b.grantBehind(ctx, dir, claims)
		if err != nil {
			return nil, err
		}
		scopes = left(claims, g, client)
		if roles := both(claims.Roles, g.Roles); len(roles) > 0 {
			answer["roles"] = roles
		} else {
			delete(answer, "roles")
		}
	}
	answer["active"], answer["token_type"], answer["scope"] = true, "Bearer", strings.Join(scopes, " ")
	return answer, nil
}

// refreshWorth looks at a refresh token, which only its own client may ask about: no
// API should ever hold one, least of all take it for an access token.
func (b *Broker) refreshWorth(ctx context.Context, dir *Directory, asking *directory.Client, raw string) (map[string]any, error) {
	f, err := b.db.FindRefresh(ctx, raw, asking.ID, b.life.RefreshGrace)
	for _, dead := range []error{storage.ErrNotFound, storage.ErrMismatch, storage.ErrExpired, storage.ErrRevoked, storage.ErrDisabled} {
		if errors.Is(err, dead) {
			return nil, worthless{err}
		}
	}
	if err != nil {
		return nil, err
	}
	why, err := b.desk.Usable(ctx, dir.Snapshot, asking, f)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return nil, worthless{reason(why)}
	}
	return map[string]any{"active": true, "scope": strings.Join(f.Grant.Scopes, " "), "client_id": f.Grant.ClientID, "sub": f.Grant.User.Subject,
		"iss": b.name, "iat": f.IssuedAt.Unix(), "exp": f.ExpiresAt.Unix()}, nil
}

// grantBehind finds the live grant behind a person's access token and asks admit()
// about it.
func (b *Broker) grantBehind(ctx context.Context, dir *Directory, claims *tokens.Claims) (*storage.Grant, *directory.Client, error) {
	g, err := b.db.Grant(ctx, claims.GrantID())
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrRevoked), errors.Is(err, storage.ErrDisabled):
		return nil, nil, worthless{err}
	case err != nil:
		return nil, nil, err
	case g.ClientID != claims.ClientID || g.User.Subject != claims.Subject:
		return nil, nil, worthless{reason("token and grant disagree")}
	}
	client, ok := b.desk.Client(dir.Snapshot, g.ClientID)
	if !ok {
		return nil, nil, worthless{reason("the client is gone")}
	}
	refusal, err := grant.StillAdmitted(ctx, b.db, dir.Snapshot, client, g)
	switch {
	case err != nil:
		return nil, nil, err
	case refusal != nil:
		return nil, nil, worthless{reason(refusal.ForOperator)}
	}
	return g, client, nil
}

// machineBehind finds the client behind a machine's token and asks admit() about it.
// Such a token has no grant: the settings and the list of revoked ones are all there is.
func (b *Broker) machineBehind(ctx context.Context, dir *Directory, claims *tokens.Claims) (*directory.Client, error) {
	client, ok := dir.Client(claims.ClientID)
	if !ok {
		return nil, worthless{reason("the client is gone")}
	}
	if refusal := dir.AdmitMachine(client); refusal != nil {
		return nil, worthless{reason(refusal.ForOperator)}
	}
	revoked, err := b.db.TokenRevoked(ctx, claims.ID)
	switch {
	case err != nil:
		return nil, err
	case revoked:
		return nil, worthless{reason("it was revoked by its client")}
	}
	return client, nil
}

// left are the scopes of a token that its grant still has and its app still may have.
func left(claims *tokens.Claims, g *storage.Grant, client *directory.Client) []string {
	return slices.DeleteFunc(both(claims.Scopes, g.Scopes), func(s string) bool { return !client.MayAsk(s) })
}

// both keeps what is in two lists, in the order of the first.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}
