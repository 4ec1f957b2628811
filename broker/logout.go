package broker

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// leaving is a checked logout request (OpenID Connect RP-Initiated Logout 1.0 §2).
type leaving struct {
	dir      *Directory
	client   *directory.Client // the app that asks, or nil
	hint     *tokens.Claims    // the ID token it showed, or nil
	back     string            // registered post_logout_redirect_uri, or ""
	state    string
	answered bool   // the person pressed the button on our own page
	posted   string // an app's request by POST as it would be by GET, or ""
}

// logout ends the single sign-on session. With a genuine ID token of the person who
// is signed in it happens at once; otherwise our own page asks first, so that no
// image tag can sign anybody out. A redirect needs an exactly registered address.
func (b *Broker) logout(c *gin.Context) error {
	l, err := b.readLeaving(c)
	if err != nil {
		return err
	}
	if _, some := b.jar.SessionID(c.Request); l.posted != "" && !some {
		// Our cookies are Lax: another site's POST came without them, the GET has them.
		redirect(c, b.path("/logout?"+l.posted))
		return nil
	}
	s, err := b.session(c)
	if err == nil && s == nil {
		s, err = b.forgotten(c, l)
	}
	if err != nil {
		return err
	}
	proven := l.hint != nil && (s == nil || s.User.Subject == l.hint.Subject)
	if s != nil && !proven && !l.answered {
		return b.askLogout(c, l, s)
	}
	upstream, err := b.endSession(c, l, s)
	if err != nil {
		return err
	}
	b.jar.ClearSession(c.Writer)
	if !proven && !l.answered {
		l.back = ""
	}
	if to := b.byWayOfUpstream(c, l, upstream); to != "" {
		redirect(c, to)
		return nil
	}
	return b.sendBack(c, l)
}

// forgotten returns the browser's session although it was idle for too long, where the
// app proves that it is this person's: they still mean the other apps that know it.
func (b *Broker) forgotten(c *gin.Context, l *leaving) (*storage.Session, error) {
	id, ok := b.jar.SessionID(c.Request)
	if !ok || l.hint == nil {
		return nil, nil
	}
	s, err := b.db.UnendedSession(c.Request.Context(), session.HashID(id))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unavailable(err)
	case s.User.Subject != l.hint.Subject:
		return nil, nil
	}
	return s, nil
}

// sendBack ends a sign-out: at the app, with exactly its state, or on our own page.
func (b *Broker) sendBack(c *gin.Context, l *leaving) error {
	if l.back != "" {
		redirect(c, oauth.ResponseURL(l.back, l.answer()))
		return nil
	}
	return b.speak(c).SignedOut(c.Writer, page.SignedOut{App: l.app()})
}

// readLeaving checks a logout request, by GET or by POST, from an app or from our own page.
func (b *Broker) readLeaving(c *gin.Context) (*leaving, error) {
	form, err := b.logoutForm(c)
	if err != nil {
		return nil, err
	}
	l := &leaving{dir: b.dir.Load(), state: form.Get("state")}
	rec(c).locales = door.Cut(form.Get("ui_locales"))
	clientID := form.Get("client_id")
	if raw := form.Get("id_token_hint"); raw != "" {
		if l.hint, err = b.verifier.IDHint(c.Request.Context(), raw); err != nil || len(l.hint.Audience) != 1 {
			return nil, refuse(http.StatusBadRequest, "The app's request to sign you out is not valid. You are still signed in.", errors.Join(reason("id_token_hint is not one of our ID tokens"), err))
		}
		if clientID != "" && clientID != l.hint.Audience[0] {
			return nil, refuse(http.StatusBadRequest, "The app's request to sign you out is not valid. You are still signed in.", reason("id_token_hint belongs to another client"))
		}
		clientID = l.hint.Audience[0]
	}
	if client, ok := b.desk.Client(l.dir.Snapshot, clientID); ok && !client.Disabled {
		l.client = client
		rec(c).client = client.ID
	}
	if uri := form.Get("post_logout_redirect_uri"); uri != "" {
		if l.client == nil || !slices.Contains(b.postLogoutURIs(l.client), uri) {
			return nil, refuse(http.StatusBadRequest, "The app asked to send you to an address that is not registered for it. You are still signed in.", reason("post_logout_redirect_uri is not registered"))
		}
		l.back = uri
	}
	if c.Request.Method == http.MethodPost && !form.Has("token") {
		if l.posted = form.Encode(); len(l.posted) > 12<<10 {
			return nil, refuse(http.StatusBadRequest, "The app's request to sign you out is too large. You are still signed in.", reason("logout request above 12 KiB"))
		}
	}
	l.answered, err = b.answered(c, form)
	return l, err
}

func (b *Broker) logoutForm(c *gin.Context) (url.Values, error) {
	if c.Request.Method == http.MethodPost {
		form, oerr := readForm(c)
		if oerr != nil {
			return nil, oerr
		}
		return form, nil
	}
	form, oerr := oauth.ParseForm(c.Request.URL.RawQuery, maxParams)
	if oerr != nil {
		return nil, oerr
	}
	return form, nil
}

// answered tells whether the request is the button of our own page: same site, and
// the one value that only a page made for this session holds.
func (b *Broker) answered(c *gin.Context, form url.Values) (bool, error) {
	if c.Request.Method != http.MethodPost || !form.Has("token") {
		return false, nil
	}
	id, ok := b.jar.SessionID(c.Request)
	if !ok {
		return false, nil // nobody is signed in any more: nothing to prove
	}
	want := session.FormToken("logout", id)
	if !door.SameSite(c.Request, b.issuer) || subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(want)) != 1 {
		return false, refuse(http.StatusForbidden, "This request did not come from our own page. You are still signed in.", alarmed(door.EventCrossSite, "logout form without its token"))
	}
	return true, nil
}

func (b *Broker) askLogout(c *gin.Context, l *leaving, s *storage.Session) error {
	id, _ := b.jar.SessionID(c.Request)
	hidden := map[string]string{}
	for name, value := range map[string]string{"post_logout_redirect_uri": l.back, "state": l.state} {
		if value != "" {
			hidden[name] = value
		}
	}
	if l.client != nil {
		hidden["client_id"] = l.client.ID
	}
	return b.speak(c).SignOut(c.Writer, page.SignOut{App: l.app(), Person: nameOfPerson(s.User), Action: b.path("/logout"),
		Token: session.FormToken("logout", id), Fields: hidden, CancelHref: l.back})
}

func (l *leaving) app() page.App {
	if l.client == nil {
		return page.App{}
	}
	return (&visit{client: l.client}).app()
}

// answer is what the app gets back: exactly its state, nothing else (§3).
func (l *leaving) answer() url.Values {
	if l.state == "" {
		return nil
	}
	return url.Values{"state": {l.state}}
}
