package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/storage"
)

// verb runs a verb and gives what it printed.
func verb(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// refusedOnce is a house in which somebody was turned away by a rule.
func refusedOnce(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "handstamp.yaml")
	text := `issuer: http://127.0.0.1:5999
storage: {url: "sqlite:` + filepath.Join(filepath.Dir(file), "book.db") + `"}
providers:
  - {slug: corp, kind: oidc, issuer: "https://sso.corp.example", client_id: x, client_secret: "` + canarySecret + `"}
clients:
  - {id: web, public: true, redirect_uris: ["https://app.example/cb"], scopes: [openid, "items:read"]}
resources:
  - {id: "https://api.example", scopes: [{name: "items:read"}]}
rules:
  - {name: staff only, when: "!('eng' in claims.groups)", deny: "Only engineers come in."}
  - {name: engineers read, when: "'eng' in claims.groups", roles: [engineer], scopes: ["items:read"]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := verb(t, applyCmd(), "-c", file); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	db := opened(t, file)
	defer db.Close()
	steps, err := json.Marshal([]storage.LoginStep{{What: storage.StepAsked}, {After: 800, What: storage.StepRecognised, Note: "new"}, {After: 801, What: storage.StepRefused, Note: "access_denied"}})
	if err != nil {
		t.Fatal(err)
	}
	err = db.KeepLogins(t.Context(), []storage.Login{{Reference: "O3WPX2ILA3263YSS", At: time.Now(), Took: 801 * time.Millisecond, ClientID: "web", Provider: "corp", Person: "alice@corp.example",
		Subject: "alice", Outcome: storage.LoginRefused, Code: "access_denied", Cause: "rule staff only denies", Rule: "staff only", Revision: 1, Asked: []string{"openid", "items:read"},
		Claims: map[string]any{"sub": "alice", "groups": []any{"sales"}}, Steps: steps, Trace: []byte(`[{"rule":"staff only","matched":true,"deny":true,"why":"\u001b[31m'eng' is not in [\"sales\"]"}]`)}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOneCommandTellsWhySomebodyCouldNotGetIn(t *testing.T) {
	file := refusedOnce(t)
	out, err := verb(t, loginsCmd(), "show", "O3WPX2ILA3263YSS", "-c", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"was refused", "alice@corp.example", "corp said who it is: somebody who was never here before", "DENY   staff only", "What would help: The rule", "handstamp explain --reference O3WPX2ILA3263YSS"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	if strings.ContainsRune(out, 0x1b) {
		t.Error("what a provider said commands the terminal")
	}
	out, err = verb(t, loginsCmd(), "list", "-c", file, "--outcome", "refused")
	if err != nil || !strings.Contains(out, "O3WPX2ILA3263YSS") || !strings.Contains(out, "rule staff only") {
		t.Errorf("%v %s", err, out)
	}
	out, err = verb(t, loginsCmd(), "list", "-c", file, "--json", "--q", "alice@")
	var all []api.Login
	if err != nil || json.Unmarshal([]byte(out), &all) != nil || len(all) != 1 || all[0].Rule != "staff only" {
		t.Errorf("%v %s", err, out)
	}
	if out, err = verb(t, loginsCmd(), "list", "-c", file, "--outcome", "signed_in", "--json"); err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("%v %s", err, out)
	}
}

func TestALoginIsExplainedByItsReferenceAsItIsAndAsItWouldBe(t *testing.T) {
	file := refusedOnce(t)
	out, err := verb(t, explainCmd(), "--reference", "O3WPX2ILA3263YSS", "-c", file)
	if !errors.Is(err, exitNotAdmitted) || !strings.Contains(out, "NOT ADMITTED (access_denied): rule staff only denies") || !strings.Contains(out, "the person reads: Only engineers come in.") ||
		!strings.Contains(out, "when  'eng' in claims.groups") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = verb(t, explainCmd(), "--reference", "O3WPX2ILA3263YSS", "--add-group", "eng", "-c", file)
	if err != nil || !strings.Contains(out, `WHAT IF  groups has "eng", too`) || !strings.Contains(out, "ADMITTED") || !strings.Contains(out, "+ scope items:read") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := verb(t, applyCmd(), "-c", file, "-f", written(t, "rules: [{name: everybody, roles: [guest]}]\nproviders:\n  - {slug: corp, kind: oidc, issuer: 'https://sso.corp.example', client_id: x, client_secret: '"+canarySecret+
		"'}\nclients:\n  - {id: web, public: true, redirect_uris: ['https://app.example/cb'], scopes: [openid]}\n")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = verb(t, explainCmd(), "--reference", "O3WPX2ILA3263YSS", "--as-of", "1", "-c", file, "--scope", "openid")
	if !errors.Is(err, exitNotAdmitted) || !strings.Contains(out, "WHAT IF  by revision 1") || !strings.Contains(out, "NOT ADMITTED") || !strings.Contains(out, "everybody") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = verb(t, explainCmd(), "--reference", "O3WPX2ILA3263YSS", "-c", file, "--json", "--scope", "openid")
	var answer api.Explained
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Revision != 2 || !answer.Answer.Admitted {
		t.Errorf("%v\n%s", err, out)
	}
	for why, args := range map[string][]string{
		"no such login":      {"--reference", "AAAABBBBCCCCDDDD", "-c", file},
		"no such revision":   {"--reference", "O3WPX2ILA3263YSS", "--as-of", "99", "-c", file},
		"nothing is said":    {"-c", file},
		"half of a question": {"-c", file, "--provider", "corp"},
	} {
		if out, err := verb(t, explainCmd(), args...); err == nil || errors.Is(err, exitNotAdmitted) {
			t.Errorf("%s: %v %s", why, err, out)
		}
	}
}

// written is a file with a text.
func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "directory.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
