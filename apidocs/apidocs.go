// Package apidocs shows people an OpenAPI document: Swagger UI whose Authorize button
// signs in with OAuth 2.0 and whose "Try it out" calls the API. Everything comes from
// this program; no other host is asked for anything.
//
//	/docs ─▶ Swagger UI ─▶ reads the document
//	            │ Authorize: a window ─▶ authorize ┄ sign-in ┄▶ /docs/oauth2-redirect
//	            ◀┄┄┄┄┄┄┄┄┄┄ the code, by a channel of this origin ┄┄┄┄┄┘
//	            └ token, with PKCE ─▶ a token in the memory of the page ─▶ calls
//
// It owns the page, its two scripts and its Content-Security-Policy, which names what
// the scripts may call. It knows nothing of brokers: an API of yours can use it too.
// Not its business: the document, and who may sign in.
package apidocs

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page swagger/*.gz swagger/LICENSE swagger/NOTICE swagger/*.LICENSE.txt
var files embed.FS

// Redirect is the last part of the address that Authorize comes back to. The client's
// redirect URI is the origin, Options.Path, a slash, and this.
const Redirect = "oauth2-redirect"

// Options say what is shown and who signs in.
type Options struct {
	Path     string // where the page is, such as /docs
	Document string // where the document is, such as /openapi.json
	Title    string

	// Authorize begins with these; both may be empty.
	ClientID string   // a public client that uses PKCE
	Scopes   []string // ticked in advance

	// Issuer is who answers Authorize: another's answer is refused (RFC 9207 §2.4).
	// Empty: the answer has to name nobody.
	Issuer string

	// Connect is what the page's scripts may call, as sources of a Content-Security-Policy:
	// origins, or addresses one by one. Empty: the page's own origin.
	Connect []string

	// Callable lists the operations that "Try it out" may call, such as "GET /items".
	// Empty: all of them. What answers with a page for people is none.
	Callable []string
}

// Page serves one documentation page, its files and the address that Authorize comes
// back to. Mount it at Options.Path and everything below.
type Page struct {
	path   string
	policy string
	files  map[string]file // by the rest of the path: "", "/oauth2-redirect", …
}

// New prepares the page.
func New(o Options) (*Page, error) {
	if !strings.HasPrefix(o.Path, "/") || path.Clean(o.Path) != o.Path || o.Path == "/" {
		return nil, fmt.Errorf("documentation: %q is not a path such as /docs", o.Path)
	}
	if o.Document == "" {
		return nil, errors.New("documentation: which document?")
	}
	p := &Page{path: o.Path, policy: policy(o.Connect), files: map[string]file{}}
	bundle, err := p.compressed("swagger-ui-bundle.js", "text/javascript; charset=utf-8")
	if err != nil {
		return nil, err
	}
	style, err := p.compressed("swagger-ui.css", "text/css; charset=utf-8")
	if err != nil {
		return nil, err
	}
	v := view{Title: o.Title, Document: o.Document, Bundle: bundle, Styles: []string{style}, Licences: o.Path + "/licences"}
	for name, kind := range map[string]string{"page/docs.js": "text/javascript; charset=utf-8", "page/redirect.js": "text/javascript; charset=utf-8", "page/docs.css": "text/css; charset=utf-8"} {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		at := p.keep(path.Base(name), file{body: body, kind: kind})
		switch path.Ext(name) {
		case ".css":
			v.Styles = append(v.Styles, at)
		default:
			v.Scripts = append(v.Scripts, at)
		}
	}
	v.sort()
	settings, err := json.Marshal(map[string]any{"document": o.Document, "redirect": o.Path + "/" + Redirect, "issuer": o.Issuer,
		"clientId": o.ClientID, "scopes": o.Scopes, "callable": o.Callable})
	if err != nil {
		return nil, err
	}
	v.Settings = string(settings)
	return p, p.render(v)
}

// render makes the two pages and the text of the licences.
func (p *Page) render(v view) error {
	t, err := template.ParseFS(files, "page/*.html")
	if err != nil {
		return err
	}
	for at, name := range map[string]string{"": "docs.html", "/" + Redirect: "redirect.html"} {
		var body bytes.Buffer
		if err := t.ExecuteTemplate(&body, name, v); err != nil {
			return fmt.Errorf("documentation: %w", err)
		}
		p.files[at] = file{body: body.Bytes(), kind: "text/html; charset=utf-8", page: true}
	}
	var text bytes.Buffer
	for _, name := range []string{"NOTICE", "LICENSE", "swagger-ui-bundle.js.LICENSE.txt"} {
		body, err := files.ReadFile("swagger/" + name)
		if err != nil {
			return err
		}
		text.Write(append(body, "\n\n"...))
	}
	p.files["/licences"] = file{body: text.Bytes(), kind: "text/plain; charset=utf-8", page: true}
	return nil
}

// view is what the templates need.
type view struct {
	Title, Document, Settings, Licences string
	Bundle                              string
	Styles, Scripts                     []string // docs.js and redirect.js, in this order
}

func (v *view) sort() {
	if strings.Contains(v.Scripts[0], "redirect") {
		v.Scripts[0], v.Scripts[1] = v.Scripts[1], v.Scripts[0]
	}
}

// policy is the Content-Security-Policy of these pages and of no others. Swagger UI
// gets along without inline scripts and eval; its stylesheet has pictures as data: URLs.
func policy(connect []string) string {
	if len(connect) == 0 {
		connect = []string{"'self'"}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src " + strings.Join(connect, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// ServeHTTP answers below Options.Path.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, below := strings.CutPrefix(r.URL.Path, p.path)
	f, ok := p.files[rest]
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case !below || !ok:
		h.Set("Cache-Control", "no-store")
		http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Cache-Control", "no-store")
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET works here.", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if f.page {
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=()")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Robots-Tag", "noindex")
	} else {
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // its name changes with its content
	}
	body := f.body
	if f.compressed {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
		} else {
			body = unzip(body)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a reader that went away is not our fault
	}
}
