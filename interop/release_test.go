package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Whoever builds the same commit gets the same bytes, wherever it lies: so a binary that was tampered with is told from ours by
// building it again. The list of parts beside it names what is really in it.
func TestO11_TwoFoldersGiveOneReleaseWithATrueListOfItsParts(t *testing.T) {
	sums := []string{}
	var dist string
	for _, name := range []string{"one", "two/a-longer-name"} {
		dir := filepath.Join(t.TempDir(), name)
		commit(t, dir)
		cmd := exec.Command("make", "-s", "release", "PLATFORMS=linux/amd64")
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("make release: %v\n%s", err, said)
		}
		dist = filepath.Join(dir, "dist")
		text, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(text))
		check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS") // as docs/releases.md says
		check.Dir = dist
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != 2 {
		t.Errorf("two folders, one commit, and:\n%s\n%s", sums[0], sums[1])
	}

	inside, err := exec.Command("go", "version", "-m", filepath.Join(dist, "handstamp-linux-amd64")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(inside), "vcs.modified=false") || !strings.Contains(string(inside), "-trimpath=true") {
		t.Errorf("it does not say of which commit it is:\n%s", inside)
	}
	var list struct {
		Components []struct{ Name, Version string }
	}
	text, err := os.ReadFile(filepath.Join(dist, "handstamp-linux-amd64.cdx.json"))
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, c := range list.Components {
		listed[c.Name] = c.Version
	}
	modules := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(inside), -1)
	for _, m := range modules {
		if listed[m[1]] != m[2] {
			t.Errorf("%s %s is in it, and the list says %q", m[1], m[2], listed[m[1]])
		}
	}
	if listed["std"] == "" || len(modules) < 20 || len(modules) > 75 {
		t.Errorf("%d modules, Go %q: 75 is what we allow ourselves", len(modules), listed["std"])
	}
}

// commit copies the tree as it is into a folder and commits it there, the same each time.
func commit(t *testing.T, dir string) {
	t.Helper()
	copyTree(t, dir, func(string) bool { return true })
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "commit", "-qm", "as it is"}} {
		cmd := exec.Command(need(t, "git"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, said)
		}
	}
}

// copyTree copies what git knows or would take, where wanted says so.
func copyTree(t *testing.T, dir string, wanted func(name string) bool) {
	t.Helper()
	cmd := exec.Command(need(t, "git"), "ls-files", "-co", "--exclude-standard", "-z")
	cmd.Dir = ".."
	names, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join("..", name))
		if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() || !wanted(name) {
			continue
		}
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}
