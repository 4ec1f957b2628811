package broker_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers/persona"
	"github.com/handstamp/handstamp/storage"
)

func TestD18_AProviderThatDidNotSignThePersonInAnewIsFound(t *testing.T) {
	for _, row := range []struct {
		why string
		ask []string
		age time.Duration // of what the provider says, before now
		ok  bool
	}{
		{"prompt=login, the old sign-in", []string{"prompt", "login"}, 10 * time.Second, false},
		{"prompt=login, an older one", []string{"prompt", "login"}, time.Hour, false},
		{"prompt=login, a new one", []string{"prompt", "login"}, 0, true},
		{"max_age, too old", []string{"max_age", "1"}, time.Hour, false},
		{"max_age, none said", []string{"max_age", "1"}, -1, false},
		{"max_age=0, a new one", []string{"max_age", "0"}, 0, true},
	} {
		r := suiteKit(t).newRelyingParty("suite-1", "")
		first := r.login()
		r.k.clock.Advance(10 * time.Second)
		said := first.id["auth_time"]
		switch row.age {
		case 10 * time.Second: // the very sign-in that this browser's session stands on
		case -1:
			said = persona.Absent
		default:
			said = r.k.clock.Now().Add(-row.age).Unix()
		}
		r.upstream.Faults().Set(persona.Fault{Claims: persona.Claims{"auth_time": said}})
		a := r.ask(row.ask...)
		switch {
		case row.ok:
			if v := r.finish(a); v.id["auth_time"].(float64) <= first.id["auth_time"].(float64) {
				t.Errorf("%s: auth_time %v", row.why, v.id["auth_time"])
			}
		case a.params.Has("code"):
			t.Errorf("%s: signed in", row.why)
		default:
			r.failed(a, "login_required", "server_error")
			r.upstream.Faults().Reset()
			if v := r.login("prompt", "none"); v.id["auth_time"] != first.id["auth_time"] {
				t.Errorf("%s: the failed one left its mark on the session", row.why)
			}
		}
	}
	r := suiteKit(t).newRelyingParty("suite-1", "")
	for _, prompt := range []string{"none login", "none consent", "login none select_account"} {
		r.failed(r.ask("prompt", prompt), "invalid_request")
	}
}

func TestD19_AnErrorBouncesNobodyToAnAppThatIsNotVouchedFor(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Clients[1].ConfirmRedirect = true }) // notes
	faults := [][]string{{"prompt", "none"}, {"response_type", "token"}, {"scope", "a\"b"}, {"code_challenge", ""}, {"resource", "https://nowhere.example"}, {"request", "eyJ"},
		{"id_token_hint", "x.y.z"}, {"max_age", "soon"}, {"claims", "x"}}
	for _, fault := range faults {
		for _, mode := range []string{"", "form_post"} {
			l := k.login("notes", "response_mode", mode)
			q := l.query()
			q.Set(fault[0], fault[1])
			a := k.browser().get(k.issuer + "/authorize?" + q.Encode())
			mustBePage(t, a, http.StatusBadRequest)
			if !strings.Contains(a.body, "Go on to <bdi>notes.example</bdi>?") || strings.Contains(a.body, "<script") {
				t.Errorf("%v: the page must name the host and wait: %s", fault, a.body)
			}
			var answer url.Values
			if mode == "" {
				to, _ := url.Parse(linkOf(t, a.body, "continue"))
				answer = to.Query()
			} else {
				answer = hidden(a.body)
			}
			if answer.Get("error") == "" || answer.Get("state") != l.state || answer.Get("iss") != k.issuer || answer.Has("code") {
				t.Errorf("%v: the person who goes on brings %v", fault, answer)
			}
		}
	}
	b := k.browser() // whoever is signed in is not bounced: RFC 9700 §4.11.2 asks for no more
	k.login("web").done(b, "google", "alice")
	l := k.login("notes", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "consent_required")
	trusted := k.login("web", "prompt", "none")
	trusted.mustGoBack(k.browser().get(trusted.url()).to(t), "login_required")
}

