package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// preset is what makes a kind out of plain OpenID Connect: its defaults, and the
// few places where a vendor differs. Absent functions mean: as the standard says.
type preset struct {
	name, title string

	defaults       Settings // AuthMethod, Scopes, Algs
	issuerOf       func(s Settings) (string, error)
	ownSettings    []string                                       // of those that one kind alone knows
	hostsOf        func(issuer string) []string                   // that discovery may name, beside the issuer's
	aliasOf        func(issuer string) string                     // second spelling of the issuer in ID tokens
	queryOf        func(s Settings) string                        // of the discovery request
	adjust         func(s Settings, q url.Values)                 // the authorization request
	admit          func(s Settings, claims map[string]any) *Error // restrictions on the ID token
	authorityOf    func(domain string, claims map[string]any) bool
	userInfoClaims []string // all that userinfo ever says; nil: who knows
	silentAuthTime bool     // knows neither max_age nor auth_time

	stays        bool                                                // cannot sign a person out
	leaveWithout func(s Settings, issuer string, d Departure) string // where to, without end_session_endpoint
}

func (p *preset) register() {
	Register(Kind{Name: p.name, Title: p.title, New: p.new, Issuer: p.issuer, authority: p.authority})
}

func (p *preset) discoveryQuery(s Settings) string {
	if p.queryOf == nil {
		return ""
	}
	return p.queryOf(s)
}

func (p *preset) authority(domain string, claims map[string]any) bool {
	return p.authorityOf != nil && p.authorityOf(domain, claims)
}

// issuer is the exact string that ID tokens carry.
func (p *preset) issuer(s Settings) (string, error) {
	issuer, err := s.Issuer, error(nil)
	if p.issuerOf != nil {
		if issuer, err = p.issuerOf(s); err != nil {
			return "", err
		}
	}
	return issuer, checkIssuer(issuer)
}

// checkIssuer holds an issuer to OpenID Connect Discovery §3, and to one tenant.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("issuer: is missing")
	}
	u, err := url.Parse(issuer)
	switch {
	case strings.ContainsAny(issuer, "{}"):
		return errors.New("issuer: is a template for many tenants; name one tenant")
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil:
		return errors.New("issuer: is not a URL such as https://login.example.com")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(issuer, "#"):
		return errors.New("issuer: must have neither query nor fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())):
		return errors.New("issuer: must be https (http is for this machine only)")
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		return errors.New("issuer: leave out /.well-known/openid-configuration")
	}
	// Microsoft's shared endpoints speak for every tenant there is, the attacker's too.
	if strings.EqualFold(u.Hostname(), "login.microsoftonline.com") {
		tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if slices.Contains([]string{"", "common", "organizations", "consumers"}, strings.ToLower(tenant)) {
			return errors.New("issuer: this endpoint speaks for every tenant; name one tenant by its id")
		}
	}
	return nil
}

// new checks the settings, completes them and makes the provider. No network.
func (p *preset) new(_ context.Context, s Settings) (Provider, error) {
	issuer, err := p.issuer(s)
	if err != nil {
		return nil, err
	}
	if err := p.complete(&s); err != nil {
		return nil, err
	}
	hosts := s.EndpointHosts
	if p.hostsOf != nil {
		hosts = append(slices.Clone(hosts), p.hostsOf(issuer)...)
	}
	u := &upstream{preset: p, settings: s, issuer: issuer, patience: patience, places: make(chan struct{}, maxParallel),
		goodbyes: make(chan struct{}, maxGoodbyes)}
	if u.calls, err = newCalls(s.Metrics); err != nil {
		return nil, err
	}
	if t := s.Client.Timeout; t > 0 && t < patience {
		u.patience = t
	}
	if u.hosts, err = newHostSet(issuer, hosts...); err != nil {
		return nil, err
	}
	base := s.Client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	u.client = &http.Client{
		Transport:     &pinnedTransport{base: base, hosts: u.hosts},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	u.discovery = kept[*metadata]{load: u.discover, now: s.Now, patience: u.patience}
	u.keys.kept = kept[[]signingKey]{load: u.fetchKeys, now: s.Now, patience: u.patience}
	return u, nil
}

var (
	allAlgs      = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA", "RS384", "RS512", "PS384", "PS512"}
	authMethods  = []string{"client_secret_basic", "client_secret_post", "none"}
	trustEmail   = []string{"own_domains", "always", "never"}
	userInfo     = []string{"auto", "always", "never"}
	ownedByOIDC  = []string{"openid", "profile", "email"}
	kindSettings = []struct {
		name string
		of   func(*Settings) string
	}{
		{"hosted_domain", func(s *Settings) string { return s.HostedDomain }},
		{"authorization_server", func(s *Settings) string { return s.AuthorizationServer }},
		{"organization", func(s *Settings) string { return s.Organization }},
	}
)

// complete fills in defaults and refuses what cannot work, naming the key.
func (p *preset) complete(s *Settings) error {
	if s.ClientID == "" {
		return errors.New("client_id: is missing")
	}
	for _, k := range kindSettings {
		if k.of(s) != "" && !slices.Contains(p.ownSettings, k.name) {
			return fmt.Errorf("%s: kind %s has no such setting", k.name, p.name)
		}
	}
	for _, c := range []struct {
		key   string
		value *string
		other string // default
		words []string
	}{
		{"auth_method", &s.AuthMethod, p.defaults.AuthMethod, authMethods},
		{"trust_email", &s.TrustEmail, "own_domains", trustEmail},
		{"userinfo", &s.UserInfo, "auto", userInfo},
	} {
		if *c.value == "" {
			*c.value = c.other
		}
		if !slices.Contains(c.words, *c.value) {
			return fmt.Errorf("%s: must be one of %s", c.key, strings.Join(c.words, ", "))
		}
	}
	switch {
	case s.AuthMethod == "none" && s.ClientSecret != "":
		return errors.New("client_secret: there is one, but auth_method is none")
	case s.AuthMethod != "none" && s.ClientSecret == "":
		return errors.New("client_secret: is missing")
	}
	if s.UpstreamLogout && p.stays {
		return fmt.Errorf("upstream_logout: %s offers apps no way to sign people out", p.title)
	}
	if len(s.Scopes) == 0 {
		s.Scopes = p.defaults.Scopes
	}
	if !slices.Contains(s.Scopes, "openid") {
		s.Scopes = append([]string{"openid"}, s.Scopes...)
	}
	if len(s.Algs) == 0 {
		s.Algs = p.defaults.Algs
	}
	for _, alg := range s.Algs {
		if !slices.Contains(allAlgs, alg) {
			return fmt.Errorf("algs: must be of %s", strings.Join(allAlgs, ", "))
		}
	}
	for name := range s.Params {
		if slices.Contains(protocolParams, strings.ToLower(name)) {
			return fmt.Errorf("params: %s belongs to the protocol or has a setting of its own", name)
		}
	}
	s.EmailDomains = slices.Clone(s.EmailDomains)
	for i, d := range s.EmailDomains {
		s.EmailDomains[i] = strings.ToLower(d)
	}
	s.Params = maps.Clone(s.Params)
	if s.Client == nil {
		s.Client = strictClient()
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// protocolParams of an authorization request belong to Begin, or would turn the
// code flow into another one.
var protocolParams = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "max_age", "login_hint", "request", "request_uri", "registration",
	"id_token_hint", "hd", "organization",
}

// authStyle never lets x/oauth2 guess: guessing sends the code and the secret twice.
func authStyle(method string) oauth2.AuthStyle {
	if method == "client_secret_basic" {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams // client_secret_post, and client_id alone for none
}
