package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/examples/api"
)

const page = "https://shelf.example"

func TestOnlyAPageOfAListedOriginMayReadAnAnswer(t *testing.T) {
	h, err := api.New(api.Config{Issuer: "https://login.example", Audience: audience, Origins: []string{page}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		origin string
		let    bool
		why    string
	}{
		{page, true, "it is listed"},
		{"https://evil.example", false, "another site"},
		{"http://shelf.example", false, "without TLS"},
		{"https://shelf.example:8443", false, "another port"},
		{"https://shelf.example.evil.example", false, "begins alike"},
		{"null", false, "a sandboxed frame"},
		{"", false, "no page at all"},
	} {
		for _, method := range []string{"OPTIONS", "GET"} {
			r := httptest.NewRequest(method, "/items", nil)
			if row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
			if method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "POST")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got := w.Header()
			if (got.Get("Access-Control-Allow-Origin") == row.origin && row.origin != "") != row.let || got.Get("Access-Control-Allow-Credentials") != "" || got.Get("Vary") != "Origin" {
				t.Errorf("%s from %q (%s): %v", method, row.origin, row.why, got)
			}
			switch {
			case method == "OPTIONS" && (w.Code != http.StatusNoContent || strings.Contains(got.Get("Access-Control-Allow-Headers"), "Authorization") != row.let):
				t.Errorf("preflight from %q (%s): %d %v", row.origin, row.why, w.Code, got)
			case method == "GET" && w.Code != http.StatusUnauthorized:
				t.Errorf("an origin is no credential, yet %q got %d", row.origin, w.Code)
			case method == "GET" && row.let && got.Get("Access-Control-Expose-Headers") != "WWW-Authenticate":
				t.Errorf("the page cannot read why it was refused: %v", got)
			}
		}
	}
}

func TestWithoutOriginsNoPageReadsTheAPI(t *testing.T) {
	h, err := api.New(api.Config{Issuer: "https://login.example", Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("OPTIONS", "/items", nil)
	r.Header.Set("Origin", page)
	r.Header.Set("Access-Control-Request-Method", "GET")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestAnOriginThatNoBrowserSendsIsRefused(t *testing.T) {
	for _, origin := range []string{"*", "null", "shelf.example", page + "/", page + "/path", "ftp://shelf.example", ""} {
		if _, err := api.New(api.Config{Issuer: "https://login.example", Audience: audience, Origins: []string{origin}}); err == nil {
			t.Errorf("origin %q was taken", origin)
		}
	}
}
