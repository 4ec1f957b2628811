package apidocs_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/handstamp/handstamp/apidocs"
)

// An API shows its own document. Authorize signs in at the broker with the public
// client items-docs, which has https://items.example/docs/oauth2-redirect among its
// redirect_uris and https://items.example among its allowed_origins.
func ExampleNew() {
	page, err := apidocs.New(apidocs.Options{Path: "/docs", Document: "/openapi.json", Title: "Items",
		ClientID: "items-docs", Scopes: []string{"openid", "items:read"}, Issuer: "https://login.example",
		Connect: []string{"'self'", "https://login.example/token"}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /docs", page)
	mux.Handle("GET /docs/", page)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/docs", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
