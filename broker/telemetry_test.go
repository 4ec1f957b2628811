package broker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// watched is a kit whose spans and measurements a test can read.
type watched struct {
	*kit
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
}

func newWatched(t *testing.T, sample float64, changes ...func(*directory.Document)) *watched {
	t.Helper()
	w := &watched{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	w.kit = newKitAs(t, func(k *kit) {
		k.dbURL = "sqlite:" + t.TempDir() + "/book.db"
		k.telemetry.Clients = 3
		k.telemetry.Traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(sample))))
		k.telemetry.Metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))
	}, changes...)
	return w
}

// told are the spans that ended since the last time.
func (w *watched) told() tracetest.SpanStubs {
	w.t.Helper()
	w.settled()
	spans := w.spans.GetSpans()
	w.spans.Reset()
	return spans
}

// series are the values of an instrument: "name=value name=value" → value or count.
func (w *watched) series(name string) map[string]int64 {
	w.t.Helper()
	w.settled()
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(w.t.Context(), &all); err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					out[words(p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					out[words(p.Attributes)] = int64(p.Count)
				}
			}
		}
	}
	return out
}

func words(set attribute.Set) string {
	var out []string
	for _, a := range set.ToSlice() {
		out = append(out, string(a.Key)+"="+a.Value.Emit())
	}
	return strings.Join(out, " ")
}

func find(spans tracetest.SpanStubs, name string) *tracetest.SpanStub {
	for i := range spans {
		if spans[i].Name == name {
			return &spans[i]
		}
	}
	return nil
}

func attributeOf(s *tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.Emit()
		}
	}
	return ""
}

// wholeLogin signs somebody in at an app that asks for consent, and redeems the code.
func wholeLogin(t *testing.T, w *watched) (code string, got map[string]any) {
	t.Helper()
	l, b := w.login("notes", "scope", "openid email items:read"), w.browser()
	page := b.get(l.signIn(b, "google", "alice").String())
	to := b.post(w.issuer+"/consent", page.form(t, "decision", "allow")).to(t)
	code = l.code(to)
	return code, l.redeem(code).json(t)
}

func TestAWholeLoginIsOneTrace(t *testing.T) {
	w := newWatched(t, 1)
	wholeLogin(t, w)
	spans := w.told()
	parents := map[string]string{
		"GET /authorize": "", "upstream discovery": "GET /authorize",
		"GET /callback/:slug": "GET /authorize", "upstream token": "GET /callback/:slug", "upstream jwks": "GET /callback/:slug",
		"decide": "GET /callback/:slug", "storage sign in": "GET /callback/:slug",
		"GET /consent": "GET /callback/:slug", "POST /consent": "GET /callback/:slug", "storage issue code": "POST /consent",
		"POST /token": "POST /consent", "storage take code": "POST /token",
	}
	trace := spans[0].SpanContext.TraceID()
	for name, parent := range parents {
		s := find(spans, name)
		if s == nil {
			t.Errorf("there is no span %q", name)
			continue
		}
		if s.SpanContext.TraceID() != trace {
			t.Errorf("%s is in another trace", name)
		}
		if parent == "" && s.Parent.IsValid() {
			t.Errorf("%s has a parent", name)
		}
		if p := find(spans, parent); parent != "" && (p == nil || s.Parent.SpanID() != p.SpanContext.SpanID()) {
			t.Errorf("%s does not stand under %s", name, parent)
		}
	}
	reference := attributeOf(find(spans, "GET /authorize"), "handstamp.reference")
	for _, name := range []string{"GET /callback/:slug", "GET /consent", "POST /consent"} {
		if got := attributeOf(find(spans, name), "handstamp.reference"); got != reference || got == "" {
			t.Errorf("%s has reference %q, the login %q", name, got, reference)
		}
	}
	if o := attributeOf(find(spans, "POST /consent"), "handstamp.outcome"); o != "signed_in" {
		t.Errorf("the outcome is %q", o)
	}
	var lines []struct{ Path, Reference, Trace_ID string }
	for line := range strings.Lines(w.logs.String()) {
		var r struct{ Path, Reference, Trace_ID string }
		if json.Unmarshal([]byte(line), &r) == nil && r.Reference == reference {
			lines = append(lines, r)
		}
	}
	if len(lines) < 4 {
		t.Errorf("%d records have the login's reference", len(lines))
	}
	for _, r := range lines {
		if r.Trace_ID != trace.String() {
			t.Errorf("the record of %s has trace_id %q", r.Path, r.Trace_ID)
		}
	}
}

