package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/handstamp/handstamp/apidocs"
)

// openAPI describes every door of this API, with the scopes that each one needs.
// {issuer} stands for the broker.
//
//go:embed openapi.json
var openAPI []byte

// document adds the OpenAPI document, and the page that shows it where there is a
// client for it to sign in with.
func document(next http.Handler, c Config) (http.Handler, error) {
	issuer, err := json.Marshal(strings.TrimSuffix(c.Issuer, "/"))
	if err != nil {
		return nil, err
	}
	filled := bytes.ReplaceAll(openAPI, []byte("{issuer}"), bytes.Trim(issuer, `"`))
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(filled)
	})
	if c.DocsClient == "" {
		return mux, nil
	}
	broker, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	page, err := apidocs.New(apidocs.Options{Path: "/docs", Document: "/openapi.json", Title: "Items: documentation of the API",
		ClientID: c.DocsClient, Scopes: []string{"openid", "items:read"}, Issuer: c.Issuer,
		Connect: []string{"'self'", broker.Scheme + "://" + broker.Host + broker.Path + "/token"}})
	if err != nil {
		return nil, err
	}
	mux.Handle("/docs", page)
	mux.Handle("/docs/", page)
	return mux, nil
}
