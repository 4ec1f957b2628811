package shelf_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/handstamp/handstamp/broker/brokertest"
	"github.com/handstamp/handstamp/examples/shelf"
)

func open(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	mux := http.NewServeMux()
	shelf.Serve(mux, []byte("export const about = {};"))
	w := httptest.NewRecorder()
	shelf.Headers([]string{"'self'", "https://api.example"}, mux).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestEveryPartIsServedAsWhatItIs(t *testing.T) {
	for path, kind := range map[string]string{"/": "text/html", "/page.js": "text/javascript", "/door.js": "text/javascript", "/page.css": "text/css", "/icon.svg": "image/svg+xml"} {
		res, body := open(t, path)
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) || body == "" {
			t.Errorf("%s: %d %s, %d bytes", path, res.StatusCode, res.Header.Get("Content-Type"), len(body))
		}
	}
	if res, _ := open(t, "/assets/page.js"); res.StatusCode != 404 {
		t.Errorf("the folder is open: %d", res.StatusCode)
	}
}

// The policy holds only as long as the page needs nothing that it forbids.
func TestThePageIsOneScriptOneStyleAndNothingInline(t *testing.T) {
	res, body := open(t, "/")
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' https://api.example;") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("policy: %s", csp)
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	count, ids := map[string]int{}, map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("id %q stands twice", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "style", strings.HasPrefix(a.Key, "on"), strings.Contains(a.Val, "//"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "script" && n.FirstChild != nil {
			t.Error("an inline script")
		}
	}
	if count["script"] != 1 || count["link"] != 2 || count["style"] != 0 || count["iframe"] != 0 || count["main"] != 1 {
		t.Errorf("%v", count)
	}
	_, script := open(t, "/page.js")
	for _, m := range regexp.MustCompile(`\$\('([\w-]+)'\)`).FindAllStringSubmatch(script, -1) {
		if !ids[m[1]] {
			t.Errorf("page.js looks for #%s, which is not on the page", m[1])
		}
	}
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"} {
		if strings.Contains(script, word) {
			t.Errorf("page.js has %s", word)
		}
	}
}

func TestEveryWordHasTheContrastThatWCAGAsksFor(t *testing.T) {
	_, css := open(t, "/page.css")
	for name, palette := range brokertest.Palettes(t, css) {
		for _, pair := range []string{"ink paper", "ink desk", "ink tint", "soft paper", "soft desk", "blue paper", "blue-deep desk", "blue-deep paper", "blue-deep tint", "on-blue blue", "on-blue blue-deep",
			"green paper", "red paper", "ink red-tint"} {
			front, back, _ := strings.Cut(pair, " ")
			if ratio := brokertest.Contrast(t, palette[front], palette[back]); ratio < 4.5 {
				t.Errorf("%s: %s is %.2f, want 4.5", name, pair, ratio)
			}
		}
	}
}
