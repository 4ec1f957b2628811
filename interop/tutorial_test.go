package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const tutorial = "../docs/tutorial-admin.md"

// part of the page: a block of commands or a step in the browser.
var tutorialParts = regexp.MustCompile("(?s)```sh elsewhere\n(.*?)```|<!-- step: ([a-z]+) -->\n!\\[[^\\]]*\\]\\(([^)]+)\\)")

// The tutorial is walked as it stands: its commands in one shell, the steps between them in Chromium by node/tutorial.mjs, which also
// takes the pictures that the page shows.
func TestTheAdministratorsTutorialIsWalked(t *testing.T) {
	npm(t, "playwright-core")
	npm(t, "axe-core")
	text, err := os.ReadFile(tutorial)
	if err != nil {
		t.Fatal(err)
	}
	parts := tutorialParts.FindAllStringSubmatch(string(text), -1)
	if len(parts) < 18 {
		t.Fatalf("%s has %d parts: the search is broken", tutorial, len(parts))
	}
	shots := os.Getenv("HANDSTAMP_TUTORIAL_SHOTS") // where a change of the page has its pictures made anew
	if shots == "" {
		shots = filepath.Join(shotsDir(t), "tutorial-admin")
	}
	reader := newReader(t, shots)
	sh := newShell(t)
	vars, saw := map[string]string{}, map[string]stepResult{}
	for _, p := range parts {
		if p[2] == "" {
			sh.run(t, vars, p[1])
			if link := regexp.MustCompile(`http://\S+/enter\?\S+`).FindString(sh.said); link != "" {
				vars["LINK"] = link
			}
			continue
		}
		if p[3] != "tutorial-admin/"+p[2]+".png" {
			t.Errorf("the step %s has the picture %s", p[2], p[3])
		}
		if p[2] == "fix" {
			vars["BEFORE_THE_FIX"] = sh.revision(t)
		}
		got := reader.step(t, p[2], vars)
		for _, v := range append(got.Violations, got.Complaints...) {
			t.Errorf("step %s: %s", p[2], v)
		}
		maps.Copy(vars, got.Vars)
		saw[p[2]] = got
		for name, content := range got.Files {
			write(t, filepath.Join(sh.dir, name), content)
		}
		if _, err := os.Stat(filepath.Join(shots, p[2]+".png")); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(tutorial), p[3])); err != nil {
			t.Errorf("the page shows a picture that nobody made: %v (HANDSTAMP_TUTORIAL_SHOTS=$PWD/../docs/tutorial-admin makes them)", err)
		}
	}
	judgeTutorial(t, saw, sh)
}

// judgeTutorial holds what the page promises.
func judgeTutorial(t *testing.T, saw map[string]stepResult, sh *shell) {
	t.Helper()
	for _, promise := range []struct{ why, text, want string }{
		{"the owner comes in by Google", saw["owner"].Vars["WHO"], "Alice"},
		{"the app says why, with a reference", saw["refused"].Vars["SAID"], "The shop is for people of Acme. (reference "},
		{"the console names the rule", saw["reason"].Vars["STORY"], "strangers stay outside"},
		{"the console says whom Google meant", saw["reason"].Vars["STORY"], "bob@gmail.example"},
		{"the shell tells the same", sh.all, "strangers stay outside"},
		{"the plan says who gains", saw["fix"].Vars["PLAN"], "may come in"},
		{"Bob is in after the fix", saw["bob"].Vars["SAID"], "hello bob@gmail.example"},
		{"and out after the rollback", saw["back"].Vars["SAID"], "The shop is for people of Acme."},
		{"the rollback stands in the history", saw["back"].Vars["REVISIONS"], "guests were not agreed"},
	} {
		if !strings.Contains(promise.text, promise.want) {
			t.Errorf("%s: %q is not in %.2000s", promise.why, promise.want, promise.text)
		}
	}
	if n := saw["reason"].Loads; n < 1 || n > 3 {
		t.Errorf("the reason took %d page loads", n)
	}
}

// stepResult is what the reader found in a step.
type stepResult struct {
	Step, Error, At, Text string
	Vars, Files           map[string]string
	Loads                 int
	Violations            []string
	Complaints            []string
}

// reader is node/tutorial.mjs, waiting for steps.
type reader struct {
	in  io.Writer
	out *bufio.Scanner
}

func newReader(t *testing.T, shots string) *reader {
	t.Helper()
	settings, err := json.Marshal(map[string]string{"shots": shots})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need(t, "node"), "tutorial.mjs", string(settings))
	cmd.Dir, cmd.Stderr = "node", os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait()
	})
	s := bufio.NewScanner(out)
	s.Buffer(nil, 4<<20)
	return &reader{in, s}
}

func (r *reader) step(t *testing.T, name string, vars map[string]string) (got stepResult) {
	t.Helper()
	line, err := json.Marshal(map[string]any{"step": name, "vars": vars})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(r.in, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	if !r.out.Scan() {
		t.Fatalf("step %s: the reader ended: %v", name, r.out.Err())
	}
	if err := json.Unmarshal(r.out.Bytes(), &got); err != nil {
		t.Fatalf("step %s: %s: %v", name, r.out.Text(), err)
	}
	if got.Error != "" {
		t.Fatalf("step %s: %s at %s:\n%s", name, got.Error, got.At, got.Text)
	}
	return got
}

// shell runs the blocks of a page one after the other, in one folder; what they start
// in the background ends with the test.
type shell struct {
	dir       string
	said, all string // by the last block, and by all
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{dir: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.dir, "handstamp.log"))
			t.Logf("what the commands printed:\n%s\nthe broker's log:\n%s", s.all, log)
		}
	})
	return s
}

func (s *shell) run(t *testing.T, vars map[string]string, block string) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "said")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", block)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, out, out // a file: a pipe would wait for what runs on
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		cmd.Env = append(cmd.Env, name+"="+vars[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Run()
	if cmd.Process != nil {
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) })
	}
	said, _ := os.ReadFile(out.Name())
	s.said = string(said)
	s.all += "$ " + block + s.said
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, block, said)
	}
	if strings.Contains(block, "&\n") {
		s.untilItListens(t, block)
	}
}

// untilItListens waits for what a block began in the background.
func (s *shell) untilItListens(t *testing.T, block string) {
	t.Helper()
	ready := []string{"http://localhost:5643/"}
	if strings.Contains(block, "handstamp serve") {
		ready = []string{"http://127.0.0.1:5642/.well-known/openid-configuration", "http://127.0.0.1:5640/readyz"}
	}
	for _, url := range ready {
		end := time.Now().Add(patience)
		for exec.Command("curl", "-sf", "-o", os.DevNull, url).Run() != nil {
			if time.Now().After(end) {
				t.Fatalf("%s never answered", url)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// revision is the number of the active one.
func (s *shell) revision(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(binary, "history", "-c", "handstamp.yaml", "--json", "--limit", "1")
	cmd.Dir = s.dir
	out, err := cmd.Output()
	n := regexp.MustCompile(`"number":\s*(\d+)`).FindSubmatch(out)
	if err != nil || n == nil {
		t.Fatalf("history: %v\n%s", err, out)
	}
	return string(n[1])
}
