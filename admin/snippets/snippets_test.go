package snippets

import (
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const issuer = "https://login.example.com/auth"

var clients = []struct {
	why string
	c   Client
}{
	{"a web app", Client{ID: "web", RedirectURI: "https://app.example.com/callback", Scopes: []string{"openid", "email", "items:read"}, Provider: "google"}},
	{"a public app on loopback", Client{ID: "spa", Public: true, RedirectURI: "http://127.0.0.1:5600/cb", Scopes: []string{"openid", "email", "groups"}}},
	{"an app that says nothing", Client{ID: "bare"}},
	{"an app of somebody who means harm", Client{ID: `x"); evil(); ("`, RedirectURI: "https://a.example/`${x}`\"'\n*/%{ENV}", Scopes: []string{`s"`, "\u2028", "</script>"}, Provider: "p\"\\"}},
	{"a public one of theirs", Client{ID: "x\"\n- evil: yes", Public: true, RedirectURI: "https://a.example/#\"", Scopes: []string{"groups", "{{.}}"}}},
}

// Every text is a program of its language, whatever stands in a name.
func TestEverySnippetIsAProgram(t *testing.T) {
	for _, row := range clients {
		apps, err := App(issuer, row.c)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		apis, err := API(issuer, `https://api.example"\`, `items:read"`)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, s := range append(apps, apis...) {
			seen[s.Name] = true
			if s.Title == "" || s.File == "" || s.Text == "" || strings.Contains(s.Text, "<no value>") {
				t.Errorf("%s, %s: %+v", row.why, s.Name, s)
			}
			check(t, row.why, s)
		}
		if want := map[bool]string{true: "kubernetes", false: "apache"}[row.c.Public]; !seen[want] || seen[map[bool]string{true: "apache", false: "kubernetes"}[row.c.Public]] {
			t.Errorf("%s: %v", row.why, seen)
		}
	}
}

func check(t *testing.T, why string, s Snippet) {
	t.Helper()
	switch filepath.Ext(s.File) {
	case ".go":
		if _, err := parser.ParseFile(token.NewFileSet(), s.File, s.Text, parser.AllErrors); err != nil {
			t.Errorf("%s, %s: %v\n%s", why, s.Name, err, s.Text)
		}
		if text, err := format.Source([]byte(s.Text)); err == nil && string(text) != s.Text {
			t.Errorf("%s, %s is not formatted", why, s.Name)
		}
	case ".mjs":
		runs(t, why, s, "node", "--check")
	case ".py":
		runs(t, why, s, "python3", "-m", "py_compile")
	case ".yaml":
		for doc := range strings.SplitSeq(s.Text, "\n---\n") {
			var v map[string]any
			if err := yaml.Unmarshal([]byte(doc), &v); err != nil || v["apiVersion"] == nil || v["evil"] != nil {
				t.Errorf("%s, %s: %v\n%s", why, s.Name, err, doc)
			}
		}
	case ".conf": // read by Apache itself in the interop tests
		for line := range strings.SplitSeq(s.Text, "\n") {
			line = strings.NewReplacer("${OIDC_CLIENT_SECRET}", "", "${OIDC_PASSPHRASE}", "").Replace(line)
			if strings.Count(line, `"`)%2 != 0 || strings.Contains(line, "%{") || strings.Contains(line, "${") {
				t.Errorf("%s: %s", why, line)
			}
		}
	default:
		t.Errorf("nobody checks %s", s.File)
	}
}

func runs(t *testing.T, why string, s Snippet, argv ...string) {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Fatalf("%s is needed to check a snippet: %v", argv[0], err)
	}
	file := filepath.Join(t.TempDir(), s.File)
	if err := os.WriteFile(file, []byte(s.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), argv[0], append(argv[1:], file)...).CombinedOutput(); err != nil {
		t.Errorf("%s, %s: %v\n%s\n%s", why, s.Name, err, out, s.Text)
	}
}

func TestNoSnippetHoldsASecretOrAsksForLessThanPKCE(t *testing.T) {
	apps, err := App(issuer, clients[0].c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range apps {
		if !strings.Contains(s.Text, "S256") || !strings.Contains(s.Text, "OIDC_CLIENT_SECRET") || strings.Contains(strings.ToLower(s.Text), "verify=false") {
			t.Errorf("%s: %s", s.Name, s.Text)
		}
		if s.Name != "apache" && !strings.Contains(s.Text, `"google"`) {
			t.Errorf("%s leads to no provider", s.Name)
		}
	}
}
