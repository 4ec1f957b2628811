// Package bff is a single-page app that keeps no token in the browser: a backend
// for its own frontend (OAuth 2.0 for Browser-Based Applications, section 6.1).
//
//	browser ──▶ /login ─▶ broker ─▶ /callback      code for tokens: they stay here
//	   │ cookie that no script can read
//	   ├──▶ /session                               who is signed in
//	   ├──▶ /api/items ──▶ the API                 with the access token, renewed in time
//	   └──▶ /logout ─▶ /goodbye ─▶ broker
//
// It is read in that order: csrf.go (only our own page may ask), login.go, session.go,
// renew.go, proxy.go; broker.go is all of OAuth in it. Sessions live in memory,
// which a real app would change. examples/spa is the same page without a server.
package bff

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/handstamp/handstamp/examples/shelf"
)

// Config says where the broker, this app and the API are.
type Config struct {
	Issuer       string       // the broker's issuer
	ClientID     string       // this app's id in the broker's settings
	ClientSecret string       // its secret
	BaseURL      string       // where people reach this app, such as https://shelf.example
	APIURL       string       // base URL of the sample API
	Resource     string       // the API's resource id at the broker (RFC 8707)
	Scopes       []string     // asked for at sign-in; DefaultScopes when empty
	HTTPClient   *http.Client // asks broker and API; one with a timeout when nil
	Logger       *slog.Logger // slog.Default() when nil
	Now          func() time.Time
}

// DefaultScopes ask for all that the page can show.
var DefaultScopes = []string{"openid", "profile", "email", "items:read", "items:write"}

// RedirectURI is what the broker's settings must list under redirect_uris.
func (c Config) RedirectURI() string { return c.base() + "/callback" }

// PostLogoutRedirectURI is what they must list under post_logout_redirect_uris.
func (c Config) PostLogoutRedirectURI() string { return c.base() + "/" }

func (c Config) base() string { return strings.TrimSuffix(c.BaseURL, "/") }

//go:embed assets/door.js
var door []byte

type app struct {
	Config
	origin   string // as browsers write it
	broker   *broker
	sessions *sessions
	cookies  cookies
}

// New returns the app. It asks nobody anything until a person signs in.
func New(c Config) (http.Handler, error) {
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || base.Host == "" || strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.User != nil:
		return nil, fmt.Errorf("base URL %q must be a scheme and a host, such as https://shelf.example", c.BaseURL)
	case base.Scheme != "https" && !(base.Scheme == "http" && loopback(base.Hostname())):
		return nil, fmt.Errorf("base URL %q must be https: plain http is for loopback only", c.BaseURL)
	case c.Issuer == "" || c.ClientID == "" || c.ClientSecret == "":
		return nil, errors.New("issuer, client id and client secret are needed: a backend can keep a secret")
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
	a := &app{Config: c, origin: originOf(base), broker: newBroker(c), sessions: newSessions(c.Now), cookies: newCookies(base)}
	return a.routes(), nil
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	shelf.Serve(mux, door)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /session", a.ownPage(a.tell))
	mux.HandleFunc("POST /session/renew", a.ownPage(a.signedIn(a.renewNow)))
	for _, d := range doors {
		mux.HandleFunc(d.method+" /api"+d.path, a.ownPage(a.signedIn(a.pass(d))))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "not_found") })
	mux.HandleFunc("POST /logout", a.ownPage(a.signedIn(a.logout)))
	mux.HandleFunc("GET /goodbye", a.goodbye)
	return shelf.Headers([]string{"'self'"}, modest(mux))
}

// modest refuses what no browser of ours sends: a jar of cookies that somebody else
// has filled, a body that no item needs.
func modest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := 0
		for _, line := range r.Header["Cookie"] {
			size += len(line)
		}
		if size > 16<<10 || len(r.Cookies()) > 50 {
			http.Error(w, "Your browser sends too many cookies. Please delete those of this site.", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
		next.ServeHTTP(w, r)
	})
}

func send(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// refuse tells the page by a word why its request was not answered.
func refuse(w http.ResponseWriter, status int, word string) {
	send(w, status, map[string]string{"error": word})
}

// short is an error for the log, whoever wrote its text.
func short(err error) string { return err.Error()[:min(len(err.Error()), 256)] }

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

// originOf writes an origin as browsers do: in small letters, without its usual port.
func originOf(u *url.URL) string {
	usual := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), usual)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
