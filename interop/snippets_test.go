package interop

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/snippets"
)

// What the console gives to copy is copied here, and run as it is.

// app is the snippet of one language for the client "web".
func snippet(t *testing.T, b *broker, name string, c snippets.Client) snippets.Snippet {
	t.Helper()
	all, err := snippets.App(b.issuer, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no snippet for %s", name)
	return snippets.Snippet{}
}

func TestTheAppsToCopySignPeopleIn(t *testing.T) {
	b := brokerWithOkta(t)
	for _, name := range []string{"go", "node", "python"} {
		t.Run(name, func(t *testing.T) {
			s := snippet(t, b, name, snippets.Client{ID: "web", RedirectURI: b.app + "/callback", Scopes: []string{"openid", "profile", "email", "items:read"}, Provider: "okta"})
			app := start(t, folderFor(t, s), []string{"OIDC_CLIENT_SECRET=" + b.secret}, commandFor(t, s)...)
			app.answers(t, http.DefaultClient, b.app+"/")
			me := newBrowser(t)
			home := me.open(t, b.app+"/")
			end := home.click(t, home.find(byID("sign-in"))).signIn(t, "Alice Acme")
			if end.status != http.StatusOK || !strings.Contains(end.body, "hello alice@acme.example") || !strings.Contains(end.body, "openid") {
				t.Errorf("the login ended at %s with %d:\n%s", end.url, end.status, end.body)
			}
			if again := me.open(t, end.url.String()); again.status < 400 {
				t.Errorf("the same answer again: %d\n%s", again.status, again.body)
			}
			app.stop() // the next one wants its address
		})
	}
}

// folderFor lays a snippet where its language finds the library.
func folderFor(t *testing.T, s snippets.Snippet) string {
	t.Helper()
	dir := t.TempDir()
	switch s.Name {
	case "go": // beside this module, whose go.mod names the same library
		dir = scratch(t)
	case "node":
		npm(t, "openid-client")
		if err := os.Symlink(abs(t, "node/node_modules"), filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
	case "python":
		part(t, "authlib", debianVersion(t, "python3-authlib"))
	}
	write(t, filepath.Join(dir, s.File), s.Text)
	return dir
}

// scratch is a folder inside this module, gone when the test ends.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(".", "snippet-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func commandFor(t *testing.T, s snippets.Snippet) []string {
	t.Helper()
	switch s.Name {
	case "go":
		return []string{need(t, "go"), "run", "."}
	case "node":
		return []string{need(t, "node"), s.File}
	}
	return []string{need(t, "/usr/bin/python3"), s.File}
}

func TestTheApacheConfigurationToCopyProtectsAPage(t *testing.T) {
	b := brokerWithOkta(t)
	program, modules := need(t, "apache2"), "/usr/lib/apache2/modules"
	s := snippet(t, b, "apache", snippets.Client{ID: "apache", RedirectURI: b.app + "/protected/redirect_uri", Scopes: []string{"openid", "email", "profile", "groups"}, Provider: "okta"})
	dir := t.TempDir()
	write(t, filepath.Join(dir, "www/index.html"), `public`)
	write(t, filepath.Join(dir, "www/protected/index.html"), `hello <!--#echo var="REMOTE_USER" -->`)
	write(t, filepath.Join(dir, s.File), s.Text)
	if err := os.Mkdir(filepath.Join(dir, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	argv := []string{program, "-f", abs(t, "testdata/httpd-snippet.conf"), "-DFOREGROUND"}
	if os.Getuid() == 0 {
		argv = append(argv, "-C", "User www-data", "-C", "Group www-data")
		openTo(t, dir, "www-data")
	}
	port := strings.TrimPrefix(b.app, "http://localhost:")
	httpd := start(t, dir, []string{"DIR=" + dir, "PORT=" + port, "MODULES=" + modules, "OIDC_CLIENT_SECRET=" + b.secret, "OIDC_PASSPHRASE=" + newSecret()}, argv...)
	httpd.answers(t, http.DefaultClient, b.app+"/")
	page := newBrowser(t).open(t, b.app+"/protected/").signIn(t, "Alice Acme")
	if page.status != http.StatusOK || !strings.Contains(page.body, "hello alice@acme.example") {
		log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
		t.Errorf("the protected page answered %d at %s:\n%s\n%s", page.status, page.url, page.body, log)
	}
}

// The API of each language takes a token that is for it, and refuses one without the scope.
func TestTheAPIsToCopyCheckTokens(t *testing.T) {
	b := brokerWithOkta(t)
	good := web(t, b, "openid", "items:read").login(t, "okta", "Alice Acme").token.AccessToken
	foreign := web(t, b, "openid", "orders:read").login(t, "okta", "Alice Acme").token.AccessToken
	for _, scope := range []string{"items:read", "items:write"} {
		all, err := snippets.API(b.issuer, items, scope)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			t.Run(s.Name+" "+scope, func(t *testing.T) {
				var dir string
				switch s.Name {
				case "go":
					dir = scratch(t)
				case "node":
					npm(t, "jose")
					dir = t.TempDir()
					if err := os.Symlink(abs(t, "node/node_modules"), filepath.Join(dir, "node_modules")); err != nil {
						t.Fatal(err)
					}
				default:
					dir = t.TempDir()
				}
				port := freePorts(t, 1)[0]
				write(t, filepath.Join(dir, s.File), strings.ReplaceAll(s.Text, "3001", strconv.Itoa(port)))
				api := start(t, dir, nil, commandFor(t, s)...)
				base := "http://127.0.0.1:" + strconv.Itoa(port) + "/"
				api.until(t, "it listens", func() bool {
					resp, err := http.Get(base)
					return err == nil && resp.Body.Close() == nil
				})
				want := map[string]int{good: 200, foreign: 401, good[:len(good)-4] + "AAAA": 401, "": 401}
				if scope == "items:write" {
					want[good] = 403
				}
				for token, status := range want {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base, nil)
					if err != nil {
						t.Fatal(err)
					}
					if token != "" {
						req.Header.Set("Authorization", "Bearer "+token)
					}
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode != status || status != 200 && resp.Header.Get("WWW-Authenticate") == "" {
						t.Errorf("a token of %d bytes: got %d %q, want %d", len(token), resp.StatusCode, resp.Header.Get("WWW-Authenticate"), status)
					}
				}
				api.stop()
			})
		}
	}
}
