package interop

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// collector is the OpenTelemetry Collector's own OTLP receiver, listening on a port.
func collector(t *testing.T) (endpoint string, sink *consumertest.TracesSink) {
	t.Helper()
	part(t, "the OpenTelemetry Collector's OTLP receiver", moduleVersion(t, "go.opentelemetry.io/collector/receiver/otlpreceiver"))
	factory := otlpreceiver.NewFactory()
	settings := factory.CreateDefaultConfig()
	address := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
	conf := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": address}}})
	if err := conf.Unmarshal(settings); err != nil {
		t.Fatal(err)
	}
	sink = new(consumertest.TracesSink)
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), settings, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown(t.Context()) })
	return "http://" + address, sink
}

// named are the spans that a receiver got, by name.
func named(sink *consumertest.TracesSink) map[string]ptrace.Span {
	out := map[string]ptrace.Span{}
	for _, batch := range sink.AllTraces() {
		for _, resource := range batch.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					out[span.Name()] = span
				}
			}
		}
	}
	return out
}

// A login at the real binary arrives at the Collector's receiver as one trace, and Prometheus' own tool reads what was measured.
func TestACollectorAndPrometheusHearOfALogin(t *testing.T) {
	p := newPlan(t)
	p.upstream("okta", "upstream.mjs", map[string]any{"personality": "okta"})
	endpoint, sink := collector(t)
	metrics := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
	p.also = fmt.Sprintf("\ntelemetry: {otlp_endpoint: %q, otlp_headers: {authorization: '${APP_SECRET}'}, metrics: {listen: %q}}\n", endpoint, metrics)
	b := p.serve()
	app := web(t, b, "email", "groups")
	login := app.login(t, "okta", "Alice Acme")
	app.userinfo(t, login.token)

	get := func(path string) (int, string) {
		t.Helper()
		res, err := http.Get("http://" + metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	status, exposed := get("/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics answered %d", status)
	}
	promtool(t, exposed, "check", "metrics")
	for _, want := range []string{`handstamp_logins_total{cause="none",client="web",outcome="signed_in",provider="okta"} 1`,
		`handstamp_token_requests_total{client="web",grant="authorization_code",outcome="ok"} 1`, `handstamp_upstream_duration_seconds_count{endpoint="token",outcome="ok",provider="okta"} 1`,
		`handstamp_security_events_total{event="code_replayed"} 0`, `handstamp_upstream_up{provider="okta"} 1`, `handstamp_clock_skew_seconds 0`, `handstamp_revision 1`,
		`handstamp_signing_key_age_seconds{alg="ES256",state="active"}`} {
		if !strings.Contains(exposed, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := get(path); status != http.StatusOK || body != "" {
			t.Errorf("%s beside the metrics: %d %q", path, status, body)
		}
	}
	if status, _ := get("/authorize"); status != http.StatusNotFound {
		t.Errorf("the doors are open beside the metrics: %d", status)
	}
	if res, err := b.client().Get(b.issuer + "/metrics"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics on the front door: %v %v", res, err)
	}

	b.stop() // it sends what it has before it ends
	spans := named(sink)
	root, ok := spans["GET /authorize"]
	if !ok {
		t.Fatalf("the receiver got no authorize among %d spans", len(spans))
	}
	under := map[string]string{"upstream discovery": "GET /authorize", "GET /callback/:slug": "GET /authorize", "upstream token": "GET /callback/:slug", "upstream jwks": "GET /callback/:slug",
		"decide": "GET /callback/:slug", "storage sign in": "GET /callback/:slug", "POST /token": "GET /callback/:slug", "storage take code": "POST /token"}
	for name, parent := range under {
		s, ok := spans[name]
		switch {
		case !ok:
			t.Errorf("the receiver got no %s", name)
		case s.TraceID() != root.TraceID():
			t.Errorf("%s is in another trace", name)
		case s.ParentSpanID() != spans[parent].SpanID():
			t.Errorf("%s does not stand under %s", name, parent)
		case s.EndTimestamp() < s.StartTimestamp() || s.StartTimestamp() == 0:
			t.Errorf("%s began at %s and ended at %s", name, s.StartTimestamp(), s.EndTimestamp())
		}
	}
	if _, has := root.Attributes().Get("handstamp.reference"); !has || root.Kind() != ptrace.SpanKindServer {
		t.Errorf("authorize is of kind %s and has %v", root.Kind(), root.Attributes().AsRaw())
	}
	secrets := []string{login.token.AccessToken, b.secret, p.upstreamSecret, "alice@acme.example", "?code=", "&state="}
	sent, err := new(ptrace.JSONMarshaler).MarshalTraces(sink.AllTraces()[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range secrets {
		if strings.Contains(string(sent), secret) || strings.Contains(exposed, secret) {
			t.Errorf("canary %d left the house", i)
		}
	}
}

func TestPrometheusReadsTheAlertRules(t *testing.T) {
	promtool(t, "", "check", "rules", "../docs/alerts.yaml")
	promtool(t, "", "test", "rules", "testdata/alerts_test.yaml")
}

// promtool runs Prometheus' own tool, from Debian.
func promtool(t *testing.T, in string, args ...string) {
	t.Helper()
	version, err := exec.Command("promtool", "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("promtool: %v (apt-get install prometheus)", err)
	}
	first, _, _ := strings.Cut(string(version), "(")
	part(t, "promtool", strings.TrimPrefix(strings.TrimSpace(first), "promtool, version "))
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = strings.NewReader(in)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || strings.Contains(out.String(), "error") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
}
