// Package admin is the desk behind the house: the administration API, through which
// everything is looked at and changed.
//
//	console, scripts ── bearer token ──▶ Handler ─┐                 ┌─▶ broker/revision   the directory
//	                                              ├─ routes.go ─────┼─▶ broker/policy     what would happen
//	shell ───────────── Unix socket ───▶ Shell ───┘  who? may they? └─▶ storage           people, logins, audit
//
// One table (routes.go) says what there is and what each route needs; nothing is
// reachable that does not stand in it. Who calls is decided here on each call, by the
// role or the machine_scopes as they are now (caller.go). A handler returns an error,
// and one exit writes it as a problem (problem.go).
//
// It leaves to revision what a change may be, to storage every row and its audit, to
// admin/api the JSON, and to admin/console the pages. It knows nothing of the broker:
// the roof hands it the few functions that it needs.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// Options are the running rooms that the desk works with.
type Options struct {
	Issuer  string // the broker's
	URL     string // of this listener, without a path: the only Host that is answered; the Issuer where there is only the shell
	Version string // of the program
	DB      *storage.DB
	Book    *revision.Book
	Keys    tokens.KeyFinder // of the issuer: tokens are checked in process
	Sealer  *storage.Sealer  // for cursors

	// TrustedProxies are CIDRs whose X-Forwarded-For counts.
	TrustedProxies []string

	// TestSignIn begins a sign-in that only looks; see broker.TestSignIn. Back is below URL.
	TestSignIn func(slug, back string) (url, reference string, err error)
	// Rotate moves the signing keys of an algorithm on, or of all with "". atOnce drops the
	// active ones with all that they signed.
	Rotate func(ctx context.Context, a storage.Actor, alg string, atOnce bool) error
	// Restored ends everything that a backup held, and drops every signing key.
	Restored func(ctx context.Context, a storage.Actor) (*storage.Ended, error)
	// YAML writes a document as a settings file.
	YAML func(d directory.Document, comments map[string]string) []byte

	// Event counts what should not happen here; nil: nobody counts.
	Event func(door.Event)

	Now    func() time.Time
	Logger *slog.Logger
}

// Server is the administration API.
type Server struct {
	issuer  string
	url     *url.URL
	version string
	db      *storage.DB
	book    *revision.Book
	guard   *guard.Guard
	sealer  *storage.Sealer
	options Options
	now     func() time.Time
	log     *slog.Logger
	started time.Time
	big     chan struct{} // who has it may send a whole document or file
	index   index

	described []byte // openapi.json

	network, shell *gin.Engine
}

// New joins the rooms and lists the routes.
func New(o Options) (*Server, error) {
	address, err := url.Parse(o.URL)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("admin: %q is not a URL", o.URL)
	}
	if o.DB == nil || o.Book == nil || o.Keys == nil || o.Sealer == nil {
		return nil, errors.New("admin: a room is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Event == nil {
		o.Event = func(door.Event) {}
	}
	s := &Server{issuer: o.Issuer, url: address, version: o.Version, db: o.DB, book: o.Book, sealer: o.Sealer, options: o, now: o.Now, log: o.Logger, started: o.Now(), big: make(chan struct{}, 1)}
	s.guard, err = guard.New(o.Issuer, directory.AdminResource, guard.WithKeys(o.Keys), guard.WithClock(o.Now), guard.WithRealm("handstamp administration"))
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	if err := s.describe(); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	if s.network, err = s.engine(false); err != nil {
		return nil, err
	}
	s.shell, err = s.engine(true)
	return s, err
}

// Handler answers whoever shows an access token of an administrator or a machine, or
// that of an owner's link.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.enter(w, r, s.network) })
}

// Shell answers whoever reaches it, as the shell of this machine, which may do
// everything. It belongs behind a Unix socket whose file mode is the permission.
func (s *Server) Shell() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.enter(w, r, s.shell) })
}

// snapshot is the directory as it is now.
func (s *Server) snapshot() *directory.Snapshot { return s.book.Current().Snapshot }
