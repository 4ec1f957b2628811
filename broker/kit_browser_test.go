package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser keeps cookies and follows nothing by itself.
type browser struct {
	k   *kit
	jar *cookiejar.Jar
	*http.Client
}

func (k *kit) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return &browser{k: k, jar: jar, Client: &http.Client{Transport: k.transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response that was read to the end.
type answer struct {
	*http.Response
	body string
}

func (a *answer) to(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		t.Fatalf("no Location: %s %.300s", a.Status, a.body)
	}
	return u
}

func (a *answer) json(t testing.TB) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("not JSON: %s %.300s", a.Status, a.body)
	}
	return m
}

func do(t testing.TB, c *http.Client, req *http.Request) *answer {
	t.Helper()
	a, err := try(c, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range kept(req, a) {
		t.Errorf("%s %s: %d %s (broker/openapi/openapi.yaml)", req.Method, req.URL.Path, a.StatusCode, broken)
	}
	return a
}

// try is do for goroutines that must not end the test.
func try(c *http.Client, req *http.Request) (*answer, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return &answer{res, string(body)}, err
}

func (b *browser) get(to string) *answer {
	b.k.t.Helper()
	req, err := http.NewRequestWithContext(b.k.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		b.k.t.Fatal(err)
	}
	return do(b.k.t, b.Client, req)
}

func (b *browser) post(to string, form url.Values) *answer {
	b.k.t.Helper()
	return do(b.k.t, b.Client, formRequest(b.k.t, to, form, map[string]string{"Origin": b.k.issuer, "Sec-Fetch-Site": "same-origin"}))
}

func formRequest(t testing.TB, to string, form url.Values, headers map[string]string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	return req
}

// hop opens an address and returns where it leads.
func (b *browser) hop(ctx context.Context, to string) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	a, err := try(b.Client, req)
	if err != nil {
		return nil, err
	}
	if a.Header.Get("Location") == "" {
		return nil, errors.New(a.Status + " " + a.body)
	}
	return url.Parse(a.Header.Get("Location"))
}

// mustFail checks an OAuth error answer.
func mustFail(t testing.TB, a *answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status || a.json(t)["error"] != code {
		t.Errorf("got %s %.300s; want %d %s", a.Status, a.body, status, code)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("an error answer must not be cached")
	}
}

// mustBePage checks that a person was told, and nobody was sent anywhere.
func mustBePage(t testing.TB, a *answer, status int) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Location") != "" || a.Header.Get("Refresh") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, `id="reference"`) {
		t.Errorf("want our own page with %d and no redirect; got %s, Location %q: %.300s", status, a.Status, a.Header.Get("Location"), a.body)
	}
}
