// Package broker is the walk through a login and the doors that lead to it.
//
//	app ──▶ authorize ─▶ choose ─▶ upstream ┄┄▶ the identity provider (or our own page: ask)
//	              │ signed in already             ┊
//	              ▼                               ┊
//	           advance ───┐                       ┊
//	app ◀── respond ◀─ consent ◀─ signin ◀─ callback
//
//	app ──▶ token, userinfo, revoke, logout       API ──▶ introspect
//	app ◀── backchannel: a session ended          provider ──▶ backchannel: it ended there
//	person ──▶ account, invitation                everyone ──▶ discovery, jwks, openapi, health
//	console ─▶ test: try a provider               every login ─▶ Journal: how it went, and why
//
// Files are read in the order in which a login happens; this one lists every
// route. What must never be forgotten (state, nonce, PKCE, browser binding,
// client check, audience) is done here, so that a provider or a grant cannot
// forget it. It leaves client authentication and grant types to broker/grant,
// cookies to broker/session, words on pages to broker/page.
package broker

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/apidocs"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// Options are the running rooms that the broker joins.
type Options struct {
	Issuer         string // exact, without a trailing slash
	DB             *storage.DB
	Sealer         *storage.Sealer
	Ring           *tokens.Ring
	Keys           tokens.KeyFinder // for checking what we signed; default: Ring
	Pages          *page.Pages
	Life           grant.Lifetimes
	TrustedProxies []string     // CIDRs whose X-Forwarded-For counts
	Outgoing       *http.Client // the hardened one, for addresses of clients; default: the strict one
	Private        *http.Client // likewise, for clients that may stand in a private network; default: Outgoing
	Logger         *slog.Logger
	Now            func() time.Time
	Docs           *Docs      // the page at /docs; nil: there is none
	Admin          *AdminDoor // the console's way in; nil: nobody signs in to it
	Journal        *Journal   // keeps the traces of logins; nil: none are kept
	Telemetry      Telemetry
}

// Directory is what a request takes once: settings and the providers built from them.
type Directory struct {
	*directory.Snapshot
	Upstreams map[string]providers.Provider // by slug
	Revision  int64                         // its number in the book, for traces
}

// Broker is the OpenID Provider toward apps and the relying party toward providers.
type Broker struct {
	name     string // the issuer, exactly as configured
	issuer   *url.URL
	db       *storage.DB
	jar      *session.Jar
	ring     *tokens.Ring
	verifier *tokens.Verifier
	desk     *grant.Desk
	pages    *page.Pages
	life     grant.Lifetimes
	log      *slog.Logger
	now      func() time.Time
	spent    *spentStates
	guesses  *guesses
	outbox   *session.Outbox
	dir      atomic.Pointer[Directory]
	meta     atomic.Pointer[document]
	openAPI  atomic.Pointer[document]
	docs     *apidocs.Page // nil where there is none
	engine   *gin.Engine
	stopping atomic.Bool
	blind    atomic.Bool
	behind   atomic.Bool
	admin    *AdminDoor
	journal  *Journal
	tel      *telemetry // nil where nothing is measured
	sealer   *storage.Sealer
}

// New joins the rooms and lists the doors.
func New(o Options, d *Directory) (*Broker, error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, fmt.Errorf("issuer %q is not a URL", o.Issuer)
	}
	if o.Keys == nil {
		o.Keys = o.Ring
	}
	b := &Broker{name: o.Issuer, issuer: issuer, db: o.DB, ring: o.Ring, pages: o.Pages, life: o.Life, log: o.Logger, now: o.Now,
		admin: o.Admin, journal: o.Journal, sealer: o.Sealer,
		jar:      session.NewJar(issuer, o.Sealer, o.Life.Transaction, o.Now),
		verifier: &tokens.Verifier{Issuer: o.Issuer, Keys: o.Keys, Now: o.Now},
		spent:    newSpentStates(2*o.Life.Transaction, o.Now), guesses: newGuesses(o.Now)}
	if o.Outgoing == nil {
		if o.Outgoing, err = providers.NewClient(providers.ClientOptions{}); err != nil {
			return nil, err
		}
	}
	if o.Private == nil {
		o.Private = o.Outgoing
	}
	b.desk = &grant.Desk{DB: o.DB, Now: o.Now, Console: o.Admin != nil, Life: o.Life, Assertions: grant.NewAssertions(o.Issuer, o.Outgoing, o.Private, o.Now),
		Mint: &tokens.Mint{Issuer: o.Issuer, Ring: o.Ring, Now: o.Now, AccessTTL: o.Life.Access, IDTTL: o.Life.ID}}
	if err := b.openDocs(o.Docs); err != nil {
		return nil, err
	}
	if err := b.Swap(d); err != nil {
		return nil, err
	}
	b.joinOutbox(o)
	if b.tel, err = newTelemetry(o.Telemetry, strings.TrimSuffix(issuer.Path, "/")); err != nil {
		return nil, err
	}
	if err := b.watchDirectory(o.Telemetry.Metrics); err != nil {
		return nil, err
	}
	return b, b.routes(o.TrustedProxies)
}

