package console_test

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers/persona"
)

// answer is a response that was read to the end.
type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(req *http.Request) *answer {
	v.k.t.Helper()
	res, err := v.Do(req)
	if err != nil {
		v.k.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.k.t.Fatal(err)
	}
	return &answer{res, string(body)}
}

// get opens a page of the console, or any address.
func (v *visitor) get(path string) *answer {
	v.k.t.Helper()
	return v.do(v.request("GET", path, nil))
}

// page is get that must succeed.
func (v *visitor) page(path string) *answer {
	v.k.t.Helper()
	a := v.get(path)
	if a.StatusCode != http.StatusOK {
		v.k.t.Fatalf("GET %s: %s %s %.1500s", path, a.Status, a.Header.Get("Location"), a.body)
	}
	return a
}

// post sends a form as a page of the console would: with its token and from itself.
func (v *visitor) post(path string, pairs ...string) *answer {
	v.k.t.Helper()
	form := url.Values{"_form": {v.token()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req := v.request("POST", path, form)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", v.k.url)
	return v.do(req)
}

// done is post that must lead on, and returns the page it leads to.
func (v *visitor) done(path string, pairs ...string) *answer {
	v.k.t.Helper()
	a := v.post(path, pairs...)
	if a.StatusCode != http.StatusSeeOther {
		v.k.t.Fatalf("POST %s: %s %.3000s", path, a.Status, a.body)
	}
	return v.page(a.Header.Get("Location"))
}

func (v *visitor) request(method, path string, form url.Values) *http.Request {
	v.k.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.k.url + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.k.t.Context(), method, path, body)
	if err != nil {
		v.k.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

var tokenField = regexp.MustCompile(`name="_form" value="([^"]*)"`)

// token is the form token of this session, from a page that everybody has.
func (v *visitor) token() string {
	v.k.t.Helper()
	m := tokenField.FindStringSubmatch(v.get("/").body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// signIn opens a page of the console and signs in on the way.
func (v *visitor) signIn(path, who string) string {
	v.k.t.Helper()
	to, err := v.follow(v.k.url+path, who)
	if err != nil {
		v.k.t.Fatal(err)
	}
	return to
}

// enter uses an owner's link.
func (v *visitor) enter(link string) *answer {
	v.k.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		v.k.t.Fatal(err)
	}
	return v.done("/enter", "token", u.Query().Get("token"))
}

var oktaButton = regexp.MustCompile(`id="provider-okta"[^>]*href="([^"]*)"|href="([^"]*)"[^>]*id="provider-okta"`)

// follow goes from page to page as a person of Okta would and returns where that ends:
// a page of the console, or an app.
func (v *visitor) follow(to, who string) (string, error) {
	for range 20 {
		u, err := url.Parse(to)
		if err != nil {
			return "", err
		}
		switch {
		case u.Hostname() != "127.0.0.1":
			return to, nil
		case to != v.k.issuer && !strings.HasPrefix(to, v.k.issuer+"/") && !strings.HasPrefix(to, v.k.url):
			back, err := persona.SignIn(v.k.t.Context(), v.Client, to, who)
			if err != nil {
				return "", err
			}
			to = back.String()
			continue
		}
		a := v.get(to)
		if loc := a.Header.Get("Location"); loc != "" {
			next, err := u.Parse(loc)
			if err != nil {
				return "", err
			}
			to = next.String()
			continue
		}
		if m := oktaButton.FindStringSubmatch(a.body); m != nil {
			next, err := u.Parse(html.UnescapeString(m[1] + m[2]))
			if err != nil {
				return "", err
			}
			to = next.String()
			continue
		}
		return to, nil
	}
	return "", errors.New("that leads nowhere")
}

// has fails unless a page says all of this.
func (a *answer) has(t testing.TB, words ...string) *answer {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(html.UnescapeString(a.body), w) {
			t.Errorf("%s does not say %q: %s", a.Request.URL.Path, w, shortened(a.body))
		}
	}
	return a
}

// hasNot fails if a page says any of this.
func (a *answer) hasNot(t testing.TB, words ...string) *answer {
	t.Helper()
	for _, w := range words {
		if strings.Contains(html.UnescapeString(a.body), w) {
			t.Errorf("%s says %q", a.Request.URL.Path, w)
		}
	}
	return a
}

func shortened(body string) string {
	if _, main, ok := strings.Cut(body, "<main"); ok {
		body = main
	}
	if len(body) > 4000 {
		body = body[:4000]
	}
	return body
}
