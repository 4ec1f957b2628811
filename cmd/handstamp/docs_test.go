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

	"github.com/handstamp/handstamp/broker/directory"
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
	decisions, err := os.ReadFile(filepath.Join(root, "docs/decisions/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	both := string(index) + strings.ReplaceAll(string(decisions), "](", "](decisions/")
	for _, p := range pages(t) {
		if name, inDocs := strings.CutPrefix(p.path, "docs/"); inDocs && name != "README.md" && !strings.Contains(both, "("+name+")") {
			t.Errorf("no index leads to docs/%s", name)
		}
	}
}

func TestEveryDirectDependencyHasADecision(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	said, seen := "", 0
	for _, p := range pages(t) {
		if strings.HasPrefix(p.path, "docs/decisions/") {
			said += p.prose
		}
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") { // an indirect one has a comment behind it
			continue
		}
		seen++
		if !strings.Contains(said, "`"+fields[0]+"`") {
			t.Errorf("docs/decisions says nothing about %s", fields[0])
		}
	}
	if seen < 10 {
		t.Errorf("saw %d dependencies", seen)
	}
}

var testName = regexp.MustCompile(`\b(Test|Fuzz|Example)[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*(_\*)?`)

// What the pages call proven must be proven by a test that exists.
func TestEveryTestThatTheDocsNameExists(t *testing.T) {
	exists := testFunctions(t)
	mentioned := 0
	for _, p := range pages(t) {
		for _, code := range inline.FindAllString(p.prose, -1) {
			for _, name := range testName.FindAllString(code, -1) {
				mentioned++
				if prefix, all := strings.CutSuffix(name, "*"); all {
					if !slices.ContainsFunc(exists, func(n string) bool { return strings.HasPrefix(n, prefix) }) {
						t.Errorf("%s names %s, and no test begins so", p.path, name)
					}
				} else if !slices.Contains(exists, name) {
					t.Errorf("%s names %s, which does not exist", p.path, name)
				}
			}
		}
	}
	if mentioned < 50 || slices.Contains(exists, "TestThatNobodyWrote") {
		t.Errorf("%d names were looked at", mentioned)
	}
}

func testFunctions(t *testing.T) (out []string) {
	t.Helper()
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
				out = append(out, fn.Name.Name)
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

var heredoc = regexp.MustCompile(`(?s)cat > \S+\.yaml <<'EOF'\n(.*?\n)EOF\n`)

// A settings file on a page is read as serve reads it.
func TestSettingsFilesInTheDocsLoad(t *testing.T) {
	directory.KnowGrantType("urn:example:codeword") // the page about adding a grant type adds it
	variable := func(string) (string, bool) { return "0123456789abcdef0123456789abcdef", true }
	seen := 0
	for _, p := range pages(t) {
		for _, c := range p.code {
			for _, m := range heredoc.FindAllStringSubmatch(c.text, -1) {
				seen++
				if _, err := configs.Parse(p.path, []byte(m[1]), variable); err != nil {
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
