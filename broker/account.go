package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

// account shows a person what is theirs here. Who is not signed in is led through the
// same sign-in as on the way to an app; the transaction's Place, and no parameter, says
// where it ends.
func (b *Broker) account(c *gin.Context) error {
	v := b.accountVisit()
	s, err := b.accountSession(c, v)
	switch {
	case err != nil:
		return err
	case s == nil:
		return b.signInToAccount(c, v)
	case c.Query("again") != "" && !b.young(s):
		return b.signInAgain(c, v, s)
	}
	id, _ := b.jar.SessionID(c.Request)
	view, err := b.whatIsTheirs(c.Request.Context(), v, s)
	if err != nil {
		return unavailable(err)
	}
	view.Action, view.SignOutHref = b.path("/account"), b.path("/logout")
	view.Token, view.Notice = session.FormToken("account", id), ended[b.jar.TakeNote(c.Writer, c.Request)]
	return b.speak(c).Account(c.Writer, *view)
}

// accountVisit is a visit that no app asked for.
func (b *Broker) accountVisit() *visit {
	v := &visit{dir: b.dir.Load(), request: &oauth.AuthRequest{Place: oauth.PlaceAccount}}
	v.client = v.dir.Account()
	return v
}

// own tells whether the person visits us and no app.
func (v *visit) own() bool {
	return v.request.Place == oauth.PlaceAccount || v.request.Place == oauth.PlaceLink
}

// makesUsers tells whether signing in may make a user. The account page makes none: an
// empty account would only hide from a person that theirs has another way in. Nor does the
// console, since a new user is no administrator.
func (v *visit) makesUsers(p *directory.Provider) bool {
	return !v.own() && v.client.ID != directory.AdminClient && p.MakesUsers()
}

// accountSession returns the session that may see the account page, or nil. Rules and
// admit() are asked as for any app.
func (b *Broker) accountSession(c *gin.Context, v *visit) (*storage.Session, error) {
	s, err := b.session(c)
	if err != nil || !reusable(s, v.dir.ProvidersFor(v.client)) {
		return nil, err
	}
	_, _, err = b.decideAgain(c.Request.Context(), v, s)
	if e := (*backError)(nil); errors.As(err, &e) && e.err.Code == oauth.LoginRequired {
		return nil, nil // the identity behind the session is gone
	}
	return s, err
}

// signInToAccount leads on to the provider that the person chose, or to the choice.
func (b *Broker) signInToAccount(c *gin.Context, v *visit) error {
	allowed := v.dir.ProvidersFor(v.client)
	if i := slices.IndexFunc(allowed, func(p *directory.Provider) bool { return p.Slug == c.Query("provider") }); i >= 0 {
		return b.toUpstream(c, v, allowed[i])
	}
	if len(allowed) == 1 {
		return b.toUpstream(c, v, allowed[0])
	}
	return b.choose(c, v, allowed)
}

// signInAgain has the person recognised anew by the provider that they came with.
func (b *Broker) signInAgain(c *gin.Context, v *visit, s *storage.Session) error {
	p, ok := v.dir.ProviderByID(s.ProviderID)
	if !ok {
		return b.signInToAccount(c, v)
	}
	v.request.Prompt = []string{"login"}
	return b.toUpstream(c, v, p)
}

// accountLink is link for a visit of our own: only the provider can be chosen.
func (b *Broker) accountLink(changes ...string) string {
	to := b.path("/account")
	if len(changes) == 2 && changes[0] == "provider" {
		to += "?provider=" + url.QueryEscape(changes[1])
	}
	return to
}

// refuseAtAccount tells the person what an app would have been told.
func (b *Broker) refuseAtAccount(e *oauth.Error) error {
	status := http.StatusBadRequest
	switch e.Code {
	case oauth.AccessDenied, oauth.LoginRequired, oauth.UnauthorizedClient:
		status = http.StatusForbidden
	case oauth.TemporarilyUnavailable:
		status = http.StatusServiceUnavailable
	case oauth.ServerError:
		status = http.StatusBadGateway
	}
	first, size := utf8.DecodeRuneInString(e.Description)
	return &pageError{status: status, sentence: string(unicode.ToUpper(first)) + strings.TrimSuffix(e.Description[size:], ".") + ".",
		restart: b.path("/account"), cause: e}
}

// whatIsTheirs reads identities, sessions, apps and consents of a person.
func (b *Broker) whatIsTheirs(ctx context.Context, v *visit, s *storage.Session) (*page.Account, error) {
	view := &page.Account{Person: nameOfPerson(s.User)}
	identities, err := b.db.Identities(ctx, s.UserID)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		email, _ := i.Claims["email"].(string)
		view.Identities = append(view.Identities, page.AccountIdentity{Provider: v.titleByID(i.ProviderID), Email: email, Since: i.CreatedAt, LastUsed: i.ClaimsAt,
			ProviderID: i.ProviderID, Subject: i.Subject, Removable: len(identities) > 1})
	}
	for _, p := range v.linkable() {
		view.Linkable = append(view.Linkable, page.AccountProvider{Slug: p.Slug, Title: titleOf(p)})
	}
	sessions, err := b.db.SessionsOf(ctx, s.UserID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(sessions, func(a, o storage.Session) int { return here(o, s) - here(a, s) })
	for _, o := range sessions {
		view.Sessions = append(view.Sessions, page.AccountSession{SID: o.SID, Here: o.SID == s.SID, Device: o.Device, IP: o.IP,
			Provider: v.titleByID(o.ProviderID), Started: o.CreatedAt, LastSeen: o.LastSeenAt})
	}
	access, err := b.db.AccessOf(ctx, s.UserID)
	if err != nil {
		return nil, err
	}
	for _, a := range access {
		if n := len(view.Apps); n == 0 || view.Apps[n-1].ClientID != a.ClientID {
			view.Apps = append(view.Apps, page.AccountApp{ClientID: a.ClientID, Name: v.appName(a.ClientID)})
		}
		app := &view.Apps[len(view.Apps)-1]
		app.Access = append(app.Access, page.AccountAccess{Device: a.Device, IP: a.IP, FirstIP: a.FirstIP, Offline: a.Offline, Started: a.StartedAt, LastUsed: a.LastUsedAt})
	}
	consents, err := b.db.Consents(ctx, s.UserID)
	if err != nil {
		return nil, err
	}
	for _, agreed := range consents {
		line := page.AccountConsent{ClientID: agreed.ClientID, Name: v.appName(agreed.ClientID), RedirectHost: agreed.RedirectHost, Since: agreed.CreatedAt}
		for _, name := range agreed.Scopes {
			scope, _ := v.dir.Scope(name)
			line.Scopes = append(line.Scopes, page.ScopeLine{Name: name, Description: scope.Description})
		}
		view.Consents = append(view.Consents, line)
	}
	return view, nil
}

// here puts this browser first.
func here(o storage.Session, s *storage.Session) int {
	if o.SID == s.SID {
		return 1
	}
	return 0
}

// titleByID names a provider, also one that the settings no longer have.
func (v *visit) titleByID(id string) string {
	if p, ok := v.dir.ProviderByID(id); ok {
		return titleOf(p)
	}
	return "a provider that is gone"
}

func (v *visit) appName(clientID string) string {
	if clientID == directory.AdminClient {
		return nameOf(v.dir.Admin())
	}
	if client, ok := v.dir.Client(clientID); ok {
		return nameOf(client)
	}
	return clientID
}
