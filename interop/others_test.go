package interop

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

// oidcAgent is Debian's agent: it signs in once, keeps a refresh token sealed in the home of its person, and gives programs access tokens.
func oidcAgent(t *testing.T, b *broker) {
	agent, gen, token := need(t, "oidc-agent"), need(t, "oidc-gen"), need(t, "oidc-token")
	part(t, "oidc-agent", debianVersion(t, "oidc-agent-cli"))
	home := t.TempDir()
	socket := filepath.Join(home, "agent.sock")
	env := []string{"HOME=" + home, "OIDC_SOCK=" + socket}
	write(t, filepath.Join(home, ".oidc-agent/issuer.config"), "")
	running := start(t, home, env, agent, "--console", "--socket-path="+socket, "--no-autoload")
	running.until(t, "it listens", func() bool { return exec.Command("test", "-S", socket).Run() == nil })

	asking := start(t, home, env, gen, "--manual", "--flow=code", "--issuer="+b.issuer, "--client-id=agent", "--client-secret="+b.secret,
		"--redirect-uri="+b.app+"/agent", "--scope=openid profile offline_access items:read", "--cert-path="+b.ca.file,
		"--pw-cmd=echo "+newSecret(), "--no-url-call", "--prompt=none", "--confirm-yes", "handstamp")
	address := regexp.MustCompile(regexp.QuoteMeta(b.issuer) + `/authorize\?\S+`)
	var open string
	asking.until(t, "it names an address to open", func() bool { open = address.FindString(asking.output()); return open != "" })
	me := b.browser(t)
	if end := me.open(t, open).byChooser(t, "Alice Acme"); !strings.HasPrefix(end.url.String(), b.app+"/agent") {
		t.Fatalf("the login ended at %s with %d:\n%s", end.url, end.status, end.body)
	}
	<-asking.done
	if !asking.cmd.ProcessState.Success() {
		t.Fatalf("oidc-gen failed:\n%s\nthe agent:\n%s", asking.output(), running.output())
	}

	ask := func(more ...string) string {
		cmd := exec.Command(token, append(more, "handstamp")...)
		cmd.Env = append(cmd.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("oidc-token: %v\n%s\nthe agent:\n%s", err, out, running.output())
		}
		return strings.TrimSpace(string(out))
	}
	first, again, fresh := ask(), ask(), ask("--force-new")
	if again != first {
		t.Error("a token that is still good was not used again")
	}
	if fresh == first {
		t.Error("the refresh token gave no new access token")
	}
	for _, raw := range []string{first, fresh} {
		if v := verdictOfPython(t, b, items, raw); v.Error != "" || v.ClientID != "agent" {
			t.Errorf("the agent's token for %s: %+v", items, v)
		}
	}
}

// What PyJWT thinks of a token.
type pyVerdict struct {
	Error, Sub, Scope string
	ClientID          string `json:"client_id"`
}

func verdictOfPython(t *testing.T, b *broker, audience, raw string) pyVerdict {
	t.Helper()
	return verdictsOfPython(t, b, audience, map[string]string{"it": raw})["it"]
}

func verdictsOfPython(t *testing.T, b *broker, audience string, tokens map[string]string) map[string]pyVerdict {
	t.Helper()
	settings, err := json.Marshal(map[string]any{"issuer": b.issuer, "audience": audience, "tokens": tokens})
	if err != nil {
		t.Fatal(err)
	}
	api := start(t, "python", []string{"SSL_CERT_FILE=" + b.ca.file}, need(t, "/usr/bin/python3"), "pyjwt.py", string(settings))
	said := map[string]json.RawMessage{}
	api.says(t, &said)
	part(t, "PyJWT", strings.Trim(string(said["version"]), `"`))
	verdicts := map[string]pyVerdict{}
	for name := range tokens {
		var v pyVerdict
		if err := json.Unmarshal(said[name], &v); err != nil {
			t.Fatal(err)
		}
		verdicts[name] = v
	}
	return verdicts
}

func pyJWT(t *testing.T, b *broker) {
	alice := web(t, b, "items:read").login(t, "okta", "Alice Acme", resource(items))
	elsewhere := web(t, b, "orders:read").login(t, "okta", "Alice Acme", resource(orders))
	id, _ := alice.token.Extra("id_token").(string)
	got := verdictsOfPython(t, b, items, map[string]string{
		"good": alice.token.AccessToken, "elsewhere": elsewhere.token.AccessToken, "id": id, "tampered": tampered(alice.token.AccessToken)})
	if v := got["good"]; v.Sub != alice.id.Subject || v.ClientID != "web" || !slices.Contains(strings.Fields(v.Scope), "items:read") {
		t.Errorf("the API sees %+v", v)
	}
	for name, want := range map[string]string{"elsewhere": "InvalidAudienceError", "tampered": "InvalidSignatureError", "id": "InvalidAlgorithmError"} {
		if got[name].Error != want {
			t.Errorf("%s: got %+v, want %s", name, got[name], want)
		}
	}
}

// kubernetes is the API server's own authenticator: ID tokens, `email` for a name and `groups`, an issuer over https and its authority.
func kubernetes(t *testing.T, b *broker) {
	part(t, "k8s.io/apiserver", moduleVersion(t, "k8s.io/apiserver"))
	program := filepath.Join(t.TempDir(), "kube")
	if out, err := exec.Command("go", "build", "-o", program, "./kube").CombinedOutput(); err != nil {
		t.Fatalf("build the authenticator: %v\n%s", err, out)
	}
	kubectl := func(person string) *login {
		return newGoApp(t, b, "kubectl", "", "http://localhost:8000", oidc.ScopeOpenID, "email", "groups", "offline_access").login(t, "okta", person)
	}
	idToken := func(l *login) string { raw, _ := l.token.Extra("id_token").(string); return raw }
	alice := kubectl("Alice Acme")
	settings, err := json.Marshal(map[string]any{"issuer": b.issuer, "ca": b.ca.pem, "audience": "kubectl", "tokens": map[string]string{
		"alice": idToken(alice), "tampered": tampered(idToken(alice)), "access": alice.token.AccessToken,
		"web": idToken(web(t, b, "email").login(t, "okta", "Alice Acme")), "mallory": idToken(kubectl("Mallory")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]struct {
		User, Error string
		Groups      []string
	}{}
	start(t, ".", nil, program, string(settings)).says(t, &got)
	if v := got["alice"]; v.User != "oidc:alice@acme.example" || strings.Join(v.Groups, " ") != "oidc:Everyone oidc:Engineering" {
		t.Errorf("the API server sees %+v", v)
	}
	for name, why := range map[string]string{"tampered": "failed to verify signature", "web": "oidc: verify token", "access": "oidc: verify token",
		"mallory": "email not verified"} {
		if v := got[name]; !strings.Contains(v.Error, why) {
			t.Errorf("%s: the API server says %+v, want a refusal: %s", name, v, why)
		}
	}
}
