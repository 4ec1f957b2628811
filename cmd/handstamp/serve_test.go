package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/brokertest"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// settings is a small settings file; the issuer may be http because it is loopback.
const settings = `issuer: http://127.0.0.1:5999
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
storage: {url: "sqlite:%s"}
providers:
  - {slug: work, kind: oidc, issuer: "%s", client_id: x, client_secret: abcdefghijklmnopqrstuvwxyz}
clients:
  - {id: web, name: %s, secrets: [abcdefghijklmnopqrstuvwxyz], redirect_uris: ["https://app.example/cb"]}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openTestHouse(t *testing.T, path string, log *slog.Logger) (*house, error) {
	t.Helper()
	cfg, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return openHouse(t.Context(), cfg, log, houseOptions{})
}

func TestAChangedFileTakesEffectAndABrokenOneChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path, db := filepath.Join(dir, "handstamp.yaml"), filepath.Join(dir, "book.db")
	out := &brokertest.Lines{}
	write(t, path, fmt.Sprintf(settings, db, "https://idp.example", "Web"))
	h, err := openTestHouse(t, path, slog.New(slog.NewJSONHandler(out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	shown := func() string { // the chooser names the app: asked for a provider that is none, it is shown
		rec := httptest.NewRecorder()
		h.broker.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:5999/authorize?client_id=web&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"+
			"&response_type=code&scope=openid&provider=none&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", nil))
		return rec.Body.String()
	}
	if !strings.Contains(shown(), "Web") {
		t.Fatalf("the broker does not serve: %s", shown())
	}
	write(t, path, fmt.Sprintf(settings, db, "https://idp.example", "Renamed"))
	h.reread(t.Context(), path)
	if !strings.Contains(out.String(), "the settings file was applied") {
		t.Errorf("log: %s", out)
	}
	if !strings.Contains(shown(), "Renamed") {
		t.Error("the new name is not shown")
	}
	somebodyAtWork(t, h)
	for why, text := range map[string]string{
		"an unknown key":              "isuer: x\n" + fmt.Sprintf(settings, db, "https://idp.example", "Web"),
		"L09: another issuer, a slug": fmt.Sprintf(settings, db, "https://other.example", "Web"),
		"another address":             strings.Replace(fmt.Sprintf(settings, db, "https://idp.example", "Web"), ":5999", ":5998", 1),
	} {
		before := strings.Count(out.String(), "was not applied")
		write(t, path, text)
		h.reread(t.Context(), path)
		if strings.Count(out.String(), "was not applied") != before+1 {
			t.Errorf("%s: log %s", why, out)
		}
		if !strings.Contains(shown(), "Renamed") {
			t.Errorf("%s: the former settings are gone", why)
		}
	}
}

// somebodyAtWork is known by the provider of the settings.
func somebodyAtWork(t *testing.T, h *house) {
	t.Helper()
	bound, err := h.db.BoundProviders(t.Context())
	if err == nil {
		err = h.db.MakeKnown(t.Context(), storage.Actor{Kind: "admin"}, storage.SignIn{ProviderID: bound["work"].ID, Issuer: "https://idp.example", Subject: "alice", Claims: map[string]any{}, NewSubject: "sub-of-alice"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestL09_ASlugIsTiedToItsIssuerOnceSomebodyIsKnownByIt(t *testing.T) {
	dir := t.TempDir()
	path, db := filepath.Join(dir, "handstamp.yaml"), filepath.Join(dir, "book.db")
	write(t, path, fmt.Sprintf(settings, db, "https://idp.example", "Web"))
	h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	somebodyAtWork(t, h)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, fmt.Sprintf(settings, db, "https://evil.example", "Web"))
	if _, err := openTestHouse(t, path, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "new slug") {
		t.Errorf("another issuer under an old slug: %v", err)
	}
}

func TestC18_ASecondServerOnOneFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	write(t, path, fmt.Sprintf(settings, filepath.Join(dir, "book.db"), "https://idp.example", "Web"))
	h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := openTestHouse(t, path, slog.New(slog.DiscardHandler)); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a second server: %v", err)
	}
}

func TestO08_PostgreSQLNeedsASealingKeyOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, "issuer: https://sso.example\nstorage: {url: \"postgres://127.0.0.1/x\"}\n")
	cfg, err := configs.Load(path)
	if err == nil {
		_, err = openHouse(t.Context(), cfg, slog.New(slog.DiscardHandler), houseOptions{})
	}
	if err == nil || !strings.Contains(err.Error(), "sealing_keys") {
		t.Errorf("PostgreSQL without a sealing key: %v", err)
	}
}

func TestKeysSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	write(t, path, fmt.Sprintf(settings, filepath.Join(dir, "book.db"), "https://idp.example", "Web"))
	var sets []string
	for range 2 {
		h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		set, _ := h.ring.JWKS()
		sets = append(sets, string(set))
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if sets[0] != sets[1] {
		t.Error("a restart changed the published keys")
	}
}

func TestO07_TLSIsAtLeast12AndANewCertificateIsTaken(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	issue := func() *x509.CertPool {
		ca, err := makeAuthority(filepath.Join(dir, "ca.pem"), []string{"broker.test"})
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(ca.leaf.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.leaf.Certificate[0]})))
		write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		text, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		return pool
	}
	old := issue()
	now := time.Now()
	c := &certificate{cert: cert, key: key, log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- serveUntil(ctx, tls.NewListener(plain, tlsConfig(c)), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }), nil, slog.New(slog.DiscardHandler))
	}()
	shake := func(pool *x509.CertPool, highest uint16) error {
		conn, err := tls.Dial("tcp", plain.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "broker.test", MinVersion: tls.VersionTLS10, MaxVersion: highest})
		if err == nil {
			conn.Close()
		}
		return err
	}
	for range 2 {
		if err := shake(old, tls.VersionTLS13); err != nil {
			t.Error(err)
		}
		if err := shake(old, tls.VersionTLS11); err == nil {
			t.Error("TLS 1.1 was taken")
		}
		renewed := issue()
		now = now.Add(time.Hour)
		if err := shake(renewed, tls.VersionTLS12); err != nil {
			t.Errorf("the new certificate was not taken: %v", err)
		}
		old = renewed
	}
	write(t, cert, "broken")
	now = now.Add(time.Hour)
	if err := shake(old, tls.VersionTLS13); err != nil {
		t.Errorf("a broken certificate replaced a good one: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestI03_C24_LargeHeadersAreRefusedAndStoppingLetsARequestFinish(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	entered, leave, stopping := make(chan bool), make(chan bool), make(chan bool)
	done := make(chan error, 1)
	go func() {
		done <- serveUntil(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				entered <- true
				<-leave
			}
			_, _ = io.WriteString(w, "done")
		}), func() { close(stopping) }, slog.New(slog.DiscardHandler))
	}()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/", nil)
	req.Header.Set("X-Large", strings.Repeat("x", 64<<10))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %v %v", res, err)
	}
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String() + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	<-stopping
	close(leave)
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestI02_ASlowHeaderBodyOrReaderIsCutOff(t *testing.T) {
	srv := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		for range 1 << 20 { // more than any buffer on the way
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}), slog.New(slog.DiscardHandler))
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.WriteTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 {
		t.Fatal("a limit is missing")
	}
	// The same limits, shorter, so that a test can wait for them.
	srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout = 50*time.Millisecond, 100*time.Millisecond, 150*time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	for why, request := range map[string]string{
		"a header that never ends":  "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"a body that never comes":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"a reader that never reads": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if why == "a reader that never reads" {
			time.Sleep(300 * time.Millisecond) //nolint:forbidigo // it is the one that waits; the server must not
		}
		if n, _ := io.Copy(io.Discard, c); n >= 1<<30 { // ends only when the server closes
			t.Errorf("%s: got everything", why)
		}
		c.Close()
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	<-served
}

func TestC08_NodesThatMakeKeysAtOncePublishTheSameOnes(t *testing.T) {
	url := storagetest.PostgresURL(t)
	var nodes [4]*house
	for i := range nodes {
		db := storagetest.OpenURL(t, url)
		nodes[i] = &house{cfg: configs.Defaults(), db: db, log: slog.New(slog.DiscardHandler)}
	}
	sets := make(chan string, len(nodes))
	var all sync.WaitGroup
	for _, h := range nodes {
		all.Go(func() {
			ring, err := h.openRing(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			set, _ := ring.JWKS()
			sets <- string(set)
		})
	}
	all.Wait()
	close(sets)
	first := <-sets
	for set := range sets {
		if set != first {
			t.Errorf("two nodes publish different keys:\n%s\n%s", first, set)
		}
	}
}
