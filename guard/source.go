package guard

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/handstamp/handstamp/tokens"
)

// Limits on what an issuer may answer.
const (
	maxDiscovery = 64 << 10
	maxKeySet    = 256 << 10

	fetchTimeout = 10 * time.Second
)

// ErrKeysUnavailable means that the issuer's keys could not be fetched: nothing is
// known about the token. The answer is 503, never 401.
var ErrKeysUnavailable = tokens.ErrKeysUnavailable

// source is where the keys come from. One fetch uses it at a time.
type source struct {
	issuer  string
	client  *http.Client
	jwksURI string // found by discovery, kept while it works
}

// fetch gets the key set, after discovery when it is not known where from.
func (s *source) fetch(ctx context.Context) (tokens.KeySet, error) {
	if s.jwksURI == "" {
		found, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		s.jwksURI = found
	}
	body, err := s.get(ctx, s.jwksURI, maxKeySet)
	if err != nil {
		s.jwksURI = "" // it may have moved
		return nil, fmt.Errorf("get the key set: %w", err)
	}
	return tokens.ParseKeySet(body)
}

// discover reads where the keys are (OpenID Connect Discovery §4).
func (s *source) discover(ctx context.Context) (string, error) {
	body, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return "", fmt.Errorf("get the discovery document: %w", err)
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", errors.New("the discovery document is not JSON")
	}
	// OpenID Connect Discovery §4.3: it must be the issuer that was asked for.
	if doc.Issuer != s.issuer {
		return "", errors.New("the discovery document is of another issuer; compare New's issuer with it, byte by byte")
	}
	if !sameOrigin(s.issuer, doc.JWKSURI) {
		return "", errors.New("the discovery document's jwks_uri is not at the issuer's own origin")
	}
	return doc.JWKSURI, nil
}

// get returns a bounded body. Errors have a status but never a word of the answer.
func (s *source) get(ctx context.Context, address string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("its address is not a URL")
	}
	req.Header.Set("Accept", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, &brief{err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d, not 200", res.StatusCode) // a redirect is not followed
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, &brief{err}
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the answer is larger than %d bytes", limit)
	}
	return body, nil
}

// brief keeps an error of net/http short: it may quote an answer's first line,
// whatever its length.
type brief struct{ error }

func (b *brief) Error() string {
	text := b.error.Error()
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

func (b *brief) Unwrap() error { return b.error }

// hardened returns a client that fetches keys safely: nothing is followed,
// everything ends.
func hardened(given *http.Client) *http.Client {
	c := http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           2,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}}
	if given != nil {
		c = *given
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	if c.Timeout <= 0 || c.Timeout > fetchTimeout {
		c.Timeout = fetchTimeout
	}
	return &c
}

// sameOrigin tells whether an address has the issuer's scheme and host.
func sameOrigin(issuer, address string) bool {
	a, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	b, err := url.Parse(address)
	return err == nil && b.User == nil && a.Scheme == b.Scheme && a.Host == b.Host
}

// loopback admits the names that never leave this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
