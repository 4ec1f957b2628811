package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPageIsReadAsItsReaderSeesIt(t *testing.T) {
	page := "Text.\n```sh\nexport A=1\ncd sub\n```\n1. In a list:\n\n   ```sh\n   echo \"$A\" >made\n   ```\n```yaml\nkey: value\n```\n```sh background\nserve\n```\n"
	want := []block{
		{2, "sh", "export A=1\ncd sub\n"},
		{8, "sh", "echo \"$A\" >made\n"},
		{11, "yaml", "key: value\n"},
		{14, "sh background", "serve\n"},
	}
	got := blocksOf(page)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPagesRunInOneShellEachInACleanCopy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, page := range []struct {
		why, text      string
		passed, failed int
	}{
		{"what a block exports, and where it goes, holds for the next one",
			"```sh\nexport WHO=me\nmkdir sub\ncd sub\n```\n```sh\ntest \"$WHO\" = me\ntest \"$(basename \"$PWD\")\" = sub\ntest -f ../README.md\n```\n", 2, 0},
		{"the first failure ends the page, also in the middle of a block",
			"```sh\nfalse\ntrue\n```\n```sh\ntrue\n```\n", 0, 1},
		{"a failure in a pipe is a failure", "```sh\nfalse | true\n```\n", 0, 1},
		{"a block that eats its input does not eat the next block", "```sh\ncat\n```\n```sh\ntrue\n```\n", 2, 0},
		{"text without a line end before the end of a block", "```sh\nprintf half\n```\n", 1, 0},
		{"an ignored file is in no clean copy", "```sh\n! test -e ignored.db\n```\n", 1, 0},
		{"a background block is there when the next one runs",
			fmt.Sprintf("```sh background\necho ready at http://%s/\nsleep 300\n```\n```sh\ntrue\n```\n", l.Addr()), 2, 0},
		{"a background block that dies is a failure", "```sh background\nexit 3\n```\n", 0, 1},
		{"what cannot run here is named and not counted", "```sh elsewhere\ndocker compose up\n```\n", 0, 0},
		{"a command without a known mark is a failure, so that none is forgotten", "```bash\ntrue\n```\n", 0, 1},
		{"a Go program is compiled", "```go\npackage main\n\nfunc main() {}\n```\n```go\npart(of, one)\n```\n", 1, 0},
		{"a Go program that does not compile is a failure", "```go\npackage main\n\nfunc main() { nothing() }\n```\n", 0, 1},
		{"an unknown mark is a failure", "```sh sometimes\ntrue\n```\n", 0, 1},
	} {
		root := t.TempDir()
		for name, text := range map[string]string{"README.md": page.text, ".gitignore": "*.db\n", "ignored.db": "", "go.mod": "module example.com/page\n\ngo 1.26\n"} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := exec.Command("git", "-C", root, "init", "-q").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		r := runPage(&house{root: root}, "README.md", filepath.Join(t.TempDir(), "copy"))
		if r.passed != page.passed || r.failed != page.failed {
			t.Errorf("%s: %d passed and %d failed, want %d and %d", page.why, r.passed, r.failed, page.passed, page.failed)
		}
	}
}

func TestASkippedTestIsNotAPassedOne(t *testing.T) {
	sum := result{}
	c := counter{sum: &sum, output: map[string]*strings.Builder{}, parts: map[string][]string{}}
	for _, e := range []event{
		{Action: "attr", Package: "p", Test: "TestA", Key: "part", Value: "jose 6.2.17"},
		{Action: "attr", Package: "p", Test: "TestA", Key: "part", Value: "jose 6.2.17"},
		{Action: "pass", Package: "p", Test: "TestA"},
		{Action: "skip", Package: "p", Test: "TestB"},
		{Action: "pass", Package: "p"},
		{Action: "skip", Package: "without tests"},
	} {
		c.hear(e)
	}
	if sum.passed != 1 || sum.skipped != 1 || sum.failed != 0 {
		t.Errorf("counted %+v", sum)
	}
	if len(c.details) != 1 || c.details[0].version != "jose 6.2.17" {
		t.Errorf("the lines of parts are %+v", c.details)
	}
	if report([]result{sum}) {
		t.Error("a run with a skipped test was called good")
	}
	if !report([]result{{passed: 1}}) || report(nil) {
		t.Error("a good run is good, and one that tried nothing is not")
	}
}
