package apidocs_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/apidocs"
)

func open(t *testing.T, o apidocs.Options) http.Handler {
	t.Helper()
	if o.Path == "" {
		o.Path = "/docs"
	}
	if o.Document == "" {
		o.Document = "/openapi.json"
	}
	p, err := apidocs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageRunsNothingButItsOwnFiles(t *testing.T) {
	h := open(t, apidocs.Options{Title: "Items", Connect: []string{"'self'", "https://login.example/token"}})
	for _, path := range []string{"/docs", "/docs/" + apidocs.Redirect} {
		w := ask(h, "GET", path)
		csp := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || csp != "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' https://login.example/token; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: %d %q", path, w.Code, csp)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
			if w.Header().Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, w.Header().Get(name))
			}
		}
		body := w.Body.String()
		if regexp.MustCompile(`<script[^>]*>[^<]|\son\w+=|<style|\sstyle=|(src|href)="(https?:)?//`).MatchString(body) {
			t.Errorf("%s has something inline, or of another host: %s", path, body)
		}
		files := regexp.MustCompile(`(?:src|href)="(/docs/[^"]+)"`).FindAllStringSubmatch(body, -1)
		if len(files) < 3 {
			t.Errorf("%s names %v", path, files)
		}
		for _, f := range files {
			file := ask(h, "GET", f[1])
			if file.Code != 200 || file.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.HasSuffix(f[1], "licences") && !strings.Contains(file.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %v", f[1], file.Code, file.Header())
			}
		}
	}
	if csp := ask(open(t, apidocs.Options{}), "GET", "/docs").Header().Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self';") {
		t.Errorf("by default the page calls its own origin: %s", csp)
	}
}

func TestWhatSettingsSayCannotBreakOutOfThePage(t *testing.T) {
	evil := `"><script>alert(1)</script>'</title>`
	body := ask(open(t, apidocs.Options{Title: evil, ClientID: evil, Document: "/x" + evil, Scopes: []string{evil}}), "GET", "/docs").Body.String()
	if strings.Contains(body, "<script>alert") {
		t.Error(body)
	}
}

func TestFilesComeCompressedToWhoTakesIt(t *testing.T) {
	h := open(t, apidocs.Options{})
	bundle := regexp.MustCompile(`src="([^"]*bundle[^"]*)"`).FindStringSubmatch(ask(h, "GET", "/docs").Body.String())[1]
	for _, row := range []struct {
		accept     string
		compressed bool
	}{{"gzip, deflate, br", true}, {"br, GZIP;q=0.8", true}, {"", false}, {"identity", false}, {"gzip;q=0", false}, {"gzip; q=0.000", false}, {"gzip;q=0.1", true}, {"xgzip", false}} {
		w := ask(h, "GET", bundle, "Accept-Encoding", row.accept)
		if (w.Header().Get("Content-Encoding") == "gzip") != row.compressed || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", row.accept, w.Header())
		}
		if !row.compressed && !strings.Contains(w.Body.String(), "SwaggerUIBundle") {
			t.Errorf("%q: %d bytes that are no script", row.accept, w.Body.Len())
		}
	}
	if w := ask(h, "HEAD", bundle); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

func TestNothingElseIsThere(t *testing.T) {
	h := open(t, apidocs.Options{})
	for _, path := range []string{"/docs/", "/docs/swagger/LICENSE", "/docs/page/docs.js", "/docsx", "/", "/docs/oauth2-redirect/", "/docs/oauth2-redirect.html"} {
		if w := ask(h, "GET", path); w.Code != 404 {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
	if w := ask(h, "POST", "/docs"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	for _, o := range []apidocs.Options{{}, {Path: "docs", Document: "/x"}, {Path: "/", Document: "/x"}, {Path: "/docs/", Document: "/x"}, {Path: "/docs"}} {
		if _, err := apidocs.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestSwaggerUIIsTheFileThatWasPublished(t *testing.T) {
	readme, err := os.ReadFile("swagger/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sums := regexp.MustCompile("\\| `(swagger-ui[^`]+)` \\| `([0-9a-f]{64})` \\|").FindAllStringSubmatch(string(readme), -1)
	if len(sums) != 2 {
		t.Fatalf("the README has %d sums", len(sums))
	}
	for _, s := range sums {
		packed, err := os.ReadFile("swagger/" + s[1] + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(plain); hex.EncodeToString(sum[:]) != s[2] {
			t.Errorf("%s is not the file whose sum the README has", s[1])
		}
	}
}
