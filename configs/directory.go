package configs

import (
	"os"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/providers"
)

// DirectoryFile is a directory that was read from a file, or merged from a folder.
type DirectoryFile struct {
	Document directory.Document // in source form; literal secrets are in it, references are not resolved
	Hash     string             // of the document, see Config.DirectoryHash
	Tests    *policy.Suite      // of the *_test.yaml beside it
	Warnings []Problem
}

// HasDirectory tells whether the file says anything about providers, clients,
// resources and rules, itself or by the setting directory. If not, what the database
// has holds.
func (c *Config) HasDirectory() bool {
	d := c.Directory
	return len(d.Providers)+len(d.Clients)+len(d.Resources)+len(d.Rules) > 0
}

// DirectoryHash names what the file says about the directory, in source form: it
// changes with the document and with a literal secret, and neither with comments nor
// with what an environment variable holds.
func (c *Config) DirectoryHash() string { return directoryHash(c.Directory) }

// LoadDirectory reads a directory from a file or a folder, as `plan -f` does. Secrets
// that are references stay so: where it runs, they may not exist.
func LoadDirectory(path string) (*DirectoryFile, error) { return nil, nil }

// ResolveSecret reads what a source in a document names: ${NAME} or file:/path.
func ResolveSecret(source string) (providers.Secret, error) {
	return resolveSource(source, os.LookupEnv)
}

// MarshalDirectory writes a document in source form as YAML that LoadDirectory reads
// back to the same document. Defaults are left out. comments stand above things by
// their path ("clients[0]"), or above everything ("").
func MarshalDirectory(d directory.Document, comments map[string]string) []byte { return nil }