func TestD20_NothingThatARequestNamesIsEverFetched(t *testing.T) {
	var asked atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer canary.Close()
	r := suiteKit(t).newRelyingParty("suite-1", "")
	for _, row := range []struct{ name, value, code string }{
		{"request_uri", canary.URL + "/request.jwt", "request_uri_not_supported"}, {"request_uri", "http://169.254.169.254/latest/meta-data", "request_uri_not_supported"},
		{"request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"}, {"request", requestObject(`{"redirect_uri":"` + canary.URL + `"}`), "request_not_supported"},
		{"request", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d", "request_not_supported"}, {"registration", `{"logo_uri":"` + canary.URL + `"}`, "registration_not_supported"},
	} {
		r.failed(r.ask(row.name, row.value), row.code)
	}
	r.login("claims", `{"userinfo":{"picture":{"value":"`+canary.URL+`"}}}`, "login_hint", canary.URL, "ui_locales", canary.URL)
	if asked.Load() != 0 {
		t.Errorf("%d requests reached an address from a request", asked.Load())
	}
}

func TestD31_D32_DoorsThatAreNotThereAreNotThere(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/device", "/device_authorization", "/device/code", "/register", "/connect/register", "/par", "/bc-authorize"} {
		if a := do(t, http.DefaultClient, formRequest(t, k.issuer+path, url.Values{"client_id": {"web"}}, nil)); a.StatusCode != http.StatusNotFound {
			t.Errorf("POST %s: %s", path, a.Status)
		}
	}
	l := k.login("web")
	mustFail(t, l.token(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {oauth.NewSecret()}}), http.StatusBadRequest, "unsupported_grant_type")
	m := k.browser().get(k.issuer + "/.well-known/openid-configuration").json(t)
	for _, name := range []string{"device_authorization_endpoint", "registration_endpoint", "pushed_authorization_request_endpoint", "client_id_metadata_document_supported"} {
		if m[name] != nil {
			t.Errorf("discovery promises %s", name)
		}
	}
	var asked atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer canary.Close()
	q := l.query()
	q.Set("client_id", canary.URL+"/meta.json")
	mustBePage(t, k.browser().get(k.issuer+"/authorize?"+q.Encode()), http.StatusBadRequest)
	if asked.Load() != 0 {
		t.Error("a client_id that is an address was fetched")
	}
}

func TestD33_AConsentIsForThePersonTheAppTheScopesAndTheHost(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Clients[1].RedirectURIs = append(d.Clients[1].RedirectURIs, "https://elsewhere.example/cb", "https://notes.example/other")
		twin := d.Clients[1]
		twin.ID, twin.Name = "notes-2", "Notes, a second one"
		d.Clients = append(d.Clients, twin)
	})
	b := k.browser()
	agree := func(l *login) {
		t.Helper()
		form := hidden(b.get(l.signIn(b, "google", "alice").String()).body)
		form.Set("decision", "allow")
		l.code(b.post(k.issuer+"/consent", form).to(t))
	}
	agree(k.login("notes", "scope", "openid items:read"))
	for _, row := range []struct {
		why    string
		client string
		change []string
		asks   bool
	}{
		{"the same again", "notes", []string{"scope", "openid items:read"}, false},
		{"less", "notes", []string{"scope", "openid"}, false},
		{"another path of the host", "notes", []string{"scope", "openid items:read", "redirect_uri", "https://notes.example/other"}, false},
		{"one scope more", "notes", []string{"scope", "openid email items:read"}, true},
		{"another host", "notes", []string{"scope", "openid items:read", "redirect_uri", "https://elsewhere.example/cb"}, true},
		{"another app", "notes-2", []string{"scope", "openid items:read"}, true},
		{"asked for on purpose", "notes", []string{"scope", "openid items:read", "prompt", "consent"}, true},
	} {
		to := b.get(k.login(row.client, row.change...).url()).to(t)
		if asks := to.Path == "/consent"; asks != row.asks {
			t.Errorf("%s: %s", row.why, to)
		}
	}
	bob := k.browser()
	l := k.login("notes", "scope", "openid items:read")
	if to := l.signIn(bob, "google", "bob"); to.Path != "/consent" {
		t.Errorf("another person: %s", to)
	}
	denied := hidden(b.get(b.get(k.login("notes", "scope", "openid email").url()).to(t).String()).body)
	denied.Set("decision", "deny")
	b.post(k.issuer+"/consent", denied)
	if to := b.get(k.login("notes", "scope", "openid email").url()).to(t); to.Path != "/consent" {
		t.Errorf("a no was remembered as a yes: %s", to)
	}
}

