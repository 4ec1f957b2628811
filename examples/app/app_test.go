package app

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/examples/api"
)

// town is the app, the API and a broker that can lie, with one browser.
type town struct {
	*testing.T
	app    *httptest.Server
	broker *fakeBroker
	ahead  *atomic.Int64
}

func (t *town) advance(d time.Duration) { t.ahead.Add(int64(d)) }

func newTown(t *testing.T) *town {
	t.Helper()
	ahead := new(atomic.Int64)
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	broker, err := newFakeBroker(now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	items, err := api.New(api.Config{Issuer: broker.URL, Audience: "https://api.example"})
	if err != nil {
		t.Fatal(err)
	}
	doors := httptest.NewServer(items)
	t.Cleanup(doors.Close)
	srv := httptest.NewUnstartedServer(nil)
	h, err := New(Config{Issuer: broker.URL, ClientID: "web", ClientSecret: "s3cret", BaseURL: "http://" + srv.Listener.Addr().String(), APIURL: doors.URL, Resource: "https://api.example",
		Providers: []Provider{{"google", "Google"}, {"okta", "Okta"}}, Now: now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = h
	srv.Start()
	t.Cleanup(srv.Close)
	return &town{T: t, app: srv, broker: broker, ahead: ahead}
}

// browser keeps cookies and follows redirects, as a person's would.
func (t *town) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func (t *town) get(c *http.Client, path string) (status int, body string) {
	t.Helper()
	resp, err := c.Get(t.app.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t.T, resp)
}

func (t *town) post(c *http.Client, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest("POST", t.app.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return read(t.T, resp)
}

func read(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestANewcomerSeesTheWholeStory(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	status, body := w.get(b, "/")
	if status != 200 || !strings.Contains(body, `id="sign-in-google" href="/login?provider=google"`) {
		t.Fatalf("%d: no way to sign in:\n%s", status, body)
	}
	if _, body = w.get(b, "/login?provider=google"); !strings.Contains(body, "Hello, <bdi>Alice Example</bdi>") {
		t.Fatalf("not signed in:\n%s", body)
	}
	q := w.broker.asked
	for name, want := range map[string]string{"provider": "google", "resource": "https://api.example", "response_type": "code", "code_challenge_method": "S256", "redirect_uri": w.app.URL + "/callback"} {
		if q.Get(name) != want {
			t.Errorf("the app asked with %s=%q, want %q", name, q.Get(name), want)
		}
	}
	for _, want := range []string{"alice@acme.example", ">verified<", "Engineering", "everybody with a verified e-mail", "role editor", "at&#43;jwt", "at_hash", "usr_7Qm4cW2nXb8LrTzK", `items:write<span class="unseen">: not given`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if _, body = w.post(b, "/api/read"); !strings.Contains(body, `<code id="read-status">200 OK</code>`) || !strings.Contains(body, "A rubber stamp") {
		t.Errorf("reading was not allowed:\n%s", body)
	}
	if _, body = w.post(b, "/api/write"); !strings.Contains(body, `<code id="write-status">403 Forbidden</code>`) || !strings.Contains(body, `error=&#34;insufficient_scope&#34;`) {
		t.Errorf("writing was not refused with its reason:\n%s", body)
	}
	if _, body = w.post(b, "/refresh"); !strings.Contains(body, "1 time, last at") {
		t.Errorf("not refreshed:\n%s", body)
	}
	if _, body = w.post(b, "/logout"); !strings.Contains(body, "You are signed out") || !strings.Contains(body, "Here and at Handstamp") {
		t.Errorf("not signed out:\n%s", body)
	}
	left := w.broker.left
	if left.Get("id_token_hint") == "" || left.Get("client_id") != "web" || left.Get("post_logout_redirect_uri") != w.app.URL+"/" {
		t.Errorf("the broker was left with %v", left)
	}
	if _, body = w.get(b, "/"); strings.Contains(body, "Alice") || strings.Contains(body, "You are signed out") {
		t.Errorf("after sign-out the page still says:\n%s", body)
	}
}

func TestTwoTabsNeverSpendTheSameRefreshToken(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { w.post(b, "/refresh") })
	}
	all.Wait()
	if _, body := w.get(b, "/"); w.broker.spent != 0 || !strings.Contains(body, "8 times, last at") {
		t.Errorf("%d refresh tokens were spent twice", w.broker.spent)
	}
}

func TestAnExpiredAccessTokenIsRefreshedBeforeACall(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	w.advance(6 * time.Minute)
	// The API's guard lives in the present, so the token from the future is not its
	// business here; that the app refreshed is.
	if _, body := w.post(b, "/api/read"); !strings.Contains(body, "1 time, last at") {
		t.Errorf("the old token was used:\n%s", body)
	}
}

func TestARefreshThatIsRefusedSaysWhyAndIsNotTriedAgain(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	w.broker.set(func() { w.broker.refresh = "gone" })
	if _, body := w.post(b, "/refresh"); !strings.Contains(body, "The refresh token was used before.") || !strings.Contains(body, "invalid_grant") {
		t.Errorf("the broker's words are missing:\n%s", body)
	}
	if _, body := w.get(b, "/"); strings.Contains(body, `id="problem"`) || !strings.Contains(body, "There is no refresh token") {
		t.Error("a dead refresh token is still offered, or the trouble is told twice")
	}
}

func TestTheAppStartsWhileTheBrokerIsDownAndRecovers(t *testing.T) {
	w := newTown(t)
	w.broker.set(func() { w.broker.down = true })
	b := w.browser()
	if status, _ := w.get(b, "/"); status != 200 {
		t.Errorf("home page: %d", status)
	}
	if status, body := w.get(b, "/login"); status != 502 || !strings.Contains(body, "Handstamp does not answer") {
		t.Errorf("%d:\n%s", status, body)
	}
	w.broker.set(func() { w.broker.down = false })
	if _, body := w.get(b, "/login"); !strings.Contains(body, "Alice") {
		t.Error("one failure was kept")
	}
}

func TestASessionEndsAfterEightHours(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	w.get(b, "/login")
	w.advance(8*time.Hour + time.Second)
	if _, body := w.get(b, "/"); strings.Contains(body, "Alice") {
		t.Error("still signed in")
	}
}

func TestSessionsInMemoryAreBounded(t *testing.T) {
	s := newSessions(time.Now)
	first := s.begin(&identity{})
	for range mostSeats {
		s.begin(&identity{})
	}
	if len(s.byID) != mostSeats || s.find(first) != nil {
		t.Errorf("%d sessions, the oldest still there: %v", len(s.byID), s.find(first) != nil)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	good := Config{Issuer: "https://login.example", ClientID: "web", BaseURL: "https://desk.example/"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	if good.RedirectURI() != "https://desk.example/callback" || good.PostLogoutRedirectURI() != "https://desk.example/" {
		t.Errorf("%s %s", good.RedirectURI(), good.PostLogoutRedirectURI())
	}
	for why, change := range map[string]func(*Config){
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"no client":           func(c *Config) { c.ClientID = "" },
		"http off loopback":   func(c *Config) { c.BaseURL = "http://desk.example" },
		"a path":              func(c *Config) { c.BaseURL = "https://desk.example/app" },
		"no host":             func(c *Config) { c.BaseURL = "desk" },
		"a user in the URL":   func(c *Config) { c.BaseURL = "https://a@desk.example" },
		"another URL's shape": func(c *Config) { c.BaseURL = "https://desk.example/?x" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", why)
		}
	}
}
