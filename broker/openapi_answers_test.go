package broker_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/apidocs"
	"github.com/handstamp/handstamp/broker/directory"
)

// What is asked here is asked for the answer's shape: the kit's do holds it to the
// OpenAPI document. TestMain sees to it that every promised answer was met somewhere.

func TestEveryFormThatIsTooLargeIsAnsweredAlike(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	for _, path := range []string{"/authorize", "/callback/google", "/ask", "/consent", "/token", "/introspect", "/revoke", "/logout", "/account", "/invitation", "/backchannel/google"} {
		if a := b.post(k.issuer+path, url.Values{"state": {strings.Repeat("x", 70<<10)}}); a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("POST %s: %s", path, a.Status)
		}
	}
}

func TestUserinfoSaysWhatATokenLacks(t *testing.T) {
	k := newKit(t)
	noOpenID := k.login("web", "scope", "profile email", "resource", "").done(k.browser(), "google", "alice")["access_token"].(string)
	for _, row := range []struct {
		method string
		auth   []string
		status int
		why    string
	}{
		{"GET", []string{"Bearer " + noOpenID}, http.StatusForbidden, "without openid"},
		{"POST", []string{"Bearer " + noOpenID}, http.StatusForbidden, "without openid"},
		{"GET", []string{"Bearer " + noOpenID, "Bearer " + noOpenID}, http.StatusBadRequest, "twice"},
		{"POST", nil, http.StatusUnauthorized, "no token"},
		{"POST", []string{"Bearer x.y.z"}, http.StatusUnauthorized, "no token of ours"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), row.method, k.issuer+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = row.auth
		if a := do(t, http.DefaultClient, req); a.StatusCode != row.status || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s, %s: %s %v", row.method, row.why, a.Status, a.Header)
		}
	}
}

func TestGuessingIsSlowedAtEveryDoorThatTakesASecret(t *testing.T) {
	for _, path := range []string{"/introspect", "/revoke"} {
		k := newKit(t)
		var a *answer
		for range 12 {
			req := formRequest(t, k.issuer+path, url.Values{"token": {"x"}}, nil)
			req.SetBasicAuth("web", "not the secret")
			a = do(t, http.DefaultClient, req)
		}
		if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

func TestFormsOnTheWayOfALogin(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	if a := b.post(k.issuer+"/callback/google", url.Values{"state": {"x"}}); a.StatusCode != http.StatusSeeOther || a.to(t).Query().Get("state") != "x" {
		t.Errorf("form_post answer: %s", a.Status)
	}
	mustBePage(t, b.post(k.issuer+"/callback/google?state=x", url.Values{"state": {"y"}}), http.StatusBadRequest)
	mustBePage(t, b.post(k.issuer+"/logout", url.Values{"id_token_hint": {"x.y.z"}}), http.StatusBadRequest)

	l := k.login("notes", "scope", "openid email", "response_mode", "form_post")
	form := hidden(b.get(l.signIn(b, "google", "alice").String()).body)
	form.Set("decision", "allow")
	if a := b.post(k.issuer+"/consent", form); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `action="https://notes.example/cb"`) || hidden(a.body).Get("code") == "" {
		t.Errorf("a consent whose answer is posted: %s %.300s", a.Status, a.body)
	}

	l = k.login("notes", "scope", "openid email groups")
	asks := b.get(l.url()).to(t).String()
	k.change(func(d *directory.Document) {
		d.Rules[0].Deny, d.Rules[0].Roles, d.Rules[0].Scopes = "not today", nil, nil
	})
	l.mustGoBack(b.get(asks).to(t), "access_denied")
}

func TestMetadataIsTheSameAtBothAddressesAndKnowsItsTag(t *testing.T) {
	k := newKit(t)
	first := k.browser().get(k.issuer + "/.well-known/openid-configuration")
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", first.Header.Get("ETag"))
		if a := do(t, http.DefaultClient, req); a.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

func TestTheDocumentationPageIsThereOnlyWhereTheSettingsWantIt(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	page := b.get(k.issuer + "/docs")
	csp := page.Header.Get("Content-Security-Policy")
	if page.StatusCode != http.StatusOK || !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%s %q", page.Status, csp)
	}
	// What its scripts may call: the doors for programs, one by one, and no page for people.
	connect := regexp.MustCompile(`connect-src ([^;]*);`).FindStringSubmatch(csp)[1]
	for _, source := range strings.Fields(connect) {
		path, ours := strings.CutPrefix(source, k.issuer+"/")
		if !ours || strings.Contains("account logout consent authorize ask invitation callback docs", path) {
			t.Errorf("the page's scripts may call %s", source)
		}
	}
	if !strings.Contains(connect, k.issuer+"/token ") || !strings.Contains(connect, k.issuer+"/userinfo") {
		t.Errorf("connect-src %s", connect)
	}
	for _, src := range regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		if a := b.get(k.issuer + src[1]); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", src[1], a.Status)
		}
	}
	if a := b.get(k.issuer + "/docs/" + apidocs.Redirect); a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("where Authorize comes back to: %s", a.Status)
	}
	for _, path := range []string{"/docs/nothing", "/assets/nothing"} {
		if a := b.get(k.issuer + path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	style := regexp.MustCompile(`href="(/assets/[^"]+)"`).FindStringSubmatch(b.get(k.issuer + "/logout").body)
	if a := b.get(k.issuer + style[1]); a.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", style[1], a.Status)
	}

	without := newKitWith(t, "sqlite:"+filepath.Join(t.TempDir(), "book.db"), nil)
	for _, path := range []string{"/docs", "/docs/" + apidocs.Redirect} {
		mustBePage(t, without.browser().get(without.issuer+path), http.StatusNotFound)
	}
}

