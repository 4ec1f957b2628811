package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
)

const (
	pieceProviders = "providers:\n  - {slug: corp, kind: oidc, issuer: \"https://sso.corp.example\", client_id: x, client_secret: \"${X_SECRET}\"}\n"
	pieceClients   = "clients:\n  - {id: web, secrets: [\"file:web.secret\"], redirect_uris: [\"https://app.example.com/cb\"]}\n"
)

// folder writes a directory of files: "name" → content, modes 0600.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		write(t, dir, name, content, 0o600)
	}
	return dir
}

func TestAFolderIsOneDirectory(t *testing.T) {
	dir := folder(t, map[string]string{"10-providers.yaml": pieceProviders, "20-apps.yaml": pieceClients + "resources:\n  - {id: \"https://api.example\", scopes: [{name: \"a:read\"}]}\nbrand: {name: Acme}\n",
		"30-more.yaml": "clients:\n  - {id: two, public: true, redirect_uris: [\"https://two.example.com/cb\"]}\nrules:\n  - {name: all, scopes: [\"a:read\"]}\n",
		"README.md":    "not for us", "apps_test.yaml": "tests: []\n", ".hidden.yaml": "nonsense", "web.secret": longSecret + "\n"})
	settings := write(t, filepath.Dir(dir), "h.yaml", "issuer: https://login.example.com\ntls: {}\ntrusted_proxies: [127.0.0.1]\ndirectory: dir\n", 0o600)
	t.Setenv("X_SECRET", "of the environment")
	c, err := Load(settings)
	if err != nil {
		t.Fatal(err)
	}
	if !c.HasDirectory() || len(c.Snapshot().Clients()) != 2 || c.Snapshot().Rules().Len() != 1 || c.Directory.Brand.Name != "Acme" || c.Brand.Name != "Handstamp" {
		t.Errorf("got %+v", c.Directory)
	}
	if got := c.Directory.Clients[0]; got.Secrets[0].Reveal() != longSecret || got.SecretSources[0] != "file:"+filepath.Join(dir, "web.secret") {
		t.Errorf("got %q from %q: a relative name begins beside its file", got.Secrets[0].Reveal(), got.SecretSources)
	}
	if r := c.Directory.Rules[0]; r.File != filepath.Join(dir, "30-more.yaml") || r.Line != 4 {
		t.Errorf("the rule stands at %s:%d", r.File, r.Line)
	}

	// plan -f reads the same on a machine that has none of the secrets.
	os.Unsetenv("X_SECRET")
	if err := os.Remove(filepath.Join(dir, "web.secret")); err != nil {
		t.Fatal(err)
	}
	f, err := LoadDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if f.Hash != c.DirectoryHash() || len(directory.Diff(c.Directory, f.Document)) > 0 || f.Document.Providers[0].ClientSecret != "" || f.Document.Clients[0].Secrets[0] != "" {
		t.Errorf("got %+v", f.Document)
	}
	if s, err := f.Compile(""); err != nil || len(s.Clients()) != 2 {
		t.Errorf("it cannot be judged by: %v", err)
	}
	// And the settings that name it lead to it as well.
	if g, err := LoadDirectory(settings); err != nil || g.Hash != f.Hash || g.Issuer != "https://login.example.com" {
		t.Errorf("%v: %+v", err, g)
	}
	// A file by itself is a directory, too.
	if one, err := LoadDirectory(filepath.Join(dir, "10-providers.yaml")); err != nil || len(one.Document.Providers) != 1 || one.Hash == f.Hash {
		t.Errorf("%v: %+v", err, one)
	}
}

func TestSettingsWithoutADirectoryLeaveItToTheDatabase(t *testing.T) {
	for file, want := range map[string]bool{"": false, "rules: []\n": true, "resources: []\n": true, "clients:\n": true, "brand: {name: x}\n": false} {
		c, err := Parse("h.yaml", []byte("issuer: https://login.example.com\ntrusted_proxies: [127.0.0.1]\n"+file), environ)
		if err != nil {
			t.Fatal(err)
		}
		if c.HasDirectory() != want || c.Snapshot() == nil || !want && len(c.Warnings) > 0 {
			t.Errorf("%q: %t, warnings %v", file, c.HasDirectory(), c.Warnings)
		}
	}
}

