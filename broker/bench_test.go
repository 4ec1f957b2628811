package broker_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
)

// The benchmarks stand beside a floor of the same run: net/http answering a fixed
// document of 1 KiB. Compare ratios, not digits. One iteration of a login is the
// whole of it, upstream and its signature included.

func BenchmarkFloor(b *testing.B) {
	body := strings.Repeat("x", 1024)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer srv.Close()
	fetch(b, srv.URL, "")
}

func BenchmarkJWKS(b *testing.B) { fetch(b, newKit(b).issuer+"/jwks", "") }
func BenchmarkDiscovery(b *testing.B) {
	fetch(b, newKit(b).issuer+"/.well-known/openid-configuration", "")
}

func BenchmarkUserinfo(b *testing.B) {
	k := newKit(b)
	got := k.login("web").done(k.browser(), "google", "alice")
	fetch(b, k.issuer+"/userinfo", got["access_token"].(string))
}

func fetch(b *testing.B, address, token string) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	b.ReportAllocs()
	for b.Loop() {
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

func es256(d *directory.Document) {
	for i := range d.Clients {
		d.Clients[i].IDTokenAlg = "ES256"
	}
}

func BenchmarkRefresh(b *testing.B) {
	for name, changes := range map[string][]func(*directory.Document){"ES256": {es256}, "RS256": nil} {
		b.Run(name, func(b *testing.B) {
			k := newKit(b, changes...)
			l := k.login("web")
			token := l.done(k.browser(), "google", "alice")["refresh_token"].(string)
			b.ReportAllocs()
			for b.Loop() {
				token = l.refresh(token).json(b)["refresh_token"].(string)
			}
		})
	}
}

func BenchmarkLogin(b *testing.B) { benchLogin(b, newKit(b, es256)) }

// BenchmarkLoginWatched is a login that is measured and traced. Spans go nowhere.
func BenchmarkLoginWatched(b *testing.B) {
	benchLogin(b, newKitAs(b, func(k *kit) {
		k.dbURL = "sqlite:" + filepath.Join(b.TempDir(), "book.db")
		k.telemetry = broker.Telemetry{Clients: 100, Metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
			Traces: sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))}
	}, es256))
}

func benchLogin(b *testing.B, k *kit) {
	b.ReportAllocs()
	for b.Loop() {
		l := k.login("web", "provider", "google")
		to, err := l.trySignIn(b.Context(), k.browser(), "alice")
		if err != nil {
			b.Fatal(err)
		}
		a, err := try(http.DefaultClient, l.tokenRequest(url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}))
		if err != nil || a.StatusCode != http.StatusOK {
			b.Fatal(err, a.body)
		}
	}
}
