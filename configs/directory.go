package configs

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/providers"
)

// A directory by itself: one file, or a folder of them. Ten thousand apps need more room
// than settings do.
const (
	maxDirectory       = 16 << 20 // bytes, all files together
	maxDirectoryTokens = 2_000_000
	maxDirectoryFiles  = 1000
)

// DirectoryFile is a directory that was read from a file, or merged from a folder.
type DirectoryFile struct {
	Document directory.Document // in source form; literal secrets are in it, references are not resolved
	Hash     string             // of the document, see Config.DirectoryHash
	Tests    *policy.Suite      // of the *_test.yaml beside it
	Issuer   string             // of the settings file that the directory was found in; "" otherwise

	path   string // the file or folder where it stands
	places places
}

// HasDirectory tells whether the file says anything about providers, clients,
// resources and rules, itself or by the setting directory. If not, what the database
// has holds.
func (c *Config) HasDirectory() bool { return c.hasDirectory }

// DirectoryHash names what the file says about the directory, in source form: it
// changes with the document and with a literal secret, and neither with comments nor
// with what an environment variable holds.
func (c *Config) DirectoryHash() string { return directoryHash(c.Directory) }

// ResolveSecret reads what a source in a document names: ${NAME} or file:/path.
func ResolveSecret(source string) (providers.Secret, error) {
	return resolveSource(source, os.LookupEnv)
}

// LoadDirectory reads a directory from a file or a folder, as `plan -f` does, and the
// tests beside it; from a settings file it takes what the file says of the directory.
// Secrets that are references stay so: where it runs, they may not exist. The error is a
// *Problems.
func LoadDirectory(path string) (*DirectoryFile, error) {
	return loadDirectory(newDecoder(path, os.LookupEnv), path, true)
}

// LoadForTests is LoadDirectory where no environment is at hand, as in a test run: a
// variable that is not set stands for its own name.
func LoadForTests(path string) (*DirectoryFile, error) {
	d := newDecoder(path, os.LookupEnv)
	d.lenient = true
	return loadDirectory(d, path, true)
}

// LoadToExplain is LoadForTests without the tests.
func LoadToExplain(path string) (*DirectoryFile, error) {
	d := newDecoder(path, os.LookupEnv)
	d.lenient = true
	return loadDirectory(d, path, false)
}

func loadDirectory(d *decoder, path string, tests bool) (*DirectoryFile, error) {
	d.later = true
	f := &DirectoryFile{path: path, Tests: &policy.Suite{}}
	if issuer, isSettings := d.fromSettings(f); isSettings {
		f.Issuer = issuer
	} else {
		d.readDirectory(path, &f.Document)
	}
	if tests {
		d.problems = append(d.problems, f.readTests()...)
	}
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, &Problems{d.scrub(d.problems)}
	}
	d.nameSources(&f.Document)
	for i := range f.Document.Providers {
		if p := &f.Document.Providers[i]; p.ClientSecretSource != "" {
			p.ClientSecret = ""
		}
	}
	for i := range f.Document.Clients {
		for j, source := range f.Document.Clients[i].SecretSources {
			if source != "" {
				f.Document.Clients[i].Secrets[j] = ""
			}
		}
	}
	f.Hash, f.places = directoryHash(f.Document), d.places
	return f, nil
}

// fromSettings takes the directory out of a settings file, which is known by its issuer.
// Whatever is wrong with other settings is nobody's business here.
func (d *decoder) fromSettings(f *DirectoryFile) (issuer string, isSettings bool) {
	b, mode, err := readFile(f.path, maxFile)
	if err != nil {
		return "", false
	}
	root, problem := tree(f.path, b)
	if problem != nil || !slices.ContainsFunc(root.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == "issuer" }) {
		return "", false
	}
	c := Defaults()
	d.decode(root, c)
	if mode&^maxMode != 0 {
		d.refuseLiteralSecrets(mode, 0)
	}
	d.problems = slices.DeleteFunc(d.problems, func(p Problem) bool { return !ofDirectory(p.Key) })
	c.resolvePaths(filepath.Dir(f.path))
	d.followDirectory(c)
	f.Document, f.path = c.Directory, cmp.Or(c.DirectoryPath, f.path)
	return c.Issuer, true
}

var directoryKeys = []string{"providers", "clients", "resources", "rules"}

// ofDirectory tells whether a path of the settings is one of the directory.
func ofDirectory(path string) bool {
	return path == "issuer" || slices.ContainsFunc(append(directoryKeys, "directory"), func(key string) bool {
		return path == key || strings.HasPrefix(path, key+"[") || strings.HasPrefix(path, key+".")
	})
}

// Compile makes the directory ready to be asked. Its secrets are stand-ins: it is good
// for everything but signing anybody in. issuer may be "".
func (f *DirectoryFile) Compile(issuer string) (*directory.Snapshot, error) {
	d := f.Document
	d.Providers, d.Clients = slices.Clone(d.Providers), slices.Clone(d.Clients)
	for i := range d.Clients {
		d.Clients[i].Secrets = slices.Clone(d.Clients[i].Secrets)
	}
	if err := d.GiveSecrets(func(_, source string) (providers.Secret, error) { return standIn(source), nil }); err != nil {
		return nil, err
	}
	s, faults := directory.Compile(cmp.Or(issuer, f.Issuer, "http://127.0.0.1:8080"), d)
	if len(faults) == 0 {
		return s, nil
	}
	return nil, &Problems{f.Locate(faults)}
}

