package console

import (
	"fmt"
	"net/http"
	"strings"
)

// route is one door: what it answers, whom, and how.
type route struct {
	pattern string // "GET /users/{sub}"
	need    string // the scope without "handstamp:"; anyone for any administrator, nobody for people who are not signed in
	do      func(*visit) error
}

const (
	anyone = "anyone"
	nobody = "nobody"
)

// pages lists every story of the console, in the order of the navigation.
func (c *Console) pages() [][]route {
	return [][]route{
		c.signInRoutes(),
		c.linkRoutes(),
		c.signOutRoutes(),
		c.pendingRoutes(),
		c.providerRoutes(),
		c.appRoutes(),
		c.policyRoutes(),
		c.brandRoutes(),
		c.overviewRoutes(),
		c.loginRoutes(),
		c.userRoutes(),
		c.revisionRoutes(),
		c.auditRoutes(),
		c.administratorRoutes(),
		c.keyRoutes(),
	}
}

// open puts every route behind the door.
func (c *Console) open() error {
	c.mux = http.NewServeMux()
	for _, story := range c.pages() {
		for _, r := range story {
			if r.need == "" {
				return fmt.Errorf("console: %s says not who may use it", r.pattern)
			}
			c.table = append(c.table, r)
			c.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
				if v, ok := req.Context().Value(visitKey{}).(*visit); ok {
					v.r, v.w = req, w
					c.serve(v, r)
				}
			})
		}
	}
	return nil
}

// serve lets a visitor through one door, or says why not.
func (c *Console) serve(v *visit, r route) {
	err := func() error {
		if r.need == nobody {
			return r.do(v)
		}
		if err := c.recognise(v); err != nil {
			return err
		}
		if r.need != anyone && !v.Can(r.need) {
			return errForbidden
		}
		return r.do(v)
	}()
	if err != nil {
		v.fail(err)
	}
}

// methods tells which methods a path has, for the Allow header.
func (c *Console) methods(path string) (allow []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		probe := &http.Request{Method: method, Host: c.url.Host, URL: c.url.JoinPath(path)}
		if _, pattern := c.mux.Handler(probe); strings.HasPrefix(pattern, method+" ") {
			allow = append(allow, method)
			if method == http.MethodGet {
				allow = append(allow, http.MethodHead)
			}
		}
	}
	return allow
}