// Swap makes a new directory the one that every later request sees. It is also
// called after a rotation that changed the algorithms we sign with.
func (b *Broker) Swap(d *Directory) error {
	meta, err := b.describe(d)
	if err != nil {
		return err
	}
	api, err := b.describeDoors(d)
	if err != nil {
		return err
	}
	b.dir.Store(d)
	b.meta.Store(meta)
	b.openAPI.Store(api)
	return nil
}

// Stopping makes /readyz fail, so that a balancer stops sending people here.
func (b *Broker) Stopping() { b.stopping.Store(true) }

// ServeHTTP is the front door.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.enter(w, r) }

func (b *Broker) routes(trusted []string) error {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = false, false, true
	e.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := e.SetTrustedProxies(trusted); err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	base := strings.TrimSuffix(b.issuer.Path, "/")
	if b.tel != nil {
		e.Use(b.observe)
	}
	g := e.Group(base)

	// the walk, in the order in which it happens
	g.GET("/authorize", b.page(b.seeing(b.authorize)))
	g.POST("/authorize", b.page(b.authorizeByPost))
	g.GET("/callback/:slug", b.page(b.seeing(b.callback)))
	g.POST("/callback/:slug", b.page(b.callbackByPost))
	g.GET("/ask", b.page(askedLate))
	g.POST("/ask", b.page(b.seeing(b.takeAnswer)))
	g.GET("/consent", b.page(b.askConsent))
	g.POST("/consent", b.page(b.seeing(b.takeConsent)))

	g.GET("/test", b.page(b.seeing(b.testSignIn))) // an administrator tries a provider

	// for apps and APIs
	g.POST("/token", b.json(b.seeing(b.token)))
	g.GET("/userinfo", b.bearer(b.userinfo))
	g.POST("/userinfo", b.bearer(b.userinfo))
	g.POST("/introspect", b.json(b.introspect))
	g.POST("/revoke", b.json(b.revoke))
	for _, path := range []string{"/token", "/userinfo", "/revoke"} {
		g.OPTIONS(path, b.preflight)
	}

	// for people who have a password here
	g.GET("/invitation", b.page(b.invitation))
	g.POST("/invitation", b.page(b.acceptInvitation))

	// goodbye
	g.GET("/logout", b.page(b.logout))
	g.POST("/logout", b.page(b.logout))
	g.GET("/logout/return", b.page(b.logoutReturn))
	g.POST("/backchannel/:slug", b.json(b.upstreamLogout))

	// a person's own page
	g.GET("/account", b.page(b.account))
	g.POST("/account", b.page(b.endAtAccount))

	// for everyone
	g.GET("/.well-known/openid-configuration", b.discovery)
	g.GET("/jwks", b.jwks)
	g.GET("/openapi.json", b.openapi)
	g.GET("/docs", b.page(b.documentation))
	g.GET("/docs/*file", b.page(b.documentation))
	g.GET("/assets/*file", gin.WrapH(http.StripPrefix(base, b.pages.Assets())))
	e.GET("/.well-known/oauth-authorization-server"+base, b.discovery) // RFC 8414 §3.1
	e.GET("/livez", b.livez)                                           // the two for a balancer: any Host, outside the issuer path
	e.GET("/readyz", b.readyz)

	e.NoRoute(b.page(notFound))
	e.NoMethod(b.page(wrongMethod))
	b.engine = e
	return nil
}

// path returns the absolute URL of one of our own doors; only settings speak, never a header.
func (b *Broker) path(p string) string { return strings.TrimSuffix(b.issuer.String(), "/") + p }