// Settings can change while a consent page is open. Nobody agrees to what they did not see.
func TestD33_AConsentIsForWhatThePageSaid(t *testing.T) {
	k := newKit(t, func(d *directory.Document) { d.Clients[1].Scopes = []string{"openid", "items:read"} })
	b, l := k.browser(), k.login("notes", "scope", "openid email items:read")
	page := b.get(l.signIn(b, "google", "alice").String())
	const line = `<code class="note">email</code>`
	if strings.Contains(page.body, line) || !strings.Contains(page.body, "Read items") {
		t.Fatalf("the page asks for something else: %s", page.body)
	}
	k.change(func(d *directory.Document) { d.Clients[1].Scopes = []string{"openid", "email", "items:read"} })
	a := b.post(k.issuer+"/consent", page.form(t, "decision", "allow"))
	if to := a.to(t); to.Query().Has("code") || to.Path != "/consent" {
		t.Fatalf("an answer to the old page leads to %s", to)
	}
	if agreed, err := k.db.Consents(t.Context(), k.onlyUser().ID); err != nil || len(agreed) != 0 {
		t.Errorf("remembered: %v, %v", agreed, err)
	}
	page = b.get(a.to(t).String())
	if !strings.Contains(page.body, line) {
		t.Errorf("the new page does not say it: %s", page.body)
	}
	got := l.redeem(l.code(b.post(k.issuer+"/consent", page.form(t, "decision", "allow")).to(t))).json(t)
	if scope, _ := got["scope"].(string); !strings.Contains(scope, "email") {
		t.Errorf("scope is %q", scope)
	}
}

func (k *kit) onlyUser() storage.User {
	k.t.Helper()
	users, err := k.db.Users(k.t.Context(), 2)
	if err != nil || len(users) != 1 {
		k.t.Fatalf("users %v, %v", users, err)
	}
	return users[0]
}

func TestD34_HintsAreHintsAndForgedOnesAreRefused(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	own := r.login()
	raw := own.token["id_token"].(string)
	parts := strings.Split(raw, ".")
	for why, hint := range map[string]string{
		"alg none": b64url(`{"alg":"none"}`) + "." + parts[1] + ".", "another payload": parts[0] + "." + b64url(`{"sub":"x"}`) + "." + parts[2],
		"an access token": own.token["access_token"].(string), "no token": "x", "the provider's": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "long": strings.Repeat("A", 8193), "with a tail": raw + "A",
	} {
		if a := r.ask("id_token_hint", hint); a.params.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", why, a.params)
		}
	}
	if a := r.b.get(r.endpoint("authorization_endpoint") + "?" + r.request("id_token_hint", strings.Repeat("A", 1<<20)).Encode()); a.StatusCode != http.StatusRequestURITooLong && a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a megabyte: %s", a.Status)
	}
	for why, hint := range map[string]string{"CRLF": "a\r\nSet-Cookie: x=1", "a NUL": "a\x00", "321 bytes": strings.Repeat("a", 321), "a turned direction": "a\u202eb"} {
		if a := r.ask("login_hint", hint, "prompt", "login"); a.params.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", why, a.params)
		}
	}
	for _, hint := range []string{`"><script>alert(1)</script>`, "a&scope=admin&b=c", "päula@acme.example", strings.Repeat("a", 320)} {
		r.k.clock.Advance(time.Second)
		if v := r.login("login_hint", hint, "prompt", "login"); v.upstream.Query().Get("login_hint") != hint || v.upstream.Query().Get("scope") == "admin" {
			t.Errorf("%q went on as %s", hint, v.upstream)
		}
	}
}

