package page

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestS06_NoPageCanBeFramed(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		h := render(t, p, s.status, s.view).Header()
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s can be framed: %v", s.name, h)
		}
	}
}

func TestS07_NoPageKeepsItsOpener(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		h := render(t, p, s.status, s.view).Header()
		if h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", s.name, h)
		}
	}
}

func TestS08_ThePolicyOfEveryPageAllowsWhatItShowsAndNothingElse(t *testing.T) {
	images := map[string]string{
		"chooser":  "'self' https://acme.example https://desk.example https://icons.example",
		"continue": "'self' https://acme.example https://desk.example", "consent": "'self' https://acme.example https://desk.example",
		"ask": "'self' https://acme.example https://desk.example", "invited": "'self' https://acme.example", "done": "'self' https://acme.example",
		"signout": "'self' https://acme.example https://desk.example", "signedout": "'self' https://acme.example https://desk.example",
		"account": "'self' https://acme.example", "linkaway": "'self' https://acme.example", "signinfirst": "'self' https://acme.example", "linkconfirm": "'self' https://acme.example",
	}
	p := pages(t)
	for _, s := range samples() {
		w := render(t, p, s.status, s.view)
		want := "default-src 'none'; style-src 'self'"
		if s.bare {
			want = "default-src 'none'; style-src " + hashSource([]byte(p.style))
		}
		if s.script {
			want += "; script-src " + hashSource([]byte(submitScript))
		}
		if images[s.name] != "" {
			want += "; img-src " + images[s.name]
		}
		want += "; base-uri 'none'; frame-ancestors 'none'"
		if s.forms != "" {
			want += "; form-action " + s.forms
		}
		if got := w.Header().Get("Content-Security-Policy"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", s.name, got, want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: type %q may be sniffed", s.name, w.Header().Get("Content-Type"))
		}
	}
}

func TestTheHashedStyleAndScriptAreTheOnesOnThePage(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		w := render(t, p, s.status, s.view)
		doc := parse(t, w.Body.String())
		for _, tag := range []string{"style", "script"} {
			for _, n := range all(doc, tag) {
				if want := hashSource([]byte(n.FirstChild.Data)); !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
					t.Errorf("%s: the browser would refuse its <%s> (%s)", s.name, tag, want)
				}
			}
		}
	}
}

// Chrome checks form-action against every redirect that follows a submission.
func TestAPageWhoseFormEndsAtAnAppCarriesNoFormAction(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		w := render(t, p, s.status, s.view)
		form := len(all(parse(t, w.Body.String()), "form")) > 0
		form = form && s.forms != "'self'" // the account page's forms end where they are
		if directive := strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action"); directive == form {
			t.Errorf("%s: form %v, form-action %v", s.name, form, directive)
		}
	}
}

func TestS09_U18_NoPageTellsItsAddress(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		if got := render(t, p, s.status, s.view).Header().Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", s.name, got)
		}
	}
}

// A page whose address may hold a code or a state, or that holds one itself, asks
// nobody for anything.
func TestU18_ErrorAndFormPostLoadNothing(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		if !s.bare {
			continue
		}
		doc := parse(t, render(t, p, s.status, s.view).Body.String())
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch {
			case slices.Contains([]string{"link", "img", "iframe", "object", "embed", "video", "audio", "source", "use", "image"}, n.Data), has(n, "src"), has(n, "srcset"):
				t.Errorf("%s loads something: <%s>", s.name, n.Data)
			case n.Data == "a" && attr(n, "id") != "restart":
				t.Errorf("%s links to %s", s.name, attr(n, "href"))
			}
		}
		if strings.Contains(string(p.style), "url(") || strings.Contains(string(p.style), "@import") {
			t.Error("the inline style loads something")
		}
	}
}

