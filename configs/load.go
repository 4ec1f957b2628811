package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

const (
	maxFile   = 1 << 20 // bytes of a settings file
	maxSecret = 64 << 10
	maxMode   = fs.FileMode(0o640) // of a file that holds secrets
)

// Load reads a settings file. The error is a *Problems that lists everything that
// is wrong, also when the file cannot be read.
func Load(path string) (*Config, error) {
	b, mode, err := readFile(path, maxFile)
	if err != nil {
		return nil, &Problems{[]Problem{{File: path, Message: err.Error(), Hint: fileHint(err)}}}
	}
	return parse(path, b, os.LookupEnv, mode)
}

// Parse reads settings from memory; name is the file's name for messages, and its
// folder is where relative paths begin. env looks up a variable of the environment.
func Parse(name string, b []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(name, b, env, 0)
}

// parse goes on as long as it can, so that one run shows all problems: the tree,
// then each key, then what the values mean, then the directory as a whole.
func parse(name string, b []byte, env func(string) (string, bool), mode fs.FileMode) (*Config, error) {
	c := Defaults()
	d := newDecoder(name, env)
	root, problem := tree(name, b)
	if problem != nil {
		return nil, &Problems{[]Problem{*problem}}
	}
	d.decode(root, c)
	c.places, c.env = d.places, env
	if mode&^maxMode != 0 {
		d.refuseLiteralSecrets(mode, 0)
	}
	c.resolvePaths(filepath.Dir(name))
	d.followDirectory(c)
	d.nameSources(&c.Directory)
	v := &validator{file: name, c: c, broken: d.problems}
	v.check()
	snapshot, faults := directory.Compile(c.Issuer, c.Directory)
	for _, f := range faults {
		v.problem(f.Path, f.Hint, "%s", f.Message)
	}
	problems := append(d.problems, v.problems...)
	if len(problems) > 0 {
		sortProblems(problems)
		return nil, &Problems{d.scrub(problems)}
	}
	c.snapshot = snapshot
	c.Warnings = d.scrub(v.warnings())
	return c, nil
}

// readFile reads a regular file of at most limit bytes and tells its mode. It looks
// at the opened file, so that mode and content belong together; the look before it
// keeps a pipe, which nobody may ever fill, from holding the start up.
func readFile(path string, limit int64) ([]byte, fs.FileMode, error) {
	return readFileBy(os.Stat, os.Open, path, limit)
}

func readFileBy(stat func(string) (fs.FileInfo, error), open func(string) (*os.File, error), path string, limit int64) ([]byte, fs.FileMode, error) {
	if info, err := stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, 0, errNoRegularFile
	}
	f, err := open(path)
	if err != nil {
		return nil, 0, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errNoRegularFile
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, 0, reason(err)
	}
	if int64(len(b)) > limit {
		return nil, 0, fmt.Errorf("the file is larger than %d KiB", limit>>10)
	}
	if runtime.GOOS == "windows" {
		return b, 0, nil // its files have lists of permissions, and Go's mode says nothing about them
	}
	return b, info.Mode().Perm(), nil
}

// reason leaves out the path, which the message names already.
func reason(err error) error {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoFile
	case errors.Is(err, fs.ErrPermission):
		return errNoPermission
	case errors.As(err, &p):
		return p.Err
	}
	return err
}

var (
	errNoFile        = errors.New("there is no such file")
	errNoPermission  = errors.New("the file may not be read by this user")
	errNoRegularFile = errors.New("this is not a file")
)

func fileHint(err error) string {
	if errors.Is(err, errNoFile) {
		return "name the one that you mean; configs/handstamp.yaml in the sources is one to begin from"
	}
	return ""
}

// resolvePaths makes relative file names relative to the settings file's folder, so
// that the file means the same wherever the program is started.
func (c *Config) resolvePaths(dir string) {
	for _, p := range []*string{&c.TLS.Cert, &c.TLS.Key, &c.Outgoing.CAFile, &c.DirectoryPath} {
		*p = resolve(dir, *p)
	}
	c.resolveAdmin(dir)
	if path, ok := strings.CutPrefix(c.Storage.URL.Reveal(), "sqlite:"); ok && path != "" {
		c.Storage.URL = providers.Secret("sqlite:" + resolve(dir, path))
	}
}

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
