package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goTests runs every test of the main module.
func goTests(h *house) []result {
	return h.goTest("go test ./...", ".", "./...")
}

// raceTests runs those rooms again under the race detector where many requests meet.
func raceTests(h *house) []result {
	return h.goTest("go test -race", ".", "-race", "./broker/...", "./storage/...", "./tokens/...", "./guard/...")
}

// interopTests runs this module: a line for each part that others wrote.
func interopTests(h *house) []result {
	return h.goTest("interop", "interop", "-timeout", "20m", "./...")
}

// An event is a line of go test -json (see cmd/test2json); Key and Value come from testing.T.Attr.
type event struct {
	Action, Package, ImportPath, Test, Output, Key, Value string
	Elapsed                                               float64
}

// goTest runs go test and counts. A test that skips itself is shown and counted as what it is: not passed.
func (h *house) goTest(name, dir string, args ...string) []result {
	sum := result{name: name, version: goVersion()}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = filepath.Join(h.root, dir)
	cmd.Stderr = os.Stdout
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return one(name, sum.version, err)
	}
	c := counter{sum: &sum, output: map[string]*strings.Builder{}, parts: map[string][]string{}}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text())
			continue
		}
		c.hear(e)
	}
	if err := cmd.Wait(); err != nil && sum.failed == 0 {
		fmt.Printf("%s: %v\n", name, err)
		sum.failed++ // it broke before a test could say so
	}
	return append([]result{sum}, c.details...)
}

// A counter listens to go test.
type counter struct {
	sum     *result
	output  map[string]*strings.Builder // by package and test: shown only where it failed
	parts   map[string][]string         // by test: the parts that others wrote, which it named
	details []result
}

func (c *counter) hear(e event) {
	id := e.Package + " " + e.Test
	switch e.Action {
	case "attr":
		if e.Key == "part" {
			// One test may meet a part several times; a subtest's parts are its own line.
			for _, known := range c.parts[id] {
				if known == e.Value {
					return
				}
			}
			c.parts[id] = append(c.parts[id], e.Value)
		}
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if c.output[id] == nil {
			c.output[id] = &strings.Builder{}
		}
		c.output[id].WriteString(e.Output)
	case "pass", "fail", "skip":
		c.end(id, e)
	}
}

func (c *counter) end(id string, e event) {
	said := ""
	if b := c.output[id]; b != nil {
		said = b.String()
		delete(c.output, id)
	}
	if e.Test == "" { // a package
		c.sum.seconds += e.Elapsed
		switch e.Action {
		case "pass":
			fmt.Printf("ok    %7.1fs  %s\n", e.Elapsed, e.Package)
		case "fail":
			fmt.Printf("FAIL  %7.1fs  %s\n%s", e.Elapsed, e.Package, said)
			if c.sum.failed == 0 {
				c.sum.failed++ // a panic, or a build that broke: no test of it says so
			}
		}
		return
	}
	r := result{name: readable(e.Test), version: strings.Join(c.parts[id], ", "), seconds: e.Elapsed, detail: true}
	switch e.Action {
	case "pass":
		c.sum.passed++
		r.passed = 1
	case "fail":
		c.sum.failed++
		r.failed = 1
		fmt.Printf("--- FAIL: %s %s\n%s", e.Package, e.Test, said)
	case "skip":
		c.sum.skipped++
		r.skipped = 1
		fmt.Printf("--- SKIP: %s %s (a skipped test is not a passed one)\n%s", e.Package, e.Test, said)
	}
	if r.version != "" {
		c.details = append(c.details, r)
	}
}

// readable turns TestModAuthOpenIDCProtectsAPage/some_case into what a table can hold.
func readable(test string) string {
	name := strings.TrimPrefix(test, "Test")
	if _, sub, ok := strings.Cut(name, "/"); ok {
		name = strings.ReplaceAll(sub, "_", " ")
	}
	if len(name) > 42 {
		name = name[:41] + "…"
	}
	return name
}
