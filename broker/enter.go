package broker

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	spans "go.opentelemetry.io/otel/trace"

	"github.com/handstamp/handstamp/broker/door"
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
	rec := &recorder{Writer: door.Writer{ResponseWriter: w}, reference: rand.Text()[:16], began: began}
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
	case !door.Canonical(r.URL):
		return http.StatusNotFound
	case len(r.RequestURI) > 16<<10:
		return http.StatusRequestURITooLong
	case !health && !door.SameHost(b.issuer, r.Host):
		rec.cause = fmt.Errorf("Host is %s, the issuer's is %s: a proxy must pass it as it came", door.Cut(r.Host), b.issuer.Host)
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

// excuse is the answer after a panic: the page with a reference, or where even that
// fails, a line of text. What was asked is not in it, and not in the log.
func (b *Broker) excuse(rec *recorder) {
	defer func() {
		if recover() != nil && rec.Status == 0 {
			http.Error(rec, "Something went wrong. Reference: "+rec.reference, http.StatusInternalServerError)
		}
	}()
	if err := b.pages.Error(rec, http.StatusInternalServerError, page.ErrorPage{Title: "That did not work", Sentence: sorry, Reference: rec.reference}); err != nil {
		b.log.Error("error page", "reference", rec.reference, "cause", err)
	}
}

// recorder collects what the request's one log record says.
type recorder struct {
	door.Writer
	reference        string
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

func (b *Broker) record(rec *recorder, r *http.Request) {
	if p := recover(); p != nil {
		b.log.Error("panic", "reference", rec.reference, "path", door.Cut(r.URL.Path), "panic", door.KindOfPanic(p), "stack", string(debug.Stack()))
		if rec.Status == 0 {
			b.excuse(rec)
		}
		rec.trace.ends(b.now(), storage.LoginFailed, "500", reason("panic: "+door.KindOfPanic(p)))
		b.journalise(rec)
	}
	b.measure(rec, r.Method)
	b.endSpan(rec, r)
	attrs := []any{"reference", rec.reference, "method", door.Cut(r.Method), "path", door.Cut(r.URL.Path), "status", rec.Status,
		"took_us", b.now().Sub(rec.began).Microseconds()}
	if rec.client != "" {
		attrs = append(attrs, "client", door.Cut(rec.client))
	}
	if rec.provider != "" {
		attrs = append(attrs, "provider", door.Cut(rec.provider))
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
		attrs = append(attrs, "cause", door.Cut(rec.cause.Error()))
	}
	if e := eventOf(rec); e != "" {
		attrs = append(attrs, "event", string(e))
	}
	if id := rec.traceID(); id != "" {
		attrs = append(attrs, "trace_id", id)
	}
	if rec.Status >= 500 {
		b.log.Error("request", attrs...)
		return
	}
	b.log.Info("request", attrs...)
}

func rec(c *gin.Context) *recorder {
	if r, ok := c.Request.Context().Value(recorderKey{}).(*recorder); ok {
		return r
	}
	return &recorder{Writer: door.Writer{ResponseWriter: c.Writer}}
}

type recorderKey struct{}

// actor names who acts, for the audit row.
func actor(c *gin.Context, kind, id string) storage.Actor {
	return storage.Actor{Kind: kind, ID: id, IP: c.ClientIP(), Device: session.Device(c.Request.UserAgent()), RequestID: rec(c).reference}
}
