package broker_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/handstamp/handstamp/broker/directory"
)

func TestAPersonSignsInAndTheTokensSayWho(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ provider, person, why string }{
		{"google", "alice", "a Workspace account"}, {"okta", "alice", "a custom authorization server"}, {"auth0", "alice", "an issuer with a slash"},
	} {
		l := k.login("web")
		got := l.done(k.browser(), row.provider, row.person)
		p, err := oidc.NewProvider(t.Context(), k.issuer)
		if err != nil {
			t.Fatal(err)
		}
		id, err := p.Verifier(&oidc.Config{ClientID: "web", Now: k.clock.Now}).Verify(t.Context(), got["id_token"].(string))
		if err != nil || id.Nonce != l.nonce {
			t.Fatalf("%s: ID token: %v", row.why, err)
		}
		access := k.verify(got["access_token"].(string), apiURL)
		if access.Subject != id.Subject || access.ClientID != "web" || !slices.Contains(access.Scopes, "items:read") || slices.Contains(access.Scopes, "items:write") || !slices.Contains(access.Roles, "reader") {
			t.Errorf("%s: access token says %+v", row.why, access)
		}
		who := k.userinfo(got["access_token"].(string)).json(t)
		if who["sub"] != id.Subject || who["email"] != "alice@acme.example" || who["email_verified"] != true || who["name"] != "Alice Acme" {
			t.Errorf("%s: userinfo says %v", row.why, who)
		}
		if why, _ := who["handstamp_why"].([]any); len(why) == 0 {
			t.Errorf("%s: an app that may see it is not told which rule gave what: %v", row.why, who)
		}
	}
}

func TestALoginCostsTwoWriteTransactionsAndARefreshOne(t *testing.T) {
	k := newKit(t)
	l := k.login("web")
	before := k.db.WriteTransactions()
	got := l.done(k.browser(), "google", "alice")
	k.traces() // one more, which up to 64 logins share and nobody waits for
	if n := k.db.WriteTransactions() - before; n > 3 {
		t.Errorf("a login took %d write transactions, the one with its trace among them", n)
	}
	before = k.db.WriteTransactions()
	if a := l.refresh(got["refresh_token"].(string)); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status, a.body)
	}
	if n := k.db.WriteTransactions() - before; n != 1 {
		t.Errorf("a refresh took %d write transactions", n)
	}
}

func TestTheChooserIsSkippedWhenOneProviderFits(t *testing.T) {
	k := newKit(t)
	if a := k.browser().get(k.login("web").url()); a.StatusCode != http.StatusOK || strings.Count(a.body, `id="provider-`) != 3 {
		t.Errorf("the chooser should offer three providers: %s %.500s", a.Status, a.body)
	}
	l := k.login("okta-only", "scope", "openid", "resource", "")
	if to := k.browser().get(l.url()).to(t); !strings.HasPrefix(to.String(), k.okta.BaseURL()) {
		t.Errorf("one provider fits, but the person goes to %s", to)
	}
	l.extra.Set("provider", "google")
	if a := k.browser().get(l.url()); a.StatusCode != http.StatusOK || strings.Contains(a.body, "provider-google") || !strings.Contains(a.body, "provider-okta") {
		t.Errorf("D28: a provider that the client may not use must not be offered: %s %.500s", a.Status, a.body)
	}
}

func TestAChooserButtonRepeatsTheRequestWithTheProviderNamed(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	page := b.get(k.login("web").url())
	href := regexp.MustCompile(`href="([^"]+)"[^>]*id="provider-okta"|id="provider-okta"[^>]*href="([^"]+)"`).FindStringSubmatch(page.body)
	if href == nil {
		t.Fatalf("no okta button: %s", page.body)
	}
	to := b.get(strings.ReplaceAll(href[1]+href[2], "&amp;", "&")).to(t)
	if !strings.HasPrefix(to.String(), k.okta.BaseURL()) {
		t.Errorf("the button leads to %s", to)
	}
}

func TestS17_SingleSignOnAnswersASecondAppButNotThroughAnotherProvider(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	first := k.login("web").done(b, "google", "alice")
	l := k.login("other")
	code := l.code(b.get(l.url()).to(t))
	second := l.redeem(code).json(t)
	one, two := k.verify(first["access_token"].(string), apiURL), k.verify(second["access_token"].(string), apiURL)
	if one.Subject != two.Subject || one.SessionID != two.SessionID || !one.AuthTime.Equal(two.AuthTime) || one.ID == two.ID {
		t.Errorf("the second app was told something else: %+v and %+v", one, two)
	}
	okta := k.login("okta-only", "scope", "openid", "resource", "")
	if to := b.get(okta.url()).to(t); !strings.HasPrefix(to.String(), k.okta.BaseURL()) {
		t.Errorf("S17: a session made with Google must not answer an app that wants Okta: %s", to)
	}
}

