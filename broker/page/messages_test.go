package page

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var spoken = regexp.MustCompile(`\{\{t "((?:[^"\\]|\\.)*)"`)

// sentences are all English words that a message file has to translate: those of the
// templates, and those that the broker and the providers hand to a page.
func sentences(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"2 January 2006, 15:04 UTC": "account.go"}
	templates, err := filepath.Glob("templates/*.html")
	if err != nil || len(templates) == 0 {
		t.Fatal("no templates", err)
	}
	for _, name := range templates {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range spoken.FindAllStringSubmatch(string(b), -1) {
			found[m[1]] = name
		}
	}
	for _, dir := range []string{".", "..", "../directory", "../../providers"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			(&reader{found: found, name: name}).read(file)
		}
	}
	return found
}

// reader collects the sentences of one Go file.
type reader struct {
	found map[string]string
	name  string
}

func (r *reader) read(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch called := calledName(n); {
			case called == "Say" || called == "say" && !strings.HasPrefix(r.name, ".."):
				r.take(n.Args[0])
			case called == "or" && len(n.Args) == 2:
				r.take(n.Args[1])
			case (called == "refuse" || called == "replayed") && len(n.Args) == 3:
				r.take(n.Args[1])
			case called == "startAgain" || called == "answeredBefore":
				r.take(n.Args[1])
			case called == "E" && len(n.Args) == 2: // what an app is told, the account page tells the person
				if code, ok := n.Args[0].(*ast.SelectorExpr); ok && slices.Contains([]string{"AccessDenied", "LoginRequired", "TemporarilyUnavailable"}, code.Sel.Name) {
					r.takeAs(n.Args[1], func(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." })
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && slices.Contains([]string{"sentence", "Sentence", "Lead", "Problem", "Label", "Button"}, key.Name) {
				r.take(n.Value)
			} else if ok && key.Name == "Title" && strings.HasPrefix(r.name, "../") && r.name != "../openapi.go" && !strings.Contains(r.name, "providers") {
				r.take(n.Value)
			}
		case *ast.ValueSpec: // sentences that have a name, and tables of them
			for i, name := range n.Names {
				if slices.Contains([]string{"notYours", "sorry", "deadLink", "deadTicket", "wrongPassword", "wrongCode"}, name.Name) {
					r.take(n.Values[i])
				}
				if name.Name == "ended" {
					for _, e := range n.Values[i].(*ast.CompositeLit).Elts {
						r.take(e.(*ast.KeyValueExpr).Value)
					}
				}
				if name.Name == "identityScopes" {
					for _, e := range n.Values[i].(*ast.CompositeLit).Elts {
						r.take(e.(*ast.CompositeLit).Elts[1])
					}
				}
			}
		case *ast.AssignStmt:
			if sel, ok := n.Lhs[len(n.Lhs)-1].(*ast.SelectorExpr); ok && (sel.Sel.Name == "DownReason") {
				r.take(n.Rhs[len(n.Rhs)-1])
			}
		}
		return true
	})
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func (r *reader) take(e ast.Expr) { r.takeAs(e, func(s string) string { return s }) }

func (r *reader) takeAs(e ast.Expr, as func(string) string) {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil && s != "" && strings.ToLower(s) != strings.ToUpper(s) {
			r.found[as(s)] = r.name
		}
	}
}

func messages(t *testing.T) map[string]map[string]string {
	t.Helper()
	names, err := filepath.Glob("messages/*.json")
	if err != nil || len(names) < 2 {
		t.Fatalf("message files: %v, %v", names, err)
	}
	all := map[string]map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = m
	}
	return all
}

func TestEverySentenceIsTranslatedAndNoTranslationIsLeftOver(t *testing.T) {
	english := sentences(t)
	if len(english) < 80 {
		t.Fatalf("found only %d sentences: the search is broken", len(english))
	}
	for file, m := range messages(t) {
		for _, s := range slices.Sorted(maps.Keys(english)) {
			if m[s] == "" {
				t.Errorf("%s lacks %q (%s)", file, s, english[s])
			}
		}
		for s := range m {
			if english[s] == "" {
				t.Errorf("%s translates %q, which nobody says", file, s)
			}
		}
	}
}

var blank = regexp.MustCompile(`%(?:\[(\d)\])?[sd]`)

// A translation has the same blanks, each as often as the original.
func TestTranslationsFillTheSameBlanks(t *testing.T) {
	blanks := func(s string) []string {
		var list []string
		for i, m := range blank.FindAllStringSubmatch(s, -1) {
			n := m[1]
			if n == "" {
				n = strconv.Itoa(i + 1)
			}
			list = append(list, n+m[0][len(m[0])-1:])
		}
		slices.Sort(list)
		return list
	}
	for file, m := range messages(t) {
		for english, other := range m {
			if want, got := blanks(english), blanks(other); !slices.Equal(got, want) {
				t.Errorf("%s: %q has the blanks %v, its translation %v", file, english, want, got)
			}
		}
	}
}
