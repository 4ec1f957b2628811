package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/door"
)

const (
	maxBody = 1 << 20
	maxBig  = 16 << 20 // a whole document
)

// enter is what every request passes before a route sees it: a canonical path, our own
// host; and it writes the one log record.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, e *gin.Engine) {
	began := s.now()
	rec := &recorder{Writer: door.Writer{ResponseWriter: w}, reference: rand.Text()[:16]}
	defer s.record(rec, r, began)
	h := rec.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if p := s.unwelcome(rec, r, e); p != nil {
		s.write(rec, rec, p)
		return
	}
	e.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec)))
}

// unwelcome is the answer to a request that no route should see, or nil.
func (s *Server) unwelcome(rec *recorder, r *http.Request, e *gin.Engine) *api.Problem {
	health := r.URL.Path == "/livez" || r.URL.Path == "/readyz"
	switch {
	case len(r.RequestURI) > 16<<10:
		return problem(http.StatusRequestURITooLong, api.TooLarge, "the address is too long").Problem
	case !door.Canonical(r.URL):
		return problem(http.StatusNotFound, api.NotFound, "").Problem
	case e == s.network && !health && !door.SameHost(s.url, r.Host):
		rec.cause = fmt.Errorf("Host is %.100q, that of admin.url is %s: a proxy must pass it as it came", r.Host, s.url.Host)
		return problem(http.StatusMisdirectedRequest, api.BadRequest, "this server is not known by that host name").Problem
	case r.Header.Get("Content-Encoding") != "":
		return problem(http.StatusUnsupportedMediaType, api.WrongContent, "compressed bodies are not taken").Problem
	}
	return nil
}

// recorder collects what the request's one log record says.
type recorder struct {
	door.Writer
	reference string
	who       *caller
	kind      string // of the problem
	cause     error
	event     door.Event
}

type recorderKey struct{}

func (s *Server) record(rec *recorder, r *http.Request, began time.Time) {
	p := recover()
	if p == http.ErrAbortHandler { // half an answer must not look like a whole one
		defer panic(p)
	} else if p != nil {
		s.log.Error("panic", "reference", rec.reference, "path", door.Cut(r.URL.Path), "panic", door.KindOfPanic(p), "stack", string(debug.Stack()))
		if rec.Status == 0 {
			s.write(rec, rec, problem(http.StatusInternalServerError, api.Internal, "").Problem)
		}
	}
	attrs := []any{"reference", rec.reference, "surface", "admin", "method", door.Cut(r.Method), "path", door.Cut(r.URL.Path), "status", rec.Status,
		"took_us", s.now().Sub(began).Microseconds()}
	if rec.who != nil {
		attrs = append(attrs, "caller", rec.who.kind, "caller_id", door.Cut(rec.who.id()))
	}
	if rec.kind != "" {
		attrs = append(attrs, "error", rec.kind)
	}
	if rec.event != "" {
		attrs = append(attrs, "event", string(rec.event))
		s.options.Event(rec.event)
	}
	if rec.cause != nil {
		attrs = append(attrs, "cause", door.Cut(rec.cause.Error()))
	}
	if rec.Status >= 500 {
		s.log.Error("request", attrs...)
		return
	}
	s.log.Info("request", attrs...)
}
