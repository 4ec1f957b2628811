// Package spa serves a single-page app that is its own OAuth client: it signs
// people in by itself (authorization code with PKCE, no secret), keeps its tokens
// in the page's memory, and calls the API across origins.
//
//	browser ── page, door.js ──▶ broker   sign in, tokens, refresh with rotation
//	              │
//	              └────────────▶ API      with the access token
//
// The server is no more than files and a policy (Content-Security-Policy) on which
// origins the page may talk to. assets/door.js is the part worth reading; compare
// it with the one of examples/bff, which needs none of it. The broker must list
// this app's origin under allowed_origins, and so must the API.
package spa

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/examples/shelf"
)

// Config says where the broker, this app and the API are. The page reads all of it:
// there is no secret in it.
type Config struct {
	Issuer   string   // the broker's issuer
	ClientID string   // this app's id in the broker's settings, a public client
	BaseURL  string   // where people reach this app, such as https://shelf.example
	APIURL   string   // base URL of the sample API
	Resource string   // the API's resource id at the broker (RFC 8707)
	Scopes   []string // asked for at sign-in; DefaultScopes when empty
}

// DefaultScopes ask for all that the page can show.
var DefaultScopes = []string{"openid", "profile", "email", "items:read", "items:write"}

// RedirectURI is what the broker's settings must list under redirect_uris.
func (c Config) RedirectURI() string { return strings.TrimSuffix(c.BaseURL, "/") + "/callback" }

// PostLogoutRedirectURI is what they must list under post_logout_redirect_uris.
func (c Config) PostLogoutRedirectURI() string { return strings.TrimSuffix(c.BaseURL, "/") + "/" }

//go:embed assets/door.js
var door []byte

// New returns the app.
func New(c Config) (http.Handler, error) {
	if c.ClientID == "" {
		return nil, errors.New("client id is needed")
	}
	if len(c.Scopes) == 0 {
		c.Scopes = DefaultScopes
	}
	broker, err := origin("issuer", c.Issuer)
	if err != nil {
		return nil, err
	}
	api, err := origin("API URL", c.APIURL)
	if err != nil {
		return nil, err
	}
	if own, err := origin("base URL", c.BaseURL); err != nil {
		return nil, err
	} else if own != strings.TrimSuffix(c.BaseURL, "/") {
		return nil, fmt.Errorf("base URL %q must be a scheme and a host, such as https://shelf.example", c.BaseURL)
	}
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	shelf.Serve(mux, door)
	mux.HandleFunc("GET /callback", shelf.Page) // door.js reads the answer, in the browser
	mux.HandleFunc("GET /settings.js", shelf.Script(settings))
	return shelf.Headers([]string{broker, api}, mux), nil
}

// settings is Config as a module that door.js imports.
func (c Config) settings() ([]byte, error) {
	body, err := json.MarshalIndent(map[string]string{"issuer": c.Issuer, "clientID": c.ClientID, "redirectURI": c.RedirectURI(), "home": c.PostLogoutRedirectURI(),
		"api": strings.TrimSuffix(c.APIURL, "/"), "resource": c.Resource, "scope": strings.Join(c.Scopes, " ")}, "", "  ")
	if err != nil {
		return nil, err
	}
	return []byte("export default " + string(body) + ";\n"), nil
}

// origin is the part of an address that a browser's policies are about.
func origin(what, address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(u.Host, " ;,'\"*"):
		return "", fmt.Errorf("%s %q is not a URL", what, address)
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return "", fmt.Errorf("%s %q must be https: plain http is for loopback only", what, address)
	}
	return u.Scheme + "://" + u.Host, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
