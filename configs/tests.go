package configs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/handstamp/handstamp/broker/policy"
)

// testSuffix ends the names of policy tests, which stand beside the rules.
const testSuffix = "_test.yaml"

// testFile is one *_test.yaml.
type testFile struct {
	Defaults testLogin             `yaml:"defaults"` // of every test of the file
	People   map[string]testPerson `yaml:"people"`   // whom tests name
	Tests    []testCase            `yaml:"tests"`
}

// testPerson is somebody as a provider tells of them.
type testPerson struct {
	Provider string         `yaml:"provider"`
	Claims   map[string]any `yaml:"claims"`
}

// testLogin is where a person comes in, and with which request.
type testLogin struct {
	Provider string   `yaml:"provider"`
	Client   string   `yaml:"client"`
	Scopes   []string `yaml:"scopes"` // asked for; empty: all that the client may
	Resource string   `yaml:"resource"`
}

// testCase is one test: a login, and what it has to come to.
type testCase struct {
	Name      string `yaml:"name"`
	Person    string `yaml:"person"` // of people
	testLogin `yaml:",inline"`

	Claims        map[string]any `yaml:"claims"`         // beside, or instead of, those of the person
	Without       []string       `yaml:"without"`        // claims that the person does not have this time
	New           bool           `yaml:"new"`            // a first login
	Disabled      bool           `yaml:"disabled"`       // the user is disabled here
	EmailVerified *bool          `yaml:"email_verified"` // instead of what trust_email makes of the claims

	Expect testWant `yaml:"expect"`
}

// testWant is what a test expects; what is left out is not looked at.
type testWant struct {
	Admitted *bool          `yaml:"admitted"`
	Roles    []string       `yaml:"roles"`  // exactly these
	Scopes   []string       `yaml:"scopes"` // exactly these; openid and the like only if one of them is listed
	Claims   map[string]any `yaml:"claims"` // of the access token, by rules; null: not there
	Denied   string         `yaml:"denied"` // the person reads exactly this
	Reason   string         `yaml:"reason"` // the operator reads this, among other words
	Rule     string         `yaml:"rule"`   // that denies
}

// readTests reads the tests that stand beside a directory.
func (f *DirectoryFile) readTests() []Problem {
	dir := f.path
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil // which was said already
	case !info.IsDir():
		dir = filepath.Dir(dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return []Problem{{File: dir, Message: reason(err).Error()}}
	}
	defer root.Close()
	names, err := filepath.Glob(filepath.Join(dir, "*"+testSuffix))
	if err != nil || len(names) > maxDirectoryFiles {
		return []Problem{{File: dir, Message: fmt.Sprintf("the folder has more than %d files of tests", maxDirectoryFiles)}}
	}
	slices.Sort(names)
	f.Tests = &policy.Suite{}
	var problems []Problem
	for _, path := range names {
		if strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		b, _, err := readFileBy(root.Stat, root.Open, filepath.Base(path), maxFile)
		if err != nil {
			problems = append(problems, Problem{File: path, Message: err.Error()})
			continue
		}
		cases, wrong := parseTests(path, b)
		f.Tests.Cases, problems = append(f.Tests.Cases, cases...), append(problems, wrong...)
	}
	return problems
}

// parseTests reads one file of tests as strictly as settings are read.
func parseTests(path string, b []byte) ([]policy.Case, []Problem) {
	root, problem := tree(path, b)
	if problem != nil {
		problem.Hint = strings.Replace(problem.Hint, "begin with: issuer: https://login.example.com", "begin with tests:", 1)
		return nil, []Problem{*problem}
	}
	d := newDecoder(path, os.LookupEnv)
	var file testFile
	d.structure(root, reflect.ValueOf(&file).Elem(), "")
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, d.problems
	}
	seen := map[string]int{}
	var cases []policy.Case
	for i, t := range file.Tests {
		at := fmt.Sprintf("tests[%d]", i)
		c := d.testCase(at, &file, t)
		switch line, double := seen[t.Name]; {
		case t.Name == "":
			d.testProblem(at, "name", "say in a few words what is tested", "the test has no name")
		case double:
			d.testProblem(at, "name", "give each its own", fmt.Sprintf("there is a test of this name on line %d already", line))
		}
		seen[t.Name] = c.Line
		cases = append(cases, c)
	}
	sortProblems(d.problems)
	return cases, d.problems
}