func TestT26_ASubjectIsRandomConstantAndTellsNothing(t *testing.T) {
	k := suiteKit(t)
	sub := func(client, provider, person string) string {
		got := k.login(client, "scope", "openid").done(k.browser(), provider, person)
		return k.verify(got["access_token"].(string), apiURL).Subject
	}
	alice := sub("web", "okta", "alice")
	if other := sub("other", "okta", "alice"); other != alice {
		t.Errorf("two apps know one person as %s and %s", alice, other)
	}
	if google := sub("web", "google", "alice"); google == alice {
		t.Error("the same address at two providers is one person")
	}
	u, _ := k.okta.User("alice")
	u.Name, u.GivenName, u.Email = "Alice Married", "Alice", "alice.married@acme.example"
	k.okta.SetUsers(u)
	if renamed := sub("web", "okta", "alice"); renamed != alice {
		t.Errorf("a new name and address made %s out of %s", renamed, alice)
	}
	for _, part := range []string{"alice", u.Subject, "@", "client:"} {
		if strings.Contains(strings.ToLower(alice), strings.ToLower(part)) {
			t.Errorf("sub %s holds %s", alice, part)
		}
	}
	seen := map[string]bool{}
	for _, person := range []string{"bob", "dave", "erin", "mallory"} {
		s := sub("web", "google", person)
		if seen[s] || len(s) < 22 {
			t.Errorf("%s is %s", person, s)
		}
		seen[s] = true
	}
}

func TestD29_TheMatrixOfOriginsAndDoors(t *testing.T) {
	k := newKit(t)
	access := k.login("spa", "scope", "openid", "resource", "").done(k.browser(), "google", "alice")["access_token"].(string)
	const spa, evil = "https://spa.example", "https://evil.example"
	for _, row := range []struct {
		method, path, origin, allowed string
	}{
		{"GET", "/.well-known/openid-configuration", evil, "*"}, {"GET", "/.well-known/oauth-authorization-server", evil, "*"}, {"GET", "/jwks", evil, "*"},
		{"GET", "/authorize", spa, ""}, {"GET", "/logout", spa, ""}, {"GET", "/consent", spa, ""}, {"GET", "/callback/google", spa, ""},
		{"GET", "/userinfo", spa, spa}, {"GET", "/userinfo", evil, ""}, {"GET", "/userinfo", "null", ""}, {"GET", "/userinfo", "https://spa.example.evil.example", ""}, {"GET", "/userinfo", "HTTPS://SPA.EXAMPLE", ""},
		{"OPTIONS", "/userinfo", spa, spa}, {"OPTIONS", "/userinfo", evil, ""}, {"OPTIONS", "/revoke", spa, spa}, {"OPTIONS", "/token", "null", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), row.method, k.issuer+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", row.origin)
		if row.method == "OPTIONS" {
			req.Header.Set("Access-Control-Request-Method", "POST")
		}
		req.Header.Set("Authorization", "Bearer "+access)
		a := do(t, k.browser().Client, req)
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != row.allowed || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s from %s: Access-Control-Allow-Origin %q", row.method, row.path, row.origin, got)
		}
		if row.allowed == spa && row.method == "GET" && !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("%s %s: the page cannot read why it was refused", row.method, row.path)
		}
		if row.allowed != "*" && row.allowed != "" && a.Header.Get("Vary") != "Origin" {
			t.Errorf("%s %s: Vary %q", row.method, row.path, a.Header.Get("Vary"))
		}
	}
}
