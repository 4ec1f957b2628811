package persona_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/handstamp/handstamp/providers/persona"
)

// look opens an address and returns what a browser gets to see.
func look(t *testing.T, client *http.Client, at string) (*http.Response, string) {
	t.Helper()
	resp, err := client.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestTheSignInPageSaysThatItIsPretendAndNeedsNoScript(t *testing.T) {
	for _, k := range kinds {
		a := newApp(t, k.start, persona.Options{})
		_, body := look(t, a.browser, a.authURL(oauth2.GenerateVerifier()))
		for _, want := range []string{
			"<strong>Pretend " + a.idp.Title() + "</strong>", `<html lang="en">`, "<h1>", `name="viewport"`,
			`name="user" value="alice" id="user-alice"`, `name="cancel" value="1" id="cancel"`, "disabled", "e-mail not verified", "127.0.0.1:1",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %q", k.name, want)
			}
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "http://") && strings.Contains(body, "src=") {
			t.Errorf("%s: the page loads something", k.name)
		}
	}
}

func TestS06_EveryPageForbidsFramesAndScripts(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	form := oauth2.SetAuthURLParam("response_mode", "form_post")
	a.signIn("alice")
	for why, at := range map[string]string{
		"sign-in":  a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("prompt", "login")),
		"error":    a.idp.BaseURL() + "/oauth2/default/v1/authorize",
		"form":     a.authURL(oauth2.GenerateVerifier(), form),
		"sign-out": a.idp.BaseURL() + "/oauth2/default/v1/logout",
		"home":     a.idp.BaseURL() + "/",
	} {
		resp, _ := look(t, a.browser, at)
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") ||
			resp.Header.Get("X-Frame-Options") != "DENY" || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", why, resp.Header)
		}
		// Chrome checks form-action against every hop after the form, and the form ends at an app.
		if strings.Contains(csp, "form-action") {
			t.Errorf("%s: %s", why, csp)
		}
	}
}

func TestS08_TextsFromOutsideStayTexts(t *testing.T) {
	for _, evil := range []string{
		`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, `' autofocus onfocus=alert(1) x='`, "`${alert(1)}`", "javascript:alert(1)", "\u2028</style><script>",
	} {
		a := newApp(t, persona.Auth0, persona.Options{Users: []persona.User{{ID: "x" + evil, Subject: "x", Name: evil, Email: evil, Note: evil}}})
		for _, name := range []string{"login_hint", "state", "scope", "audience", "organization", "client_id", "redirect_uri"} {
			_, body := look(t, a.browser, a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam(name, evil)))
			for _, bad := range []string{"<img", "<script", "onerror=alert(1)>", "' autofocus"} {
				if strings.Contains(body, bad) {
					t.Errorf("%s=%q comes through as %q", name, evil, bad)
				}
			}
		}
		// The person with the evil name can still be picked.
		if q := a.back("x"+evil, a.authURL(oauth2.GenerateVerifier())); q.Get("code") == "" {
			t.Errorf("%q cannot sign in: %v", evil, q)
		}
	}
}

func TestAHintedPersonComesFirst(t *testing.T) {
	a := newApp(t, persona.Google, persona.Options{})
	for _, c := range []struct{ name, value, first string }{
		{"login_hint", "dave@acme.example", "dave"},
		{"hd", "acme.example", "alice"},
		{"scope", "openid", "alice"},
	} {
		_, body := look(t, a.browser, a.authURL(oauth2.GenerateVerifier(), oauth2.SetAuthURLParam(c.name, c.value)))
		at := strings.Index(body, `id="user-`) + len(`id="user-`)
		if !strings.HasPrefix(body[at:], c.first+`"`) {
			t.Errorf("%s=%s: first is %.20q, want %s", c.name, c.value, body[at:], c.first)
		}
		if focus := strings.Contains(body, "autofocus"); focus != (c.name != "scope") {
			t.Errorf("%s=%s: autofocus %v", c.name, c.value, focus)
		}
	}
}

func TestAFormPostAnswerComesAsAForm(t *testing.T) {
	a := newApp(t, persona.Okta, persona.Options{})
	verifier := oauth2.GenerateVerifier()
	q := a.back("alice", a.authURL(verifier, oauth2.SetAuthURLParam("response_mode", "form_post")))
	if _, err := a.conf.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier)); err != nil || q.Get("state") != "s-1" {
		t.Errorf("%v %v", q, err)
	}
}

func TestAPersonaLivesBelowAPathToo(t *testing.T) {
	host := httptest.NewUnstartedServer(nil)
	idp := persona.Okta(persona.Options{Issuer: "http://" + host.Listener.Addr().String() + "/pretend/okta", RedirectURIs: []string{callback}})
	host.Config.Handler = idp.Handler()
	host.Start()
	defer host.Close()
	to, err := persona.SignIn(t.Context(), nil, idp.BaseURL()+"/oauth2/default/v1/authorize?"+url.Values{
		"client_id": {idp.ClientID()}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
	}.Encode(), "alice")
	if err != nil || to.Query().Get("code") == "" {
		t.Errorf("%v %v", to, err)
	}
	if resp, _ := look(t, http.DefaultClient, host.URL+"/oauth2/default/v1/keys"); resp.StatusCode != 404 {
		t.Errorf("outside its path: HTTP %d", resp.StatusCode)
	}
}