func (d *decoder) testProblem(at, key, hint, message string) {
	d.problemAt(d.places.find(join(at, key)).Position, join(at, key), hint, message)
}

// testCase joins a test with its person and the file's defaults.
func (d *decoder) testCase(at string, file *testFile, t testCase) policy.Case {
	person, known := file.People[t.Person]
	if t.Person != "" && !known {
		hint := ""
		if len(file.People) > 0 {
			hint = "people has: " + strings.Join(slices.Sorted(maps.Keys(file.People)), ", ")
		}
		d.testProblem(at, "person", hint, "there is no person "+strconv.Quote(cut(t.Person))+" in this file")
	}
	claims := maps.Clone(person.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	for i, name := range t.Without {
		if _, there := claims[name]; !there && known {
			d.testProblem(at, fmt.Sprintf("without[%d]", i), "", "the person has no claim "+strconv.Quote(cut(name))+" that could be missing")
		}
		delete(claims, name)
	}
	maps.Copy(claims, t.Claims)
	q := policy.Question{Provider: first(t.Provider, person.Provider, file.Defaults.Provider), Client: first(t.Client, file.Defaults.Client), Claims: claims, Scopes: t.Scopes,
		Resource: first(t.Resource, file.Defaults.Resource), New: t.New, UserDisabled: t.Disabled, EmailVerified: t.EmailVerified}
	if t.Scopes == nil {
		q.Scopes = file.Defaults.Scopes
	}
	if q.Provider == "" {
		d.testProblem(at, "provider", "provider: SLUG here, at the person, or under defaults", "the test does not say through which provider the person comes")
	}
	if q.Client == "" {
		d.testProblem(at, "client", "client: ID here, or under defaults", "the test does not say to which client the person signs in")
	}
	w := t.Expect
	denied := w.Denied != "" || w.Reason != "" || w.Rule != ""
	switch {
	case reflect.DeepEqual(w, testWant{}):
		d.testProblem(at, "expect", "for example expect: {roles: [editor]}", "the test expects nothing")
	case denied && w.Admitted != nil && *w.Admitted:
		d.testProblem(at, "expect.admitted", "keep one of the two", "the test expects that the person comes in, and a reason why not")
	}
	return policy.Case{Name: t.Name, File: d.file, Line: d.places.find(at).Line, Question: q,
		Want: policy.Want{Admitted: w.Admitted, Roles: w.Roles, Scopes: w.Scopes, Claims: w.Claims, Denied: w.Denied, Reason: w.Reason, Rule: w.Rule}}
}

// first is the first text that says something.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// claims decodes what a provider says of a person, or a token of ours.
func (d *decoder) claims(n ast.Node, v reflect.Value, path string) {
	folded := map[string]bool{}
	if m, isTable := n.(*ast.MappingNode); isTable {
		for _, pair := range m.Values {
			key := strings.ToLower(pair.Key.GetToken().Value)
			if folded[key] {
				d.problem(pair.Key, join(path, pair.Key.GetToken().Value), "keep one of them", "%s stands twice, or differs from another name only in its case: a login would refuse that", cut(pair.Key.GetToken().Value))
			}
			folded[key] = true
		}
	}
	table, ok := d.free(n, path).(map[string]any)
	if !ok && !isNull(n) {
		d.problem(n, path, "write name: value lines under it", "%s wants names with values, not %s", last(path), nodeWords(n))
	}
	v.Set(reflect.ValueOf(table))
}

// free decodes a value of any shape, as JSON would carry it: what a provider says.
// Nothing of the environment is put into it.
func (d *decoder) free(n ast.Node, path string) any {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		f, err := strconv.ParseFloat(n.GetToken().Value, 64)
		if err != nil {
			d.problem(n, path, "write digits, or put a text in quotes", "%s is a number in a form that JSON does not have", last(path))
		}
		return f
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, e := range n.Values {
			list[i] = d.free(e, fmt.Sprintf("%s[%d]", path, i))
		}
		return list
	case *ast.MappingNode:
		table, seen := map[string]any{}, map[string]int{}
		for _, pair := range n.Values {
			key, ok := d.key(pair, path, seen)
			if !ok {
				continue
			}
			table[key] = d.free(pair.Value, join(path, key))
		}
		return table
	}
	text, ok := scalarText(n)
	if !ok {
		d.problem(n, path, "", "%s cannot be read", last(path))
	}
	return text
}
