package configs

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// Admin is where the console and the administration API are found.
type Admin struct {
	Listen string `yaml:"listen"` // "" or off: nowhere
	URL    string `yaml:"url"`    // as administrators' browsers see it; "": http at Listen
	Socket string `yaml:"socket"` // for the shell; "": beside the SQLite file; off: none
}

// Off is the word for no admin listener and no socket.
const Off = "off"

// Enabled tells whether there is a console and an API over the network.
func (a Admin) Enabled() bool { return a.Listen != "" && a.Listen != Off }

// AdminURL is the console's address for a listener that got this address.
func (c *Config) AdminURL(listener string) string {
	if c.Admin.URL != "" {
		return c.Admin.URL
	}
	return "http://" + listener
}

// AdminSocket is the path of the socket for the shell, or "" where there is none.
func (c *Config) AdminSocket() string {
	switch c.Admin.Socket {
	case Off:
		return ""
	case "":
		if path, sqlite := strings.CutPrefix(c.Storage.URL.Reveal(), "sqlite:"); sqlite && len(path)+len(socketSuffix) <= maxSocket {
			return path + socketSuffix
		}
		return ""
	}
	return c.Admin.Socket
}

const (
	socketSuffix = ".sock"
	maxSocket    = 103 // bytes of a Unix socket's path that every system takes
)

// admin checks that what people type into a browser leads to the console, and that it is
// not sent over a network in the clear.
func (v *validator) admin() {
	a := v.c.Admin
	if a.Socket != "" && a.Socket != Off && len(a.Socket) > maxSocket {
		v.problem("admin.socket", "a shorter path, such as /run/handstamp/admin.sock", "the path of a socket has at most %d bytes", maxSocket)
	}
	if !a.Enabled() {
		if a.URL != "" {
			v.problem("admin.url", "remove it, or set admin.listen", "there is no address for it to lead to: admin.listen is off")
		}
		return
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if v.address("admin.listen", a.Listen); err != nil {
		return
	}
	if a.Listen == v.c.Listen && port != "0" {
		v.problem("admin.listen", "another port, or off", "the broker itself listens there")
	}
	if a.URL == "" {
		if !loopback(host) {
			v.problem("admin.url", "how administrators reach it: url: https://admin.example.com", "admin.listen is not loopback, so the console's address is not known")
		}
		return
	}
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || !printable(a.URL):
		v.problem("admin.url", "write it as https://admin.example.com", "this is not the address of the console")
	case u.Scheme != "https" && u.Scheme != "http":
		v.problem("admin.url", "write it as https://admin.example.com", "the address is neither https nor http")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		v.problem("admin.url", "write https://"+u.Host, "an http address is accepted on loopback only: whoever is on the way would be an administrator")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(a.URL, "#"):
		v.problem("admin.url", "write "+u.Scheme+"://"+u.Host, "the console has an address of its own, without a path")
	case u.Host != strings.ToLower(u.Host):
		v.problem("admin.url", "write "+u.Scheme+"://"+strings.ToLower(u.Host), "the host must be in lower case")
	case a.URL == v.c.Issuer:
		v.problem("admin.url", "another host or port", "this is the issuer; the console has an address of its own")
	}
}

// address checks what a listener is given.
func (v *validator) address(key, text string) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		v.problem(key, "write it as 127.0.0.1:8080, or :8443 for every address", "%q is not host:port", cut(text))
		return
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n < 0 {
		v.problem(key, "a number from 1 to 65535", "%q is not a port", cut(port))
	}
	if host != "" && !loopback(host) {
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, "/ ") {
			v.problem(key, "write it as 127.0.0.1:8080", "%q is not a host", cut(host))
		}
	}
}

// resolveAdmin makes the socket's path relative to the settings file's folder.
func (c *Config) resolveAdmin(dir string) {
	if s := c.Admin.Socket; s != "" && s != Off && !filepath.IsAbs(s) {
		c.Admin.Socket = filepath.Join(dir, s)
	}
}

// Retention is how long is kept what is only looked back at.
type Retention struct {
	Audit      directory.Duration `yaml:"audit"`
	Logins     directory.Duration `yaml:"logins"`     // traces, with what upstream said
	Counts     directory.Duration `yaml:"counts"`     // of logins, by hour
	Tombstones directory.Duration `yaml:"tombstones"` // of what was used, ended or revoked
	Revisions  int                `yaml:"revisions"`  // so many stay; 0: all
	Strangers  int                `yaml:"strangers"`  // traces of people whom no provider vouched for
}

const (
	leastRevisions = 10 // to have something to roll back to
	mostStrangers  = 1_000_000
)

func (v *validator) retention() {
	r := v.c.Retention
	if r.Revisions != 0 && r.Revisions < leastRevisions {
		v.problem("retention.revisions", "0 keeps all", "at least %d are kept, to have something to roll back to", leastRevisions)
	}
	if r.Strangers < 1 || r.Strangers > mostStrangers {
		v.problem("retention.strangers", "the default is 10000", "%d is not between 1 and %d: anybody can cause such a trace", r.Strangers, mostStrangers)
	}
}
