package admin

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// route is one thing that the API does. The table below is all there is: engines,
// openapi.yaml and the tests of the role matrix are made from it.
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

	// What openapi.yaml tells: values of the types that are sent and answered with. A
	// change of the directory answers with api.Applied, or with api.Plan for ?plan=true.
	says   string
	in     any   // nil: no body; file: a body of any type
	maybe  bool  // the body may be left out
	out    any   // nil: an answer without a body
	status int   // of a success; 0: 200, or 204 without a body
	more   []int // statuses of problems that its shape does not tell
}

// file stands for a body or an answer that is no JSON of ours.
type file string

const (
	anybody = "anybody"
	public  = "public"

	paging = " limit cursor"
)

func routes() []route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		read, write         = directory.ReadDirectory, directory.WriteDirectory
	)
	return append([]route{
		{method: get, path: "/me", need: anybody, does: (*Server).me, says: "Who asks, and what they may do", out: api.Me{}},
		{method: get, path: "/status", need: read, does: (*Server).status, says: "How the broker does", out: api.Status{}},
		{method: get, path: "/openapi.json", need: public, does: (*Server).openAPI, says: "This document", out: file("application/json")},

		{method: get, path: "/directory", need: read, does: (*Server).directory, says: "The whole active document", out: api.Directory{}},
		{method: put, path: "/directory", need: write, does: (*Server).putDirectory, changes: true, big: true, says: "Replace the whole document", in: directory.Document{}},
		{method: post, path: "/plans", need: read, does: (*Server).plan, big: true, says: "What a document or some edits would do; nothing changes", in: api.PlanRequest{}, out: api.Plan{}, more: []int{404, 409, 412, 422}},

		{method: get, path: "/revisions", need: read, does: (*Server).revisions, query: paging, says: "The versions of the directory, the newest first", out: api.Page[api.Revision]{}},
		{method: get, path: "/revisions/:number", need: read, does: (*Server).revision, says: "One version with its document", out: api.Revision{}},
		{method: get, path: "/revisions/:number/diff", need: read, does: (*Server).revisionDiff, query: "against", says: "What changed in a version since another (default: the one before)", out: api.RevisionDiff{}},
		{method: get, path: "/revisions/:number/export", need: directory.WriteOwners, does: (*Server).export, query: "format", fresh: true, says: "A version as a file, yaml or json, without any secret", out: file("application/yaml application/json")},
		{method: post, path: "/revisions/:number/rollback", need: write, does: (*Server).rollback, changes: true, says: "Apply an earlier version again, as a new one"},

		{method: get, path: "/providers", need: read, does: (*Server).providers, query: "q" + paging, says: "The providers, in the order in which people see them", out: api.Page[api.ProviderInfo]{}},
		{method: post, path: "/providers", need: write, does: (*Server).addProvider, changes: true, says: "Add a provider", in: directory.Provider{}, status: 201},
		{method: get, path: "/providers/:slug", need: read, does: (*Server).provider, says: "One provider", out: api.ProviderInfo{}},
		{method: put, path: "/providers/:slug", need: write, does: (*Server).putProvider, changes: true, says: "Replace a provider; a secret that is left out stays", in: directory.Provider{}},
		{method: del, path: "/providers/:slug", need: write, does: (*Server).deleteProvider, changes: true, says: "Remove a provider"},
		{method: post, path: "/providers/:slug/check", need: write, does: (*Server).checkProvider, says: "Ask a provider, or a draft of one, whether it would work", in: api.CheckRequest{}, maybe: true, out: api.CheckResult{}, more: []int{422}},
		{method: post, path: "/providers/:slug/test", need: write, does: (*Server).testProvider, says: "Begin a sign-in that only looks", in: api.TestRequest{}, out: api.TestStarted{}, more: []int{422}},

		{method: get, path: "/clients", need: read, does: (*Server).clients, query: "q" + paging, says: "The apps and machines", out: api.Page[api.ClientInfo]{}},
		{method: post, path: "/clients", need: write, does: (*Server).addClient, changes: true, says: "Add a client; a secret is drawn for one that needs it, and shown this once", in: directory.Client{}, status: 201},
		{method: get, path: "/clients/:id", need: read, does: (*Server).client, says: "One client, with what its settings come to", out: api.ClientInfo{}},
		{method: put, path: "/clients/:id", need: write, does: (*Server).putClient, changes: true, says: "Replace a client; secrets that are left out stay", in: directory.Client{}},
		{method: del, path: "/clients/:id", need: write, does: (*Server).deleteClient, changes: true, says: "Remove a client"},
		{method: post, path: "/clients/:id/secrets", need: write, does: (*Server).drawSecret, changes: true, says: "Draw one more secret, which is shown this once; two can be live"},
		{method: del, path: "/clients/:id/secrets/:fingerprint", need: write, does: (*Server).endSecret, changes: true, says: "End a secret"},

		{method: get, path: "/resources", need: read, does: (*Server).resources, query: "q" + paging, says: "The APIs with their scopes", out: api.Page[api.ResourceInfo]{}},
		{method: post, path: "/resources", need: write, does: (*Server).addResource, changes: true, says: "Add a resource", in: directory.Resource{}, status: 201},
		{method: get, path: "/resources/:key", need: read, does: (*Server).resource, says: "One resource", out: api.ResourceInfo{}},
		{method: put, path: "/resources/:key", need: write, does: (*Server).putResource, changes: true, says: "Replace a resource", in: directory.Resource{}},
		{method: del, path: "/resources/:key", need: write, does: (*Server).deleteResource, changes: true, says: "Remove a resource"},

		{method: get, path: "/rules", need: read, does: (*Server).rules, query: "q" + paging, says: "The rules in their order", out: api.Page[api.RuleInfo]{}},
		{method: post, path: "/rules", need: write, does: (*Server).addRule, changes: true, query: "before", says: "Add a rule: before another, or at the end", in: mapping.Rule{}, status: 201},
		{method: get, path: "/rules/:key", need: read, does: (*Server).rule, says: "One rule", out: api.RuleInfo{}},
		{method: put, path: "/rules/:key", need: write, does: (*Server).putRule, changes: true, query: "before", says: "Replace a rule, and perhaps move it", in: mapping.Rule{}},
		{method: del, path: "/rules/:key", need: write, does: (*Server).deleteRule, changes: true, says: "Remove a rule"},

		{method: get, path: "/brand", need: read, does: (*Server).brand, says: "What the pages show of the house itself", out: directory.Brand{}},
		{method: put, path: "/brand", need: write, does: (*Server).putBrand, changes: true, says: "Change what the pages show of the house itself; what is empty is as the settings say", in: directory.Brand{}},

		{method: get, path: "/kinds", need: read, does: (*Server).kinds, says: "The sorts of providers: what each wants to know, and where to click at the vendor's", out: api.Page[api.Kind]{}},
		{method: post, path: "/explain", need: directory.ReadLogins, does: (*Server).explain, says: "What a login comes to, and why: as it was, as it is, or as it would be", in: api.ExplainRequest{}, out: api.Explained{}, more: []int{404, 422}},

		{method: get, path: "/keys", need: read, does: (*Server).keys, says: "The signing keys, without their private halves", out: api.Page[api.SigningKey]{}},
		{method: post, path: "/keys/rotate", need: directory.WriteKeys, does: (*Server).rotateKeys, reason: true, fresh: true, says: "Move the signing keys on", in: api.RotateRequest{}, maybe: true, out: api.Page[api.SigningKey]{}, more: []int{422}},
		{method: post, path: "/restored", need: directory.WriteOwners, does: (*Server).restored, reason: true, shell: true, says: "End everything that a backup held, the signing keys included", out: api.Restored{}},
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