func TestALoginThatIsNotSampledHasNoSpanAtAll(t *testing.T) {
	w := newWatched(t, 0)
	wholeLogin(t, w)
	for _, s := range w.told() {
		t.Errorf("there is a span %s", s.Name)
	}
	if strings.Contains(w.logs.String(), "trace_id") {
		t.Error("the log names a trace that nobody has")
	}
}

// What strangers send begins traces of its own: they can point at theirs, and join none.
func TestNobodyJoinsALoginByWhatTheySend(t *testing.T) {
	w := newWatched(t, 1)
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.login("web").url(), nil)
	req.Header.Set("Traceparent", "00-"+theirs+"-00f067aa0ba902b7-01")
	do(t, w.browser().Client, req)
	s := find(w.told(), "GET /authorize")
	if s == nil || s.Parent.IsValid() || s.SpanContext.TraceID().String() == theirs || len(s.Links) != 1 || s.Links[0].SpanContext.TraceID().String() != theirs {
		t.Fatalf("a stranger's traceparent: %+v", s)
	}

	code, _ := wholeLogin(t, w)
	login := find(w.told(), "GET /authorize").SpanContext.TraceID()
	_, sealed, has := strings.Cut(code, ".")
	if !has {
		t.Fatal("the code carries nothing")
	}
	l := w.login("web")
	for why, forged := range map[string]string{
		"the seal of one code at the end of another": oauth.NewSecret() + "." + sealed,
		"a trace in the clear":                       oauth.NewSecret() + "." + strings.Repeat("A", 32),
		"nothing behind the dot":                     oauth.NewSecret() + ".",
	} {
		mustFail(t, l.redeem(forged), http.StatusBadRequest, oauth.InvalidGrant)
		s := find(w.told(), "POST /token")
		if s == nil || s.SpanContext.TraceID() == login || s.Parent.IsValid() {
			t.Errorf("%s: %+v", why, s)
		}
	}
	mustFail(t, l.redeem(code), http.StatusBadRequest, oauth.InvalidGrant) // another app's: seen in the trace of the login that it came from
	if s := find(w.told(), "POST /token"); s == nil || s.SpanContext.TraceID() != login || attributeOf(s, "handstamp.event") != "code_mismatch" {
		t.Errorf("a code that another app brings: %+v", s)
	}
}

func TestO04_SpansOfALoginHoldNoSecret(t *testing.T) {
	w := newWatched(t, 1)
	code, got := wholeLogin(t, w)
	w.login("web").redeem("a-code-of-nobody")
	_, answer := begun(t, w.kit, w.browser(), "google", "bob")
	u, _ := url.Parse(answer)
	w.browser().get(answer) // in another browser: refused
	canaries := []string{code, got["access_token"].(string), got["id_token"].(string), notesSecret.Reveal(), webSecret.Reveal(), u.Query().Get("code"), u.Query().Get("state"),
		w.google.ClientSecret(), "alice@", "bob@", "a-code-of-nobody"}
	if r, ok := got["refresh_token"].(string); ok {
		canaries = append(canaries, r)
	}
	spans := w.told()
	if len(spans) < 15 {
		t.Fatalf("%d spans", len(spans))
	}
	b, err := json.Marshal(spans)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		for _, a := range s.Attributes {
			if v := a.Value.Emit(); strings.Contains(v, "://") || strings.ContainsAny(v, "?&") {
				t.Errorf("%s tells %s=%s", s.Name, a.Key, v)
			}
		}
	}
	for i, c := range canaries {
		if c == "" || strings.Contains(string(b), c) {
			t.Errorf("canary %d (%.8s…) is in the spans, or is empty", i, c)
		}
	}
}