func TestProblemsOfAFolderNameTheirFile(t *testing.T) {
	for _, row := range []struct {
		why   string
		files map[string]string
		want  string // file:line, then a part of the message
	}{
		{"an unknown key in the second file", map[string]string{"a.yaml": pieceProviders, "b.yaml": "clients:\n  - id: web\n    secrts: x\n"}, "b.yaml:3 there is no setting secrts in clients[0]"},
		{"a fault of meaning in the second", map[string]string{"a.yaml": pieceProviders, "b.yaml": "rules:\n  - {name: a, roles: [x]}\n", "c.yaml": "rules:\n  - {name: b, when: 'x +', roles: [x]}\n"}, "c.yaml:2 the expression"},
		{"a name taken by another file", map[string]string{"a.yaml": pieceProviders, "b.yaml": pieceProviders}, "b.yaml:2 the slug corp is taken by providers[0]"},
		{"settings among them", map[string]string{"a.yaml": pieceProviders, "b.yaml": "listen: 127.0.0.1:1\n"}, "b.yaml:1 there is no setting listen"},
		{"two brands", map[string]string{"a.yaml": "brand: {name: a}\n", "b.yaml": "\nbrand: {name: b}\n"}, "b.yaml:2 brand is set twice"},
		{"no YAML", map[string]string{"a.yaml": pieceProviders, "b.yaml": "clients: [\n"}, "b.yaml:1 this is not YAML"},
		{"an empty file", map[string]string{"a.yaml": "# nothing\n"}, "a.yaml:0 the file is empty"},
		{"no file at all", map[string]string{"README": ""}, "dir:0 the folder has no *.yaml"},
		{"a file that would be overlooked", map[string]string{"a.yaml": pieceProviders, "b.yml": "rules: []"}, "b.yml:0 files of a directory end in .yaml"},
	} {
		dir := folder(t, row.files)
		settings := write(t, filepath.Dir(dir), "h.yaml", "issuer: https://login.example.com\ndirectory: dir\n", 0o600)
		t.Setenv("X_SECRET", longSecret)
		for _, load := range []func() error{
			func() error { _, err := Load(settings); return err },
			func() error {
				f, err := LoadDirectory(dir)
				if err == nil {
					_, err = f.Compile("")
				}
				return err
			},
		} {
			err := load()
			if err == nil {
				t.Errorf("%s: nothing was said", row.why)
				continue
			}
			found := slices.ContainsFunc(problemsOf(t, err), func(p Problem) bool {
				return strings.HasPrefix(fmt.Sprintf("%s:%d %s", filepath.Base(p.File), p.Line, p.Message), row.want)
			})
			if !found {
				t.Errorf("%s:\n got %v\nwant %s", row.why, err, row.want)
			}
		}
	}
	if _, err := Parse("h.yaml", []byte("issuer: https://login.example.com\ndirectory: dir\nrules: []\n"), environ); err == nil || !strings.Contains(err.Error(), "rules stands here although directory says where it is") {
		t.Errorf("both were taken: %v", err)
	}
}

