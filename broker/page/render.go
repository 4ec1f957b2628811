package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed templates/*.html assets/* messages/*.json
var files embed.FS

// submitScript is the only script there is. It goes through the prototype, so
// that a field named "submit" cannot stand in its way.
const submitScript = `HTMLFormElement.prototype.submit.call(document.getElementById("answer"))`

// Pages renders the pages of one brand in one language. It is safe for concurrent use.
type Pages struct {
	*stock
	brand  Brand
	tongue *tongue
}

// stock is what all brands and languages share.
type stock struct {
	tongues   *tongues
	assets    map[string]asset // by file name
	assetBase string
	style     string // inlined where a page may load nothing at all
	styleURL  string
	iconURL   string
}

// New prepares the pages, in English. assetBase is the path under which people's
// browsers find Assets: the issuer's own path and "/assets".
func New(b Brand, assetBase string) (*Pages, error) {
	s := &stock{assets: map[string]asset{}, assetBase: assetBase}
	css, err := files.ReadFile("assets/page.css")
	if err != nil {
		return nil, fmt.Errorf("read stylesheet: %w", err)
	}
	icon, err := files.ReadFile("assets/mark.svg")
	if err != nil {
		return nil, fmt.Errorf("read icon: %w", err)
	}
	s.style = string(css)
	s.styleURL = assetBase + "/" + s.keep(css, ".css", "text/css; charset=utf-8")
	s.iconURL = assetBase + "/" + s.keep(icon, ".svg", "image/svg+xml")
	if s.tongues, err = learn(); err != nil {
		return nil, err
	}
	if _, err := s.tongues.list[0].pages(); err != nil { // a fault in a template is found at the start
		return nil, err
	}
	return (&Pages{stock: s, tongue: s.tongues.list[0]}).As(b), nil
}

// As gives the same pages under another brand.
func (p *Pages) As(b Brand) *Pages {
	if b.Name == "" {
		b.Name = "Handstamp"
	}
	return &Pages{stock: p.stock, brand: b, tongue: p.tongue}
}

// Brand is what the pages call the house.
func (p *Pages) Brand() Brand { return p.brand }

// With gives a brand with what another one says in the place of its own.
func (b Brand) With(o Brand) Brand {
	return Brand{or(o.Name, b.Name), or(o.Logo, b.Logo), or(o.PolicyURI, b.PolicyURI), or(o.TOSURI, b.TOSURI), or(o.Accent, b.Accent)}
}

// For gives the same pages in the language that suits a person best: what their app
// asked for (ui_locales), then what their browser prefers (Accept-Language), then
// English.
func (p *Pages) For(uiLocales, acceptLanguage string) *Pages {
	return &Pages{stock: p.stock, brand: p.brand, tongue: p.tongues.find(uiLocales, acceptLanguage)}
}

// Say gives one of the broker's own sentences in the language of the pages.
func (p *Pages) Say(english string, args ...any) string { return p.tongue.say(english, args...) }

// Languages lists the languages that the pages speak, for discovery
// (ui_locales_supported, OpenID Connect Discovery §3).
func (p *Pages) Languages() []string {
	var tags []string
	for _, t := range p.tongues.list {
		tags = append(tags, t.tag.String())
	}
	return tags
}

// view is what the layout needs beside the page's own words.
type view struct {
	Title     string
	Brand     Brand
	BrandLogo string
	Policy    link // the brand's policy links, in the footer
	TOS       link
	StyleURL  string
	TintURL   string // the colours of the brand or the app, or ""
	IconURL   string
	Style     template.CSS // instead of StyleURL, TintURL and IconURL
	Bare      bool         // a page that loads nothing: no logos, no links out
	Wide      bool         // a page with lists on it
	Accent    string       // the app's own, or ""
	Page      any
}

// show renders a page whole before the first byte leaves, so that a fault in a
// template never sends half a page.
func (p *Pages) show(w http.ResponseWriter, status int, name string, v view, csp policy) error {
	v.Brand = p.brand
	v.Brand.Name = words(p.brand.Name)
	accent := v.Accent
	if !ValidAccent(accent) {
		accent = p.brand.Accent
	}
	if v.Bare {
		v.Style = template.CSS(p.style + tint(accent))
		csp.Style = hashSource([]byte(v.Style))
	} else {
		v.StyleURL, v.IconURL = p.styleURL, p.iconURL
		if ValidAccent(accent) {
			v.TintURL = p.assetBase + tintPath(accent)
		}
		v.BrandLogo = csp.image(p.brand.Logo)
		v.Policy, v.TOS = webLink(p.brand.PolicyURI), webLink(p.brand.TOSURI)
		csp.Style = "'self'"
		csp.Images = append(csp.Images, "'self'")
	}
	var body bytes.Buffer
	templates, err := p.tongue.pages()
	if err == nil {
		err = templates[name].ExecuteTemplate(&body, "layout", v)
	}
	if err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	setHeaders(w.Header(), csp)
	w.Header().Set("Content-Language", p.tongue.tag.String())
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
func (p *stock) keep(body []byte, ext, kind string) (name string) {
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
		name := strings.TrimPrefix(r.URL.Path, "/assets/")
		a, ok := p.assets[name]
		if !ok {
			a, ok = tintAsset("/" + name)
		}
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
