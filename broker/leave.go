package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// leavePatience is how long a person who signs out waits for a provider's discovery.
const leavePatience = 2 * time.Second

// departing is a session that ended, at a provider where it is to end as well.
type departing struct {
	provider *directory.Provider
	leaver   providers.Leaver
	hint     string // the upstream ID token
	sid      string // the upstream's
}

// endSession ends the session, if there is one, and tells whether the person is to be
// signed out upstream too.
func (b *Broker) endSession(c *gin.Context, l *leaving, s *storage.Session) (*departing, error) {
	if s == nil {
		return nil, nil
	}
	ctx := c.Request.Context()
	d, err := b.departing(ctx, l.dir, s)
	if err != nil {
		return nil, err
	}
	if err := b.db.EndSession(ctx, actor(c, "person", s.UserID), s.SID); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, unavailable(err)
	}
	return d, nil
}

func (b *Broker) departing(ctx context.Context, dir *Directory, s *storage.Session) (*departing, error) {
	p, ok := dir.ProviderByID(s.ProviderID)
	if !ok || !p.UpstreamLogout {
		return nil, nil
	}
	leaver, ok := dir.Upstreams[p.Slug].(providers.Leaver)
	if !ok {
		return nil, nil
	}
	hint, err := b.db.UpstreamIDToken(ctx, s.SID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // none: the session is from before the setting
		return nil, unavailable(err)
	}
	return &departing{provider: p, leaver: leaver, hint: hint, sid: s.UpstreamSID}, nil
}

// byWayOfUpstream returns where the provider signs the person out, or "" when it does
// not. Whatever is wrong there, the person is signed out here and the app gets them
// back: it is only worth a line in the log.
func (b *Broker) byWayOfUpstream(c *gin.Context, l *leaving, d *departing) string {
	if d == nil {
		return ""
	}
	rec(c).provider = d.provider.Slug
	ctx, cancel := context.WithTimeout(c.Request.Context(), leavePatience)
	defer cancel()
	f := &session.Farewell{Back: l.back, State: l.state, Mark: oauth.NewSecret(), Created: b.now().Unix()}
	if l.client != nil {
		f.Client = l.client.ID
	}
	to, err := d.leaver.Leave(ctx, providers.Departure{IDToken: d.hint, SessionID: d.sid, ReturnTo: b.path("/logout/return"), State: f.Mark})
	if err == nil {
		err = b.jar.PutFarewell(c.Writer, f)
	}
	if err != nil {
		b.log.Warn("a person was not signed out upstream", "reference", rec(c).reference, "provider", d.provider.Slug, "cause", err)
		return ""
	}
	return to
}

// logoutReturn is where providers send people back after a sign-out. Only the sealed
// cookie says where they go from here, and the app must still be as it was then.
func (b *Broker) logoutReturn(c *gin.Context) error {
	l := &leaving{dir: b.dir.Load()}
	f, ok := b.jar.TakeFarewell(c.Writer, c.Request, c.Request.URL.Query()["state"])
	if !ok {
		return b.sendBack(c, l)
	}
	if client, known := l.dir.Client(f.Client); known && !client.Disabled {
		l.client = client
		rec(c).client = client.ID
		if slices.Contains(client.PostLogoutRedirectURIs, f.Back) {
			l.back, l.state = f.Back, f.State
		}
	}
	return b.sendBack(c, l)
}