// Locate says of problems of the document where they stand in the files.
func (f *DirectoryFile) Locate(faults []directory.Problem) []Problem {
	problems := make([]Problem, len(faults))
	for i, p := range faults {
		at := f.places.find(p.Path)
		problems[i] = Problem{File: cmp.Or(at.file, f.path), Line: at.Line, Column: at.Column, Key: p.Path, Message: p.Message, Hint: p.Hint}
	}
	sortProblems(problems)
	return problems
}

// followDirectory reads what the setting directory names into the settings.
func (d *decoder) followDirectory(c *Config) {
	inline := slices.DeleteFunc(slices.Clone(directoryKeys), func(key string) bool { _, written := d.places[key]; return !written })
	c.hasDirectory = c.DirectoryPath != "" || len(inline) > 0
	switch {
	case c.DirectoryPath == "":
	case len(inline) > 0:
		at := d.places.find(inline[0])
		d.problemAt(at.Position, inline[0], "move it there, or remove directory", inline[0]+" stands here although directory says where it is")
	default:
		file, dir := d.file, d.dir
		d.readDirectory(c.DirectoryPath, &c.Directory)
		d.file, d.dir, d.piece = file, dir, false
	}
}

// piece is what one file of a directory may say.
type piece struct {
	directory.Document `yaml:",inline"`
	Brand              directory.Brand `yaml:"brand"`
}

// readDirectory reads a file, or every *.yaml of a folder in the order of their names,
// into one document.
func (d *decoder) readDirectory(path string, doc *directory.Document) {
	info, err := os.Stat(path)
	if err != nil {
		d.fileProblem(path, reason(err), fileHint(reason(err)))
		return
	}
	left := int64(maxDirectory)
	if !info.IsDir() {
		b, mode, err := readFile(path, left)
		d.readPiece(path, b, mode, err, doc)
		return
	}
	// A link that leads out of the folder is refused: os.Root follows none.
	root, err := os.OpenRoot(path)
	if err != nil {
		d.fileProblem(path, reason(err), "")
		return
	}
	defer root.Close()
	names, err := d.filesIn(path)
	if err != nil {
		d.fileProblem(path, err, "")
		return
	}
	read := 0
	for _, name := range names {
		if strings.HasSuffix(name, testSuffix) {
			continue
		}
		b, mode, err := readFileBy(root.Stat, root.Open, name, left)
		if left -= int64(len(b)); err != nil && left < maxDirectory {
			err = fmt.Errorf("%w, or all files together are larger than %d MiB", err, maxDirectory>>20)
		}
		d.readPiece(filepath.Join(path, name), b, mode, err, doc)
		read++
	}
	if read == 0 {
		d.fileProblem(path, fmt.Errorf("the folder has no *.yaml"), "an empty directory would turn everybody away: is the right folder mounted?")
	}
}

// filesIn lists the YAML files of a folder by name. Whatever begins with a dot is left
// out: editors and Kubernetes put such things there.
func (d *decoder) filesIn(path string) (names []string, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, reason(err)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case filepath.Ext(name) == ".yml":
			d.fileProblem(filepath.Join(path, name), fmt.Errorf("files of a directory end in .yaml; this one would be overlooked"), "rename it")
		case filepath.Ext(name) == ".yaml":
			names = append(names, name)
		}
	}
	if len(names) > maxDirectoryFiles {
		return nil, fmt.Errorf("the folder has more than %d files", maxDirectoryFiles)
	}
	return names, nil
}

// readPiece adds one file to the document. The entries of its lists are numbered on, so
// that a path names one thing of the whole.
func (d *decoder) readPiece(file string, b []byte, mode os.FileMode, err error, doc *directory.Document) {
	if err != nil {
		d.fileProblem(file, err, "")
		return
	}
	root, problem := boundedTree(file, b, maxDirectory, maxDirectoryTokens)
	if problem != nil {
		problem.Hint = strings.Replace(problem.Hint, "begin with: issuer: https://login.example.com", "begin with providers:, clients:, resources: or rules:", 1)
		d.problems = append(d.problems, *problem)
		return
	}
	d.file, d.dir, d.piece = file, newDecoder(file, d.env).dir, true
	literals := len(d.literals)
	brand, branded := d.places["brand"]
	var one piece
	d.structure(root, reflect.ValueOf(&one).Elem(), "")
	if mode&^maxMode != 0 {
		d.refuseLiteralSecrets(mode, literals)
	}
	doc.Providers, doc.Clients = append(doc.Providers, one.Providers...), append(doc.Clients, one.Clients...)
	doc.Resources, doc.Rules = append(doc.Resources, one.Resources...), append(doc.Rules, one.Rules...)
	d.base = map[string]int{"providers": len(doc.Providers), "clients": len(doc.Clients), "resources": len(doc.Resources), "rules": len(doc.Rules)}
	if at := d.places["brand"]; at != brand {
		if branded {
			d.problemAt(at.Position, "brand", "keep one of them", fmt.Sprintf("brand is set twice; it was set in %s, line %d, already", brand.file, brand.Line))
		}
		doc.Brand = one.Brand
	}
}

func (d *decoder) fileProblem(file string, err error, hint string) {
	d.problems = append(d.problems, Problem{File: file, Message: err.Error(), Hint: hint})
}
