package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/configs"
)

// docs_test.go holds what pages say about the repository; here is what they show: Go
// programs, settings files, and what commands print.

// A block of commands says what becomes of it (CONTRIBUTING.md), so that none is forgotten.
func TestEveryCommandBlockOfThePagesIsMarked(t *testing.T) {
	marks := []string{"sh", "sh background", "sh elsewhere"}
	others := []string{"", "text", "go", "yaml", "json", "js", "html", "http", "nginx", "ini", "csv", "diff"}
	for _, p := range pages(t) {
		for _, c := range p.code {
			if !slices.Contains(marks, c.info) && !slices.Contains(others, c.info) {
				t.Errorf("%s: a block is marked %q: commands are %q, and what is none is text", p.path, c.info, marks)
			}
		}
	}
}

// A Go program on a page is compiled where a reader of the page would put it: in a
// folder of its own that imports ours.
func TestGoProgramsInTheDocsCompile(t *testing.T) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir, number := t.TempDir(), 0
	var programs, tests []string
	for _, p := range pages(t) {
		for _, c := range p.code {
			if c.info != "go" || !strings.HasPrefix(c.text, "package ") {
				continue
			}
			number++
			folder, name := fmt.Sprintf("snippet%d", number), "main.go"
			if strings.Contains(c.text, `"testing"`) {
				name, tests = "main_test.go", append(tests, "./"+folder)
			} else {
				programs = append(programs, "./"+folder)
			}
			real := filepath.Join(dir, folder+name)
			if err := os.WriteFile(real, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay.Replace[filepath.Join(abs, folder, name)] = real
			t.Logf("%s is in %s", folder, p.path)
		}
	}
	if number == 0 {
		t.Fatal("no program was found")
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{append([]string{"build", "-overlay", file}, programs...), append([]string{"test", "-c", "-vet=off", "-o", dir, "-overlay", file}, tests...)} {
		if !strings.HasPrefix(args[len(args)-1], "./") {
			continue
		}
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
}

var heredoc = regexp.MustCompile(`(?s)cat > (\S+)\.yaml <<'EOF'\n(.*?\n)EOF\n`)

// A settings file on a page is read as serve reads it, and a directory as plan reads it;
// the tests beside one are run with their page.
func TestSettingsFilesInTheDocsLoad(t *testing.T) {
	directory.KnowGrantType("urn:example:codeword") // the page about adding a grant type adds it
	variable := func(string) (string, bool) { return "0123456789abcdef0123456789abcdef", true }
	seen := 0
	for _, p := range pages(t) {
		for _, c := range p.code {
			for _, m := range heredoc.FindAllStringSubmatch(c.text, -1) {
				seen++
				var err error
				switch {
				case strings.HasSuffix(m[1], "_test"):
				case strings.Contains(m[2], "issuer:") && !strings.HasPrefix(m[2], "providers:"):
					_, err = configs.Parse(p.path, []byte(m[2]), variable)
				default:
					_, err = configs.LoadDirectory(settingsFile(t, m[2]))
				}
				if err != nil {
					t.Errorf("%s: %v", p.path, err)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no settings file was found")
	}
}

var ofLine = regexp.MustCompile(`:\d+\)`)

// Where a page shows what a command prints, it printed that: the sh blocks that write
// files and those with a text block right behind them are run in one shell, and what
// they print is compared, line numbers aside.
func TestOutputInTheDocsIsReal(t *testing.T) {
	compared := 0
	for _, p := range pages(t) {
		script, want := "", []fenced{}
		for i, c := range p.code {
			shown := i+1 < len(p.code) && p.code[i+1].info == "text"
			switch {
			case c.info == "sh" && shown:
				script += "\n" + c.text + "\necho '=== end of block ==='\n"
				want = append(want, p.code[i+1])
			case c.info == "sh" && strings.Contains(c.text, "<<"):
				script += "\n{\n" + c.text + "\n} >/dev/null\n"
			}
		}
		if len(want) == 0 {
			continue
		}
		got := strings.Split(runScript(t, script), "=== end of block ===\n")
		for i, w := range want {
			compared++
			if i >= len(got) || ofLine.ReplaceAllString(got[i], ":N)") != ofLine.ReplaceAllString(w.text, ":N)") {
				t.Errorf("%s shows\n%s\nand the commands print\n%s", p.path, w.text, got[min(i, len(got)-1)])
			}
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// runScript runs the blocks of a page in a folder of its own, with the program at hand
// as `handstamp`, and returns what they printed.
func runScript(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	abs, err := filepath.Abs(filepath.Join(root, "configs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(abs, filepath.Join(dir, "configs")); err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, "go build ") {
			lines = append(lines, strings.ReplaceAll(line, "bin/handstamp", "handstamp"))
		}
	}
	cmd := exec.Command("bash", "-c", strings.Join(lines, ""))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("the blocks end with %v", err) // what they printed decides
	}
	return string(out)
}
