package broker

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

// authorize is the front door (OpenID Connect Core §3.1.2). The order of its
// checks is a promise: first what decides whether anything may be redirected at
// all, then what may be told to the app, then who the person is.
func (b *Broker) authorize(c *gin.Context) error { return b.confirmRedirect(c, b.meet(c)) }

func (b *Broker) meet(c *gin.Context) error {
	q, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, "The address that brought you here is damaged.", err)
	}
	v, err := b.read(c, q)
	if err != nil {
		return err
	}
	s, err := b.session(c)
	if err != nil {
		return err
	}
	allowed, named, err := v.providers()
	if err != nil {
		return err
	}
	switch {
	case b.fits(v, s, allowed, named):
		rec(c).trace.step(b.now(), storage.StepSession, "")
		return b.advance(c, v, s)
	case v.request.Asks("none"):
		aside(c)
		return back(v.request, oauth.E(oauth.LoginRequired, "nobody is signed in here").Because(nobodyHere))
	case v.request.Asks("select_account") && reusable(s, allowed) && named == nil:
		return b.askContinue(c, v, s)
	case named != nil:
		return b.toUpstream(c, v, named)
	case v.request.Provider == "" && len(allowed) == 1:
		return b.toUpstream(c, v, allowed[0])
	}
	if again := v.stepUp(s, allowed); again != nil {
		return b.toUpstream(c, v, again)
	}
	if v.request.Provider != "" && named == nil {
		rec(c).cause = fmt.Errorf("provider %s is not one of this client's, so the person chooses", v.request.Provider)
	}
	return b.choose(c, v, allowed)
}

// authorizeByPost turns a POSTed request into the same request by GET: our cookies
// are Lax, so a cross-site POST would come without them (OpenID Connect Core §3.1.2.1).
func (b *Broker) authorizeByPost(c *gin.Context) error {
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	if c.Request.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, "The request that brought you here is ambiguous.", reason("parameters in both query and body"))
	}
	encoded := form.Encode()
	if len(encoded) > 8<<10 {
		return refuse(http.StatusBadRequest, "The request that brought you here is too large.", reason("authorization request above 8 KiB"))
	}
	redirect(c, b.path("/authorize?"+encoded))
	return nil
}

// read checks the request in the order in which its errors may be told.
func (b *Broker) read(c *gin.Context, q url.Values) (*visit, error) {
	clientID, redirectURI, oerr := oauth.ParseClientAndRedirect(q)
	if oerr != nil {
		return nil, oerr
	}
	v := &visit{dir: b.dir.Load()}
	var err error
	if v.client, err = b.welcome(c, v.dir, clientID, redirectURI); err != nil {
		return nil, err
	}
	v.request, oerr = oauth.ParseAuthRequest(q, v.client.RequiresPKCE())
	rec(c).trace.visits(v)
	rec(c).trace.step(b.now(), storage.StepAsked, strings.Join(v.request.Prompt, " "))
	if oerr != nil {
		return nil, back(v.request, oerr)
	}
	rec(c).locales = v.request.UILocales
	if v.request.ResponseMode == "form_post" && !strings.HasPrefix(v.request.RedirectURI, "http") {
		v.request.ResponseMode = ""
		return nil, back(v.request, oauth.E(oauth.InvalidRequest, "response_mode=form_post needs a web address to post to"))
	}
	v.request.Claims = v.request.Claims.Keep(v.knows)
	if _, oerr = v.dir.Target(v.client, v.request.Resources, v.request.Scopes); oerr != nil {
		return nil, back(v.request, oerr)
	}
	if v.request.IDTokenHint != "" {
		claims, err := b.verifier.IDHint(c.Request.Context(), v.request.IDTokenHint)
		if err != nil {
			return nil, back(v.request, oauth.E(oauth.InvalidRequest, "id_token_hint is not one of our ID tokens").Because(err))
		}
		v.hint = claims.Subject
	}
	return v, nil
}

// session returns the live single sign-on session of this browser, or nil.
func (b *Broker) session(c *gin.Context) (*storage.Session, error) {
	id, ok := b.jar.SessionID(c.Request)
	if !ok {
		return nil, nil
	}
	s, err := b.db.Session(c.Request.Context(), session.HashID(id), b.life.SessionIdle)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unavailable(err)
	}
	return s, nil // that it was used is noted with the code it gives: no write of its own
}

// providers lists the providers this client may use, and the one the app named if
// it is among them. A provider that is registered but switched off says so to the
// app; one that the client may not use, or that does not exist, is simply not offered.
func (v *visit) providers() (allowed []*directory.Provider, named *directory.Provider, err error) {
	allowed = v.dir.ProvidersFor(v.client)
	if v.request.Provider != "" {
		i := slices.IndexFunc(allowed, func(p *directory.Provider) bool { return p.Slug == v.request.Provider })
		if i >= 0 {
			named = allowed[i]
		} else if p, ok := v.dir.Provider(v.request.Provider); ok && p.Disabled {
			return nil, nil, back(v.request, oauth.E(oauth.AccessDenied, "this provider is switched off"))
		}
	}
	if len(allowed) == 0 {
		return nil, nil, back(v.request, oauth.E(oauth.AccessDenied, "no provider is available for this app"))
	}
	allowed = slices.DeleteFunc(allowed, func(p *directory.Provider) bool { return !v.provable(p) })
	if len(allowed) == 0 {
		return nil, nil, back(v.request, oauth.E(oauth.UnmetAuthentication, "no provider for this app can prove the acr that is asked for"))
	}
	if named != nil && !v.provable(named) {
		named = nil
	}
	return allowed, named, nil
}

// fits tells whether the session answers this request without asking the person again.
func (b *Broker) fits(v *visit, s *storage.Session, allowed []*directory.Provider, named *directory.Provider) bool {
	r := v.request
	switch {
	case !reusable(s, allowed):
		return false
	case r.Asks("login") || r.Asks("select_account"):
		return false
	case r.Provider != "" && (named == nil || named.InternalID != s.ProviderID):
		return false
	case r.MaxAge != nil && (*r.MaxAge == 0 || b.now().Sub(s.AuthTime) > time.Duration(*r.MaxAge)*time.Second):
		return false
	case !v.expects(s.User.Subject):
		return false
	}
	return v.strongEnough(s, allowed)
}

// reusable tells whether a session was made through a provider that the client allows (S17, D28).
func reusable(s *storage.Session, allowed []*directory.Provider) bool {
	return s != nil && slices.ContainsFunc(allowed, func(p *directory.Provider) bool { return p.InternalID == s.ProviderID })
}

// askContinue shows "continue as … / not you?".
func (b *Broker) askContinue(c *gin.Context, v *visit, s *storage.Session) error {
	title := ""
	if p, ok := v.dir.ProviderByID(s.ProviderID); ok {
		title = titleOf(p)
	}
	return b.speak(c).Continue(c.Writer, page.Continue{App: v.app(), Person: nameOfPerson(s.User), Provider: title,
		ContinueHref: b.link(v.request, "prompt", without(v.request, "select_account")),
		OtherHref:    b.link(v.request, "prompt", "login"), CancelHref: b.cancel(v.request)})
}
