package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	maxBody   = 1 << 20  // of any answer
	maxHeader = 64 << 10 // of any answer's header
	patience  = 10 * time.Second
	userAgent = "Handstamp"
)

// ClientOptions loosen the strict client where an installation needs it.
type ClientOptions struct {
	CAFile        string        // PEM certificates to trust beside the system's
	Proxy         string        // URL of an HTTP proxy; the environment's is never read
	AllowLoopback bool          // addresses of this machine, and http to them: development
	AllowPrivate  bool          // addresses of private networks: an upstream in the own network
	Timeout       time.Duration // of a whole exchange; default 10 s

	Hosts    map[string]string // host names and their addresses, as in /etc/hosts: development
	Resolver *net.Resolver     // default: the system's
}

// NewClient makes the HTTP client for upstreams. It
//
//   - looks at the resolved address in the moment of dialling, so that no
//     spelling of a host and no change of DNS leads to an inner address;
//   - follows no redirect, keeps no cookie, reads no environment;
//   - speaks TLS 1.2 or later, and http only to this machine when that is allowed;
//   - reads at most 1 MiB of an answer and waits at most Timeout for it.
//
// With a proxy the proxy resolves names, so it has to keep inner addresses out;
// only hosts that are spelled as addresses are still looked at here.
func NewClient(o ClientOptions) (*http.Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = patience
	}
	roots, err := trusted(o.CAFile)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyURL(o.Proxy)
	if err != nil {
		return nil, err
	}
	policy := addressPolicy{loopback: o.AllowLoopback, private: o.AllowPrivate}
	dialer := &net.Dialer{Timeout: o.Timeout / 2, KeepAlive: 30 * time.Second, Resolver: o.Resolver,
		ControlContext: policy.control}
	dial := dialer.DialContext
	if len(o.Hosts) > 0 {
		dial = withHosts(o.Hosts, dialer)
	}
	t := &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    o.Timeout / 2,
		ResponseHeaderTimeout:  o.Timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // nothing here is big, and nothing can be a bomb
		ForceAttemptHTTP2:      true,
	}
	if proxy != nil {
		throughProxy(t, dialer, proxy, policy)
		t.MaxIdleConnsPerHost = t.MaxIdleConns // all go to one
	}
	return &http.Client{
		Transport:     &guardedTransport{base: t, allowLoopback: o.AllowLoopback},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       o.Timeout,
	}, nil
}

// strictClient serves settings that bring none.
func strictClient() *http.Client {
	c, err := NewClient(ClientOptions{})
	if err != nil {
		panic("providers: the client without options cannot fail: " + err.Error())
	}
	return c
}

// trusted is the system's pool with the file's certificates; nil means the system's alone.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CA file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA file %s holds no PEM certificate", file)
	}
	return roots, nil
}

func proxyURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the proxy must be a URL such as http://proxy.example:3128")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return u, nil
}

// withHosts looks a name up in a table first. The address found is judged like any other.
func withHosts(hosts map[string]string, d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && hosts[host] != "" {
			address = net.JoinHostPort(hosts[host], port)
		}
		return d.DialContext(ctx, network, address)
	}
}

// throughProxy sends all but loopback requests to the proxy. The proxy itself is
// chosen by the operator and may stand anywhere.
func throughProxy(t *http.Transport, d *net.Dialer, proxy *url.URL, policy addressPolicy) {
	guarded := t.DialContext
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		host := r.URL.Hostname()
		if loopbackHost(host) {
			return nil, nil
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			if err := policy.check(ip); err != nil {
				return nil, err
			}
		}
		return proxy, nil
	}
	open := *d
	open.ControlContext = nil
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == proxy.Host {
			return open.DialContext(ctx, network, address)
		}
		return guarded(ctx, network, address)
	}
}

// guardedTransport refuses plain http and caps the body.
type guardedTransport struct {
	base          http.RoundTripper
	allowLoopback bool
}

func (g *guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.welcome(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	if r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", userAgent)
	}
	resp, err := g.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > maxBody {
		resp.Body.Close()
		return nil, errTooLarge
	}
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

func (g *guardedTransport) welcome(u *url.URL) error {
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && g.allowLoopback && loopbackHost(u.Hostname()):
		return nil
	default:
		return errPlain
	}
}

// cappedBody fails, rather than ends, after its measure: half an answer is none.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), errTooLarge
	}
	b.left -= int64(n)
	return n, err
}

// loopbackHost tells whether a host of a URL can only be this machine.
func loopbackHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 §6.3
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
