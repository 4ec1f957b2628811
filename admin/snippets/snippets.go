// Package snippets writes the program text that a developer copies to connect an app
// or an API: for a few libraries that are in wide use, with everything filled in that
// the broker knows and nothing that is secret.
//
//	issuer, client ──▶ App ──▶ Go, Node, Python, Apache, Kubernetes
//	issuer, audience ─▶ API ─▶ Go (guard), Node (jose), Python (PyJWT)
//
// Every text is run or compiled by tests against the real broker with the real library.
// It knows no HTTP and no storage.
package snippets

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/template"
)

// Client is what a snippet needs to know of an app.
type Client struct {
	ID          string
	Public      bool
	RedirectURI string   // one of its own; "" where it has none yet
	Scopes      []string // what it may ask for
	Provider    string   // the slug that its button names; "" for the page of choices
	Groups      bool     // groups stand in its ID token
}

// Snippet is one text to copy.
type Snippet struct {
	Name  string // go, node, python, apache, kubernetes
	Title string // "Go: go-oidc and x/oauth2"
	File  string // what to call it
	Setup string // one command that installs the library, or ""
	Run   string // one command that runs it, or ""
	Note  string // one sentence about what it needs, or ""
	Text  string
}

//go:embed templates/*
var files embed.FS

var texts = template.Must(template.New("").Funcs(template.FuncMap{"q": quote, "y": quote, "conf": conf, "join": strings.Join,
	"origin": origin, "path": path, "port": port, "withGroups": withGroups}).ParseFS(files, "templates/*"))

// kind is one snippet before it is filled in.
type kind struct {
	Snippet
	template string
	fits     func(Client) bool
}

var apps = []kind{
	{Snippet{Name: "go", Title: "Go · go-oidc and x/oauth2", File: "main.go", Setup: "go mod init app && go get github.com/coreos/go-oidc/v3/oidc golang.org/x/oauth2", Run: "go run ."}, "app.go.tmpl", always},
	{Snippet{Name: "node", Title: "Node · openid-client", File: "app.mjs", Setup: "npm install openid-client@6", Run: "node app.mjs"}, "app.mjs.tmpl", always},
	{Snippet{Name: "python", Title: "Python · Authlib and Flask", File: "app.py", Setup: "pip install authlib flask requests", Run: "python app.py"}, "app.py.tmpl", always},
	{Snippet{Name: "apache", Title: "Apache · mod_auth_openidc", File: "handstamp.conf", Setup: "apt install libapache2-mod-auth-openidc && a2enmod auth_openidc",
		Note: "Protects everything below /protected/ of a site that knows nothing of logins. The redirect URI must be an address below it that no page has."}, "app.conf.tmpl", confidential},
	{Snippet{Name: "kubernetes", Title: "Kubernetes · API server and kubelogin", File: "authentication.yaml",
		Note: "The client should be public, with http://localhost:8000 among its redirect_uris and id_token_claims: [email, groups]."}, "app.kube.tmpl", public},
}

var apis = []kind{
	{Snippet{Name: "go", Title: "Go · guard", File: "main.go", Setup: "go mod init api && go get github.com/handstamp/handstamp/guard", Run: "go run ."}, "api.go.tmpl", always},
	{Snippet{Name: "node", Title: "Node · jose", File: "api.mjs", Setup: "npm install jose@6", Run: "node api.mjs"}, "api.mjs.tmpl", always},
	{Snippet{Name: "python", Title: "Python · PyJWT", File: "api.py", Setup: "pip install 'pyjwt[crypto]'", Run: "python api.py"}, "api.py.tmpl", always},
}

func always(Client) bool         { return true }
func confidential(c Client) bool { return !c.Public }
func public(c Client) bool       { return c.Public }

// App writes the snippets that fit a client, the commonest first.
func App(issuer string, c Client) ([]Snippet, error) {
	if c.RedirectURI == "" {
		c.RedirectURI = "http://localhost:3000/callback"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	return write(apps, c, map[string]any{"Issuer": issuer, "Client": c})
}

// API writes the snippets for a resource server.
func API(issuer, audience, scope string) ([]Snippet, error) {
	return write(apis, Client{}, map[string]any{"Issuer": issuer, "Audience": audience, "Scope": scope})
}

func write(kinds []kind, c Client, data any) ([]Snippet, error) {
	var out []Snippet
	for _, k := range kinds {
		if !k.fits(c) {
			continue
		}
		var text bytes.Buffer
		if err := texts.ExecuteTemplate(&text, k.template, data); err != nil {
			return nil, fmt.Errorf("snippet %s: %w", k.Name, err)
		}
		k.Text = text.String()
		out = append(out, k.Snippet)
	}
	return out, nil
}

// quote writes a text as a literal that Go, JavaScript, Python and YAML read alike:
// JSON with ASCII only.
func quote(s string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(strings.ToValidUTF8(s, "?")); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, r := range strings.TrimSpace(b.String()) {
		switch {
		case r < 0x7f:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteByte('?') // surrogate pairs are read differently by the four
		}
	}
	return out.String(), nil
}

// conf writes a text as an argument of Apache's configuration.
func conf(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\$%`, r) {
			return '?'
		}
		return r
	}, s) + `"`
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func path(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.Path
}

// port is where a program listens that serves an address itself.
func port(address string) string {
	u, err := url.Parse(address)
	if err == nil && u.Port() != "" {
		return u.Port()
	}
	return "3000"
}

func withGroups(scopes []string) string {
	list := "openid email"
	for _, s := range scopes {
		if s == "groups" || s == "offline_access" {
			list += " " + s
		}
	}
	return list
}
