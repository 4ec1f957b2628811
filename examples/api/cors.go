package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// origins lets pages of these origins, and of no others, call the API from a browser
// (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol). Cookies never count
// here: a page shows a token like everybody else.
type origins []string

// readOrigins takes origins exactly as a browser sends them.
func readOrigins(list []string) (origins, error) {
	for _, o := range list {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return nil, fmt.Errorf("origin %q must be a scheme and a host, such as https://shelf.example", o)
		}
	}
	return list, nil
}

// around adds to every answer, also to a refusal, what the page needs to read it. A
// preflight is answered here: it carries no token yet.
func (o origins) around(next http.Handler) http.Handler {
	if len(o) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin") // a cache must not hand one origin's answer to another
		origin := r.Header.Get("Origin")
		if slices.Contains(o, origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if slices.Contains(o, origin) {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
