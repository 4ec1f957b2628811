package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

//go:embed templates/*.html assets/*
var files embed.FS

// submitScript is the only script there is. It goes through the prototype, so
// that a field named "submit" cannot stand in its way.
const submitScript = `HTMLFormElement.prototype.submit.call(document.getElementById("answer"))`

// Pages renders the pages of one brand. It is safe for concurrent use.
type Pages struct {
	brand     Brand
	templates map[string]*template.Template
	assets    map[string]asset // by file name
	style     template.CSS     // inlined where a page may load nothing at all
	styleHash string           // the CSP source of that inline style
	styleURL  string
	iconURL   string
}

// New prepares the pages. assetBase is the path under which people's browsers
// find Assets: the issuer's own path and "/assets".
func New(b Brand, assetBase string) (*Pages, error) {
	if b.Name == "" {
		b.Name = "Handstamp"
	}
	p := &Pages{brand: b, templates: map[string]*template.Template{}, assets: map[string]asset{}}

	css, err := files.ReadFile("assets/page.css")
	if err != nil {
		return nil, fmt.Errorf("read stylesheet: %w", err)
	}
	icon, err := files.ReadFile("assets/mark.svg")
	if err != nil {
		return nil, fmt.Errorf("read icon: %w", err)
	}
	p.style, p.styleHash = template.CSS(css), hashSource(css)
	p.styleURL = assetBase + "/" + p.keep(css, ".css", "text/css; charset=utf-8")
	p.iconURL = assetBase + "/" + p.keep(icon, ".svg", "image/svg+xml")

	layout, err := template.New("").Funcs(template.FuncMap{"initial": initial}).ParseFS(files, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".html")
		if name == "layout" {
			continue
		}
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(files, path)
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		p.templates[name] = t
	}
	return p, nil
}

// view is what the layout needs beside the page's own words.
type view struct {
	Title     string
	Brand     Brand
	BrandLogo string
	Policy    link // the brand's policy links, in the footer
	TOS       link
	StyleURL  string
	IconURL   string
	Style     template.CSS // instead of StyleURL and IconURL
	Bare      bool         // a page that loads nothing: no logos, no links out
	Wide      bool         // a page with lists on it
	Page      any
}

// show renders a page whole before the first byte leaves, so that a fault in a
// template never sends half a page.
func (p *Pages) show(w http.ResponseWriter, status int, name string, v view, csp policy) error {
	v.Brand = p.brand
	if v.Bare {
		v.Style = p.style
		csp.Style = p.styleHash
	} else {
		v.StyleURL, v.IconURL = p.styleURL, p.iconURL
		v.BrandLogo = csp.image(p.brand.Logo)
		v.Policy, v.TOS = webLink(p.brand.PolicyURI), webLink(p.brand.TOSURI)
		csp.Style = "'self'"
		csp.Images = append(csp.Images, "'self'")
	}
	var body bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&body, "layout", v); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	setHeaders(w.Header(), csp)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("send page %s: %w", name, err)
	}
	return nil
}

type asset struct {
	body []byte
	kind string
}

// keep stores a file under the hash of its content and returns that name.
func (p *Pages) keep(body []byte, ext, kind string) (name string) {
	sum := sha256.Sum256(body)
	name = hex.EncodeToString(sum[:8]) + ext
	p.assets[name] = asset{body, kind}
	return name
}

// Assets serves the stylesheet and the icon at "/assets/…"; mount it with the
// issuer's path stripped. A name changes with its content, so caches may keep a
// file for ever.
func (p *Pages) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := p.assets[strings.TrimPrefix(r.URL.Path, "/assets/")]
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case !ok:
			h.Set("Cache-Control", "no-store")
			http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Cache-Control", "no-store")
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "Only GET works here.", http.StatusMethodNotAllowed)
		default:
			h.Set("Content-Type", a.kind)
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			// An SVG opened by itself is a document: let it do nothing.
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			_, _ = w.Write(a.body)
		}
	})
}

// hashSource is the CSP source expression of one inline style or script.
func hashSource(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
