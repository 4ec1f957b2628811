package broker

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// TellApps tells apps that sessions ended until ctx ends (see session.Outbox). One
// program runs it once; several programs on one database share the work.
func (b *Broker) TellApps(ctx context.Context) { b.outbox.Run(ctx) }

func (b *Broker) joinOutbox(o Options) {
	client := func(id string) (*directory.Client, bool) { return b.dir.Load().Client(id) }
	b.outbox = &session.Outbox{DB: b.db, Mint: b.desk.Mint, Client: client, Public: o.Outgoing, Private: o.Private, Log: b.log, Now: b.now}
	b.db.TellOfLogout(func(id string) bool {
		c, ok := client(id)
		return ok && c.BackchannelLogoutURI != ""
	})
}

// upstreamLogout takes a provider's logout token (OpenID Connect Back-Channel Logout
// 1.0 §2.5 to §2.8): once it is believed, what it names ends here as by a sign-out,
// and the apps are told in turn. That nothing is left to end is a success.
func (b *Broker) upstreamLogout(c *gin.Context) error {
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	raw := form.Get("logout_token")
	if raw == "" {
		return oauth.E(oauth.InvalidRequest, "logout_token is missing")
	}
	dir := b.dir.Load()
	p, ok := dir.Provider(c.Param("slug"))
	if !ok || p.Disabled {
		return oauth.E(oauth.InvalidRequest, "no provider takes logout tokens here").Because(reason("unknown or disabled provider " + door.Cut(c.Param("slug"))))
	}
	rec(c).provider = p.Slug
	reader, ok := dir.Upstreams[p.Slug].(providers.LogoutReader)
	if !ok {
		return oauth.E(oauth.InvalidRequest, "no provider takes logout tokens here").Because(reason("its kind sends none"))
	}
	ctx := c.Request.Context()
	word, err := reader.ReadLogout(ctx, raw)
	if err != nil {
		return logoutRefused(err)
	}
	_, err = b.db.EndUpstreamSessions(ctx, actor(c, "provider", p.InternalID), storage.UpstreamLogout{ProviderID: p.InternalID, Subject: word.Subject,
		SessionID: word.SessionID, TokenHash: oauth.Hash("logout token", p.InternalID+" "+word.TokenID), TokenExpires: word.Expires})
	switch {
	case errors.Is(err, storage.ErrReplayed):
		return oauth.E(oauth.InvalidRequest, "the logout token came before").Because(err)
	case err != nil:
		return unavailable(err)
	}
	empty(c, http.StatusOK)
	return nil
}

// logoutRefused answers a token that is not believed; one that cannot be judged now
// may come again.
func logoutRefused(err error) error {
	var pe *providers.Error
	if errors.As(err, &pe) && pe.Code == providers.TemporarilyUnavailable {
		e := oauth.E(oauth.TemporarilyUnavailable, "the provider's keys cannot be fetched right now").Because(err)
		e.Status = http.StatusServiceUnavailable
		return e
	}
	return oauth.E(oauth.InvalidRequest, "the logout token is not valid").Because(alarm{door.EventForgedLogout, err})
}
