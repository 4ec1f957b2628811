package providers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxMetadata   = 64 << 10
	metadataFresh = 5 * time.Minute  // then it is fetched again, while the old one serves
	failureRest   = 10 * time.Second // between two tries to reach a dead upstream
)

// metadata is what of the discovery document matters (OpenID Connect Discovery §3).
type metadata struct {
	authURL, tokenURL, keysURL, userInfoURL string
	leaveURL                                string // "" unless people are to be signed out there

	issParameter bool     // RFC 9207 §3: every answer carries iss
	authMethods  []string // how clients may prove themselves; nil: not said
}

// metadata answers from memory while it can: an upstream that is out of order
// does not undo what it said before. But when its document turned untrustworthy
// (another issuer, a foreign host) logins stop, although the old one is still
// there: code and secret stay at home until it is as it was, or an admin has looked.
func (u *upstream) metadata(ctx context.Context) (*metadata, *Error) {
	v := u.discovery.look()
	switch {
	case v.turn > 0 && !u.drifted.Load():
		if v.age > metadataFresh && v.rest > failureRest {
			u.discovery.start(ctx)
		}
		return v.value, nil
	case v.failure != nil && v.rest <= failureRest:
		return nil, v.failure
	}
	if err := u.discovery.start(ctx).wait(ctx); err != nil {
		return nil, err
	}
	return u.discovery.look().value, nil
}

// discover fetches and judges the document, and notes whether the upstream lives.
func (u *upstream) discover(ctx context.Context) (*metadata, *Error) {
	doc, err := u.fetchDocument(ctx)
	if err != nil {
		u.heardDiscovery(err)
		return nil, err
	}
	m, err := u.judge(doc)
	u.drifted.Store(err != nil)
	u.heardDiscovery(err)
	return m, err
}

func (u *upstream) fetchDocument(ctx context.Context) (map[string]any, *Error) {
	where := strings.TrimSuffix(u.issuer, "/") + "/.well-known/openid-configuration" + u.preset.discoveryQuery(u.settings)
	body, err := u.get(ctx, "discovery", where, maxMetadata, "")
	if err != nil {
		return nil, err
	}
	doc, bad := readObject(body)
	if bad != nil {
		return nil, &Error{ServerError, "discovery is not a strict JSON object", bad}
	}
	return doc, nil
}

func (u *upstream) judge(doc map[string]any) (*metadata, *Error) {
	// OpenID Connect Discovery §4.3: exactly the issuer that was asked.
	if doc["issuer"] != u.issuer {
		return nil, broken("discovery names another issuer than the settings (a trailing slash counts)")
	}
	m := &metadata{authMethods: texts(doc["token_endpoint_auth_methods_supported"])}
	m.leaveURL = u.judgeLeave(doc)
	m.issParameter, _ = doc["authorization_response_iss_parameter_supported"].(bool)
	for _, e := range []struct {
		name     string
		to       *string
		required bool
	}{
		{"authorization_endpoint", &m.authURL, true},
		{"token_endpoint", &m.tokenURL, true},
		{"jwks_uri", &m.keysURL, true},
		{"userinfo_endpoint", &m.userInfoURL, u.settings.UserInfo == "always"},
	} {
		if e.name == "userinfo_endpoint" && u.settings.UserInfo == "never" {
			continue
		}
		s, _ := doc[e.name].(string)
		if s == "" && !e.required {
			continue
		}
		if err := u.hosts.approve(s); err != nil {
			return nil, &Error{ServerError, "discovery names an unusable " + e.name, err}
		}
		*e.to = s
	}
	return m, nil
}

// hostSet are the hosts that a provider talks to: its issuer's, those that its
// kind knows, and those that an admin named. A document of the upstream never
// adds one, so neither code nor secret can be drawn elsewhere.
type hostSet struct {
	hosts map[string]bool // host:port
	plain bool            // the issuer is http on this machine
}

var errForeignHost = errors.New("the host is neither the issuer's nor in endpoint_hosts")

func newHostSet(issuer string, more ...string) (hostSet, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return hostSet{}, err
	}
	set := hostSet{hosts: map[string]bool{hostPort(u): true}, plain: u.Scheme == "http"}
	for _, h := range more {
		u, err := url.Parse("https://" + h)
		if err != nil || u.Hostname() == "" || u.Host != h {
			return hostSet{}, fmt.Errorf("endpoint_hosts: %q is not a host, or host:port", h)
		}
		set.hosts[hostPort(u)] = true
	}
	return set, nil
}

// approve judges an endpoint's URL.
func (h hostSet) approve(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("a URL with a user name")
	case u.Fragment != "" || strings.Contains(s, "#"):
		return errors.New("a URL with a fragment") // RFC 6749 §3.1, §3.2
	case u.Scheme != "https" && !(u.Scheme == "http" && h.plain && loopbackHost(u.Hostname())):
		return errPlain
	case !h.hosts[hostPort(u)]:
		return fmt.Errorf("host %s: %w", printableHost(u.Host), errForeignHost)
	}
	return nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// printableHost lets an operator read which host it was, and nothing else.
func printableHost(host string) string {
	if len(host) > 100 {
		return "(too long)"
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c > '~' || c == '<' || c == '"' {
			return "(unprintable)"
		}
	}
	return host
}

// pinnedTransport is the last look at where a request goes.
type pinnedTransport struct {
	base  http.RoundTripper
	hosts hostSet
}

func (p *pinnedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.hosts.hosts[hostPort(r.URL)] {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errForeignHost
	}
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json")
	return p.base.RoundTrip(r)
}

// texts reads a list of strings, or nil.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
