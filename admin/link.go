package admin

import "context"

// linkCaller is who holds the session of an owner's link.
func (s *Server) linkCaller(context.Context, string) (*caller, error) {
	return nil, stale("there is no such session")
}
