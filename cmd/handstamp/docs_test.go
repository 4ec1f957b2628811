package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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

var attack = regexp.MustCompile(`^[A-Z]\d\d$`)

// The id in a test's name means something only to who finds it in the list.
func TestEveryAttackThatATestNamesIsInTheList(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(root, "docs/attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range testFunctions(t) {
		for _, part := range strings.Split(strings.TrimPrefix(name, "Test"), "_") {
			if attack.MatchString(part) && !strings.Contains(string(list), part+" ") {
				t.Errorf("docs/attacks.md does not know the %s of %s", part, name)
			}
		}
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

// What discovery offers, the page about the specifications tells.
func TestThePageOfSpecificationsNamesWhatDiscoveryOffers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handstamp.yaml")
	write(t, path, fmt.Sprintf(settings, filepath.Join(dir, "book.db"), "https://idp.example", "Web"))
	h, err := openTestHouse(t, path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	w := httptest.NewRecorder()
	h.broker.ServeHTTP(w, httptest.NewRequest("GET", h.cfg.Issuer+"/.well-known/openid-configuration", nil))
	var offered map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &offered); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	spec, err := os.ReadFile(filepath.Join(root, "docs/spec.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, list := range []string{"grant_types_supported", "response_modes_supported", "token_endpoint_auth_methods_supported", "prompt_values_supported", "scopes_supported"} {
		values, _ := offered[list].([]any)
		for _, v := range values {
			seen++
			if !strings.Contains(string(spec), "`"+v.(string)+"`") {
				t.Errorf("docs/spec.md does not name %s of %s", v, list)
			}
		}
	}
	if seen < 15 {
		t.Errorf("discovery offers only %d things: %s", seen, w.Body)
	}
}
