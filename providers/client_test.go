package providers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is a CA of a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key))
	a.cert = must(x509.ParseCertificate(der))
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a server certificate; by nil it signs itself.
func (a *authority) issue(name string, until time.Time) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	return tls.Certificate{Certificate: [][]byte{must(x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer))}, PrivateKey: key}
}

func TestU34_OnlyTrustedCertificatesAndModernTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	const name = "op.test"
	for _, row := range []struct {
		why  string
		cert tls.Certificate
		max  uint16
		ok   bool
	}{
		{"trusted by the CA file", ca.issue(name, later), 0, true},
		{"TLS 1.2", ca.issue(name, later), tls.VersionTLS12, true},
		{"expired", ca.issue(name, time.Now().Add(-time.Hour)), 0, false},
		{"self-signed", (*authority)(nil).issue(name, later), 0, false},
		{"another CA", stranger.issue(name, later), 0, false},
		{"another name", ca.issue("other.test", later), 0, false},
		{"a name above", ca.issue("test", later), 0, false},
		{"TLS 1.1", ca.issue(name, later), tls.VersionTLS11, false},
		{"TLS 1.0", ca.issue(name, later), tls.VersionTLS10, false},
	} {
		e := newEvil(t)
		s := httptest.NewUnstartedServer(e)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{row.cert}, MaxVersion: row.max, MinVersion: tls.VersionTLS10}
		s.Config.ErrorLog = discardLog
		s.StartTLS()
		t.Cleanup(s.Close)
		_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
		e.server.URL = "https://" + name + ":" + port
		e.issuer = e.server.URL
		client := must(NewClient(ClientOptions{CAFile: ca.file, AllowLoopback: true, Hosts: map[string]string{name: "127.0.0.1"}}))
		p := e.provider("oidc", func(s *Settings) { s.Client = client })
		_, err := e.login(p)
		if row.ok {
			if err != nil {
				t.Errorf("%s: %v", row.why, err)
			}
			continue
		}
		wantError(t, err, ServerError, row.why)
		if e.count("/token") != 0 || e.count(discoveryPath) != 0 {
			t.Errorf("%s: something was said", row.why)
		}
	}
	e := newEvil(t)
	s := httptest.NewServer(e) // speaks plain http where TLS is expected
	t.Cleanup(s.Close)
	e.issuer = strings.Replace(s.URL, "http:", "https:", 1)
	_, err := e.login(e.provider("oidc"))
	if err == nil {
		t.Error("plain http was taken for TLS")
	}
}

func TestTheClientTakesNoRootsFromNothing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for why, o := range map[string]ClientOptions{
		"a missing CA file": {CAFile: empty + "x"}, "a CA file without certificates": {CAFile: empty},
		"a proxy without scheme": {Proxy: "proxy.example:3128"}, "a proxy of another sort": {Proxy: "socks5://proxy.example"},
	} {
		if _, err := NewClient(o); err == nil {
			t.Errorf("%s was taken", why)
		}
	}
}

func TestTheProxyOfTheSettingsIsUsedAndTheEnvironmentsIsNot(t *testing.T) {
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.Host)
		w.WriteHeader(502)
	}))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	plain := must(NewClient(ClientOptions{Resolver: resolver(t, func(string) []string { return []string{"10.0.0.1"} })}))
	if _, err := plain.Get("https://op.example/"); err == nil || len(seen) != 0 {
		t.Errorf("the environment's proxy was asked: %v, %v", seen, err)
	}
	c := must(NewClient(ClientOptions{Proxy: proxy.URL, AllowLoopback: true})) // the proxy may stand on this machine
	_, _ = c.Get("https://op.example/")
	if fmt.Sprint(seen) != "[CONNECT op.example:443]" {
		t.Errorf("the proxy saw %v", seen)
	}
	seen = nil
	for _, inner := range []string{"https://169.254.169.254/", "https://10.0.0.1/", "https://[::ffff:169.254.169.254]/"} {
		if _, err := c.Get(inner); err == nil || len(seen) != 0 {
			t.Errorf("%s was asked through the proxy: %v", inner, err)
		}
	}
	here := canary(t)
	resp, err := c.Get("http://127.0.0.1:" + here.port)
	if err != nil || len(seen) != 0 {
		t.Fatalf("this machine is reached through the proxy: %v, %v", seen, err)
	}
	resp.Body.Close()
}

func TestTheClientKeepsNoCookiesAndSaysWhoItIs(t *testing.T) {
	var cookies, agents []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies, agents = append(cookies, r.Header.Get("Cookie")), append(agents, r.UserAgent())
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	}))
	t.Cleanup(s.Close)
	c := must(NewClient(ClientOptions{AllowLoopback: true}))
	for range 2 {
		resp, err := c.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if cookies[1] != "" || agents[0] != userAgent {
		t.Errorf("cookies %q, agents %q", cookies, agents)
	}
}

var discardLog = log.New(io.Discard, "", 0)
