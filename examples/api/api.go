// Package api is a small internal API that trusts Handstamp's access tokens. It
// imports nothing of Handstamp but the guard and the documentation page.
//
//	GET    /items   needs the scope items:read
//	POST   /items   needs the scope items:write
//	DELETE /items   needs the scope items:write, and a sign-in not older than 5 minutes
//	GET    /openapi.json, and /docs, whose Authorize button signs in at the broker
//
// The guard checks each token by itself: no request here makes a request there.
package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/guard"
)

// Config says whose tokens count here.
type Config struct {
	Issuer     string       // the broker's issuer
	Audience   string       // this API's resource id in the broker's settings
	Origins    []string     // of pages that may call the API from a browser; none when empty
	DocsClient string       // the public client that the page at /docs signs in with; no page when empty
	HTTPClient *http.Client // fetches the broker's keys; the guard's own when nil
}

// New returns the API. It starts while the broker is down: keys are fetched when
// the first token comes.
func New(c Config) (http.Handler, error) {
	var opts []guard.Option
	if c.HTTPClient != nil {
		opts = append(opts, guard.WithHTTPClient(c.HTTPClient))
	}
	g, err := guard.New(c.Issuer, c.Audience, opts...)
	if err != nil {
		return nil, err
	}
	pages, err := readOrigins(c.Origins)
	if err != nil {
		return nil, err
	}
	documented, err := document(Handler(g), c)
	if err != nil {
		return nil, err
	}
	return pages.around(documented), nil
}

// Handler returns the API behind a guard of yours; tests pass one of guardtest.
func Handler(g *guard.Guard) http.Handler {
	s := &shelf{items: []string{"A brass key", "A jar of ink", "A rubber stamp"}}
	mux := http.NewServeMux()
	mux.Handle("GET /items", g.Require("items:read")(http.HandlerFunc(s.list)))
	mux.Handle("POST /items", g.Require("items:write")(http.HandlerFunc(s.add)))
	mux.Handle("DELETE /items", g.RequireAuth(guard.Scopes("items:write"), guard.MaxAge(5*time.Minute))(http.HandlerFunc(s.empty)))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/items" {
			w.Header().Set("Allow", "GET, HEAD, POST, DELETE")
			refuse(w, http.StatusMethodNotAllowed, "items can be read, added and deleted")
			return
		}
		refuse(w, http.StatusNotFound, "there is nothing at this address")
	})
	return mux
}

// shelf holds the items, in memory.
type shelf struct {
	mu    sync.Mutex
	items []string
}

const room = 100 // items that fit

func (s *shelf) list(w http.ResponseWriter, r *http.Request) {
	token, _ := guard.From(r.Context())
	s.mu.Lock()
	items := append([]string{}, s.items...)
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"items": items, "asked_by": caller(token)})
}

func (s *shelf) add(w http.ResponseWriter, r *http.Request) {
	name, err := readItem(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	token, _ := guard.From(r.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) >= room {
		refuse(w, http.StatusConflict, "the shelf is full")
		return
	}
	s.items = append(s.items, name)
	answer(w, http.StatusCreated, map[string]any{"added": name, "asked_by": caller(token)})
}

// empty takes everything off the shelf: what cannot be undone asks for a person who
// has just shown who they are.
func (s *shelf) empty(w http.ResponseWriter, r *http.Request) {
	token, _ := guard.From(r.Context())
	s.mu.Lock()
	n := len(s.items)
	s.items = nil
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"deleted": n, "asked_by": caller(token)})
}

// caller is what the token says about who asks and through which app.
func caller(t *guard.Token) map[string]any {
	return map[string]any{"subject": t.Subject, "client": t.ClientID, "roles": t.Roles}
}

func readItem(w http.ResponseWriter, r *http.Request) (string, error) {
	var in struct {
		Name string `json:"name"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return "", errors.New(`send one JSON object with a "name"`)
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" || len(in.Name) > 100 {
		return "", errors.New("a name has 1 to 100 bytes")
	}
	return in.Name, nil
}

func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

func refuse(w http.ResponseWriter, status int, why string) {
	word := map[int]string{400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 409: "conflict"}[status]
	answer(w, status, map[string]string{"error": word, "error_description": why})
}
