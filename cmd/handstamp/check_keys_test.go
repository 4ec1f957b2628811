package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers/persona"
)

func TestCheckAsksForTheKeysThatClientsPublish(t *testing.T) {
	google := persona.Start(t, persona.Google, persona.Options{})
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"oct","kid":"b","k":"c2VjcmV0"}]}`)
		case "/none":
			fmt.Fprint(w, `{"keys":[{"kty":"oct","kid":"b","k":"Y2FuYXJ5"}]}`)
		default:
			http.Error(w, "canary", http.StatusTeapot)
		}
	}))
	defer keys.Close()
	file := func(path string, more ...string) string {
		return settingsFile(t, fmt.Sprintf(`issuer: http://127.0.0.1:5999
outgoing: {allow_loopback: true}
providers:
  - {slug: google, kind: google, issuer: %q, client_id: x, client_secret: "%s", trust_email: always}
resources:
  - {id: "https://api.example", scopes: [{name: "items:read"}]}
clients:
  - {id: nightly, jwks_uri: "%s%s", machine_scopes: ["items:read"]%s}
`, google.Issuer(), canarySecret, keys.URL, path, strings.Join(more, "")))
	}
	for _, row := range []struct {
		why, path, more string
		exit            int
		told            []string
	}{
		{"good", "/good", "", 0, []string{"nightly: publishes 1 usable key, in ", "is good, and every provider answers."}},
		{"no usable key", "/none", "", 2, []string{"nightly: ITS KEYS CANNOT BE HAD", "no key for signatures", "not every client's keys can be had."}},
		{"another answer", "/teapot", "", 2, []string{"jwks_uri answers 418, not 200"}},
		{"disabled", "/teapot", ", disabled: true", 0, []string{"nightly: disabled"}},
	} {
		out, code := runVerb(t, checkCmd(), "", "-c", file(row.path, row.more))
		for _, want := range row.told {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not told: %s", row.why, want, out)
			}
		}
		if code != row.exit || strings.Contains(out, "canary") || strings.Contains(out, canarySecret) {
			t.Errorf("%s: exit %d: %s", row.why, code, out)
		}
	}
	out, code := runVerb(t, checkCmd(), "", "-c", file("/none"), "--json")
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 2 || v.OK || len(v.Keys) != 1 || v.Keys[0].State != "silent" || v.Keys[0].Client != "nightly" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if out, code := runVerb(t, checkCmd(), "", "-c", file("/none"), "--offline"); code != 0 || strings.Contains(out, "nightly") {
		t.Errorf("offline: exit %d: %s", code, out)
	}
}
