package console_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/handstamp/handstamp/admin/api"
)

// filled is what a browser would send for the one form of a page that posts to a path.
func filled(t testing.TB, a *answer, action string) url.Values {
	t.Helper()
	for n := range parse(t, a.body).Descendants() {
		if n.Type != nethtml.ElementNode || n.Data != "form" || attribute(n, "action") != action {
			continue
		}
		sent := url.Values{}
		for f := range n.Descendants() {
			name := attribute(f, "name")
			switch {
			case f.Type != nethtml.ElementNode || name == "":
			case f.Data == "input" && attribute(f, "type") == "checkbox":
				if has(f, "checked") {
					sent.Add(name, attribute(f, "value"))
				}
			case f.Data == "input":
				sent.Add(name, attribute(f, "value"))
			case f.Data == "textarea":
				if f.FirstChild != nil {
					sent.Add(name, strings.TrimPrefix(f.FirstChild.Data, "\n"))
				} else {
					sent.Add(name, "")
				}
			case f.Data == "select":
				value := ""
				for o := range f.Descendants() {
					if o.Data == "option" && has(o, "selected") {
						value = attribute(o, "value")
					}
				}
				sent.Add(name, value)
			}
		}
		return sent
	}
	t.Fatalf("%s has no form to %s: %s", a.Request.URL.Path, action, shortened(a.body))
	return nil
}

func has(n *nethtml.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

// sendForm posts what a page's form holds.
func (v *visitor) sendForm(path string, form url.Values) *answer {
	v.k.t.Helper()
	req := v.request("POST", path, form)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.do(req)
}

func TestA14_TwoAdministratorsOnOneFormLoseNothingTyped(t *testing.T) {
	w := newTown(t)
	second := w.signedIn("dave", "owner")
	path := "/rules/" + api.Key("readers") + "/edit"
	mine, theirs := filled(t, w.erin.page(path), path), filled(t, second.page(path), path)

	theirs.Set("roles", "reader\nmember")
	plan := second.sendForm(path, theirs)
	plan.has(t, "What it would do", "member")
	apply := filled(t, plan, path)
	apply.Set("_do", "apply")
	if a := second.sendForm(path, apply); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("the faster one: %s %s", a.Status, shortened(a.body))
	}

	mine.Set("roles", "reader\nlibrarian")
	mine.Set("when", "user.email_verified && claims.sub != 'nobody'")
	mine.Set("_reason", "books need somebody")
	mine.Set("_do", "apply")
	a := w.erin.sendForm(path, mine)
	if a.StatusCode != http.StatusPreconditionFailed {
		t.Fatalf("the slower one: %s %s", a.Status, shortened(a.body))
	}
	a.has(t, "Somebody else saved meanwhile", "member", "librarian", "claims.sub != 'nobody'")

	again := filled(t, a, path)
	if again.Get("roles") != "reader\nlibrarian" || again.Get("when") != "user.email_verified && claims.sub != 'nobody'" || again.Get("_etag") == mine.Get("_etag") {
		t.Errorf("the form came back as %v", again)
	}
	again.Set("_do", "apply")
	if a := w.erin.sendForm(path, again); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after looking at both: %s %s", a.Status, shortened(a.body))
	}
	r, err := w.shell().Rule(t.Context(), "readers")
	if err != nil || strings.Join(r.Roles, " ") != "reader librarian" {
		t.Errorf("the rule gives %v, %v", r, err)
	}
}

func TestAProblemStandsBesideItsFieldAndWhatWasTypedStays(t *testing.T) {
	w := newTown(t)
	path := "/rules/" + api.Key("readers") + "/edit"
	form := filled(t, w.erin.page(path), path)
	form.Set("when", "user.email_verfied")
	form.Set("roles", "reader\nscribe")
	a := w.erin.sendForm(path, form)
	if a.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("%s %s", a.Status, shortened(a.body))
	}
	a.has(t, "user.email_verfied", "scribe", `href="#f-when"`, `aria-invalid="true"`)
	missing := filled(t, w.erin.page("/new/resource"), "/new/resource")
	w.erin.sendForm("/new/resource", missing).has(t, "Nothing was saved yet", `href="#f-id"`, "Please fill this in.")
}

func TestA04_NoPageShowsASecretAgain(t *testing.T) {
	w := newTown(t)
	upstream := html.EscapeString(w.okta.ClientSecret())
	for _, path := range w.pages() {
		if a := w.erin.page(path); strings.Contains(a.body, upstream) {
			t.Errorf("%s shows the provider's secret", path)
		}
	}
	path := "/clients/web/secret"
	form := filled(t, w.erin.page(path), path)
	form.Set("_reason", "the old one is on a whiteboard")
	once := w.erin.sendForm(path, form)
	secret := ""
	for n := range parse(t, once.body).Descendants() {
		if id := attribute(n, "id"); n.FirstChild != nil && strings.HasPrefix(id, "secret") && len(n.FirstChild.Data) >= 32 {
			secret = n.FirstChild.Data
		}
	}
	if secret == "" {
		t.Fatalf("the secret is not shown: %s", shortened(once.body))
	}
	for _, path := range w.pages() {
		if a := w.erin.get(path); strings.Contains(a.body, secret) {
			t.Errorf("%s shows the app's secret again", path)
		}
	}
}

// A misspelled issuer is told while it is only a form, and what answers is not complained of.
func TestAProviderIsAskedBeforeItIsApplied(t *testing.T) {
	k := newKit(t)
	b := k.signedIn("erin", "owner")
	settings := func(issuer string) []string {
		return []string{"slug", "another", "client_id", "x", "client_secret", "a-secret-of-theirs", "issuer", issuer}
	}
	typo := b.post("/new/provider/oidc", settings(k.google.Issuer()+"/typo")...)
	typo.has(t, "What it would do", "It does not answer", "is its issuer really "+k.google.Issuer()+"/typo?")
	good := b.post("/new/provider/oidc", settings(k.google.Issuer())...)
	if good.has(t, "What it would do"); strings.Contains(good.body, "does not answer") {
		t.Errorf("%s", shortened(good.body))
	}
}
