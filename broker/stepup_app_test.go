package broker_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/examples/api"
	"github.com/handstamp/handstamp/examples/app"
	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/providers/persona"
)

// desk is the sample app and the sample API beside the kit's broker, and one person's
// browser that follows redirects up to the page on which one has to choose who one is.
type desk struct {
	k    *kit
	url  string
	http *http.Client
}

func newDesk(t testing.TB, k *kit) *desk {
	g, err := guard.New(k.issuer, apiURL, guard.WithKeys(k.ring), guard.WithClock(k.clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	items := httptest.NewServer(api.Handler(g))
	t.Cleanup(items.Close)
	srv := httptest.NewUnstartedServer(nil)
	d := &desk{k: k, url: "http://" + srv.Listener.Addr().String()}
	h, err := app.New(app.Config{Issuer: k.issuer, ClientID: "web", ClientSecret: webSecret.Reveal(), BaseURL: d.url, APIURL: items.URL, Resource: apiURL, Now: k.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = h
	srv.Start()
	t.Cleanup(srv.Close)
	k.change(func(doc *directory.Document) {
		doc.Clients[0].RedirectURIs = append(doc.Clients[0].RedirectURIs, d.url+"/callback")
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d.http = &http.Client{Jar: jar}
	return d
}

// visit opens or posts to a page of the app; at Okta it signs in as erin and goes on.
func (d *desk) visit(method, path string) (body string, upstream *url.URL) {
	d.k.t.Helper()
	req, err := http.NewRequestWithContext(d.k.t.Context(), method, d.url+path, nil)
	if err != nil {
		d.k.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	a := do(d.k.t, d.http, req)
	if at := a.Request.URL; strings.HasPrefix(at.String(), d.k.okta.BaseURL()) {
		back, err := persona.SignIn(d.k.t.Context(), d.http, at.String(), "erin")
		if err != nil {
			d.k.t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(d.k.t.Context(), http.MethodGet, back.String(), nil)
		if err != nil {
			d.k.t.Fatal(err)
		}
		return do(d.k.t, d.http, req).body, at
	}
	return a.body, nil
}

// The whole of RFC 9470 with real parts: sample API, sample app, broker, provider.
func TestD18_ASignInOfThisMorningIsRenewedBeforeTheShelfIsEmptied(t *testing.T) {
	k := newKit(t)
	d := newDesk(t, k)
	if body, _ := d.visit("GET", "/login?provider=okta"); !strings.Contains(body, "Hello, <bdi>Erin Admin</bdi>") {
		t.Fatalf("not signed in: %.500s", body)
	}
	if body, up := d.visit("POST", "/api/empty"); up != nil || !strings.Contains(body, `<code id="empty-status">200 OK</code>`) {
		t.Fatalf("a young sign-in was not enough: %v %.300s", up, body)
	}
	k.clock.Advance(20 * time.Minute)
	if body, up := d.visit("POST", "/api/write"); up != nil || !strings.Contains(body, `<code id="write-status">201 Created</code>`) {
		t.Fatalf("writing needs no new sign-in: %v %.300s", up, body)
	}
	body, up := d.visit("POST", "/api/empty")
	if up == nil || up.Query().Get("max_age") != "300" || up.Query().Get("prompt") != "login" {
		t.Fatalf("the provider was asked with %v", up)
	}
	if !strings.Contains(body, `<code id="empty-status">200 OK</code>`) || !strings.Contains(body, "&#34;deleted&#34;: 1") {
		t.Errorf("the shelf was not emptied after the new sign-in: %.2000s", body)
	}
	k.clock.Advance(4 * time.Minute)
	if body, up := d.visit("POST", "/api/empty"); up != nil || !strings.Contains(body, `<code id="empty-status">200 OK</code>`) {
		t.Errorf("four minutes later: %v %.300s", up, body)
	}
}
