// Command testall is `make test`: everything that must hold before a change lands, part by part.
//
//	install ─▶ gofmt ─▶ vet ─▶ guard ─▶ holes ─▶ go test ─▶ race ─▶ interop ─▶ docs ─▶ a table, and `all: N passed, N failed`
//
// It owns the order, the counting and the honesty: a part that is skipped, or a test that skips itself, counts as failed, since a green
// run that tried less than it says is worse than a red one. It imports nothing but the standard library, so that it starts at once.
//
//	testall                 everything
//	testall interop docs    only these parts, after installing what they need
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A part is one thing that is tested.
type part struct {
	name string
	run  func(h *house) []result
}

// A result is a line of the table.
type result struct {
	name, version           string
	passed, failed, skipped int
	seconds                 float64
	detail                  bool // a line below its part, already counted there
}

// The parts, in their order: what is quick to fail comes first.
var parts = []part{
	{"install", install},
	{"gofmt", gofmt},
	{"vet", vet},
	{"guard", guardStaysLight},
	{"holes", knownHoles},
	{"go", goTests},
	{"race", raceTests},
	{"interop", interopTests},
	{"docs", docs},
}

// A house is the tree under test.
type house struct {
	root string
	only []string // parts asked for; none means all
}

func main() {
	root, err := filepath.Abs(filepath.Join("..", "."))
	if err != nil {
		fail(err)
	}
	h := &house{root: root, only: os.Args[1:]}
	for _, name := range h.only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			fail(fmt.Errorf("there is no part %q", name))
		}
	}
	var table []result
	for _, p := range parts {
		if len(h.only) > 0 && p.name != "install" && !slices.Contains(h.only, p.name) {
			continue
		}
		fmt.Printf("\n== %s\n", p.name)
		begun := time.Now()
		results := p.run(h)
		if len(results) == 1 {
			results[0].seconds = time.Since(begun).Seconds()
		}
		table = append(table, results...)
		if p.name == "install" && results[0].failed > 0 {
			break // the parts after it would only say the same, less clearly
		}
	}
	if !report(table) {
		os.Exit(1)
	}
}

// report prints the table and the closing line, and says whether all is well.
func report(table []result) bool {
	fmt.Printf("\n%-44s %-26s %8s  %s\n", "part", "result", "seconds", "version")
	var passed, failed int
	for _, r := range table {
		name := r.name
		if r.detail {
			name = "  " + name
		} else {
			passed += r.passed
			failed += r.failed + r.skipped
		}
		fmt.Printf("%-44s %-26s %8.1f  %s\n", name, r.words(), r.seconds, r.version)
	}
	fmt.Printf("\nall: %d passed, %d failed\n", passed, failed)
	return failed == 0 && passed > 0
}

func (r result) words() string {
	words := []string{}
	switch {
	case r.failed == 0 && r.skipped == 0 && r.passed == 1:
		return "ok"
	case r.passed > 0:
		words = append(words, fmt.Sprintf("%d passed", r.passed))
	}
	if r.failed > 0 {
		words = append(words, fmt.Sprintf("%d FAILED", r.failed))
	}
	if r.skipped > 0 {
		words = append(words, fmt.Sprintf("%d SKIPPED", r.skipped))
	}
	if len(words) == 0 {
		return "NOTHING RAN"
	}
	return strings.Join(words, ", ")
}

// one is the result of a part that is a single yes or no.
func one(name, version string, err error) []result {
	r := result{name: name, version: version}
	if err != nil {
		fmt.Printf("%s: %v\n", name, err)
		r.failed = 1
	} else {
		r.passed = 1
	}
	return []result{r}
}

// gofmt wants every Go file in the one form.
func gofmt(h *house) []result {
	files, err := h.output(".", "git", "ls-files", "-co", "--exclude-standard", "*.go")
	if err == nil {
		// A file that git still knows and the tree has lost is no file to format.
		there := slices.DeleteFunc(strings.Fields(files), func(f string) bool { _, err := os.Stat(filepath.Join(h.root, f)); return err != nil })
		var odd string
		if odd, err = h.output(".", "gofmt", append([]string{"-l"}, there...)...); err == nil && odd != "" {
			err = fmt.Errorf("not formatted (gofmt -w):\n%s", odd)
		}
	}
	return one("gofmt", goVersion(), err)
}

// vet looks at both modules.
func vet(h *house) []result {
	err := h.do(".", "go", "vet", "./...")
	if err == nil {
		err = h.do("interop", "go", "vet", "./...")
	}
	return one("go vet", goVersion(), err)
}

// guardStaysLight holds the promise to API authors: who imports the guard links no web framework, no SQL, no OpenID client.
func guardStaysLight(h *house) []result {
	deps, err := h.output(".", "go", "list", "-deps", "./guard")
	if err == nil {
		for dep := range strings.FieldsSeq(deps) {
			for _, heavy := range []string{"gin-gonic/", "database/sql", "modernc.org/", "jackc/pgx", "coreos/go-oidc", "cel.dev/"} {
				if strings.Contains(dep, heavy) {
					err = fmt.Errorf("importing the guard links %s", dep)
				}
			}
		}
	}
	return one("guard links nothing heavy", goVersion(), err)
}

// do runs a command in a folder of the tree and shows what it prints.
func (h *house) do(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join(h.root, dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// output runs a command in a folder of the tree and returns what it prints.
func (h *house) output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join(h.root, dir)
	cmd.Stderr = os.Stdout
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func goVersion() string {
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return "go?"
	}
	return strings.TrimSpace(string(out))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testall:", err)
	os.Exit(2)
}
