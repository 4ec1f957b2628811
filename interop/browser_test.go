package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A browser is the plain one: it keeps cookies, follows redirects, and submits what a person would click, without JavaScript.
// It says what Chromium says about where a request comes from (Sec-Fetch-*, Origin), since servers judge by it.
type browser struct {
	client *http.Client
	stop   string     // an address that nobody serves: a redirect there ends the journey, as an app's own handler would
	trail  []*url.URL // every address that it asked for
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// A page is where a journey of redirects ended.
type page struct {
	b      *browser
	url    *url.URL
	status int
	header http.Header
	body   string
	doc    *html.Node // nil where the journey ended at browser.stop
}

// open types an address.
func (b *browser) open(t *testing.T, address string) *page {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.follow(t, req, "none")
}

// follow sends a request and every redirect after it.
func (b *browser) follow(t *testing.T, req *http.Request, site string) *page {
	t.Helper()
	for range 20 {
		if b.stop != "" && strings.HasPrefix(req.URL.String(), b.stop) {
			return &page{b: b, url: req.URL}
		}
		b.trail = append(b.trail, req.URL)
		req.Header.Set("Accept", "text/html,application/xhtml+xml")
		req.Header.Set("User-Agent", "Mozilla/5.0 (interop)")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Sec-Fetch-Site", site)
		res, err := b.client.Do(req)
		if err != nil {
			t.Fatalf("open %s: %v", req.URL, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatalf("read %s: %v", req.URL, err)
		}
		if res.StatusCode < 300 || res.StatusCode > 399 || res.Header.Get("Location") == "" {
			doc, err := html.Parse(strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			return &page{b: b, url: req.URL, status: res.StatusCode, header: res.Header, body: string(body), doc: doc}
		}
		to, err := req.URL.Parse(res.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if to.Host != req.URL.Host {
			site = "cross-site"
		}
		// 307 and 308 repeat the POST, which no login should: refuse to play along.
		if res.StatusCode == http.StatusTemporaryRedirect || res.StatusCode == http.StatusPermanentRedirect {
			t.Fatalf("%s redirects with %d, which would send a form's content on", req.URL, res.StatusCode)
		}
		if req, err = http.NewRequest(http.MethodGet, to.String(), nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("twenty redirects, the last to %s", req.URL)
	return nil
}

// find returns the first element that f accepts, in the order of the page.
func (p *page) find(f func(*html.Node) bool) *html.Node {
	if p.doc == nil {
		return nil
	}
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode && f(n) {
			return n
		}
	}
	return nil
}

func byID(id string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attr(n, "id") == id }
}

// clickable accepts a button or link whose words contain these.
func clickable(words string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		return (n.Data == "button" || n.Data == "a") && strings.Contains(text(n), words)
	}
}

// exactly accepts a button whose words are these and no more.
func exactly(words string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == "button" && text(n) == words }
}

// click follows a link or submits the form of a button, as Chromium would.
func (p *page) click(t *testing.T, n *html.Node) *page {
	t.Helper()
	if n == nil {
		t.Fatalf("what was to be clicked is not on %s (%d):\n%s", p.url, p.status, p.body)
	}
	if n.Data == "a" {
		return p.b.follow(t, p.request(t, http.MethodGet, attr(n, "href"), nil), "same-origin")
	}
	form := n
	if id := attr(n, "form"); id != "" {
		form = p.find(byID(id))
	}
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		t.Fatalf("button %q on %s is in no form", text(n), p.url)
	}
	fields := url.Values{}
	for field := range form.Descendants() {
		if field.Type == html.ElementNode && field.Data == "input" && attr(field, "name") != "" && attr(field, "type") != "submit" {
			fields.Add(attr(field, "name"), attr(field, "value"))
		}
	}
	if n.Data == "button" && attr(n, "name") != "" {
		fields.Add(attr(n, "name"), attr(n, "value"))
	}
	method := strings.ToUpper(attr(form, "method"))
	if method == "" {
		method = http.MethodGet
	}
	req := p.request(t, method, attr(form, "action"), fields)
	site := "same-origin"
	if req.URL.Host != p.url.Host {
		site = "cross-site"
	}
	return p.b.follow(t, req, site)
}

func (p *page) request(t *testing.T, method, action string, fields url.Values) *http.Request {
	t.Helper()
	to, err := p.url.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(fields.Encode())
	} else if fields != nil {
		to.RawQuery = fields.Encode()
	}
	req, err := http.NewRequest(method, to.String(), body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", fmt.Sprintf("%s://%s", p.url.Scheme, p.url.Host))
	}
	return req
}

// signIn walks from wherever a login led to its end: picks the person at the upstream, agrees where an app asks to be allowed.
func (p *page) signIn(t *testing.T, person string) *page {
	t.Helper()
	for range 8 {
		if p.doc == nil {
			return p
		}
		next := p.find(byID("allow"))
		if next == nil {
			next = p.find(byID("continue"))
		}
		if next == nil {
			next = p.find(clickable(person))
		}
		if next == nil && strings.Contains(p.body, "document.forms[0].submit()") {
			next = p.find(func(n *html.Node) bool { return n.Data == "input" }) // the one script that this browser knows
		}
		if next == nil {
			return p
		}
		p = p.click(t, next)
	}
	t.Fatalf("the login goes round in circles, now at %s", p.url)
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
