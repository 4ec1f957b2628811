// Package app is a small web app that signs people in through Handstamp and shows
// everything that came of it: who they are, both tokens, which rule gave which
// scope, one call to an API that is allowed, one that is refused and one that asks
// for a new sign-in.
//
//	browser ──▶ /login ──▶ broker ──▶ /callback ──▶ /   (the session stays here,
//	             │                       │                the browser has a cookie)
//	             └─ state, nonce, PKCE   └─ code for tokens, all of them checked
//
// It uses two libraries that know nothing of Handstamp, go-oidc and x/oauth2, as
// any app would; login.go and broker.go are the part worth copying. Sessions live
// in memory, which a real app would change.
package app

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where the broker, this app and the API are.
type Config struct {
	Issuer       string       // the broker's issuer
	ClientID     string       // this app's id in the broker's settings
	ClientSecret string       // its secret
	BaseURL      string       // where people reach this app, such as https://desk.example
	APIURL       string       // base URL of the sample API
	Resource     string       // the API's resource id at the broker (RFC 8707)
	Scopes       []string     // asked for at sign-in; DefaultScopes when empty
	Providers    []Provider   // one "Sign in with …" button each
	HTTPClient   *http.Client // asks broker and API; one with a timeout when nil
	Logger       *slog.Logger // slog.Default() when nil
	Now          func() time.Time
}

// Provider is one "Sign in with …" button. Slug is the provider's name in the
// broker's settings, sent as `provider`.
type Provider struct{ Slug, Title string }

// DefaultScopes ask for all that the page can show. What a person may not have,
// the broker leaves out.
var DefaultScopes = []string{"openid", "profile", "email", "groups", "offline_access", "items:read", "items:write"}

// RedirectURI is what the broker's settings must list under redirect_uris.
func (c Config) RedirectURI() string { return c.base() + "/callback" }

// PostLogoutRedirectURI is what they must list under post_logout_redirect_uris.
func (c Config) PostLogoutRedirectURI() string { return c.base() + "/" }

func (c Config) base() string { return strings.TrimSuffix(c.BaseURL, "/") }

//go:embed templates/*.html assets/*
var files embed.FS

type app struct {
	Config
	broker   *broker
	sessions *sessions
	cookies  cookies
	pages    *template.Template
}

// New returns the app. It asks nobody anything until a person signs in.
func New(c Config) (http.Handler, error) {
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || base.Host == "" || strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.User != nil:
		return nil, fmt.Errorf("base URL %q must be a scheme and a host, such as https://desk.example", c.BaseURL)
	case base.Scheme != "https" && !(base.Scheme == "http" && loopback(base.Hostname())):
		return nil, fmt.Errorf("base URL %q must be https: plain http is for loopback only", c.BaseURL)
	case c.Issuer == "" || c.ClientID == "":
		return nil, errors.New("issuer and client id are needed")
	}
	if len(c.Scopes) == 0 {
		c.Scopes = DefaultScopes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.HTTPClient = careful(c.HTTPClient)
	a := &app{Config: c, broker: newBroker(c), sessions: newSessions(c.Now), cookies: newCookies(base)}
	if a.pages, err = template.New("").Funcs(template.FuncMap{"initial": initial}).ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return a.routes(), nil
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /api/{door}", a.signedIn(a.callAPI))
	mux.HandleFunc("POST /refresh", a.signedIn(a.refresh))
	mux.HandleFunc("POST /logout", a.logout)
	outer := http.NewServeMux() // the broker is no page of ours
	outer.HandleFunc("POST /backchannel-logout", a.backchannelLogout)
	outer.Handle("/", sameOrigin(mux))
	mux.HandleFunc("GET /app.css", asset("assets/app.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", asset("assets/icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		a.show(w, http.StatusNotFound, view{Problem: &problem{Title: "There is nothing at this address"}})
	})
	return headers(outer)
}

// headers are for every answer. There is no form-action: the sign-out button leads
// by redirects to the broker and perhaps to a provider, and Chrome would check each.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
		next.ServeHTTP(w, r)
	})
}

// sameOrigin lets a request change something only when it comes from a page of
// ours. The standard library's check lets a request pass that says nothing about
// where it comes from; no browser sends one, so it is refused as well.
func sameOrigin(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
			http.Error(w, "This request does not say which page it comes from.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

func asset(file, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		http.ServeFileFS(w, r, files, file)
	}
}

// careful returns a client that follows no redirect (an endpoint that moves is a
// mistake or an attack) and gives up in time.
func careful(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{}
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if own.Timeout == 0 {
		own.Timeout = 10 * time.Second
	}
	return &own
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
