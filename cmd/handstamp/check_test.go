package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers/persona"
)

const canarySecret = "canary-5d1e-hunter2-0123456789abcdef"

// runVerb runs one command and returns what it printed and its exit code.
func runVerb(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (string, int) {
	t.Helper()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	var code exitCode
	switch {
	case err == nil:
		return out.String(), 0
	case errors.As(err, &code):
		return out.String(), int(code)
	}
	return out.String() + err.Error(), 1
}

func settingsFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "h.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckTellsEveryProblemWithItsPlaceAndFix(t *testing.T) {
	path := settingsFile(t, "isuer: http://login.example.com\nproviders:\n  - slug: google\n    kind: gogle\n    client_id: x\n    client_secret: "+canarySecret+"\nlifetimes: {code: 1h}\n")
	out, code := runVerb(t, checkCmd(), "", "-c", path)
	want := path + ":1:1: isuer: there is no setting isuer\n" +
		"    fix: did you mean issuer?\n" +
		path + ":4:5: providers[0].kind: there is no kind \"gogle\"\n" +
		"    fix: did you mean google?\n" +
		path + ":7:13: lifetimes.code: 1h is not between 10s and 10m: a code is redeemed at once (RFC 6749 section 4.1.2: ten minutes at most)\n" +
		"    fix: the default is 1m\n" +
		path + " cannot be used: 3 problems.\n"
	if out != want || code != 1 {
		t.Errorf("exit %d\n got %s\nwant %s", code, out, want)
	}

	out, code = runVerb(t, checkCmd(), "", "-c", path, "--json")
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 1 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	if v.OK || len(v.Problems) != 3 || v.Problems[1] != (configs.Problem{File: path, Line: 4, Column: 5, Key: "providers[0].kind", Message: `there is no kind "gogle"`, Hint: "did you mean google?"}) {
		t.Errorf("got %+v", v)
	}

	if out, code = runVerb(t, checkCmd(), "", "-c", path+".nowhere"); code != 1 || !strings.Contains(out, "there is no such file") {
		t.Errorf("a file that is not there: exit %d, %s", code, out)
	}
}

func TestCheckAsksEveryProvider(t *testing.T) {
	google, okta := persona.Start(t, persona.Google, persona.Options{}), persona.Start(t, persona.Okta, persona.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String() + "/"
	l.Close()
	provider := func(slug, kind, issuer, more string) string {
		return "  - {slug: " + slug + ", kind: " + kind + ", issuer: '" + issuer + "', client_id: x, client_secret: '" + canarySecret + "'" + more + "}\n"
	}
	head := "issuer: http://127.0.0.1:1\noutgoing: {allow_loopback: true}\nproviders:\n"
	good := head + provider("google", "google", google.BaseURL(), "") + provider("okta", "okta", okta.BaseURL(), ", authorization_server: default")
	for _, row := range []struct {
		file string
		args []string
		code int
		want []string
		not  string
		why  string
	}{
		{good, nil, 0, []string{"google: answers in ", "okta: answers in ", "(" + okta.Issuer() + ")", "redirect URI http://127.0.0.1:1/callback/okta", "is good, and every provider answers."}, "NOT", "both alive"},
		{good + provider("auth0", "auth0", dead, ""), nil, 2, []string{"google: answers in ", "auth0: DOES NOT ANSWER (" + dead + ")", "is good, but not every provider answers."}, "hunter2", "one dead"},
		{good + provider("auth0", "auth0", dead, ", disabled: true"), nil, 0, []string{"auth0: disabled", "every provider answers."}, "NOT", "a dead one that is disabled"},
		{good + provider("auth0", "auth0", dead, ""), []string{"--offline"}, 0, []string{"is good. The providers were not asked."}, "auth0", "offline"},
		{good + provider("wrong", "oidc", okta.BaseURL()+"/oauth2/other", ""), nil, 2, []string{"wrong: DOES NOT ANSWER"}, "hunter2", "no provider at that address"},
	} {
		path := settingsFile(t, row.file)
		out, code := runVerb(t, checkCmd(), "", append([]string{"-c", path}, row.args...)...)
		if code != row.code || strings.Contains(out, row.not) || strings.Contains(out, "hunter2") {
			t.Errorf("%s: exit %d, want %d\n%s", row.why, code, row.code, out)
		}
		for _, w := range row.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is missing in\n%s", row.why, w, out)
			}
		}
		asJSON, code := runVerb(t, checkCmd(), "", append([]string{"-c", path, "--json"}, row.args...)...)
		var v verdict
		if err := json.Unmarshal([]byte(asJSON), &v); err != nil || code != row.code || v.OK != (row.code == 0) || strings.Contains(asJSON, "hunter2") {
			t.Errorf("%s: exit %d, %v\n%s", row.why, code, err, asJSON)
		}
	}
}

// A settings file may come from a stranger's pull request: what it says must not
// drive the terminal.
func TestCheckPrintsNoControlCharacters(t *testing.T) {
	path := settingsFile(t, "issuer: http://127.0.0.1:1\n\"a\\u001b[2Jb\\u202e\\u0007\": x\nlisten: \"\\u001b]0;x\\u0007\"\n")
	out, code := runVerb(t, checkCmd(), "", "-c", path)
	if code != 1 || strings.ContainsAny(out, "\x1b\x07") || strings.ContainsRune(out, 0x202e) {
		t.Errorf("exit %d, %q", code, out)
	}
}
