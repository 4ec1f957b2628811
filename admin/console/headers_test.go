package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
)

func TestS06_S07_EveryAnswerCarriesItsHeaders(t *testing.T) {
	w := newTown(t)
	want := map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"}
	stranger := w.browser()
	check := func(path string, a *answer) {
		t.Helper()
		for name, value := range want {
			if a.Header.Get(name) != value {
				t.Errorf("%s (%d): %s is %q", path, a.StatusCode, name, a.Header.Get(name))
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "style-src 'self'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy has no %s: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || a.Header.Get("Permissions-Policy") == "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
	for _, path := range append(w.pages(), "/nothing/here", "/enter?token=x", "/signed-out") {
		check(path, w.erin.get(path))
		check(path, stranger.get(path))
	}
	for _, name := range linksOfAssets(t, w.erin.page("/").body) {
		a := stranger.page(name)
		if a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
}

func linksOfAssets(t testing.TB, body string) (all []string) {
	for n := range parse(t, body).Descendants() {
		for _, key := range []string{"href", "src"} {
			if v := attribute(n, key); strings.HasPrefix(v, "/assets/") {
				all = append(all, v)
			}
		}
	}
	if len(all) < 3 {
		t.Errorf("the page loads only %v", all)
	}
	return all
}

func TestTheCookieIsTheBrowsersOnlyAndNamesThePort(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	a := b.get("/sign-in?to=/")
	if len(a.Cookies()) != 1 {
		t.Fatalf("%v", a.Cookies())
	}
	for _, c := range append(a.Cookies(), b.post("/enter", "token", strings.TrimPrefix(w.link(), w.url+"/enter?token=")).Cookies()...) {
		port := w.url[strings.LastIndex(w.url, ":")+1:]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "hs"+port+"-console") {
			t.Errorf("%+v", c)
		}
	}
}

func TestALongDayIsOneSessionAndTwoTabsAreNoTheft(t *testing.T) {
	w := newTown(t)
	for range 4 { // each time the access token has run out, and two tabs come back at once
		w.clock.Advance(6 * time.Minute)
		other := &visitor{w.kit, &http.Client{Jar: &still{w.erin.Jar}, CheckRedirect: w.erin.CheckRedirect}}
		done := make(chan int)
		go func() {
			res, err := other.Get(w.url + "/users")
			if err != nil {
				done <- 0
				return
			}
			res.Body.Close()
			done <- res.StatusCode
		}()
		w.erin.page("/logins")
		if status := <-done; status != http.StatusOK {
			t.Errorf("the other tab: %d", status)
		}
	}
	w.clock.Advance(13 * time.Hour)
	if a := w.erin.get("/"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the day after: %s", a.Status)
	}
}

// still is a jar that keeps nothing new: a tab that was asleep.
type still struct{ http.CookieJar }

func (*still) SetCookies(*url.URL, []*http.Cookie) {}

func TestPagesOfALargeHouseStaySmall(t *testing.T) {
	const apps = 2000
	w := newKit(t, func(d *directory.Document) {
		for i := range apps {
			d.Clients = append(d.Clients, directory.Client{ID: fmt.Sprintf("app-%d", i), Name: fmt.Sprintf("App %d", i), Public: true, RedirectURIs: []string{"https://app.example/callback"}, Scopes: []string{"openid"}})
		}
	})
	b := w.browser()
	b.enter(w.link())
	for _, path := range []string{"/", "/clients", "/clients/app-7", "/providers", "/logins", "/users", "/revisions", "/audit", "/rules", "/resources"} {
		if a := b.page(path); len(a.body) > 200<<10 {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
	}
}
