package providers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	spans "go.opentelemetry.io/otel/trace"
)

const meterName = "github.com/handstamp/handstamp/providers"

// endpointWords are the words of telemetry for what get fetches.
var endpointWords = map[string]string{"discovery": "discovery", "the key set": "jwks", "userinfo": "userinfo"}

// newCalls makes the instrument that requests to this upstream are measured with, or nil.
func newCalls(p metric.MeterProvider) (metric.Float64Histogram, error) {
	if p == nil {
		return nil, nil
	}
	return p.Meter(meterName).Float64Histogram("handstamp.upstream.duration", metric.WithUnit("s"),
		metric.WithDescription("How long requests to providers took, by provider, endpoint and outcome"),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
}

// ask is told of one request to the upstream when it begins, and gives back what to do with
// how it ended. A span has the endpoint's name and no URL: one could carry a code. The
// upstream is not told of our trace: what it would learn is none of its business.
func (u *upstream) ask(ctx context.Context, endpoint string) (context.Context, func(*Error)) {
	parent := spans.SpanFromContext(ctx)
	if u.calls == nil && !parent.IsRecording() {
		return ctx, func(*Error) {}
	}
	began := time.Now()
	var span spans.Span
	if parent.IsRecording() {
		ctx, span = parent.TracerProvider().Tracer(meterName).Start(ctx, "upstream "+endpoint, spans.WithSpanKind(spans.SpanKindClient),
			spans.WithAttributes(attribute.String("handstamp.provider", u.settings.Slug), attribute.String("handstamp.endpoint", endpoint)))
	}
	return ctx, func(err *Error) {
		outcome, status := "ok", http.StatusOK
		if err != nil {
			outcome, status = err.Code, 0
			var refused *statusError
			if errors.As(err.Err, &refused) {
				status = refused.status
			}
		}
		if u.calls != nil {
			u.calls.Record(context.Background(), time.Since(began).Seconds(), metric.WithAttributes(attribute.String("provider", u.settings.Slug),
				attribute.String("endpoint", endpoint), attribute.String("outcome", outcome)))
		}
		if span == nil {
			return
		}
		if status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		if err != nil {
			span.SetAttributes(attribute.String("error.type", err.Code))
			span.SetStatus(codes.Error, err.Reason)
		}
		span.End()
	}
}
