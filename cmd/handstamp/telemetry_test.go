package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

// exposed is what /metrics says after the test measured something.
func exposed(t *testing.T, measure func(metric.Meter)) string {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	measure(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	w := httptest.NewRecorder()
	exposition{reader}.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestMetricsAreInPrometheusTextFormat(t *testing.T) {
	got := exposed(t, func(m metric.Meter) {
		c, _ := m.Int64Counter("a.things", metric.WithDescription("Things, with a \\ and\na line"))
		c.Add(t.Context(), 3, metric.WithAttributes(attribute.String("what.kind", "a \"quoted\" \\ word\nin two lines"), attribute.Int("n", 2)))
		h, _ := m.Float64Histogram("b.time", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(.5, 2))
		for _, v := range []float64{.25, 1, 9} {
			h.Record(t.Context(), v)
		}
		g, _ := m.Int64Gauge("c.size", metric.WithUnit("By"))
		g.Record(t.Context(), 7)
		_, _ = m.Int64Counter("d.never")
	})
	want := `# HELP a_things_total Things, with a \\ and\na line
# TYPE a_things_total counter
a_things_total{n="2",what_kind="a \"quoted\" \\ word\nin two lines"} 3
# HELP b_time_seconds 
# TYPE b_time_seconds histogram
b_time_seconds_bucket{le="0.5"} 1
b_time_seconds_bucket{le="2"} 2
b_time_seconds_bucket{le="+Inf"} 3
b_time_seconds_sum 10.25
b_time_seconds_count 3
# HELP c_size_bytes 
# TYPE c_size_bytes gauge
c_size_bytes 7
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsOffIsNotMade(t *testing.T) {
	tel, err := openTelemetry(configs.Defaults().Telemetry, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if o := tel.broker(); tel.traces != nil || tel.metrics != nil || tel.meter() != nil || o.Traces != nil || o.Metrics != nil {
		t.Errorf("by default there are %+v", o)
	}
	tel.Close()
}

// receiver answers OTLP with a status and keeps the last request.
func receiver(t *testing.T, status int) (url string, got func() (*http.Request, []byte)) {
	t.Helper()
	var last *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "an echo of canary-secret")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() (*http.Request, []byte) { return last, body }
}

func aSpan(t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	kept := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept)).Tracer("test")
	ctx, parent := tracer.Start(t.Context(), "parent")
	_, child := tracer.Start(ctx, "child")
	child.SetAttributes(attribute.Int("status", 200), attribute.Bool("good", true))
	child.End()
	parent.End()
	return kept.GetSpans().Snapshots()
}

func TestSpansGoOutAsOTLPWithTheReceiversHeaders(t *testing.T) {
	url, got := receiver(t, http.StatusOK)
	o, err := newOTLP(configs.Telemetry{OTLPEndpoint: url + "/base", OTLPHeaders: map[string]providers.Secret{"authorization": "Bearer canary-secret"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	spans := aSpan(t)
	if err := o.ExportSpans(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	req, body := got()
	if req.URL.Path != "/base/v1/traces" || req.Header.Get("Content-Type") != "application/json" || req.Header.Get("Authorization") != "Bearer canary-secret" {
		t.Errorf("the receiver got %s %v", req.URL, req.Header)
	}
	var sent exported
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	child := sent.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if child.Name != "child" || child.ParentID != spans[1].SpanContext().SpanID().String() || len(child.TraceID) != 32 || child.Attributes[0].Value["intValue"] != "200" {
		t.Errorf("the child was sent as %+v", child)
	}
}

// What a receiver answers is not repeated, a redirect is not followed, and the log hears of
// it once a minute.
func TestAReceiverThatFailsIsToldOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(1_000_000, 0)
	c := &complaints{log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now }}
	for _, status := range []int{302, 400, 503} {
		url, got := receiver(t, status)
		o, err := newOTLP(configs.Telemetry{OTLPEndpoint: url, OTLPHeaders: map[string]providers.Secret{"x-key": "canary-secret"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		o.pause = time.Millisecond
		err = o.ExportSpans(t.Context(), aSpan(t))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%d: %v", status, err)
		}
		if req, _ := got(); req.URL.Path != "/v1/traces" {
			t.Errorf("%d was followed to %s", status, req.URL)
		}
		for range 3 {
			c.Handle(err)
		}
		now = now.Add(time.Minute)
	}
	c.Handle(errors.Join(context.DeadlineExceeded))
	if n := strings.Count(log.String(), "were lost"); n != 4 {
		t.Errorf("the log was told %d times:\n%s", n, log.String())
	}
}

// A receiver that is busy or starts anew gets the batch again; one that refuses it does not.
func TestAReceiverThatIsBusyGetsTheSpansAgain(t *testing.T) {
	for _, row := range []struct {
		why     string
		answers []int
		lost    bool
	}{
		{"it restarts", []int{503, 502, 200}, false},
		{"it has too much to do", []int{429, 200}, false},
		{"it refuses", []int{400}, true},
		{"it does not come back", []int{504, 504, 504, 504}, true},
	} {
		var bodies []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			w.WriteHeader(row.answers[min(len(bodies), len(row.answers))-1])
		}))
		o, err := newOTLP(configs.Telemetry{OTLPEndpoint: srv.URL}, "")
		if err != nil {
			t.Fatal(err)
		}
		o.pause = time.Millisecond
		err = o.ExportSpans(t.Context(), aSpan(t))
		srv.Close()
		if (err != nil) != row.lost || len(bodies) != len(row.answers) || slices.ContainsFunc(bodies, func(b string) bool { return b != bodies[0] || b == "" }) {
			t.Errorf("%s: sent %d times, not %d: %v", row.why, len(bodies), len(row.answers), err)
		}
	}
	o, err := newOTLP(configs.Telemetry{OTLPEndpoint: "http://127.0.0.1:1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	o.pause = time.Hour
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := o.ExportSpans(ctx, aSpan(t)); err == nil {
		t.Error("a program that ends waits for its receiver")
	}
}

func TestO06_BesideTheMetricsIsOnlyHealth(t *testing.T) {
	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	tel := &telemetry{reader: sdkmetric.NewManualReader()}
	_ = sdkmetric.NewMeterProvider(sdkmetric.WithReader(tel.reader))
	h := tel.handler(health)
	for _, row := range []struct {
		method, path string
		status       int
	}{{"GET", "/metrics", 200}, {"GET", "/livez", 418}, {"GET", "/readyz", 418}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/token", 404}, {"GET", "/debug/pprof/", 404},
		{"GET", "/api/v1/status", 404}, {"GET", "/metrics/", 404}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(row.method, row.path, nil))
		if w.Code != row.status {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, w.Code, row.status)
		}
	}
}
