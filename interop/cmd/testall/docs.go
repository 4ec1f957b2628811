package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A block is a fenced piece of a page. Its info string says what becomes of it:
//
//	sh              run as the reader would, after the blocks before it, in one shell a page, and must succeed
//	sh background   started, waited for until the first address that it prints answers, and stopped at the end of the page
//	sh elsewhere    not run here, since it needs what CI has not (a container engine, an account at a vendor); named in the output
//
//	go              compiled within the copy of the tree, where it is a whole program (it begins with `package main`)
//
// Any other kind is no command.
type block struct {
	line int
	info string
	text string
}

// How long a block may take, and a background one to be there. They end a broken page; nothing is judged by them.
const (
	blockPatience      = 10 * time.Minute
	backgroundPatience = 3 * time.Minute
)

// docs runs the commands of README.md, CONTRIBUTING.md and docs/, each page in a shell and a clean copy of the tree of its own.
func docs(h *house) []result {
	sum := result{name: "commands of README and docs", version: "bash"}
	pages, err := pagesOf(h.root)
	if err != nil {
		return one(sum.name, sum.version, err)
	}
	parent, err := os.MkdirTemp("", "handstamp-docs-")
	if err != nil {
		return one(sum.name, sum.version, err)
	}
	defer func() { _ = os.RemoveAll(parent) }()
	results := []result{}
	for _, page := range pages {
		r := runPage(h, page, filepath.Join(parent, "handstamp")) // one path for all, since Go's build cache knows packages by it
		if r.passed+r.failed == 0 {
			continue
		}
		r.detail = true
		results = append(results, r)
		sum.passed += r.passed
		sum.failed += r.failed
		sum.seconds += r.seconds
	}
	return append([]result{sum}, results...)
}

// pagesOf lists the pages in the order in which they are read: the README, how to contribute, then docs/ by name.
func pagesOf(root string) ([]string, error) {
	pages := []string{"README.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		rel, err := filepath.Rel(root, path)
		pages = append(pages, rel)
		return err
	})
	if os.IsNotExist(err) {
		err = nil
	}
	return pages, err
}

// runPage runs the blocks of one page, in order, and stops at the first that fails: the reader would, too.
func runPage(h *house, page, dir string) result {
	begun := time.Now()
	r := result{name: page}
	source, err := os.ReadFile(filepath.Join(h.root, page))
	if err != nil {
		fmt.Println(err)
		r.failed = 1
		return r
	}
	blocks := blocksOf(string(source))
	for _, b := range blocks {
		if slices.Contains([]string{"bash", "shell", "zsh", "console", "shell-session", "sh-session"}, firstWord(b.info)) {
			fmt.Printf("%s:%d: ```%s: a command is marked sh, sh background or sh elsewhere, so that it is known whether it is run\n", page, b.line, b.info)
			r.failed++
		}
	}
	blocks = slices.DeleteFunc(blocks, func(b block) bool { return firstWord(b.info) != "sh" && !b.program() })
	if len(blocks) == 0 || r.failed > 0 {
		return r
	}
	err = os.Mkdir(dir, 0o755)
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = h.copyTo(dir)
	}
	var s *shell
	if err == nil {
		s, err = newShell(dir)
	}
	if err != nil {
		fmt.Println(err)
		r.failed = 1
		return r
	}
	defer s.close()
	for _, b := range blocks {
		began := time.Now()
		var err error
		verdict := "ok"
		switch b.info {
		case "sh":
			err = s.run(b)
		case "sh background":
			err = s.background(b)
		case "go":
			err = s.compile(b)
		case "sh elsewhere":
			fmt.Printf("%-52s %-9s          %s\n", fmt.Sprintf("%s:%d", page, b.line), "elsewhere", firstLine(b.text))
			continue
		default:
			err = fmt.Errorf("unknown mark ```%s", b.info)
		}
		if err != nil {
			verdict = "FAILED"
			r.failed++
		} else {
			r.passed++
		}
		fmt.Printf("%-52s %-9s %7.1fs  %s\n", fmt.Sprintf("%s:%d", page, b.line), verdict, time.Since(began).Seconds(), firstLine(b.text))
		if err != nil {
			fmt.Printf("%v\n", err)
			break
		}
	}
	r.seconds = time.Since(begun).Seconds()
	return r
}

