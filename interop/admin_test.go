package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// schemathesis reads the administration API's own description and tries what it allows, and what it does not, at the real binary:
// nothing is answered by a 5xx, nothing by a status, a type or a field that the description does not have.
func TestSchemathesisFindsNoUndocumentedAnswer(t *testing.T) {
	st, err := filepath.Abs("python/venv/bin/st")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(st); err != nil {
		t.Fatal("schemathesis is not installed; `make test` installs it from python/requirements.txt")
	}
	part(t, "schemathesis", version(t, st, "--version"))
	ports, secret := freePorts(t, 2), newSecret()
	issuer, api := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d/api/v1", ports[1])
	b := start(t, ".", []string{"ISSUER=" + issuer, fmt.Sprintf("LISTEN=127.0.0.1:%d", ports[0]), fmt.Sprintf("ADMIN=127.0.0.1:%d", ports[1]),
		"DATA=" + t.TempDir(), "SECRET=" + secret}, binary, "serve", "-c", "testdata/admin.yaml")
	b.answers(t, http.DefaultClient, issuer+"/readyz")
	token := machineToken(t, issuer, "robot", secret, "urn:handstamp:admin")
	sub := makePerson(t, api, token)

	run := exec.Command(st, "run", api+"/openapi.json", "-H", "Authorization: Bearer "+token, "--phases", "fuzzing", "--max-examples", "25", "--seed", "20261124",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
		"--exclude-path", "/api/v1/keys/rotate", // an RSA key costs a tenth of a second
		"--continue-on-failure", "--warnings", "off", "--no-color", "--workers", "2")
	run.Dir = t.TempDir() // where it keeps what it found
	hooks, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	run.Env = append(os.Environ(), "PYTHONPATH="+hooks, "SCHEMATHESIS_HOOKS=schemathesis_hooks", "ADMIN_API="+api, "ADMIN_TOKEN="+token, "ADMIN_SUB="+sub)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, clipped(string(out)))
	}
	if log := b.output(); strings.Contains(log, `"status":5`) || strings.Contains(log, "panic") {
		t.Error("the broker's log has a 5xx or a panic")
	}
	_, summary, _ := strings.Cut(string(out), "= SUMMARY =")
	if !strings.Contains(summary, "Tested: 7") && !strings.Contains(summary, "Tested: 8") {
		t.Errorf("few operations were tested: %s", clipped(summary))
	}
	// It got as far as changes: the history has them.
	if n := len(strings.Split(get(t, api+"/revisions?limit=200", token), `"number"`)) - 1; n < 5 {
		t.Errorf("only %d revisions were made on the way", n)
	}
}

// machineToken gets a token by client_credentials.
func machineToken(t *testing.T, issuer, id, secret, resource string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "resource": {resource}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.AccessToken == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return got.AccessToken
}

// makePerson makes somebody with a password, so that there are people to look at.
func makePerson(t *testing.T, api, token string) (sub string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, api+"/users", strings.NewReader(`{"login":"alice","name":"Alice"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct {
		Sub string `json:"sub"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || made.Sub == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return made.Sub
}

func get(t *testing.T, address, token string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// clipped keeps a report readable: schemathesis repeats what it sent.
func clipped(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if len(line) > 400 {
			line = line[:400] + "…\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines[max(0, len(lines)-300):], "")
}
