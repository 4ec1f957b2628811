package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

//go:embed templates/*.html assets/*
var files embed.FS

// look is how pages look: templates and the files that they load, each named by its
// content, so that browsers may keep it for ever.
type look struct {
	templates map[string]func() (*template.Template, error) // each made when it is first shown: all at once they take seven megabytes
	assets    map[string]asset
	urls      map[string]string // "console.css" → "/assets/….css"
}

type asset struct {
	body []byte
	kind string
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func newLook() (*look, error) {
	l := &look{templates: map[string]func() (*template.Template, error){}, assets: map[string]asset{}, urls: map[string]string{}}
	for ext, kind := range kinds {
		names, err := fs.Glob(files, "assets/*"+ext)
		if err != nil {
			return nil, err
		}
		for _, path := range names {
			body, err := files.ReadFile(path)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(body)
			name := hex.EncodeToString(sum[:8]) + ext
			l.assets[name] = asset{body, kind}
			l.urls[strings.TrimPrefix(path, "assets/")] = "/assets/" + name
		}
	}
	funcs := template.FuncMap{"words": func(s string) string { return words(s, 200) }, "prose": func(s string) string { return words(s, 2000) },
		"asset": func(name string) string { return l.urls[name] }, "form": formView, "pager": pagerView, "key": key, "ms": milliseconds, "list": listOf, "fault": faultText, "at": func(t time.Time) stamp { return stamp(t) }, "when": when, "source": sourceText, "nth": func(place int) int { return place + 1 }, "json": jsonOf, "access": accessView}
	base, err := template.New("").Funcs(funcs).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/forms.html", "templates/changes.html", "templates/answer.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".html")
		l.templates[name] = sync.OnceValues(func() (*template.Template, error) {
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(files, path)
			}
			if err != nil {
				return nil, fmt.Errorf("parse page %s: %w", name, err)
			}
			return t, nil
		})
	}
	return l, nil
}

// serve answers for a file; false where there is none.
func (l *look) serve(w http.ResponseWriter, _ *http.Request, name string) bool {
	a, ok := l.assets[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Del("Pragma")
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	// An SVG opened by itself is a document: let it do nothing.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	_, _ = w.Write(a.body)
	return true
}

// frame is the dot of every template.
type frame struct {
	Title  string
	Brand  string
	Page   any
	Me     api.Me
	In     bool   // somebody is signed in and known
	CSRF   string // the hidden field of every form
	Note   string // what has just happened
	Path   string
	Nav    []navEntry
	Issuer string
	Ends   stamp // of a session by link
	can    func(string) bool
}

// Can tells whether this person's role allows something, such as "users:write".
func (f frame) Can(scope string) bool { return f.can(scope) }

// navEntry is one way to go.
type navEntry struct {
	Path, Title, Icon string
	need              string
	Here              bool
}

var navigation = []navEntry{
	{Path: "/", Title: "Overview", Icon: "gauge", need: "logins:read"},
	{Path: "/logins", Title: "Logins", Icon: "door", need: "logins:read"},
	{Path: "/users", Title: "Users", Icon: "person", need: "users:read"},
	{Path: "/providers", Title: "Providers", Icon: "globe", need: "directory:read"},
	{Path: "/clients", Title: "Apps", Icon: "grid", need: "directory:read"},
	{Path: "/resources", Title: "Resources", Icon: "box", need: "directory:read"},
	{Path: "/rules", Title: "Rules", Icon: "rule", need: "directory:read"},
	{Path: "/brand", Title: "Look", Icon: "drop", need: "directory:read"},
	{Path: "/revisions", Title: "Revisions", Icon: "clock", need: "directory:read"},
	{Path: "/audit", Title: "Audit", Icon: "book", need: "audit:read"},
	{Path: "/administrators", Title: "Administrators", Icon: "shield", need: "users:read"},
	{Path: "/keys", Title: "Keys", Icon: "key", need: "directory:read"},
	{Path: "/logout-notices", Title: "Logout notices", Icon: "bell", need: "users:read"},
}

// nav is the navigation of this person: what leads nowhere for them is left out.
func (v *visit) nav() (out []navEntry) {
	for _, e := range navigation {
		if !v.Can(e.need) || len(v.c.methods(e.Path)) == 0 {
			continue
		}
		here := v.r.URL.Path
		e.Here = here == e.Path || e.Path != "/" && strings.HasPrefix(here, e.Path+"/") || strings.HasPrefix(here+"/", "/new"+strings.TrimSuffix(e.Path, "s")+"/")
		out = append(out, e)
	}
	return out
}

// show renders a page.
func (v *visit) show(name, title string, data any) error {
	return v.showAs(http.StatusOK, name, title, data)
}

// showAs renders a page whole before the first byte leaves, so that a fault in a
// template never sends half a page.
func (v *visit) showAs(status int, name, title string, data any) error {
	f := frame{Title: words(title, 120), Brand: v.c.Brand.Name, Page: data, Me: v.me, In: v.me.Kind != "", Path: v.r.URL.Path, Issuer: v.c.Issuer, can: v.Can}
	if v.session != nil {
		f.CSRF = v.session.formToken()
		if v.session.Link {
			f.Ends = stamp(v.session.Ends)
		}
	}
	if f.In {
		f.Nav = v.nav()
		f.Note = words(v.c.jar.takeFlash(v.w, v.r), 400)
	}
	parsed := v.c.look.templates[name]
	if parsed == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	t, err := parsed()
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, "layout", f); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	v.w.WriteHeader(status)
	_, err = v.w.Write(body.Bytes())
	if err != nil {
		v.cause = err // the browser went away
	}
	return nil
}
