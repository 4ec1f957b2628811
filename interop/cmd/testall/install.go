package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A tool is a program that tests need and that a fresh machine may lack.
type tool struct {
	why   string
	paths []string // any one that exists is enough; a * is a wildcard
	apt   string   // the Debian package
}

var tools = []tool{
	{"storage's tests, which start a server of their own", []string{"/usr/lib/postgresql/*/bin/postgres"}, "postgresql"},
	{"a person's walk and the app in the page", []string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"}, "chromium"},
	{"the protected page", []string{"/usr/sbin/apache2"}, "apache2-bin"}, // the server without the service: nothing is left running
	{"the protected page", []string{"/usr/lib/apache2/modules/mod_auth_openidc.so"}, "libapache2-mod-auth-openidc"},
	{"the agent that keeps a person's tokens", []string{"/usr/bin/oidc-agent"}, "oidc-agent-cli"},
	{"the API in Python", []string{"/usr/lib/python3/dist-packages/jwt/__init__.py"}, "python3-jwt"},
	{"the API in Python", []string{"/usr/lib/python3/dist-packages/cryptography/__init__.py"}, "python3-cryptography"},
	{"the app in Python", []string{"/usr/lib/python3/dist-packages/authlib/__init__.py"}, "python3-authlib"},
	{"the app in Python", []string{"/usr/lib/python3/dist-packages/flask/__init__.py"}, "python3-flask"},
	{"the app in Python", []string{"/usr/lib/python3/dist-packages/requests/__init__.py"}, "python3-requests"},
	{"what tries the administration API", []string{"/usr/lib/python3*/ensurepip/__init__.py"}, "python3-venv"},
	{"alerts and /metrics, read by Prometheus' own tool", []string{"/usr/bin/promtool"}, "prometheus"},
	{"the service file, judged by systemd itself", []string{"/usr/bin/systemd-analyze"}, "systemd"},
	{"the race detector", []string{"/usr/bin/gcc", "/usr/bin/cc", "/usr/bin/clang"}, "gcc libc6-dev"},
}

// install brings what the tests need: Debian's packages where this is Debian, npm's by the lock file, and Python's by the list of versions. Elsewhere it names what is missing.
func install(h *house) []result {
	var names, reasons []string
	for _, t := range tools {
		if !t.there() {
			names = append(names, strings.Fields(t.apt)...)
			reasons = append(reasons, fmt.Sprintf("  %-28s for %s", t.apt, t.why))
		}
	}
	err := h.apt(names, reasons)
	if err == nil {
		err = nodeIsNew()
	}
	if err == nil {
		err = h.do("interop/node", "npm", "ci", "--no-audit", "--no-fund")
	}
	if err == nil {
		err = h.do("interop/python", "/usr/bin/python3", "-m", "venv", "venv")
	}
	if err == nil { // nothing is built, and nothing beside the list comes along
		err = h.do("interop/python", "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps", "-r", "requirements.txt")
	}
	return one("what the tests need", distribution(), err)
}

func (t tool) there() bool {
	for _, path := range t.paths {
		if found, _ := filepath.Glob(path); len(found) > 0 {
			return true
		}
	}
	return false
}

// apt installs packages, where there is apt and the right to use it.
func (h *house) apt(names, reasons []string) error {
	if len(names) == 0 {
		return nil
	}
	missing := fmt.Errorf("missing on this machine:\n%s\non Debian: apt-get install -y --no-install-recommends %s", strings.Join(reasons, "\n"), strings.Join(names, " "))
	if _, err := exec.LookPath("apt-get"); err != nil {
		return missing
	}
	var as []string
	if os.Getuid() != 0 {
		if exec.Command("sudo", "-n", "true").Run() != nil {
			return missing
		}
		as = []string{"sudo", "-n"}
	}
	as = append(as, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
	update := append(as[1:len(as):len(as)], "-qq", "update")
	if err := h.do(".", as[0], update...); err != nil {
		return errors.Join(err, missing)
	}
	get := append(as[1:len(as):len(as)], "-qq", "install", "-y", "--no-install-recommends")
	if err := h.do(".", as[0], append(get, names...)...); err != nil {
		return errors.Join(err, missing)
	}
	return nil
}

// nodeIsNew wants Node 20 or newer, which Debian 12 does not package.
func nodeIsNew() error {
	out, err := exec.Command("node", "--version").Output()
	if err == nil {
		major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
		if n, _ := strconv.Atoi(major); n >= 20 {
			return nil
		}
		return fmt.Errorf("Node is %s; the upstreams and apps that others wrote want 20 or newer", strings.TrimSpace(string(out)))
	}
	return fmt.Errorf("missing on this machine: Node 20 or newer, with npm: %w", err)
}

// distribution names the operating system, for the table.
func distribution() string {
	b, _ := os.ReadFile("/etc/os-release")
	var id, version string
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "ID":
			id = strings.Trim(value, `"`)
		case "VERSION_ID":
			version = strings.Trim(value, `"`)
		}
	}
	return strings.TrimSpace(id + " " + version)
}
