package broker

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
	spans "go.opentelemetry.io/otel/trace"

	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

const (
	maxForm    = 64 << 10
	maxCookies = 50
	maxJar     = 16 << 10
)

// enter is what every request passes before a route sees it: canonical path,
// known host, sizes; and it writes the one log record.
func (b *Broker) enter(w http.ResponseWriter, r *http.Request) {
	began := b.now()
	rec := &recorder{ResponseWriter: w, reference: rand.Text()[:16], began: began}
	defer b.record(rec, r)
	if why := b.unwelcome(rec, r); why != 0 {
		rec.Header().Set("Cache-Control", "no-store")
		http.Error(rec, http.StatusText(why), why)
		return
	}
	r.Body = http.MaxBytesReader(rec, r.Body, maxForm)
	b.engine.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec)))
}

// unwelcome names the status of a request that no route should see, or 0.
func (b *Broker) unwelcome(rec *recorder, r *http.Request) int {
	health := r.URL.Path == "/livez" || r.URL.Path == "/readyz"
	switch {
	case r.URL.RawPath != "" || r.URL.Path != path.Clean(r.URL.Path) || strings.ContainsAny(r.URL.Path, ";\\"):
		return http.StatusNotFound // only canonical paths: a proxy and we must mean the same
	case len(r.RequestURI) > 16<<10:
		return http.StatusRequestURITooLong
	case !health && !sameHost(b.issuer, r.Host):
		rec.cause = fmt.Errorf("Host is %s, the issuer's is %s: a proxy must pass it as it came", cut(r.Host), b.issuer.Host)
		return http.StatusMisdirectedRequest
	case r.Header.Get("Content-Encoding") != "":
		return http.StatusUnsupportedMediaType
	}
	size, count := 0, 0
	for _, line := range r.Header["Cookie"] {
		size += len(line)
		count += strings.Count(line, ";") + 1
	}
	if size > maxJar || count > maxCookies {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// kindOf says what panicked. Only the runtime's own words are repeated: any other
// value could carry what the request did.
func kindOf(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// excuse is the answer after a panic: the page with a reference, or where even that
// fails, a line of text. What was asked is not in it, and not in the log.
func (b *Broker) excuse(rec *recorder) {
	defer func() {
		if recover() != nil && rec.status == 0 {
			http.Error(rec, "Something went wrong. Reference: "+rec.reference, http.StatusInternalServerError)
		}
	}()
	if err := b.pages.Error(rec, http.StatusInternalServerError, page.ErrorPage{Title: "That did not work", Sentence: sorry, Reference: rec.reference}); err != nil {
		b.log.Error("error page", "reference", rec.reference, "cause", err)
	}
}

// sameHost tells whether a Host header names the issuer's host (RFC 9110 §7.2); the
// scheme's own port may be spelled out.
func sameHost(issuer *url.URL, host string) bool {
	if issuer.Port() == "" {
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[issuer.Scheme])
	}
	return strings.EqualFold(host, issuer.Host)
}

// recorder collects what the request's one log record says.
type recorder struct {
	http.ResponseWriter
	reference        string
	status           int
	client, provider string
	code             string
	locales          string // ui_locales of the request
	cause            error
	began            time.Time
	trace            *trace   // of the login that the request is a step of, or nil
	login            string   // at the token endpoint: the reference of the login that a code came from
	grant            string   // at the token endpoint: what the request was about
	leftOut          []string // scopes that were asked for and not given
	route            string   // as the list in broker.go has it; only where something is measured
	grantType        string   // that a token request named
	span             spans.Span
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
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

func (b *Broker) record(rec *recorder, r *http.Request) {
	if p := recover(); p != nil {
		b.log.Error("panic", "reference", rec.reference, "path", cut(r.URL.Path), "panic", kindOf(p), "stack", string(debug.Stack()))
		if rec.status == 0 {
			b.excuse(rec)
		}
		rec.trace.ends(b.now(), storage.LoginFailed, "500", reason("panic: "+kindOf(p)))
		b.journalise(rec)
	}
	b.measure(rec, r.Method)
	b.endSpan(rec, r)
	attrs := []any{"reference", rec.reference, "method", cut(r.Method), "path", cut(r.URL.Path), "status", rec.status,
		"took_us", b.now().Sub(rec.began).Microseconds()}
	if rec.client != "" {
		attrs = append(attrs, "client", cut(rec.client))
	}
	if rec.provider != "" {
		attrs = append(attrs, "provider", cut(rec.provider))
	}
	if rec.code != "" {
		attrs = append(attrs, "error", rec.code)
	}
	if rec.grant != "" {
		attrs = append(attrs, "grant", rec.grant)
	}
	if rec.login != "" {
		attrs = append(attrs, "login", rec.login)
	}
	if len(rec.leftOut) > 0 {
		attrs = append(attrs, "left_out", strings.Join(rec.leftOut, " "))
	}
	if rec.cause != nil {
		attrs = append(attrs, "cause", cut(rec.cause.Error()))
	}
	if e := eventOf(rec); e != "" {
		attrs = append(attrs, "event", string(e))
	}
	if id := rec.traceID(); id != "" {
		attrs = append(attrs, "trace_id", id)
	}
	if rec.status >= 500 {
		b.log.Error("request", attrs...)
		return
	}
	b.log.Info("request", attrs...)
}

func cut(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

func rec(c *gin.Context) *recorder {
	if r, ok := c.Request.Context().Value(recorderKey{}).(*recorder); ok {
		return r
	}
	return &recorder{ResponseWriter: c.Writer}
}

type recorderKey struct{}

// actor names who acts, for the audit row.
func actor(c *gin.Context, kind, id string) storage.Actor {
	return storage.Actor{Kind: kind, ID: id, IP: c.ClientIP(), Device: session.Device(c.Request.UserAgent()), RequestID: rec(c).reference}
}
