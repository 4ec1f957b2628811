package configs

import (
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

// warnings are settings that work and weaken something; they are shown at every start.
func (v *validator) warnings() []Problem {
	c := v.c
	kept := v.problems
	v.problems = nil
	u, err := url.Parse(c.Issuer)
	if err != nil {
		u = &url.URL{}
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	if u.Scheme == "https" && c.TLS.Cert == "" && len(c.TrustedProxies) == 0 && !loopback(u.Hostname()) {
		v.problem("trusted_proxies", "name the proxy that ends TLS, or set tls", "the issuer is https, but neither tls nor trusted_proxies is set: every visitor will seem to come from the proxy's address")
	}
	if u.Scheme == "http" && !loopback(host) {
		v.problem("listen", "listen on 127.0.0.1", "the issuer is http and the broker listens beyond this machine: that is for development in containers only")
	}
	if db, err := url.Parse(c.Storage.URL.Reveal()); err == nil && db.Query().Get("sslmode") == "disable" && overNetwork(db) {
		v.problem("storage.url", "sslmode=verify-full wherever others share the network", "the connection to PostgreSQL is not encrypted")
	}
	if v.leaf != nil {
		v.expiry(time.Until(v.leaf.NotAfter))
	}
	if c.Outgoing.AllowLoopback && !loopback(u.Hostname()) {
		v.problem("outgoing.allow_loopback", "remove it outside development", "upstream providers may be on this machine itself, over plain http")
	}
	for i, p := range c.Directory.Providers {
		at := fmt.Sprintf("providers[%d].", i)
		if p.TrustEmail == directory.TrustAlways {
			v.problem(at+"trust_email", "own_domains with email_domains", "every address that %s calls verified counts as verified, whoever owns its domain", p.Slug)
		}
		if p.Linking == directory.LinkingEmail {
			v.problem(at+"linking", "account, where people add it themselves", "whoever %s says owns an address of its domains gets the account that has this address", p.Slug)
		}
		if p.AllowPrivateNetwork {
			v.problem(at+"allow_private_network", "", "%s may be in a private network: its discovery may point into it", p.Slug)
		}
	}
	for i, cl := range c.Directory.Clients {
		at := fmt.Sprintf("clients[%d].", i)
		if cl.PasswordGrant {
			v.problem(at+"password_grant", "let it open a browser and use authorization_code", "%s handles people's passwords itself (OAuth 2.1 removed this grant); people with a second factor cannot use it", cl.ID)
		}
		if cl.AllowPrivateNetwork {
			v.problem(at+"allow_private_network", "", "%s may be in a private network: the addresses that are registered for it may point into it", cl.ID)
		}
		if cl.PKCE == directory.PKCEOptional {
			v.problem(at+"pkce", "ask its developers for PKCE with S256", "%s may sign people in without PKCE; a stolen code is then worth a login", cl.ID)
		}
	}
	if c.hasDirectory && len(c.Directory.Clients) == 0 {
		v.problem("clients", "", "there is no client yet, so no app can send anyone here")
	}
	out := v.problems
	v.problems = kept
	return out
}

// expiry speaks up while there is still time to renew the certificate.
func (v *validator) expiry(left time.Duration) {
	switch {
	case left <= 0:
		v.problem("tls.cert", "renew it; the files are read again when they change", "the certificate expired on %s", v.leaf.NotAfter.UTC().Format(time.DateOnly))
	case left < 14*24*time.Hour:
		v.problem("tls.cert", "renew it; the files are read again when they change", "the certificate expires on %s", v.leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}
