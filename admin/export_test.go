package admin

import (
	"context"
	"strings"
)

// RouteInfo is one line of the table, for tests that walk it.
type RouteInfo struct {
	Method, Path, Need                        string
	Query                                     []string
	Changes, Fresh, Shell, Reason, Maybe, Big bool

	Says    string
	In, Out any
	Status  int
	More    []int
}

// File stands for a body or an answer that is no JSON of ours.
type File = file

// Public marks a route that everybody may call, Anybody one for whoever is somebody.
const (
	Public  = public
	Anybody = anybody
)

// Routes lists the table.
func Routes() []RouteInfo {
	var out []RouteInfo
	for _, r := range routes() {
		out = append(out, RouteInfo{r.method, r.path, r.need, r.parameters(), r.changes, r.fresh, r.shell, r.reason, r.maybe, r.big, r.says, r.in, r.out, r.status, r.more})
	}
	return out
}

// Reachable lists what the engines answer to, for the network and for the shell.
func (s *Server) Reachable(shell bool) []string {
	e := s.network
	if shell {
		e = s.shell
	}
	var out []string
	for _, r := range e.Routes() {
		out = append(out, r.Method+" "+strings.TrimPrefix(r.Path, "/api/v1"))
	}
	return out
}

// Turn is what a great request waits for.
func (s *Server) Turn(ctx context.Context) (func(), error) { return s.turn(ctx) }
