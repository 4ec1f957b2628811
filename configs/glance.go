package configs

import (
	"crypto/rand"
	"encoding/base64"
	"os"
)

// Glance reads a settings file where its secrets need not be at hand: for a variable that
// is not set something random stands in. It is good for finding where a server listens,
// and for nothing that has to do with a secret.
func Glance(path string) (*Config, error) {
	b, mode, err := readFile(path, maxFile)
	if err != nil {
		return nil, &Problems{[]Problem{{File: path, Message: err.Error(), Hint: fileHint(err)}}}
	}
	return parse(path, b, func(name string) (string, bool) {
		if value, ok := os.LookupEnv(name); ok {
			return value, true
		}
		var any [32]byte
		rand.Read(any[:])
		return base64.StdEncoding.EncodeToString(any[:]), true
	}, mode)
}
