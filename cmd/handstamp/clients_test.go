package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/configs"
)

const emptyHouse = `issuer: http://127.0.0.1:5999
providers:
  - {slug: work, kind: oidc, issuer: "https://idp.example", client_id: x, client_secret: abcdefghijklmnopqrstuvwxyz}
resources:
  - {id: "https://api.example", scopes: [{name: "items:read"}]}
clients:
`

// What is printed is what the broker takes: the lines, pasted, make a client with the
// secret that was shown.
func TestTheLinesOfANewClientArePastedAsTheyAre(t *testing.T) {
	for _, row := range []struct {
		why    string
		o      newClient
		grants string
	}{
		{"an app", newClient{id: "web", redirectURIs: []string{"https://app.example/cb", "http://127.0.0.1/cb"}, scopes: []string{"openid", "items:read"}}, "authorization_code"},
		{"an app that says no scopes", newClient{id: "web", redirectURIs: []string{"https://app.example/cb?x=1"}}, "authorization_code"},
		{"a public app", newClient{id: "spa", public: true, redirectURIs: []string{"https://spa.example/cb"}}, "authorization_code"},
		{"a machine", newClient{id: "nightly.job-1", machine: true, scopes: []string{"items:read"}}, "client_credentials"},
		{"a machine that people sign in to, too", newClient{id: "both", machine: true, redirectURIs: []string{"https://b.example/cb"}, scopes: []string{"items:read"}}, "authorization_code client_credentials"},
		{"a name that begins with a digit", newClient{id: "7even", machine: true, scopes: []string{"items:read"}}, "client_credentials"},
	} {
		var out bytes.Buffer
		row.o.json = true
		if err := row.o.run(&out); err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		var d drawn
		if err := json.Unmarshal(out.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		env := func(name string) (string, bool) { return d.Secret, name == d.Variable }
		cfg, err := configs.Parse("handstamp.yaml", []byte(emptyHouse+d.Settings), env)
		if err != nil {
			t.Errorf("%s: %v\n%s", row.why, err, d.Settings)
			continue
		}
		c, ok := cfg.Snapshot().Client(row.o.id)
		if !ok || strings.Join(c.GrantTypes, " ") != row.grants || c.Public != row.o.public || strings.Join(c.RedirectURIs, " ") != strings.Join(row.o.redirectURIs, " ") {
			t.Errorf("%s: %+v\n%s", row.why, c, d.Settings)
		}
		if !c.Public && (len(d.Secret) < 43 || !c.SecretMatches(d.Secret)) || c.Public != (d.Secret == "") {
			t.Errorf("%s: the secret shown is not the client's", row.why)
		}
		if d.Variable != "" && !regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`).MatchString(d.Variable) {
			t.Errorf("%s: no shell takes %s", row.why, d.Variable)
		}
	}
}

func TestASecretIsShownOnceAndIsAnotherEachTime(t *testing.T) {
	shown := map[string]bool{}
	for range 100 {
		var out bytes.Buffer
		if err := (newClient{id: "web", redirectURIs: []string{"https://app.example/cb"}}).run(&out); err != nil {
			t.Fatal(err)
		}
		secret := regexp.MustCompile(`(?m)^WEB_CLIENT_SECRET=([\w-]{43})$`).FindStringSubmatch(out.String())
		if secret == nil || strings.Count(out.String(), secret[1]) != 1 || shown[secret[1]] {
			t.Fatalf("got %s", out.String())
		}
		shown[secret[1]] = true
	}
}

func TestANewClientIsCheckedAgainstTheSettingsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handstamp.yaml")
	write(t, path, emptyHouse+"  - {id: web, secrets: [abcdefghijklmnopqrstuvwxyz], redirect_uris: [\"https://app.example/cb\"]}\n")
	good := newClient{id: "nightly", machine: true, scopes: []string{"items:read"}, path: path}
	var out bytes.Buffer
	if err := good.run(&out); err != nil {
		t.Error(err)
	}
	for why, row := range map[string]struct {
		o    newClient
		told string
	}{
		"taken":             {newClient{id: "web", redirectURIs: []string{"https://x.example/cb"}, path: path}, "id: the id web is taken"},
		"a slip":            {newClient{id: "n", machine: true, scopes: []string{"items:raed"}, path: path}, "did you mean items:read?"},
		"no name":           {newClient{id: "", redirectURIs: []string{"https://x.example/cb"}}, "id is missing"},
		"a bad name":        {newClient{id: "Web App", redirectURIs: []string{"https://x.example/cb"}}, "is not a client id"},
		"http":              {newClient{id: "n", redirectURIs: []string{"http://x.example/cb"}}, "write https://x.example/cb"},
		"nowhere to go":     {newClient{id: "n"}, "--redirect-uri is missing"},
		"nothing to do":     {newClient{id: "n", machine: true}, "--machine needs --scope"},
		"an identity scope": {newClient{id: "n", machine: true, scopes: []string{"openid"}}, "a machine is none"},
		"both at once":      {newClient{id: "n", machine: true, public: true, scopes: []string{"items:read"}}, "exclude each other"},
		"no such file":      {newClient{id: "n", redirectURIs: []string{"https://x.example/cb"}, path: path + ".no"}, "no such file"},
	} {
		out.Reset()
		if err := row.o.run(&out); err == nil || !strings.Contains(err.Error(), row.told) {
			t.Errorf("%s: got %v, want %q", why, err, row.told)
		}
		if out.Len() > 0 {
			t.Errorf("%s: and yet it printed %s", why, out.String())
		}
	}
}

// Two live secrets, and a file that is read again: a secret changes, and whoever has a
// right one never notices.
func TestASecretIsChangedWithoutAnOutage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	older, newer := oauth.NewSecret(), oauth.NewSecret()
	file := func(secrets string) string {
		return fmt.Sprintf("storage: {url: 'sqlite:%s/book.db'}\n%s  - {id: nightly, secrets: [%s], machine_scopes: ['items:read']}\n", dir, emptyHouse, secrets)
	}
	write(t, path, file(older))
	h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ask := func(secret string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:5999/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("nightly", secret)
		w := httptest.NewRecorder()
		h.broker.ServeHTTP(w, r)
		return w.Code
	}
	// during changes the file while clients with a right secret go on asking.
	during := func(secret, text string) {
		t.Helper()
		done := make(chan struct{})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for asked := 0; ; asked++ {
					select {
					case <-done:
						if asked > 0 {
							return
						}
					default:
					}
					if code := ask(secret); code != http.StatusOK {
						t.Errorf("an outage: %d", code)
						return
					}
				}
			})
		}
		write(t, path, text)
		h.reread(t.Context(), path)
		close(done)
		all.Wait()
	}
	if ask(newer) != http.StatusUnauthorized {
		t.Error("a secret that is not there yet works")
	}
	during(older, file(newer+", "+older))
	if ask(older) != http.StatusOK || ask(newer) != http.StatusOK {
		t.Error("either of the two must work")
	}
	during(newer, file(newer))
	if ask(older) != http.StatusUnauthorized || ask(newer) != http.StatusOK {
		t.Error("the removed secret must be dead, and the other alive")
	}
}