// blocksOf reads the fenced blocks of a page.
func blocksOf(source string) []block {
	var blocks []block
	var open *block
	indent := ""
	for i, line := range strings.Split(source, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			indent = line[:len(line)-len(trimmed)]
			open = &block{line: i + 1, info: strings.TrimSpace(strings.TrimLeft(trimmed, "`"))}
		case open != nil && strings.TrimSpace(trimmed) == "```":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return blocks
}

// copyTo copies what a fresh clone would hold, with what is not committed yet.
func (h *house) copyTo(dir string) error {
	files, err := h.output(".", "git", "ls-files", "-co", "--exclude-standard", "-z")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.Trim(files, "\x00"), "\x00") {
		from := filepath.Join(h.root, name)
		info, err := os.Lstat(from)
		if os.IsNotExist(err) || (err == nil && !info.Mode().IsRegular()) {
			continue
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// A shell is the terminal of a reader who works through one page: what an earlier block exported, and the folder that it went to, stay.
type shell struct {
	dir    string // for the blocks' own files, beside the tree
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output *bufio.Reader
	blocks int
	pids   []int
}

// endOfBlock is what the shell prints after each block; no block prints it.
const endOfBlock = "=== handstamp: end of block ==="

func newShell(tree string) (*shell, error) {
	s := &shell{dir: tree + ".blocks"}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("bash", "--noprofile", "--norc", "-euo", "pipefail")
	s.cmd.Dir = tree
	s.cmd.Env = append(os.Environ(), "HANDSTAMP_DOCS=1") // `make test` on a page is this run, and does not begin another
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	s.output = bufio.NewReader(r)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, w.Close()
}

// file puts a block where bash can read it.
func (s *shell) file(b block) (string, error) {
	s.blocks++
	name := filepath.Join(s.dir, fmt.Sprintf("%02d.sh", s.blocks))
	return name, os.WriteFile(name, []byte(b.text), 0o600)
}

// run runs a block and waits for it. Its output is part of the error.
func (s *shell) run(b block) error {
	name, err := s.file(b)
	if err != nil {
		return err
	}
	said, err := s.send(fmt.Sprintf("source %s </dev/null", name))
	if err != nil {
		return fmt.Errorf("%s%w", said, err)
	}
	return nil
}

// send gives the shell a line and returns what was printed until it was done.
func (s *shell) send(line string) (string, error) {
	stop := time.AfterFunc(blockPatience, func() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) })
	defer stop.Stop()
	if _, err := fmt.Fprintf(s.stdin, "%s\nprintf '%%s\\n' '%s'\n", line, endOfBlock); err != nil {
		return "", err
	}
	var said bytes.Buffer
	for {
		line, err := s.output.ReadString('\n')
		if before, found := strings.CutSuffix(line, endOfBlock+"\n"); found {
			said.WriteString(before)
			return said.String(), nil
		}
		said.WriteString(line)
		if err != nil {
			return said.String(), errors.Join(errors.New("the command failed"), s.cmd.Wait())
		}
	}
}

var address = regexp.MustCompile(`https?://([A-Za-z0-9.-]+):(\d+)`)

// program says whether a block is a whole Go program.
func (b block) program() bool { return b.info == "go" && strings.HasPrefix(b.text, "package main\n") }

// compile builds a Go program of the page as a command of the tree.
func (s *shell) compile(b block) error {
	dir, err := os.MkdirTemp(s.cmd.Dir, "page-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(b.text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", os.DevNull, ".")
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s%w", said, err)
	}
	return nil
}

// background starts a block and waits until the first address that it prints takes a connection.
func (s *shell) background(b block) error {
	name, err := s.file(b)
	if err != nil {
		return err
	}
	said, err := s.send(fmt.Sprintf("setsid bash -euo pipefail %s </dev/null >%s.log 2>&1 & echo $!", name, name))
	if err != nil {
		return fmt.Errorf("%s%w", said, err)
	}
	var pid int
	if _, err := fmt.Sscan(said, &pid); err != nil {
		return fmt.Errorf("which process is it? %q: %w", said, err)
	}
	s.pids = append(s.pids, pid)
	for end := time.Now().Add(backgroundPatience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		log, _ := os.ReadFile(name + ".log")
		if m := address.FindSubmatch(log); m != nil {
			if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", string(m[2]))); err == nil {
				return conn.Close()
			}
		}
		if syscall.Kill(pid, 0) != nil {
			return fmt.Errorf("%sit ended before it was there", log)
		}
	}
	log, _ := os.ReadFile(name + ".log")
	return fmt.Errorf("%sno address that it printed answered within %v", log, backgroundPatience)
}

// close stops what the page started and forgets it.
func (s *shell) close() {
	for _, pid := range s.pids {
		_ = syscall.Kill(-pid, syscall.SIGTERM)
	}
	for _, pid := range s.pids {
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && syscall.Kill(-pid, 0) == nil; time.Sleep(50 * time.Millisecond) {
		}
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	_ = s.stdin.Close()
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

func firstWord(s string) string { w, _, _ := strings.Cut(s, " "); return w }

func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}
