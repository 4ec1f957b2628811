package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/configs"
)

// Whoever asks how a thousand providers do sets off no storm: /metrics and the status that the
// overview shows say what is known, and the page with a thousand buttons asks a few.
func TestAThousandProvidersAreNotAskedByWhoLooks(t *testing.T) {
	var asked atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	text := fmt.Sprintf(settings, filepath.Join(dir, "book.db"), upstream.URL+"/work", "Web")
	var more strings.Builder
	for i := range 999 {
		fmt.Fprintf(&more, "  - {slug: p%d, kind: oidc, issuer: %q, client_id: x, client_secret: abcdefghijklmnopqrstuvwxyz}\n", i, fmt.Sprintf("%s/p%d", upstream.URL, i))
	}
	write(t, path, strings.Replace(text, "clients:", more.String()+"clients:", 1)+"outgoing: {allow_loopback: true}\ntelemetry: {metrics: {listen: \"127.0.0.1:0\"}}\n")
	cfg, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := openHouse(t.Context(), cfg, slog.New(slog.DiscardHandler), houseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	get := func(handler http.Handler, path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:5999"+path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	scrape := func() string { return get(h.telemetry.handler(h.broker), "/metrics") }
	settled := func(want int64) { // what was begun arrives
		t.Helper()
		for end := time.Now().Add(10 * time.Second); asked.Load() < want && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		if n := asked.Load(); n != want {
			t.Fatalf("the providers got %d requests, want %d", n, want)
		}
	}

	if s := scrape(); strings.Contains(s, "handstamp_upstream_up{") || !strings.Contains(s, "handstamp_revision 1") {
		t.Error("/metrics tells of providers that nobody asked")
	}
	if s := get(h.desk.Shell(), "/api/v1/status"); strings.Count(s, `"state":"unknown"`) != 1000 {
		t.Errorf("the status tells of providers that nobody asked")
	}
	get(h.desk.Shell(), "/api/v1/providers?limit=200")
	settled(0)

	get(h.broker, "/authorize?client_id=web&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256")
	settled(8)
	dead := func() int { return strings.Count(get(h.desk.Shell(), "/api/v1/status"), `"state":"down"`) }
	for end := time.Now().Add(10 * time.Second); dead() < 8 && time.Now().Before(end); time.Sleep(time.Millisecond) { // it is noted a moment later
	}
	for range 3 { // what is dead is told, and not asked again at once
		down := 0
		for line := range strings.Lines(scrape()) {
			if strings.HasPrefix(line, "handstamp_upstream_up{") && strings.HasSuffix(line, " 0\n") {
				down++
			}
		}
		if down != 8 {
			t.Errorf("/metrics tells of %d dead providers, want 8", down)
		}
	}
	if n := dead(); n != 8 {
		t.Errorf("the status tells of %d dead providers, want 8", n)
	}
	settled(8)
}
