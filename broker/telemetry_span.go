package broker

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	spans "go.opentelemetry.io/otel/trace"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
)

// One login is one trace, though a person carries it through several requests:
//
//	GET /authorize ─ ┬ upstream discovery
//	                 └ GET /callback ─ ┬ upstream token, jwks, userinfo
//	                                   ├ decide
//	                                   ├ storage sign in
//	                                   └ POST /consent ─ ┬ storage issue code
//	                                                     └ POST /token ─ storage take code
//
// The span to go under travels in the sealed transaction and sealed at the end of the code:
// what came from a stranger is never a parent, only a link.

// silent are the routes that have no span: they belong to nobody's login, and balancers and
// caches ask them all day.
var silent = map[string]bool{"": true, "/livez": true, "/readyz": true, "/jwks": true, "/.well-known/openid-configuration": true,
	"/.well-known/oauth-authorization-server": true, "/openapi.json": true, "/docs": true, "/docs/*file": true, "/assets/*file": true}

// joining are the routes whose span waits until follow has looked for the login that they go
// on with. One that finds none begins a trace when it is over.
var joining = map[string]bool{"GET /callback/:slug": true, "POST /ask": true, "GET /consent": true, "POST /consent": true, "POST /token": true, "POST /revoke": true}

// unsampled is what is carried of a login that is not recorded: its later requests are not either.
const unsampled = "-"

// observe is the first of every route's handlers where something is measured or traced.
func (b *Broker) observe(c *gin.Context) {
	r := rec(c)
	r.route = b.tel.routeOf(c.FullPath())
	if b.tel.tracer != nil && !silent[r.route] && !joining[c.Request.Method+" "+r.route] && c.Request.Method != http.MethodOptions {
		b.startSpan(c, spans.SpanContext{})
	}
	c.Next()
}

// startSpan opens the request's span under a parent of ours, or at the root of a new trace.
func (b *Broker) startSpan(c *gin.Context, parent spans.SpanContext) {
	r := rec(c)
	ctx, options := c.Request.Context(), b.spanOptions(r, c.Request)
	if parent.IsValid() {
		ctx = spans.ContextWithRemoteSpanContext(ctx, parent)
	} else {
		options = append(options, spans.WithNewRoot())
	}
	ctx, r.span = b.tel.tracer.Start(ctx, c.Request.Method+" "+r.route, options...)
	c.Request = c.Request.WithContext(ctx)
}

func (b *Broker) spanOptions(r *recorder, req *http.Request) []spans.SpanStartOption {
	options := []spans.SpanStartOption{spans.WithSpanKind(spans.SpanKindServer), spans.WithTimestamp(r.began),
		spans.WithAttributes(attribute.String("http.request.method", req.Method), attribute.String("http.route", r.route))}
	theirs := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(req.Header))
	if of := spans.SpanContextFromContext(theirs); of.IsValid() {
		options = append(options, spans.WithLinks(spans.Link{SpanContext: of}))
	}
	return options
}

// follow opens the span of a request that goes on with a login.
func (b *Broker) follow(c *gin.Context, carried string) {
	r := rec(c)
	if b.tel == nil || b.tel.tracer == nil || r.span != nil || silent[r.route] {
		return
	}
	if carried == unsampled {
		r.span = spans.SpanFromContext(context.Background()) // one that records nothing
		return
	}
	b.startSpan(c, parse(carried))
}

// endSpan closes the request's span with what the log record says, less the cause: a span
// leaves the house.
func (b *Broker) endSpan(r *recorder, req *http.Request) {
	if b.tel == nil || b.tel.tracer == nil {
		return
	}
	if r.span == nil && joining[req.Method+" "+r.route] {
		_, r.span = b.tel.tracer.Start(context.Background(), req.Method+" "+r.route, append(b.spanOptions(r, req), spans.WithNewRoot())...)
	}
	if r.span == nil || !r.span.IsRecording() {
		return
	}
	r.span.SetAttributes(attribute.String("handstamp.reference", r.reference), attribute.Int("http.response.status_code", r.Status))
	for _, a := range []struct{ name, value string }{{"handstamp.client", r.client}, {"handstamp.provider", r.provider}, {"error.type", r.code},
		{"handstamp.login", r.login}, {"handstamp.event", string(eventOf(r))}} {
		if a.value != "" {
			r.span.SetAttributes(attribute.String(a.name, door.Cut(a.value)))
		}
	}
	if t := r.trace; t != nil && t.outcome != "" {
		r.span.SetAttributes(attribute.String("handstamp.outcome", t.outcome))
	}
	if r.Status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, r.code)
	}
	r.span.End(spans.WithTimestamp(b.now()))
}

func (r *recorder) traceID() string {
	if r.span == nil || !r.span.IsRecording() && !r.span.SpanContext().IsSampled() {
		return ""
	}
	return r.span.SpanContext().TraceID().String()
}

// within opens a span for one step of a request. It costs next to nothing where the
// request has none.
func within(ctx context.Context, name string) (done func()) {
	parent := spans.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return func() {}
	}
	_, span := parent.TracerProvider().Tracer(meterName).Start(ctx, name)
	return func() { span.End() }
}

// carried is the request's span as a transaction has it, "" where nothing is traced.
func (t *telemetry) carried(r *recorder) string {
	if t == nil || t.tracer == nil || r.span == nil {
		return ""
	}
	of := r.span.SpanContext()
	if !of.IsSampled() {
		return unsampled
	}
	trace, span := of.TraceID(), of.SpanID()
	return base64.RawURLEncoding.EncodeToString(append(trace[:], span[:]...))
}

// parse reads carried back; what is not of its form is nobody's parent.
func parse(carried string) spans.SpanContext {
	b, err := base64.RawURLEncoding.Strict().DecodeString(carried)
	if err != nil || len(b) != 24 {
		return spans.SpanContext{}
	}
	return spans.NewSpanContext(spans.SpanContextConfig{TraceID: spans.TraceID(b[:16]), SpanID: spans.SpanID(b[16:]), TraceFlags: spans.FlagsSampled, Remote: true})
}

// newCode draws an authorization code. Where the login is traced, the span to go under is
// sealed to its end, so that nobody can put another request there, and the app's own copy
// tells nothing. The book's hash covers all of it.
func (b *Broker) newCode(c *gin.Context) string {
	code := oauth.NewSecret()
	switch carried := b.tel.carried(rec(c)); carried {
	case "":
		return code
	case unsampled:
		return code + "." + unsampled
	default:
		return code + "." + base64.RawURLEncoding.EncodeToString(b.sealer.Seal("trace in code", []byte(code), []byte(carried)))
	}
}

// inCode is what newCode sealed to the code of a token request, or "".
func (b *Broker) inCode(form url.Values) string {
	code, end, has := strings.Cut(form.Get("code"), ".")
	if !has || b.tel == nil || b.tel.tracer == nil || end == unsampled {
		return end
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(end)
	if err != nil || len(sealed) > 128 {
		return ""
	}
	carried, err := b.sealer.Open("trace in code", []byte(code), sealed)
	if err != nil {
		return ""
	}
	return string(carried)
}

func (t *telemetry) measures() bool { return t != nil && t.meters != nil }
