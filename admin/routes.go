package admin

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// route is one thing that the API does. The table below is all there is: engines, tests
// of the role matrix and the check of openapi.yaml are made from it.
type route struct {
	method, path string // below api.Base
	need         string // a scope; anybody: whoever is somebody; public: everybody
	does         func(*Server, *call) error

	query   string // the parameters that it reads, with spaces between; others are refused
	changes bool   // the directory: If-Match, reason, plan and force are understood
	reason  bool   // why, for the audit: ?reason=
	fresh   bool   // a person must have signed in lately (A12)
	shell   bool   // only at the socket
	big     bool   // takes a whole document or file
}

const (
	anybody = "anybody"
	public  = "public"

	paging = " limit cursor"
)

func routes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		read, write                = directory.ReadDirectory, directory.WriteDirectory
	)
	return append([]route{
		{method: get, path: "/me", need: anybody, does: (*Server).me},
		{method: get, path: "/status", need: read, does: (*Server).status},
		{method: get, path: "/openapi.json", need: public, does: (*Server).openAPI},

		{method: get, path: "/directory", need: read, does: (*Server).directory},
		{method: put, path: "/directory", need: write, does: (*Server).putDirectory, changes: true, big: true},
		{method: post, path: "/plans", need: read, does: (*Server).plan, big: true},

		{method: get, path: "/revisions", need: read, does: (*Server).revisions, query: paging},
		{method: get, path: "/revisions/:number", need: read, does: (*Server).revision},
		{method: get, path: "/revisions/:number/diff", need: read, does: (*Server).revisionDiff, query: "against"},
		{method: get, path: "/revisions/:number/export", need: directory.WriteOwners, does: (*Server).export, query: "format", fresh: true},
		{method: post, path: "/revisions/:number/rollback", need: write, does: (*Server).rollback, changes: true},

		{method: get, path: "/providers", need: read, does: (*Server).providers, query: "q" + paging},
		{method: post, path: "/providers", need: write, does: (*Server).addProvider, changes: true},
		{method: get, path: "/providers/:slug", need: read, does: (*Server).provider},
		{method: put, path: "/providers/:slug", need: write, does: (*Server).putProvider, changes: true},
		{method: del, path: "/providers/:slug", need: write, does: (*Server).deleteProvider, changes: true},
		{method: post, path: "/providers/:slug/check", need: write, does: (*Server).checkProvider},
		{method: post, path: "/providers/:slug/test", need: write, does: (*Server).testProvider},

		{method: get, path: "/clients", need: read, does: (*Server).clients, query: "q" + paging},
		{method: post, path: "/clients", need: write, does: (*Server).addClient, changes: true},
		{method: get, path: "/clients/:id", need: read, does: (*Server).client},
		{method: put, path: "/clients/:id", need: write, does: (*Server).putClient, changes: true},
		{method: del, path: "/clients/:id", need: write, does: (*Server).deleteClient, changes: true},
		{method: post, path: "/clients/:id/secrets", need: write, does: (*Server).drawSecret, changes: true},
		{method: del, path: "/clients/:id/secrets/:fingerprint", need: write, does: (*Server).endSecret, changes: true},

		{method: get, path: "/resources", need: read, does: (*Server).resources, query: "q" + paging},
		{method: post, path: "/resources", need: write, does: (*Server).addResource, changes: true},
		{method: get, path: "/resources/:key", need: read, does: (*Server).resource},
		{method: put, path: "/resources/:key", need: write, does: (*Server).putResource, changes: true},
		{method: del, path: "/resources/:key", need: write, does: (*Server).deleteResource, changes: true},

		{method: get, path: "/rules", need: read, does: (*Server).rules, query: "q" + paging},
		{method: post, path: "/rules", need: write, does: (*Server).addRule, changes: true, query: "before"},
		{method: get, path: "/rules/:key", need: read, does: (*Server).rule},
		{method: put, path: "/rules/:key", need: write, does: (*Server).putRule, changes: true, query: "before"},
		{method: del, path: "/rules/:key", need: write, does: (*Server).deleteRule, changes: true},

		{method: get, path: "/kinds", need: read, does: (*Server).kinds},
		{method: post, path: "/explain", need: directory.ReadLogins, does: (*Server).explain},

		{method: get, path: "/keys", need: read, does: (*Server).keys},
		{method: post, path: "/keys/rotate", need: directory.WriteKeys, does: (*Server).rotateKeys, reason: true, fresh: true},
	}, peopleRoutes()...)
}

// engine makes the routes reachable: for the network, or for the shell.
func (s *Server) engine(shell bool) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = false, false, true
	e.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := e.SetTrustedProxies(s.options.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	for _, r := range routes() {
		if r.shell && !shell {
			continue // for the network there is no such address
		}
		e.Handle(r.method, api.Base+r.path, s.exit(&r, shell))
	}
	e.GET("/livez", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.readyz)
	e.NoRoute(s.exit(&route{need: public, does: nothingHere}, shell))
	e.NoMethod(s.exit(&route{need: public, does: wrongMethod}, shell))
	return e, nil
}

func nothingHere(*Server, *call) error { return problem(http.StatusNotFound, api.NotFound, "") }

func wrongMethod(*Server, *call) error {
	return problem(http.StatusMethodNotAllowed, api.WrongMethod, "")
}

func (s *Server) readyz(c *gin.Context) {
	if s.book.State().Blind || s.db.Ping(c.Request.Context()) != nil {
		c.String(http.StatusServiceUnavailable, "the database cannot be read\n")
		return
	}
	c.String(http.StatusOK, "ok\n")
}
