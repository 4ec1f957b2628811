package bff

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// town is the app, an API that notes what it is asked, a broker that can lie, and a
// clock; people come with browsers.
type town struct {
	*testing.T
	app    *httptest.Server
	broker *fakeBroker
	api    *fakeAPI
	ahead  *atomic.Int64
}

func newTown(t *testing.T) *town { return openTown(t, false) }

func openTown(t *testing.T, overTLS bool) *town {
	t.Helper()
	w := &town{T: t, ahead: new(atomic.Int64), api: &fakeAPI{}}
	now := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	var err error
	if w.broker, err = newFakeBroker(now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.broker.Close)
	apiServer := httptest.NewServer(w.api)
	t.Cleanup(apiServer.Close)
	w.app = httptest.NewUnstartedServer(nil)
	scheme := "http://"
	if overTLS {
		scheme = "https://"
	}
	w.app.Config.Handler, err = New(Config{Issuer: w.broker.URL, ClientID: "bff", ClientSecret: "s3cret", BaseURL: scheme + w.app.Listener.Addr().String(), APIURL: apiServer.URL,
		Resource: "https://api.example", Now: now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if overTLS {
		w.app.StartTLS()
	} else {
		w.app.Start()
	}
	t.Cleanup(w.app.Close)
	return w
}

func (t *town) advance(d time.Duration) { t.ahead.Add(int64(d)) }

// fakeAPI answers what it is told and notes the last request.
type fakeAPI struct {
	mu      sync.Mutex
	asked   []*http.Request
	bodies  []string
	respond http.HandlerFunc
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked, f.bodies = append(f.asked, r), append(f.bodies, string(body))
	respond := f.respond
	f.mu.Unlock()
	if respond != nil {
		respond(w, r)
		return
	}
	w.Header().Set("Set-Cookie", "api=1")
	reply(w, 200, map[string]any{"items": []string{"A brass key"}})
}

func (f *fakeAPI) calls() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.asked) }

// browser is Chromium's half of the story: cookies, and where a request comes from.
type browser struct {
	*testing.T
	*http.Client
	at    *town
	pass  string
	about answer
}

// answer is what the page reads of /session.
type answer struct {
	Person  *struct{ Subject, Name, Email string }
	Pass    string
	Renewed int
	Notice  string
	Error   string
}

func (t *town) browser() *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t.T, at: t, Client: &http.Client{Jar: jar, Transport: t.app.Client().Transport}}
}

