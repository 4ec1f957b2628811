package configs

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// validator checks what the values mean. Where a key could not be read at all, it
// keeps silent about it: one fault, one line.
type validator struct {
	file     string
	c        *Config
	broken   []Problem // found while reading
	problems []Problem
	leaf     *x509.Certificate // the broker's own, if it has one
}

func (v *validator) problem(key, hint, message string, args ...any) {
	if v.spokenFor(key) {
		return
	}
	at := v.c.places.find(key)
	v.problems = append(v.problems, Problem{File: cmp.Or(at.file, v.file), Line: at.Line, Column: at.Column, Key: key, Message: fmt.Sprintf(message, args...), Hint: hint})
}

// spokenFor tells whether a fault is only the echo of one that reading found: at the
// same key, around it, or, for a missing key, beside it (its misspelled name).
func (v *validator) spokenFor(key string) bool {
	_, written := v.c.places[key]
	for _, b := range v.broken {
		if key == b.Key || strings.HasPrefix(key, b.Key+".") || strings.HasPrefix(key, b.Key+"[") {
			return true
		}
		if !written && parent(b.Key) == parent(key) && strings.HasPrefix(b.Message, noSuchSetting) {
			return true
		}
	}
	return false
}

func (v *validator) check() {
	v.issuer()
	v.address("listen", v.c.Listen)
	v.admin()
	v.tls()
	v.proxies()
	v.storage()
	v.sealing()
	v.outgoing()
	v.lifetimes()
	v.keys()
	v.retention()
	v.brand()
	v.docs()
	v.telemetry()
	v.word("log.level", v.c.Log.Level, "debug", "info", "warn", "error")
	v.word("log.format", v.c.Log.Format, "json", "text")
	if _, said := v.c.places["providers"]; len(v.c.Directory.Providers) == 0 && (said || len(v.c.Directory.Clients) > 0) {
		v.problem("providers", "list at least one; docs/providers tells how for each kind", "there is no provider, so nobody could sign in")
	}
}

func (v *validator) word(key, value string, words ...string) {
	if !slices.Contains(words, value) {
		v.problem(key, "one of: "+strings.Join(words, ", "), "%q is not a value of %s", cut(value), last(key))
	}
}

// issuer is the one identity of the broker; every token carries it byte for byte.
func (v *validator) issuer() {
	text := v.c.Issuer
	u, err := url.Parse(text)
	switch {
	case text == "":
		v.problem("issuer", "the address of the broker as people see it: issuer: https://login.example.com", "issuer is missing")
	case err != nil || u.Host == "" || u.Opaque != "" || !printable(text):
		v.problem("issuer", "write it as https://login.example.com", "the issuer is not a URL")
	case u.User != nil:
		v.problem("issuer", "remove what stands before the @", "the issuer carries a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		v.problem("issuer", "remove what follows the path", "the issuer has a query or a fragment (OpenID Connect Core section 16.15)")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		v.problem("issuer", "write https://"+u.Host+u.Path+"; tls: shows two ways", "an http issuer is accepted on loopback only: everyone on the way could sign in as anyone")
	case u.Scheme != "https" && u.Scheme != "http":
		v.problem("issuer", "write it as https://login.example.com", "the issuer is neither https nor http")
	case strings.HasSuffix(u.Path, "/"):
		v.problem("issuer", "write "+strings.TrimRight(text, "/"), "the issuer ends with a slash, and every app compares it byte for byte")
	case u.Path != "" && (path.Clean(u.Path) != u.Path || u.RawPath != ""):
		v.problem("issuer", "write "+u.Scheme+"://"+u.Host+path.Clean(u.Path), "the issuer's path is not in its plain form")
	case u.Host != strings.ToLower(u.Host) || strings.HasSuffix(u.Hostname(), "."):
		v.problem("issuer", "write "+u.Scheme+"://"+strings.ToLower(strings.TrimSuffix(u.Host, "."))+u.Path, "the issuer's host must be in lower case and without a dot at its end")
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		v.problem("issuer", "write "+u.Scheme+"://"+u.Hostname()+u.Path, "the issuer names the port that its scheme has anyway, and clients leave that out")
	}
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"\\<>^`{|}", r) })
}

