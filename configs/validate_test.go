package configs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// certificate makes PEM files for a host.
func certificate(t *testing.T, host string, life time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestCertificateAndKeyMustFitTogetherAndTheIssuer(t *testing.T) {
	cert, key := certificate(t, "login.example.com", 1000*time.Hour)
	other, _ := certificate(t, "login.example.com", 1000*time.Hour)
	foreign, foreignKey := certificate(t, "other.example.com", 1000*time.Hour)
	for _, row := range []struct {
		cert, key string
		mode      os.FileMode
		want, why string
	}{
		{cert, key, 0o600, "", "a good pair"},
		{cert, key, 0o644, "tls.key: the private key can be read by others (its mode is 0644)", "a key for everyone"},
		{other, key, 0o600, "tls.cert: certificate and key do not fit together", "another certificate"},
		{key, cert, 0o600, "tls.cert: certificate and key do not fit together", "the two exchanged"},
		{foreign, foreignKey, 0o600, "tls.cert: the certificate is not for login.example.com", "another host"},
		{"no PEM", key, 0o600, "tls.cert: certificate and key do not fit together, or are not PEM", "no PEM"},
	} {
		dir := t.TempDir()
		write(t, dir, "cert.pem", row.cert, 0o644)
		write(t, dir, "key.pem", row.key, row.mode)
		file := strings.Replace(minimal("tls: {cert: cert.pem, key: key.pem}", "'"+longSecret+"'"), "http://127.0.0.1:8080", "https://login.example.com", 1)
		_, err := Load(write(t, dir, "h.yaml", file, 0o600))
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.why, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: the key is told: %v", row.why, err)
		}
	}
}

func TestACertificateThatEndsSoonIsSaid(t *testing.T) {
	for _, row := range []struct {
		life      time.Duration
		want, why string
	}{
		{1000 * time.Hour, "", "weeks to go"},
		{100 * time.Hour, "the certificate expires on", "days to go"},
		{-time.Hour, "the certificate expired on", "too late"},
	} {
		dir := t.TempDir()
		cert, key := certificate(t, "login.example.com", row.life)
		write(t, dir, "cert.pem", cert, 0o644)
		write(t, dir, "key.pem", key, 0o600)
		file := strings.Replace(minimal("tls: {cert: cert.pem, key: key.pem}\ntrusted_proxies: [127.0.0.1]", "'"+longSecret+"'"), "http://127.0.0.1:8080", "https://login.example.com", 1)
		c, err := Load(write(t, dir, "h.yaml", file, 0o600))
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		told := ""
		for _, w := range c.Warnings {
			if w.Key == "tls.cert" {
				told = w.Message
			}
		}
		if !strings.HasPrefix(told, row.want) || row.want == "" && told != "" {
			t.Errorf("%s: %q", row.why, told)
		}
	}
}
