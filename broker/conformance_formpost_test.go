package broker_test

import (
	"net/http"
	"strings"
	"testing"
)

// The Form Post plan, oidcc-formpost-basic-certification-test-plan, is the Basic plan
// with another response_mode: every TestOIDCC_basic_… runs as /formpost too. Here is
// what only that mode has.

func TestOIDCC_formpost_errors_are_posted_too(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "form_post")
	a := r.ask("prompt", "none")
	r.failed(a, "login_required")
	if a.page == nil || a.page.Header.Get("Location") != "" {
		t.Errorf("the error came by redirect")
	}
}

func TestOIDCC_formpost_the_page_needs_no_script_and_loads_nothing(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "form_post")
	a := r.ask().page
	if !strings.Contains(a.body, `<button class="button primary" id="continue">`) {
		t.Errorf("no button for people without scripts: %s", a.body)
	}
	for _, part := range []string{"<link rel=\"stylesheet\"", "src=", "http-equiv", "<noscript"} {
		if strings.Contains(a.body, part) {
			t.Errorf("the page has %s", part)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); strings.Contains(csp, "form-action") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q: a form-action would stop the app's own redirects", csp)
	}
}

func TestOIDCC_formpost_a_bad_redirect_uri_gets_no_form(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "form_post")
	a := r.ask("redirect_uri", "https://evil.example/callback")
	mustBePage(t, a.page, http.StatusBadRequest)
	if strings.Contains(a.page.body, "<form") || strings.Contains(a.page.body, "evil.example") {
		t.Errorf("a form, or the address: %s", a.page.body)
	}
}
