package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/configs"
)

const root = "../.."

// A sheet is one Markdown file: its prose with the fenced blocks taken out, and those.
type sheet struct {
	path  string // from the root, with slashes
	prose string
	code  []fenced
}

type fenced struct{ info, text string }

// pages reads every page of the repository that people read.
func pages(t *testing.T) []sheet {
	t.Helper()
	var all []sheet
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, readPage(filepath.ToSlash(rel), string(source)))
		return err
	})
	if err != nil || len(all) < 5 {
		t.Fatalf("found %d pages, %v", len(all), err)
	}
	return all
}

func readPage(path, source string) sheet {
	p := sheet{path: path}
	var open *fenced
	for line := range strings.Lines(source) {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			open = &fenced{info: strings.TrimLeft(trimmed, "`")}
		case open != nil && trimmed == "```":
			p.code = append(p.code, *open)
			open = nil
		case open != nil:
			open.text += line
		default:
			p.prose += line
		}
	}
	return p
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	inline  = regexp.MustCompile("`[^`]*`")
)

// anchors are the names that GitHub gives to a page's headings.
func (p sheet) anchors() map[string]bool {
	out := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(p.prose, -1) {
		title := link.ReplaceAllString(h[1], "]")
		var b strings.Builder
		for _, c := range strings.ToLower(title) {
			switch {
			case c == ' ':
				b.WriteByte('-')
			case c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c > 0x7f:
				b.WriteRune(c)
			}
		}
		out[b.String()] = true
	}
	return out
}

// faults lists the links of a page that lead nowhere.
func (p sheet) faults(known map[string]sheet) (faults []string) {
	for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(p.prose, ""), -1) {
		target := m[1]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		file, anchor, _ := strings.Cut(target, "#")
		to := p.path
		if file != "" {
			to = filepath.ToSlash(filepath.Join(filepath.Dir(p.path), filepath.FromSlash(file)))
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				faults = append(faults, target+": there is no such file")
				continue
			}
		}
		if other, isPage := known[to]; anchor != "" && isPage && !other.anchors()[anchor] {
			faults = append(faults, target+": that page has no such heading")
		}
	}
	return faults
}

func TestEveryLinkInTheDocsLeadsSomewhere(t *testing.T) {
	known := map[string]sheet{}
	for _, p := range pages(t) {
		known[p.path] = p
	}
	for _, p := range known {
		for _, fault := range p.faults(known) {
			t.Errorf("%s: %s", p.path, fault)
		}
	}
	planted := readPage("docs/planted.md", "# A page\n[a](nowhere.md) [b](../README.md#no-such-heading) [c](#a-page) [d](https://example.com)\n")
	if faults := planted.faults(known); len(faults) != 2 {
		t.Errorf("of two planted faults the test saw %q", faults)
	}
}

func TestEveryPageOfTheDocsIsInTheirIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		if name, inDocs := strings.CutPrefix(p.path, "docs/"); inDocs && name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
}

var testName = regexp.MustCompile(`\b(Test|Fuzz|Example)[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\b`)

// What the pages call proven must be proven by a test that exists.
func TestEveryTestThatTheDocsNameExists(t *testing.T) {
	exists := testFunctions(t)
	mentioned := 0
	for _, p := range pages(t) {
		for _, code := range inline.FindAllString(p.prose, -1) {
			for _, name := range testName.FindAllString(code, -1) {
				mentioned++
				if !exists[name] {
					t.Errorf("%s names %s, which does not exist", p.path, name)
				}
			}
		}
	}
	if mentioned < 50 || exists["TestThatNobodyWrote"] {
		t.Errorf("%d names were looked at", mentioned)
	}
}

func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				out[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var ofOneMachine = regexp.MustCompile("(^|[\\s\"'`(=:])(/(tmp|home|root|work|Users|private)/|[A-Z]:\\\\)")

func TestNoPageNamesAPathOfOneMachine(t *testing.T) {
	for _, p := range pages(t) {
		texts := []string{p.prose}
		for _, c := range p.code {
			texts = append(texts, c.text)
		}
		for _, text := range texts {
			if m := ofOneMachine.FindString(text); m != "" {
				t.Errorf("%s names a path of one machine: …%q…", p.path, m)
			}
		}
	}
	if !ofOneMachine.MatchString("see `/home/alice/handstamp`") || ofOneMachine.MatchString("https://example.com/home/ and docs/root/") {
		t.Error("the test itself sees wrongly")
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

// A settings file on a page, one that begins with an issuer, is read as serve reads it.
func TestSettingsFilesInTheDocsLoad(t *testing.T) {
	variable := func(string) (string, bool) { return "0123456789abcdef0123456789abcdef", true }
	seen := 0
	for _, p := range pages(t) {
		for _, c := range p.code {
			if c.info != "yaml" || !strings.HasPrefix(c.text, "issuer:") {
				continue
			}
			seen++
			if _, err := configs.Parse(p.path, []byte(c.text), variable); err != nil {
				t.Errorf("%s: %v", p.path, err)
			}
		}
	}
	if seen == 0 {
		t.Error("no settings file was found")
	}
}

var ofLine = regexp.MustCompile(`:\d+\)`)

// Where a page shows what a command prints, it printed that: a sh block with a text
// block right behind it is run, and the two are compared, line numbers aside.
func TestOutputInTheDocsIsReal(t *testing.T) {
	compared := 0
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.code, func(c fenced) bool { return c.info == "text" }) {
			continue
		}
		dir := t.TempDir()
		abs, err := filepath.Abs(filepath.Join(root, "configs"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(abs, filepath.Join(dir, "configs")); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		for i, c := range p.code {
			shown := i+1 < len(p.code) && p.code[i+1].info == "text"
			if c.info != "sh" || !shown && !strings.Contains(c.text, "<<") { // it writes a file that later blocks read
				continue
			}
			got := runBlock(t, dir, c.text)
			if !shown {
				continue
			}
			compared++
			if ofLine.ReplaceAllString(got, ":N)") != ofLine.ReplaceAllString(p.code[i+1].text, ":N)") {
				t.Errorf("%s shows\n%s\nfor\n%s\nand it is\n%s", p.path, p.code[i+1].text, c.text, got)
			}
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// runBlock runs the block of a page and returns what it printed. An explanation that
// ends in "not admitted" has an exit code of its own, so only the output is judged.
func runBlock(t *testing.T, dir, block string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(line, "go build ") { // the program is here already, as `handstamp`
			lines = append(lines, strings.ReplaceAll(line, "bin/handstamp", "handstamp"))
		}
	}
	cmd := exec.Command("bash", "-c", strings.Join(lines, ""))
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	return string(out)
}
