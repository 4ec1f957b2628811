package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
)

const (
	maxBody = 1 << 20
	maxBig  = 16 << 20 // a whole document
)

// enter is what every request passes before a route sees it: a canonical path, our own
// host; and it writes the one log record.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, e *gin.Engine) {
	began := s.now()
	rec := &recorder{ResponseWriter: w, reference: rand.Text()[:16]}
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
	case !canonical(r.URL):
		return problem(http.StatusNotFound, api.NotFound, "").Problem
	case e == s.network && !health && !sameHost(s.url, r.Host):
		rec.cause = fmt.Errorf("Host is %.100q, that of admin.url is %s: a proxy must pass it as it came", r.Host, s.url.Host)
		return problem(http.StatusMisdirectedRequest, api.BadRequest, "this server is not known by that host name").Problem
	case r.Header.Get("Content-Encoding") != "":
		return problem(http.StatusUnsupportedMediaType, api.WrongContent, "compressed bodies are not taken").Problem
	}
	return nil
}

// canonical tells whether a proxy in front and we read the same address. What stands
// escaped in a path is only what has to.
func canonical(u *url.URL) bool {
	return u.Path == path.Clean(u.Path) && !strings.ContainsAny(u.Path, ";\\") && u.RawPath == ""
}

// sameHost tells whether a Host header names our own (RFC 9110 §7.2); the scheme's port
// may be spelled out.
func sameHost(own *url.URL, host string) bool {
	if own.Port() == "" {
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[own.Scheme])
	}
	return strings.EqualFold(host, own.Host)
}

// recorder collects what the request's one log record says.
type recorder struct {
	http.ResponseWriter
	reference string
	status    int
	who       *caller
	kind      string // of the problem
	cause     error
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status != 0 {
		return // gin says it once more
	}
	rec.status = status
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	return rec.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

type recorderKey struct{}

func (s *Server) record(rec *recorder, r *http.Request, began time.Time) {
	p := recover()
	if p == http.ErrAbortHandler { // half an answer must not look like a whole one
		defer panic(p)
	} else if p != nil {
		s.log.Error("panic", "reference", rec.reference, "path", cut(r.URL.Path), "panic", kindOf(p), "stack", string(debug.Stack()))
		if rec.status == 0 {
			s.write(rec, rec, problem(http.StatusInternalServerError, api.Internal, "").Problem)
		}
	}
	attrs := []any{"reference", rec.reference, "surface", "admin", "method", cut(r.Method), "path", cut(r.URL.Path), "status", rec.status,
		"took_us", s.now().Sub(began).Microseconds()}
	if rec.who != nil {
		attrs = append(attrs, "caller", rec.who.kind, "caller_id", cut(rec.who.id()))
	}
	if rec.kind != "" {
		attrs = append(attrs, "error", rec.kind)
	}
	if rec.cause != nil {
		attrs = append(attrs, "cause", cut(rec.cause.Error()))
	}
	if rec.status >= 500 {
		s.log.Error("request", attrs...)
		return
	}
	s.log.Info("request", attrs...)
}

// kindOf says what panicked. Only the runtime's own words are repeated: any other value
// could carry what the request did.
func kindOf(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

func cut(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