func TestS10_PagesAreNeverKeptAndAssetsAlways(t *testing.T) {
	p := pages(t)
	for _, s := range samples() {
		h := render(t, p, s.status, s.view).Header()
		if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" {
			t.Errorf("%s may be cached: %v", s.name, h)
		}
	}
	served := http.StripPrefix("/login", p.Assets())
	for _, tc := range []struct {
		method, path string
		status       int
		cache, why   string
	}{
		{"GET", p.styleURL, 200, "public, max-age=31536000, immutable", "its name is its hash"},
		{"HEAD", p.styleURL, 200, "public, max-age=31536000, immutable", "a GET without the body"},
		{"GET", p.iconURL, 200, "public, max-age=31536000, immutable", "its name is its hash"},
		{"POST", p.styleURL, 405, "no-store", "there is nothing to post"},
		{"GET", "/login/assets/0000000000000000.css", 404, "no-store", "the old name of a changed file must not stick"},
		{"GET", "/login/assets/../page.go", 404, "no-store", "no file system behind it"},
		{"GET", strings.Replace(p.styleURL, "/assets", "", 1), 404, "no-store", "only under its own path"},
		{"GET", "/login/assets/", 404, "no-store", "no listing"},
	} {
		w := httptest.NewRecorder()
		served.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
		if w.Code != tc.status || w.Header().Get("Cache-Control") != tc.cache || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d %v, want %d %q: %s", tc.method, tc.path, w.Code, w.Header(), tc.status, tc.cache, tc.why)
		}
	}
	css, err := os.ReadFile("assets/page.css")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	served.ServeHTTP(w, httptest.NewRequest("GET", p.styleURL, nil))
	if w.Body.String() != string(css) || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the stylesheet is served as %q", w.Header().Get("Content-Type"))
	}
}

// What an admin writes becomes part of a header only as a plain host name.
func TestI16_S08_NoConfiguredAddressReachesAHeaderUnread(t *testing.T) {
	for _, address := range []string{
		"https://a.example\r\nSet-Cookie: x=1/logo.png", "https://a.example;script-src */l.png", "https://a.example, default-src */l.png",
		"https://a.example 'unsafe-inline'/l.png", "https://*/l.png", "https://*.example/l.png", "https://user:pw@a.example/l.png", "https:a.example/l.png",
		"http://a.example/l.png", "//a.example/l.png", "data:image/svg+xml,<svg onload=alert(1)>", "javascript:alert(1)", "ftp://a.example/l.png",
		"https://a.example%0d%0aX:1/", "https://аcme.example/l.png", "https:///l.png", "https://'self'/", "blob:https://a.example/1", "https://a.exam\x00ple/",
	} {
		p, err := New(Brand{Logo: address}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, view := range []any{Chooser{App: App{Name: "Desk", Logo: address}, Buttons: []ChooserButton{{Slug: "a", Title: "A", Href: "/", Icon: address}}}, SignedOut{App: App{Logo: address}}} {
			w := render(t, p, 200, view)
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "; img-src 'self'; base-uri") {
				t.Errorf("%q changed the policy: %s", address, csp)
			}
			if imgs := all(parse(t, w.Body.String()), "img"); len(imgs) > 0 {
				t.Errorf("%q is shown as a picture", address)
			}
		}
	}
}

func TestI16_TheRawAnswerHasTheSameHeadersWhateverTheWords(t *testing.T) {
	count := func(evil string) (n int) {
		p, err := New(Brand{Name: evil, Logo: evil}, "")
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = p.Error(w, 400, ErrorPage{Title: evil, Sentence: evil, Code: evil, Reference: evil, RestartHref: evil})
		}))
		defer srv.Close()
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := httputil.DumpResponse(resp, false)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(raw), "\r\n")
	}
	want := count("plain")
	for _, evil := range []string{"a\r\nSet-Cookie: s=1", "a\nX: 1", "a\r\n\r\n<script>", "https://h/\r\nX-A: 1", "\u560d\u560aSet-Cookie: s=1"} {
		if got := count(evil); got != want {
			t.Errorf("%q: %d header lines, want %d", evil, got, want)
		}
	}
}
