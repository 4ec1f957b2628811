package broker

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	spans "go.opentelemetry.io/otel/trace"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/storage"
)

// Telemetry is where spans and measurements go: the room speaks the OpenTelemetry API, and
// whoever opens the house brings an SDK (docs/decisions/0037). The zero value takes nothing
// and costs nothing.
type Telemetry struct {
	Traces  spans.TracerProvider
	Metrics metric.MeterProvider
	Clients int // how many clients get series of their own; the rest are counted as "other"
}

const meterName = "github.com/handstamp/handstamp/broker"

// telemetry is what the doors measure with; nil where nothing is measured.
type telemetry struct {
	tracer  spans.Tracer // nil: no spans
	meters  *meters      // nil: no measurements
	base    string       // path of the issuer, which routes are told without
	clients *ownSeries
}

type meters struct {
	requests  metric.Float64Histogram
	logins    metric.Int64Counter
	loginTime metric.Float64Histogram
	tokens    metric.Int64Counter
	events    metric.Int64Counter
}

func newTelemetry(o Telemetry, base string) (*telemetry, error) {
	if o.Traces == nil && o.Metrics == nil {
		return nil, nil
	}
	t := &telemetry{base: base, clients: &ownSeries{most: o.Clients, own: map[string]bool{}}}
	if o.Traces != nil {
		t.tracer = o.Traces.Tracer(meterName)
	}
	if o.Metrics == nil {
		return t, nil
	}
	m, t0 := o.Metrics.Meter(meterName), &meters{}
	var errs [5]error
	t0.requests, errs[0] = m.Float64Histogram("http.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("How long requests took, by route, method and status"),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	t0.logins, errs[1] = m.Int64Counter("handstamp.logins",
		metric.WithDescription("Logins that came to an end, by provider, client, outcome (signed_in, refused, failed) and cause"))
	t0.loginTime, errs[2] = m.Float64Histogram("handstamp.login.duration", metric.WithUnit("s"),
		metric.WithDescription("From the app's request to the answer, the person's own time included"),
		metric.WithExplicitBucketBoundaries(.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300))
	t0.tokens, errs[3] = m.Int64Counter("handstamp.token.requests",
		metric.WithDescription("Token requests by grant type, client, outcome (ok or the OAuth error code)"))
	t0.events, errs[4] = m.Int64Counter("handstamp.security.events",
		metric.WithDescription("What looks like an attack or a fault of an app, see docs/observability.md"))
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	for _, e := range door.Events { // a counter that begins at 0 has a rate from its first event on
		t0.events.Add(context.Background(), 0, metric.WithAttributes(attribute.String("event", string(e))))
	}
	t.meters = t0
	return t, nil
}

// watchDirectory tells which revision this node works by, and how its journal does.
func (b *Broker) watchDirectory(p metric.MeterProvider) error {
	if p == nil {
		return nil
	}
	m := p.Meter(meterName)
	revision, err := m.Int64ObservableGauge("handstamp.revision", metric.WithDescription("Number of the directory's revision that this node works by"))
	if err != nil {
		return err
	}
	observed := []metric.Observable{revision}
	var waiting metric.Int64ObservableGauge
	var dropped metric.Int64ObservableCounter
	if b.journal != nil {
		if waiting, err = m.Int64ObservableGauge("handstamp.journal.waiting", metric.WithDescription("Traces of logins that wait to be kept")); err != nil {
			return err
		}
		if dropped, err = m.Int64ObservableCounter("handstamp.journal.dropped", metric.WithDescription("Traces of logins that were not kept, since the queue was full or the database did not take them")); err != nil {
			return err
		}
		observed = append(observed, waiting, dropped)
	}
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(revision, b.dir.Load().Revision)
		if b.journal != nil {
			now, _ := b.journal.Waiting()
			o.ObserveInt64(waiting, int64(now))
			o.ObserveInt64(dropped, b.journal.Dropped())
		}
		return nil
	}, observed...)
	return err
}

// measure counts one answered request. Everything that becomes a label comes from our own
// lists: what a stranger sends makes no series.
func (b *Broker) measure(r *recorder, method string) {
	if b.tel == nil || b.tel.meters == nil {
		return
	}
	m, ctx, at := b.tel.meters, context.Background(), attribute.String
	route := r.route
	if route == "" {
		route = "other"
	}
	m.requests.Record(ctx, b.now().Sub(r.began).Seconds(), metric.WithAttributes(at("http.route", route), at("http.request.method", knownMethod(method)),
		attribute.Int("http.response.status_code", r.Status)))
	if route == "/token" {
		m.tokens.Add(ctx, 1, metric.WithAttributes(at("grant", knownGrant(r.grantType)), at("client", b.clientLabel(r.client)), at("outcome", orOK(r.code))))
	}
	if t := r.trace; t != nil && t.outcome != "" && t.outcome != storage.LoginTest && !t.waits {
		provider := b.providerLabel(t.provider, r.provider)
		m.logins.Add(ctx, 1, metric.WithAttributes(at("provider", provider), at("client", b.clientLabel(t.client)), at("outcome", t.outcome), at("cause", orNone(t.code))))
		m.loginTime.Record(ctx, b.now().Sub(t.began).Seconds(), metric.WithAttributes(at("provider", provider), at("outcome", t.outcome)))
	}
	b.Count(eventOf(r))
}

// Count counts an event of another door of this house, as those of the broker's own are.
func (b *Broker) Count(e door.Event) {
	if b.tel != nil && b.tel.meters != nil && slices.Contains(door.Events, e) {
		b.tel.meters.events.Add(context.Background(), 1, metric.WithAttributes(attribute.String("event", string(e))))
	}
}

// ownSeries are the names that have series of their own: the first so many that were seen.
type ownSeries struct {
	most int
	mu   sync.RWMutex
	own  map[string]bool
}

func (s *ownSeries) has(name string) bool {
	s.mu.RLock()
	has, full := s.own[name], len(s.own) >= s.most
	s.mu.RUnlock()
	if has || full {
		return has
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) < s.most {
		s.own[name] = true
	}
	return s.own[name]
}

const (
	none  = "none"  // the request was of nobody
	other = "other" // of somebody who has no series
)

func (b *Broker) clientLabel(id string) string {
	if id == "" {
		return none
	}
	if _, known := b.desk.Client(b.dir.Load().Snapshot, id); !known || !b.tel.clients.has(id) {
		return other
	}
	return id
}

func (b *Broker) providerLabel(slugs ...string) string {
	i := slices.IndexFunc(slugs, func(s string) bool { return s != "" })
	if i < 0 {
		return none
	}
	if _, known := b.dir.Load().Provider(slugs[i]); !known {
		return other
	}
	return slugs[i]
}

func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return m
	}
	return "_OTHER" // as OpenTelemetry's conventions have it
}

func knownGrant(name string) string {
	switch {
	case name == "":
		return none
	case !grant.Known(name):
		return other
	}
	return name
}

func orOK(code string) string {
	if code == "" {
		return "ok"
	}
	return code
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// routeOf is the route that a request found, as the list in broker.go has it.
func (t *telemetry) routeOf(full string) string { return strings.TrimPrefix(full, t.base) }
