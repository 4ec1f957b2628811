// Package shelf is the page of two sample apps that look the same and keep their
// tokens in different places: examples/bff on a server, examples/spa in the page.
//
//	index.html   what a person sees
//	page.css     how
//	page.js      shows it, and asks its door for everything else
//	door.js      the one file in which the two apps differ; each brings its own
//
// It owns the page and the headers it is served with, and knows nothing of tokens,
// sessions or the broker.
package shelf

import (
	"bytes"
	"embed"
	"net/http"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// Serve puts the page, its parts and an app's own door.js on a mux.
func Serve(mux *http.ServeMux, door []byte) {
	mux.HandleFunc("GET /{$}", Page)
	mux.HandleFunc("GET /page.js", file("page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /page.css", file("page.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", file("icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET /door.js", Script(door))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
}

// Page answers with index.html.
func Page(w http.ResponseWriter, r *http.Request) {
	file("index.html", "text/html; charset=utf-8")(w, r)
}

// Script answers with a module of an app's own.
func Script(source []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(source))
	}
}

func file(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		http.ServeFileFS(w, r, assets, "assets/"+name)
	}
}

// Headers are for every answer of an app. The page may run scripts of its own
// origin and no others, may call only the origins named, may submit no form by
// itself, and no string may become code or markup (Trusted Types).
func Headers(calls []string, next http.Handler) http.Handler {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + strings.Join(calls, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