// No upstream learns of our trace.
func TestUpstreamsGetNoTraceparent(t *testing.T) {
	w := newWatched(t, 1)
	wholeLogin(t, w)
	asked := 0
	for _, door := range []persona.Endpoint{persona.Discovery, persona.JWKS, persona.Token, persona.UserInfo} {
		for _, r := range w.google.Requests().To(door) {
			asked++
			for _, name := range []string{"Traceparent", "Tracestate", "Baggage", "B3"} {
				if v := r.Header.Get(name); v != "" {
					t.Errorf("%s got %s: %s", door, name, v)
				}
			}
		}
	}
	if asked < 3 {
		t.Errorf("the upstream was asked %d times", asked)
	}
}

func TestInventedNamesMakeNoSeries(t *testing.T) {
	w := newWatched(t, 0)
	b := w.browser()
	all := func() map[string]bool {
		found := map[string]bool{}
		for _, name := range []string{"http.server.request.duration", "handstamp.logins", "handstamp.login.duration", "handstamp.token.requests", "handstamp.security.events",
			"handstamp.upstream.duration", "handstamp.storage.write.duration", "handstamp.audit.rows"} {
			for s := range w.series(name) {
				found[name+" "+s] = true
			}
		}
		return found
	}
	invent := func(i int) {
		name := fmt.Sprintf("invented-%d", i)
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/authorize?client_id="+name+"&redirect_uri=https://x.example", nil)
		for _, path := range []string{"/authorize?client_id=" + name + "&redirect_uri=https://x.example/" + name, "/callback/" + name + "?state=" + name, "/" + name,
			w.login("web", "provider", name).url()[len(w.issuer):], w.login("web", "prompt", "none", "scope", "openid "+name).url()[len(w.issuer):]} {
			r := req.Clone(t.Context())
			r.URL, _ = url.Parse(path)
			r.Host = strings.TrimPrefix(w.issuer, "http://")
			w.broker.ServeHTTP(discard{http.Header{}}, r)
		}
		r := formRequest(t, w.issuer+"/token", url.Values{"grant_type": {name}, "client_id": {name}, "code": {name}}, nil)
		r.Method, r.RemoteAddr = [...]string{"POST", "BREW", name}[i%3], fmt.Sprintf("10.%d.%d.1:9", i>>8, i&255)
		w.broker.ServeHTTP(discard{http.Header{}}, r)
	}
	b.get(w.issuer + "/readyz")
	for i := range 12 { // each kind of them once
		invent(i)
	}
	before := all()
	for i := range 10_000 {
		invent(i)
	}
	after := all()
	var added []string
	for s := range after {
		if strings.Contains(s, "invented") {
			t.Errorf("an invented name is in a series: %s", s)
		}
		if !before[s] {
			added = append(added, s)
		}
	}
	// What happens beside the requests (the journal's writes, housekeeping, a slow machine's limits) may come to its first series in between.
	if len(before) == 0 || len(added) > 10 {
		t.Errorf("%d series became %d; the new ones:\n%s", len(before), len(after), strings.Join(added, "\n"))
	}
}

// discard is a ResponseWriter for requests whose answers nobody reads.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestC11_ANodeWhoseClockIsOffIsNotReady(t *testing.T) {
	k := newKitOn(t, storagetest.PostgresURL(t))
	for _, row := range []struct {
		skew   time.Duration
		status int
	}{{0, 200}, {20 * time.Second, 200}, {40 * time.Second, 503}, {-20 * time.Second, 200}, {-40 * time.Second, 503}} {
		k.clock.Set(row.skew)
		if a := k.browser().get(k.issuer + "/readyz"); a.StatusCode != row.status || a.body != "" {
			t.Errorf("%s off: %s %q", row.skew, a.Status, a.body)
		}
	}
	k.settled()
	if !strings.Contains(k.logs.String(), "its clock is 40s ahead of the database's") {
		t.Error("the log does not say why")
	}
}
