package interop

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Both documentation pages of `handstamp dev`: docs/openapi.md promises what is judged here.

func TestBothDocumentationPagesOverHTTP(t *testing.T) {
	walkTheDocs(t, dev(t), "http")
}

func TestBothDocumentationPagesOverHTTPSWithSeparateHosts(t *testing.T) {
	walkTheDocs(t, dev(t, "--tls", "--host", "broker.test"), "https")
}

func walkTheDocs(t *testing.T, v village, name string) {
	npm(t, "axe-core")
	npm(t, "playwright-core")
	part(t, "chromium", version(t, need(t, "chromium", "chromium-browser", "google-chrome"), "--version"))
	shots := filepath.Join(shotsDir(t), "docs-"+name)
	settings := map[string]any{"docs": v.Docs, "apiDocs": v.APIDocs, "secret": v.Secret, "shots": shots}
	if v.CAFile != "" {
		settings["caFile"], settings["resolve"] = v.CAFile, "MAP *.test 127.0.0.1"
	}
	developer := node(t, "docs.mjs", settings)
	happened := map[string]string{}
	pages := map[string]bool{}
	for {
		var said struct {
			look
			Did, Saw             string
			Done                 bool
			Complaints, Requests []string
		}
		developer.says(t, &said)
		switch {
		case said.Done:
			judgeDocs(t, happened)
			for _, complaint := range said.Complaints {
				if !expected(complaint) {
					t.Errorf("the browser's console: %s", complaint)
				}
			}
			for _, origin := range said.Requests {
				if !slices.Contains(v.origins(), origin) {
					t.Errorf("something was asked of %s", origin)
				}
			}
			if len(pages) != 2 {
				t.Errorf("looked at %v", pages)
			}
			t.Logf("screenshots are in %s", shots)
			return
		case said.Did != "":
			happened[said.Did] = said.Saw
		case said.Page != "":
			pages[said.Page] = true
			said.look.withoutSwagger().judge(t)
		}
	}
}

// origins are all parts that a browser may meet.
func (v village) origins() []string {
	list := []string{v.Issuer, v.API}
	for _, upstream := range v.Upstreams {
		scheme, rest, _ := strings.Cut(upstream, "://")
		host, _, _ := strings.Cut(rest, "/")
		list = append(list, scheme+"://"+host)
	}
	return list
}

// withoutSwagger takes out what Swagger UI's own markup does and a stylesheet cannot change: a link inside the button that opens an
// operation, and a list of servers whose label is not tied to it.
func (l look) withoutSwagger() *look {
	theirs := []string{"nested-interactive", "select-name"}
	l.Violations = slices.DeleteFunc(slices.Clone(l.Violations), func(v struct {
		ID, Impact, Help string
		At               []string
	}) bool {
		return slices.Contains(theirs, v.ID)
	})
	return &l
}

func judgeDocs(t *testing.T, happened map[string]string) {
	t.Helper()
	for _, want := range []struct{ did, saw, why string }{
		{"api: operations", "4", ""},
		{"api: read without a token", "401", "the lock is open"},
		{"api: the lock before", "unlocked", ""},
		{"api: window", "closed", "the window that signed in goes away by itself"},
		{"api: dialog", "Authorized", ""},
		{"api: the lock", "btn authorize locked", ""},
		{"api: read", "200", ""},
		{"api: read", `"client": "api-docs"`, ""},
		{"api: wrote", "403", "the token lacks items:write"},
		{"api: wrote", "insufficient_scope", ""},
		{"api: kept", "{}", "tokens live in the page's memory only"},
		{"api: read as a machine", `"subject": "client:nightly"`, ""},
		{"broker: operations", "3", "thirty and some"},
		{"broker: window", "closed", ""},
		{"broker: userinfo", "alice@acme.example", ""},
		{"broker: discovery", "authorization_endpoint", ""},
		{"broker: a page for people", "cannot be tried", ""},
		{"broker: a script asks for the account page", "refused by the policy", "the page with scripts is no way to the pages of the person"},
		{"broker: a wrong secret", "invalid_client", ""},
		{"broker: authorized as a machine", "yes", ""},
	} {
		if saw, ok := happened[want.did]; !ok || !strings.Contains(saw, want.saw) {
			t.Errorf("%s: saw %q, want %q: %s", want.did, saw, want.saw, want.why)
		}
	}
}