func TestPromptNoneIsDecidedHere(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("web", "prompt", "none")
	l.mustGoBack(b.get(l.url()).to(t), "login_required")
	k.login("web").done(b, "google", "alice")
	l.code(b.get(l.url()).to(t))
	n := k.login("notes", "prompt", "none")
	n.mustGoBack(b.get(n.url()).to(t), "consent_required")
}

func TestAThirdPartyAppAsksThePersonOnce(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	l := k.login("notes", "scope", "openid email items:read")
	page := b.get(l.signIn(b, "google", "alice").String())
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Read items") || !strings.Contains(page.body, "notes.example") {
		t.Fatalf("no consent page that says what and for whom: %s %s", page.Status, page.body)
	}
	form := hidden(page.body)
	form.Set("decision", "allow")
	l.code(b.post(k.issuer+"/consent", form).to(t))
	if a := b.post(k.issuer+"/consent", form); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the same answer twice: %s", a.Status)
	}
	again := k.login("notes", "scope", "openid email items:read")
	again.code(b.get(again.url()).to(t))
	more := k.login("notes", "scope", "openid email groups items:read")
	if to := b.get(more.url()).to(t); !strings.Contains(to.Path, "/consent") {
		t.Errorf("D33: more scopes must be asked for again: %s", to)
	}
	denied := k.login("notes", "scope", "openid email groups")
	form = hidden(b.get(b.get(denied.url()).to(t).String()).body)
	form.Set("decision", "deny")
	denied.mustGoBack(b.post(k.issuer+"/consent", form).to(t), "access_denied")
}

// hidden reads the hidden fields of a page's form.
func hidden(page string) url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	return form
}

func TestFormPostAnswersOnAPage(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	k.login("web").done(b, "google", "alice")
	l := k.login("web", "response_mode", "form_post")
	a := b.get(l.url())
	form := hidden(a.body)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `action="`+l.redirect+`"`) || form.Get("state") != l.state || form.Get("iss") != k.issuer {
		t.Fatalf("not a form_post answer: %s %s", a.Status, a.body)
	}
	if got := l.redeem(form.Get("code")); got.StatusCode != http.StatusOK {
		t.Error(got.Status, got.body)
	}
}

func TestS14_AnAuthorizationRequestByPostBecomesOneByGet(t *testing.T) {
	k := newKit(t)
	l := k.login("web", "provider", "google")
	b := k.browser()
	to := do(t, b.Client, formRequest(t, k.issuer+"/authorize", l.query(), map[string]string{"Origin": appURL, "Sec-Fetch-Site": "cross-site"})).to(t)
	if to.Path != "/authorize" || to.Query().Get("state") != l.state {
		t.Fatalf("S14: got %s", to)
	}
	if up := b.get(to.String()).to(t); !strings.HasPrefix(up.String(), k.google.BaseURL()) {
		t.Errorf("the GET leads to %s", up)
	}
}

func TestADeadProviderSaysSoAndTheOthersWork(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Providers = append(d.Providers, directory.Provider{Slug: "dead", Kind: "oidc", Title: "Dead", Issuer: "http://127.0.0.1:1", ClientID: "x", ClientSecret: "y"})
	})
	l := k.login("web", "provider", "dead")
	l.mustGoBack(k.browser().get(l.url()).to(t), "temporarily_unavailable")
	if a := k.browser().get(k.login("web").url()); !strings.Contains(a.body, "not reachable") {
		t.Errorf("the chooser does not say that a provider is down: %s", a.body)
	}
	k.login("web").done(k.browser(), "google", "alice")
}

func TestDiscoveryIsExactAndBothWellKnownPathsSayTheSame(t *testing.T) {
	k := newKit(t)
	b := k.browser()
	a, twin := b.get(k.issuer+"/.well-known/openid-configuration"), b.get(k.issuer+"/.well-known/oauth-authorization-server")
	m := a.json(t)
	if a.body != twin.body || m["issuer"] != k.issuer || m["authorization_response_iss_parameter_supported"] != true || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s\n%s", a.body, twin.body)
	}
	if !strings.Contains(a.body, `"RS256"`) || strings.Contains(a.body, "plain") || strings.Contains(a.body, "implicit") {
		t.Error("RS256 must be offered, plain and implicit must not:", a.body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+"/jwks", nil)
	req.Header.Set("If-None-Match", b.get(k.issuer+"/jwks").Header.Get("ETag"))
	if a := do(t, b.Client, req); a.StatusCode != http.StatusNotModified {
		t.Errorf("an unchanged key set was sent again: %s", a.Status)
	}
}