// A folder may hold whatever somebody managed to put there.
func TestA17_AFolderOfBombsIsRefused(t *testing.T) {
	outside := write(t, t.TempDir(), "other.yaml", "rules: []\nsecret: canary-value\n", 0o600)
	for _, row := range []struct {
		why   string
		plant func(dir string) error
		says  string
	}{
		{"a link out of the folder", func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "b.yaml")) }, "b.yaml"},
		{"a link up and out", func(dir string) error { return os.Symlink("../../other.yaml", filepath.Join(dir, "b.yaml")) }, "b.yaml"},
		{"a link to itself", func(dir string) error { return os.Symlink("b.yaml", filepath.Join(dir, "b.yaml")) }, "b.yaml"},
		{"a link to nothing", func(dir string) error { return os.Symlink("nothing", filepath.Join(dir, "b.yaml")) }, "no such file"},
		{"a pipe that nobody fills", func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "b.yaml"), 0o600) }, "this is not a file"},
		{"a folder that is called a file", func(dir string) error { return os.Mkdir(filepath.Join(dir, "b.yaml"), 0o700) }, "this is not a file"},
		{"a file of seventeen mebibytes", func(dir string) error { return os.WriteFile(filepath.Join(dir, "b.yaml"), make([]byte, 17<<20), 0o600) }, "larger than"},
		{"two that are too large together", func(dir string) error {
			nine := []byte("rules: []\n#" + strings.Repeat("x", 9<<20) + "\n")
			return errors.Join(os.WriteFile(filepath.Join(dir, "c.yaml"), nine, 0o600), os.WriteFile(filepath.Join(dir, "b.yaml"), nine, 0o600))
		}, "all files together are larger than 16 MiB"},
		{"a thousand and two files", func(dir string) error {
			for i := range 1002 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".yaml")), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, "more than 1000 files"},
		{"an anchors bomb", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "b.yaml"), []byte("rules: &a [*a]\n"), 0o600)
		}, "anchors and aliases are not accepted"},
		{"more names than anybody writes, which the parser compares pairwise", func(dir string) error {
			var b strings.Builder
			for i := range 30_000 {
				fmt.Fprintf(&b, "k%d: x\n", i)
			}
			return os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(b.String()), 0o600)
		}, "more than 1000 settings stand in one place"},
		{"the same further in", func(dir string) error {
			var b strings.Builder
			b.WriteString("providers:\n  - slug: a\n    params:\n")
			for i := range 30_000 {
				fmt.Fprintf(&b, "      k%d: x\n", i)
			}
			return os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(b.String()), 0o600)
		}, "more than 1000 settings stand in one place"},
		{"a secret that everybody reads", func(dir string) error {
			name := filepath.Join(dir, "b.yaml")
			return errors.Join(os.WriteFile(name, []byte(strings.Replace(pieceProviders, "${X_SECRET}", "canary-value", 1)), 0o600), os.Chmod(name, 0o644))
		}, "its mode is 0644"},
	} {
		dir := folder(t, map[string]string{"a.yaml": "resources: []\n"})
		if err := row.plant(dir); err != nil {
			t.Fatal(err)
		}
		_, err := LoadDirectory(dir)
		if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %.500v", row.why, err)
		}
	}
}

// Kubernetes shows each file of a ConfigMap as a link into a folder whose name begins with dots.
func TestLinksWithinTheFolderAreFollowed(t *testing.T) {
	dir := folder(t, nil)
	if err := os.Mkdir(filepath.Join(dir, "..2026_11_24"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "..2026_11_24"), "a.yaml", pieceProviders, 0o600)
	for link, to := range map[string]string{"..data": "..2026_11_24", "a.yaml": "..data/a.yaml"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := LoadDirectory(dir); err != nil || len(f.Document.Providers) != 1 {
		t.Errorf("%v", err)
	}
}

func TestATestRunNeedsNoEnvironment(t *testing.T) {
	settings := write(t, t.TempDir(), "h.yaml", "issuer: https://login.example.com\nsealing_keys: [\"${NOT_HERE}\"]\nstorage: {url: \"${NOT_HERE}\"}\ntls: {cert: /nowhere, key: /nowhere}\n"+
		strings.Replace(strings.Replace(pieceProviders, "client_id: x", "client_id: \"${NOT_HERE}\"", 1), "X_SECRET", "NOT_HERE", 1)+pieceClients, 0o644)
	if _, err := LoadDirectory(settings); err == nil || !strings.Contains(err.Error(), "NOT_HERE is not set") {
		t.Errorf("a plan must not send a client_id that nobody set: %v", err)
	}
	f, err := LoadForTests(settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Compile(""); err != nil {
		t.Error(err)
	}
}