func TestTheDocumentationPageMayAskForTokensOfItsOwnOrigin(t *testing.T) {
	ask := func(k *kit, origin string) *answer {
		return do(t, http.DefaultClient, formRequest(t, k.issuer+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"hsr_x"}, "client_id": {"spa"}}, map[string]string{"Origin": origin}))
	}
	k := newKit(t)
	mustFail(t, ask(k, k.issuer), http.StatusBadRequest, "invalid_grant") // it got as far as its token
	if a := ask(k, "https://evil.example"); a.json(t)["error"] != "invalid_request" || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %s %s", a.Status, a.body)
	}
	without := newKitWith(t, "sqlite:"+filepath.Join(t.TempDir(), "book.db"), nil)
	mustFail(t, ask(without, without.issuer), http.StatusBadRequest, "invalid_request") // no page of ours has scripts
}

func TestBelowAPathTheDocumentAndItsPageStandThere(t *testing.T) {
	for _, issuer := range []string{"https://login.example.com", "https://example.com:8443/a/b"} {
		b := servedAt(t, issuer)
		where, err := url.Parse(issuer)
		if err != nil {
			t.Fatal(err)
		}
		get := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, where.Scheme+"://"+where.Host+path, nil))
			return w
		}
		c := readContract(get(where.Path + "/openapi.json").Body.Bytes())
		servers, _ := at(c.doc, "servers").([]any)
		if len(servers) != 1 || at(servers[0], "url") != issuer || at(c.doc, "components", "securitySchemes", "signIn", "flows", "authorizationCode", "tokenUrl") != issuer+"/token" {
			t.Errorf("%s: servers %v", issuer, servers)
		}
		for path, item := range object(c.doc["paths"]) { // what has a server of its own stands outside the issuer's path
			if own, _ := at(item, "servers").([]any); len(own) > 0 {
				if w := get(path); at(own[0], "url") != where.Scheme+"://"+where.Host || w.Code != http.StatusOK {
					t.Errorf("%s: %s at %v: %d", issuer, path, own, w.Code)
				}
			}
		}
		page := get(where.Path + "/docs")
		files := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
		if page.Code != http.StatusOK || len(files) < 4 || !strings.Contains(page.Header().Get("Content-Security-Policy"), " "+issuer+"/token ") {
			t.Errorf("%s: the page: %d %v", issuer, page.Code, page.Header())
		}
		for _, f := range files {
			if w := get(f[1]); w.Code != http.StatusOK || !strings.HasPrefix(f[1], where.Path+"/") {
				t.Errorf("%s: %s: %d", issuer, f[1], w.Code)
			}
		}
	}
}