func (b *browser) url() *url.URL {
	u, err := url.Parse(b.at.app.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// cookie reads one out of the jar by the end of its name.
func (b *browser) cookie(end string) *http.Cookie {
	for _, k := range b.Jar.Cookies(b.url()) {
		if strings.HasSuffix(k.Name, end) {
			return k
		}
	}
	return nil
}

// call asks as the page's script does.
func (b *browser) call(method, path, body string, headers ...string) (*http.Response, string) {
	b.Helper()
	req, err := http.NewRequest(method, b.at.app.URL+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("X-Shelf", "none")
	if b.pass != "" {
		req.Header.Set("X-Shelf", b.pass)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) (*http.Response, string) {
	b.Helper()
	res, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res, string(text)
}

// open opens the page: it asks who is signed in.
func (b *browser) open() answer {
	b.Helper()
	res, body := b.call("GET", "/session", "")
	b.about = answer{}
	if err := json.Unmarshal([]byte(body), &b.about); err != nil || res.StatusCode != 200 {
		b.Fatalf("%d %s", res.StatusCode, body)
	}
	b.pass = b.about.Pass
	return b.about
}

// signIn follows the button to the broker and back.
func (b *browser) signIn() answer {
	b.Helper()
	res, body := b.call("GET", "/login", "")
	if res.StatusCode != 200 || !strings.Contains(body, "Items Shelf") {
		b.Fatalf("%d %s", res.StatusCode, body)
	}
	return b.open()
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestAPersonSignsInReadsAndSignsOut(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	if got := b.open(); got.Person != nil {
		t.Fatalf("a stranger is %+v", got)
	}
	if got := b.signIn(); got.Person == nil || got.Person.Name != "Alice" || got.Person.Email != "alice@acme.example" || got.Person.Subject != "usr_alice" {
		t.Fatalf("signed in as %+v", got)
	}
	q := w.broker.asked
	for name, want := range map[string]string{"resource": "https://api.example", "response_type": "code", "code_challenge_method": "S256", "redirect_uri": w.app.URL + "/callback"} {
		if q.Get(name) != want {
			t.Errorf("the app asked with %s=%q, want %q", name, q.Get(name), want)
		}
	}
	res, body := b.call("GET", "/api/items?owner=bob", "", "Cookie", "tracker=1", "X-Forwarded-For", "192.0.2.1", "Accept-Language", "de")
	asked := w.api.asked[0]
	if res.StatusCode != 200 || !strings.Contains(body, "A brass key") || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s %v", res.StatusCode, body, res.Header)
	}
	if asked.URL.RequestURI() != "/items" || asked.Header.Get("Authorization") != "Bearer "+w.broker.seen[0] {
		t.Errorf("the API was asked %s %v", asked.URL, asked.Header)
	}
	for _, name := range []string{"Cookie", "X-Shelf", "Sec-Fetch-Site", "Accept-Language", "X-Forwarded-For"} {
		if asked.Header.Get(name) != "" {
			t.Errorf("the browser's %s went on to the API", name)
		}
	}
	if res, _ := b.call("POST", "/logout", ""); res.StatusCode != 204 {
		t.Fatalf("sign-out: %d", res.StatusCode)
	}
	if len(w.broker.revoked) != 1 || w.broker.revoked[0] != w.broker.refresh {
		t.Errorf("taken back: %v", w.broker.revoked)
	}
	b.call("GET", "/goodbye", "")
	left := w.broker.left
	if left.Get("id_token_hint") == "" || left.Get("client_id") != "bff" || left.Get("post_logout_redirect_uri") != w.app.URL+"/" {
		t.Errorf("the broker was left with %v", left)
	}
	if got := b.open(); got.Person != nil || got.Notice != "You are signed out." || b.cookie("-session") != nil {
		t.Errorf("after sign-out: %+v, cookies %v", got, b.Jar.Cookies(b.url()))
	}
	if got := b.open(); got.Notice != "" {
		t.Errorf("told twice: %q", got.Notice)
	}
}

// What the page can read is what a hostile script in it could read.
func TestNoAnswerCarriesAToken(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	var read strings.Builder
	b.Transport = transport(func(r *http.Request) (*http.Response, error) {
		res, err := w.app.Client().Transport.RoundTrip(r)
		if err != nil || r.URL.Host != b.url().Host {
			return res, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body = io.NopCloser(strings.NewReader(string(body)))
		fmt.Fprintf(&read, "%s %s %s\n", r.URL.Path, body, res.Cookies())
		return res, err
	})
	b.signIn()
	b.call("GET", "/api/items", "")
	b.call("POST", "/session/renew", "")
	b.call("POST", "/logout", "")
	for _, secret := range append(append(w.broker.seen, w.broker.ids...), "hsr_", "s3cret") {
		if strings.Contains(read.String(), secret) {
			t.Errorf("the browser was given %.20q", secret)
		}
	}
}

func TestTheAPIsRefusalReachesThePageWithItsReason(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	w.api.respond = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="items:write"`)
		reply(rw, 403, map[string]string{"error": "insufficient_scope"})
	}
	res, body := b.call("POST", "/api/items", `{"name":"A seal"}`)
	if res.StatusCode != 403 || !strings.Contains(body, "insufficient_scope") || !strings.Contains(res.Header.Get("WWW-Authenticate"), `scope="items:write"`) {
		t.Errorf("%d %s %v", res.StatusCode, body, res.Header)
	}
	if w.api.bodies[0] != `{"name":"A seal"}` {
		t.Errorf("the API got %q", w.api.bodies[0])
	}
}

func TestOnlyTheListedRequestsGoToTheAPI(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	for _, row := range []struct {
		method, path, body, kind string
		status                   int
		why                      string
	}{
		{"GET", "/api/admin", "", "", 404, "another path"},
		{"GET", "/api/items/1", "", "", 404, "below a listed one"},
		{"GET", "/api/", "", "", 404, "the root"},
		{"GET", "/api/items%2f..%2fadmin", "", "", 404, "an encoded way round"},
		{"DELETE", "/api/items", "", "", 404, "another method"},
		{"PUT", "/api/items", `{"name":"x"}`, "", 404, "another method with a body"},
		{"OPTIONS", "/api/items", "", "", 404, "a preflight"},
		{"POST", "/api/items", `{"name":"x"}`, "text/plain", 415, "what a form could send"},
		{"POST", "/api/items", `name=x`, "application/x-www-form-urlencoded", 415, "a form"},
		{"POST", "/api/items", `{"name":"` + strings.Repeat("x", 9<<10) + `"}`, "", 413, "more than an item"},
	} {
		var headers []string
		if row.kind != "" {
			headers = []string{"Content-Type", row.kind}
		}
		if res, body := b.call(row.method, row.path, row.body, headers...); res.StatusCode != row.status {
			t.Errorf("%s %s (%s): %d %s, want %d", row.method, row.path, row.why, res.StatusCode, body, row.status)
		}
	}
	if n := w.api.calls(); n != 0 {
		t.Errorf("%d requests reached the API", n)
	}
}

func TestAnAPIThatAnswersStrangelyIsNoAnswer(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	b.signIn()
	for why, respond := range map[string]http.HandlerFunc{
		"a page": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = rw.Write([]byte("<script>alert(1)</script>"))
		},
		"a redirect": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Location", "https://evil.example/")
			rw.WriteHeader(307)
		},
		"too much": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write([]byte(`"` + strings.Repeat("x", 1<<20) + `"`))
		},
		"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		w.api.mu.Lock()
		w.api.respond = respond
		w.api.mu.Unlock()
		if res, body := b.call("GET", "/api/items", ""); res.StatusCode != 502 || !strings.Contains(body, "api_does_not_answer") {
			t.Errorf("%s: %d %.100s", why, res.StatusCode, body)
		}
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	good := Config{Issuer: "https://login.example", ClientID: "bff", ClientSecret: "x", BaseURL: "https://shelf.example/"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	if good.RedirectURI() != "https://shelf.example/callback" || good.PostLogoutRedirectURI() != "https://shelf.example/" {
		t.Errorf("%s %s", good.RedirectURI(), good.PostLogoutRedirectURI())
	}
	for why, change := range map[string]func(*Config){
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"no client":           func(c *Config) { c.ClientID = "" },
		"no secret":           func(c *Config) { c.ClientSecret = "" },
		"no base URL":         func(c *Config) { c.BaseURL = "" },
		"a path":              func(c *Config) { c.BaseURL = "https://shelf.example/app" },
		"http in the open":    func(c *Config) { c.BaseURL = "http://shelf.example" },
		"a query":             func(c *Config) { c.BaseURL = "https://shelf.example?x" },
		"somebody's password": func(c *Config) { c.BaseURL = "https://me:secret@shelf.example" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", why)
		}
	}
}
