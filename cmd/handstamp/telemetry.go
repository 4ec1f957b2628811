package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/configs"
)

// telemetry is what leaves the house beside its log. Rooms speak the OpenTelemetry API;
// here alone stand the SDK and the two ways out (docs/decisions/0037, 0038). What is off
// is not even made.
type telemetry struct {
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider // nil: nothing is measured
	reader  *sdkmetric.ManualReader
	clients int
}

// mostSeries bounds what one instrument can become, whatever happens: the rest is one
// series with otel_metric_overflow="true".
const mostSeries = 5000

func openTelemetry(cfg configs.Telemetry, caFile string, log *slog.Logger) (*telemetry, error) {
	t := &telemetry{clients: cfg.Metrics.Clients}
	who := resource.NewSchemaless(attribute.String("service.name", "handstamp"), attribute.String("service.version", version()))
	if cfg.Metrics.Enabled() {
		t.reader = sdkmetric.NewManualReader()
		t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(t.reader), sdkmetric.WithResource(who), sdkmetric.WithCardinalityLimit(mostSeries))
	}
	if cfg.OTLPEndpoint == "" {
		return t, nil
	}
	out, err := newOTLP(cfg, caFile)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log, now: time.Now})
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = 300
	t.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(out), sdktrace.WithResource(who), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(cfg.Sample)))))
	return t, nil
}

// meter is the provider for rooms: no interface around a nil pointer.
func (t *telemetry) meter() metric.MeterProvider {
	if t.metrics == nil {
		return nil
	}
	return t.metrics
}

func (t *telemetry) broker() broker.Telemetry {
	o := broker.Telemetry{Metrics: t.meter(), Clients: t.clients}
	if t.traces != nil {
		o.Traces = t.traces
	}
	return o
}

// Close sends what is still here, for a moment only: a dead receiver keeps nobody from stopping.
func (t *telemetry) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if t.traces != nil {
		_ = t.traces.Shutdown(ctx) // what cannot be sent is lost, and said by complaints
	}
	if t.metrics != nil {
		_ = t.metrics.Shutdown(ctx)
	}
}

// handler is the listener for Prometheus: /metrics, and the health endpoints for whoever
// cannot reach the broker's own door.
func (t *telemetry) handler(health http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", exposition{t.reader})
	mux.Handle("GET /livez", health)
	mux.Handle("GET /readyz", health)
	return mux
}

// complaints logs what the SDK could not do, at most once a minute: a dead receiver must
// not fill the log.
type complaints struct {
	log  *slog.Logger
	now  func() time.Time
	last atomic.Int64
}

func (c *complaints) Handle(err error) {
	now := c.now().Unix()
	if last := c.last.Load(); now-last >= 60 && c.last.CompareAndSwap(last, now) {
		c.log.Warn("spans or measurements were lost", "cause", err)
	}
}
