package persona

import (
	"net"
	"net/http"
	"time"
)

// TB is the part of testing.TB that Start needs, so that a program which
// serves a persona does not link the testing package.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start serves a persona on 127.0.0.1 until the test ends. It chooses the
// port, so Options.Issuer is filled in; add your redirect URI later by
// AllowRedirect where you don't know it yet.
//
//	idp := persona.Start(t, persona.Google, persona.Options{})
func Start(t TB, kind func(Options) *Persona, o Options) *Persona {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start persona: %v", err)
	}
	o.Issuer = "http://" + l.Addr().String()
	p := kind(o)
	srv := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }() // until Close
	t.Cleanup(func() { srv.Close() })
	return p
}