// loopback names this machine and no other (RFC 6761 §6.3).
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (v *validator) proxies() {
	for i, text := range v.c.TrustedProxies {
		key := fmt.Sprintf("trusted_proxies[%d]", i)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			if ip, ipErr := netip.ParseAddr(text); ipErr != nil || ip.Zone() != "" {
				v.problem(key, "an address such as 10.0.0.7, or a network such as 10.0.0.0/24", "%q is neither an address nor a network", cut(text))
			}
			continue
		}
		if prefix.Bits() == 0 {
			v.problem(key, "name the network that the proxies are in", "with %s everyone may claim to be anyone's address", prefix)
		} else if prefix.Masked() != prefix {
			v.problem(key, "write "+prefix.Masked().String(), "%s has bits beyond its mask", prefix)
		}
	}
}

func (v *validator) storage() {
	text := v.c.Storage.URL.Reveal()
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "sqlite":
		if rest == "" || strings.HasPrefix(rest, "//") || strings.Contains(rest, "?") {
			v.problem("storage.url", "write it as sqlite:/var/lib/handstamp/handstamp.db", "a SQLite database is named by its file")
		}
	case "postgres", "postgresql":
		if u, err := url.Parse(text); err != nil || u.Host == "" && !u.Query().Has("host") {
			v.problem("storage.url", "write it as postgres://user:password@host:5432/handstamp", "the PostgreSQL URL cannot be read")
		} else if mode := u.Query().Get("sslmode"); (mode == "" || mode == "prefer" || mode == "allow") && overNetwork(u) {
			// libpq's default is prefer: whoever stands between can turn encryption off.
			v.problem("storage.url", "add ?sslmode=verify-full; on a private container network, where it is meant: sslmode=disable", "whether the connection to PostgreSQL is encrypted is left to the network")
		}
	default:
		v.problem("storage.url", "sqlite:PATH, or postgres://…", "the database is neither SQLite nor PostgreSQL")
	}
}

// overNetwork tells whether a database stands beyond this machine.
func overNetwork(u *url.URL) bool { return u.Host != "" && !loopback(u.Hostname()) }

func (v *validator) outgoing() {
	if file := v.c.Outgoing.CAFile; file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			v.problem("outgoing.ca_file", "", "the file cannot be used: %v", reason(err))
		} else if !x509.NewCertPool().AppendCertsFromPEM(b) {
			v.problem("outgoing.ca_file", "a file with -----BEGIN CERTIFICATE-----", "there is no PEM certificate in the file")
		}
	}
	if proxy := v.c.Outgoing.Proxy.Reveal(); proxy != "" {
		if u, err := url.Parse(proxy); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.problem("outgoing.proxy", "write it as http://proxy.example.com:3128", "the proxy is not an http or https URL")
		}
	}
}

func (v *validator) lifetimes() {
	for _, s := range spans {
		if got := *s.of(v.c); got < s.least || got > s.most {
			v.problem(s.key, fmt.Sprintf("the default is %s", s.standard), "%s is not between %s and %s: %s", got, s.least, s.most, s.why)
		}
	}
	l := v.c.Lifetimes
	for _, pair := range []struct {
		idle, absolute string
		a, b           directory.Duration
	}{
		{"lifetimes.session_idle", "lifetimes.session_absolute", l.SessionIdle, l.SessionAbsolute},
		{"lifetimes.refresh_idle", "lifetimes.refresh_absolute", l.RefreshIdle, l.RefreshAbsolute},
	} {
		if pair.a > pair.b {
			v.problem(pair.idle, "make it shorter, or the other longer", "%s is longer than %s (%s)", pair.a, pair.absolute, pair.b)
		}
	}
}

func (v *validator) brand() {
	if v.c.Brand.Name == "" {
		v.problem("brand.name", "remove the line for Handstamp", "the name is empty")
	}
	for _, p := range directory.CheckBrand(v.c.Brand) {
		v.problem(p.Path, p.Hint, "%s", p.Message)
	}
}
