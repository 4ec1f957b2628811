package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

// otlp sends spans as OTLP over HTTP in its JSON form, which every receiver on port 4318
// reads. The exporter that OpenTelemetry has for Go brings gRPC and 2 MiB of memory with it
// (docs/decisions/0037); this needs what net/http and encoding/json have.
// https://opentelemetry.io/docs/specs/otlp/#otlphttp
type otlp struct {
	to      string
	headers map[string]providers.Secret
	client  *http.Client
	pause   time.Duration // before the second try; each further one waits twice as long
}

func newOTLP(cfg configs.Telemetry, caFile string) (*otlp, error) {
	u, err := url.Parse(cfg.OTLPEndpoint)
	if err != nil {
		return nil, fmt.Errorf("otlp_endpoint: %w", err)
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1/traces")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("outgoing.ca_file cannot be used: %w", err)
		}
	}
	return &otlp{to: u.String(), headers: cfg.OTLPHeaders, pause: time.Second, client: &http.Client{Timeout: 10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// ExportSpans is called by the SDK with a batch. What comes back says nothing of what was
// sent: it goes into the log.
func (o *otlp) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	body, err := json.Marshal(request(spans))
	if err != nil {
		return fmt.Errorf("otlp: %w", err)
	}
	for try := range tries {
		again, err := o.send(ctx, body)
		switch {
		case err == nil:
			return nil
		case again < 0 || try == tries-1:
			return fmt.Errorf("otlp: %d spans lost: %w", len(spans), err)
		}
		wait := max(again, o.pause<<try) + rand.N(o.pause) // not at the same moment as other nodes
		select {
		case <-time.After(wait):
		case <-ctx.Done(): // the SDK gives a batch 30 seconds, and the end of the program 3
			return fmt.Errorf("otlp: %d spans lost: %w", len(spans), err)
		}
	}
	return nil
}

// tries bounds how often a batch is sent. Meanwhile the SDK's queue holds what comes.
const tries = 4

// send sends a batch once. again is how long the receiver wants to be left alone, and
// negative where another try would not help ("Retryable Response Codes").
func (o *otlp) send(ctx context.Context, body []byte) (again time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.to, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range o.headers {
		req.Header.Set(name, value.Reveal())
	}
	res, err := o.client.Do(req)
	if err != nil {
		return 0, providers.Unreachable("the receiver", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return time.Duration(max(0, min(seconds, 30))) * time.Second, fmt.Errorf("the receiver answered %d", res.StatusCode)
	}
	if res.StatusCode/100 != 2 {
		return -1, fmt.Errorf("the receiver answered %d", res.StatusCode)
	}
	return 0, nil
}

// Shutdown has nothing to do: the SDK has sent what it had.
func (o *otlp) Shutdown(context.Context) error { return nil }

// The names below are those of opentelemetry-proto in protobuf's JSON form, with what OTLP
// changes of it: ids in hexadecimal, enums as numbers, 64-bit numbers as texts.
type (
	exported struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource struct {
			Attributes []keyValue `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []*scopeSpans `json:"scopeSpans"`
	}
	scopeSpans struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []span `json:"spans"`
	}
	span struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		Flags      uint32     `json:"flags"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Links      []spanLink `json:"links,omitempty"`
		Status     status     `json:"status"`
	}
	spanLink struct {
		TraceID string `json:"traceId"`
		SpanID  string `json:"spanId"`
	}
	status struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// request is a batch as the receiver wants it: by resource, of which we have one, and by scope.
func request(spans []sdktrace.ReadOnlySpan) exported {
	if len(spans) == 0 {
		return exported{}
	}
	var r resourceSpans
	r.Resource.Attributes = keyValues(spans[0].Resource().Attributes())
	scopes := map[string]*scopeSpans{}
	for _, s := range spans {
		name := s.InstrumentationScope().Name
		scope := scopes[name]
		if scope == nil {
			scope = &scopeSpans{}
			scope.Scope.Name = name
			scopes[name] = scope
			r.ScopeSpans = append(r.ScopeSpans, scope)
		}
		scope.Spans = append(scope.Spans, spanOf(s))
	}
	return exported{[]resourceSpans{r}}
}

func spanOf(s sdktrace.ReadOnlySpan) span {
	of := s.SpanContext()
	out := span{TraceID: of.TraceID().String(), SpanID: of.SpanID().String(), Flags: uint32(of.TraceFlags()), Name: s.Name(), Kind: int(s.SpanKind()),
		Start: nanos(s.StartTime()), End: nanos(s.EndTime()), Attributes: keyValues(s.Attributes())}
	if p := s.Parent(); p.SpanID().IsValid() {
		out.ParentID = p.SpanID().String()
	}
	for _, l := range s.Links() {
		out.Links = append(out.Links, spanLink{l.SpanContext.TraceID().String(), l.SpanContext.SpanID().String()})
	}
	switch s.Status().Code { // the numbers of the API and of OTLP differ
	case codes.Ok:
		out.Status.Code = 1
	case codes.Error:
		out.Status = status{s.Status().Description, 2}
	}
	return out
}

// The numbers of span kinds are those of OTLP: this does not compile if they change.
var _ = [1]struct{}{}[trace.SpanKindServer-2]

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func keyValues(attributes []attribute.KeyValue) (out []keyValue) {
	for _, a := range attributes {
		v := map[string]any{}
		switch a.Value.Type() {
		case attribute.BOOL:
			v["boolValue"] = a.Value.AsBool()
		case attribute.INT64:
			v["intValue"] = strconv.FormatInt(a.Value.AsInt64(), 10)
		case attribute.FLOAT64:
			v["doubleValue"] = a.Value.AsFloat64()
		default:
			v["stringValue"] = a.Value.Emit()
		}
		out = append(out, keyValue{string(a.Key), v})
	}
	return out
}
