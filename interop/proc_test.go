package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take to say something. It bounds a broken run; nothing is judged by it.
const patience = 2 * time.Minute

// A process is somebody's program, running until its test ends. What it printed is shown when the test fails.
type process struct {
	name  string
	cmd   *exec.Cmd
	lines chan string
	done  chan struct{}
	ahead string // a line that was waited for and not read yet

	mu  sync.Mutex
	all bytes.Buffer
}

// start runs a program in dir with env added to ours, and stops it with all that it started when the test ends.
func start(t *testing.T, dir string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(argv[0]), cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan string, 1024), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = writerFunc(func(b []byte) (int, error) { p.note("stderr", string(b)); return len(b), nil })
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", argv[0], err)
	}
	go func() {
		defer close(p.done)
		defer close(p.lines)
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 4<<20)
		for scanner.Scan() {
			p.note("stdout", scanner.Text()+"\n")
			select {
			case p.lines <- scanner.Text():
			default: // a chatty program; what it says is kept in all
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("what %s printed:\n%s", p.name, p.output())
		}
	})
	return p
}

// stop asks politely, then insists, and returns when the program is gone.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

func (p *process) note(stream, s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all.Len() < 1<<20 {
		fmt.Fprintf(&p.all, "%s: %s", stream, s)
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.String()
}

// says waits for the program's next JSON line and decodes it into v.
func (p *process) says(t *testing.T, v any) {
	t.Helper()
	timeout := time.After(patience)
	for {
		line, ok := p.ahead, true
		if p.ahead = ""; line == "" {
			select {
			case line, ok = <-p.lines:
			case <-timeout:
				t.Fatalf("%s said nothing for %v:\n%s", p.name, patience, p.output())
			}
		}
		if !ok {
			t.Fatalf("%s ended before it said what it found:\n%s", p.name, p.output())
		}
		if !strings.HasPrefix(line, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(line), v); err != nil {
			t.Fatalf("%s said %s: %v", p.name, line, err)
		}
		return
	}
}

// startup is how long a program that others wrote may take to its first line before it is begun anew.
const startup = 20 * time.Second

// speaksWithin waits for the first line, which says still reads.
func (p *process) speaksWithin(d time.Duration) bool {
	select {
	case line, ok := <-p.lines:
		if ok {
			p.ahead = line
		}
		return ok
	case <-time.After(d):
		return false
	}
}

// answers waits until url answers 200, while the program lives.
func (p *process) answers(t *testing.T, client *http.Client, url string) {
	t.Helper()
	p.until(t, url+" answers", func() bool {
		res, err := client.Get(url)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// until waits for something that the program does in its own time, while it lives.
func (p *process) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		select {
		case <-p.done:
			t.Fatalf("%s ended before %s:\n%s", p.name, what, p.output())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not after %v: %s", p.name, patience, what)
		}
	}
}

// node runs one of our Node programs with its settings as the only argument.
func node(t *testing.T, program string, settings any, env ...string) *process {
	t.Helper()
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "node", append(env, "NODE_NO_WARNINGS=1"), need(t, "node"), program, string(b))
	p.name = "node/" + program
	return p
}

// need finds a program that make test installs, or fails the test naming it: a part that is missing is never skipped.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, try := range []string{name, "/usr/sbin/" + name} {
			if path, err := exec.LookPath(try); err == nil {
				return path
			}
		}
	}
	t.Fatalf("%s is not installed; `make test` installs it on Debian", strings.Join(names, " or "))
	return ""
}

// freePorts names n ports of this machine that nobody listens on. They are held together and let go together,
// so that no two are the same.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// part names the piece of other people's work that a test holds us against; the test runner prints it.
func part(t *testing.T, name, version string) {
	t.Helper()
	t.Attr("part", name+" "+version)
}

// npm names a package of node/ with the version that is installed, as part.
func npm(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("node", "node_modules", name, "package.json"))
	if err != nil {
		t.Fatalf("npm's %s is not installed; `make test` installs it: %v", name, err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(b, &pkg); err != nil {
		t.Fatal(err)
	}
	part(t, name, pkg.Version)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// version is the last word of what a program says about its version, such as 156.0.8078.79.
func version(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}
	for _, word := range strings.FieldsFunc(string(out), func(r rune) bool { return strings.ContainsRune(" /\n", r) }) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	t.Fatalf("%s names no version: %q", argv[0], out)
	return ""
}
