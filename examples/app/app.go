// Package app is a small web app that signs people in through Handstamp.
package app

import (
	"errors"
	"net/http"
)

// Config says where the broker, this app and the API are.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	BaseURL      string     // where people reach this app; its redirect URI is BaseURL + "/callback"
	APIURL       string     // base URL of the sample API
	Resource     string     // the API's audience, sent as `resource` (RFC 8707)
	Scopes       []string   // asked for at sign-in; a useful default when empty
	Providers    []Provider // one "Sign in with …" button each
	HTTPClient   *http.Client
}

// Provider is one "Sign in with …" button.
type Provider struct{ Slug, Title string }

// New returns the app's handler. It asks nobody anything until a person signs in.
func New(c Config) (http.Handler, error) { return nil, errors.New("not yet") }
