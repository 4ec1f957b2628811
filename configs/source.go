package configs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// This file keeps, beside the values of secrets, where they come from: the directory is
// stored with the names of its secrets, and each node finds the values by them.

// source notes what the file names instead of a secret. written is the text of the file,
// and text what its variables made of it.
func (d *decoder) source(path, written, text string) {
	if name, isFile := strings.CutPrefix(text, "file:"); isFile {
		d.sources[path] = "file:" + resolve(d.dir, name)
	} else if source, _ := directory.ReadSecret(written); source != "" {
		d.sources[path] = source
	}
}

// named takes the name of a secret for its value, where values are looked up later: by
// the broker, or never.
func (d *decoder) named(v reflect.Value, path, written string) bool {
	source, _ := directory.ReadSecret(written)
	if source == "" {
		return false
	}
	if name, isFile := strings.CutPrefix(source, "file:"); isFile && !strings.Contains(name, "${") {
		source = "file:" + resolve(d.dir, name)
	}
	d.sources[path] = source
	v.SetString(string(standIn(source)))
	return true
}

// standIn is put where a secret's value is not known, so that the rest of a document can
// be checked. It is long enough for a client's secret and different for each source.
func standIn(source string) providers.Secret {
	return directory.DigestSecret(providers.Secret("stands for " + source))
}

// nameSources gives the document's secrets their sources. One that the database holds
// keeps its name as a value: something has to stand there for the checks.
func (d *decoder) nameSources(doc *directory.Document) {
	for i := range doc.Providers {
		doc.Providers[i].ClientSecretSource = d.sources[fmt.Sprintf("providers[%d].client_secret", i)]
	}
	for i := range doc.Clients {
		c := &doc.Clients[i]
		for j := range c.Secrets {
			c.SecretSources = append(c.SecretSources, d.sources[fmt.Sprintf("clients[%d].secrets[%d]", i, j)])
		}
	}
}

// directoryHash names a document. A literal secret counts by its digest; whoever keeps
// the hash keeps it under a key, so that it is no test for guessing one.
func directoryHash(doc directory.Document) string {
	digest := func(source string, value providers.Secret) string {
		if source != "" || value == "" {
			return source
		}
		sum := sha256.Sum256([]byte(value.Reveal()))
		return "literal:" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	doc.Providers, doc.Clients = slices.Clone(doc.Providers), slices.Clone(doc.Clients)
	for i := range doc.Providers {
		p := &doc.Providers[i]
		p.ClientSecretSource = digest(p.ClientSecretSource, p.ClientSecret)
	}
	for i := range doc.Clients {
		c := &doc.Clients[i]
		sources := make([]string, len(c.Secrets))
		for j, value := range c.Secrets {
			if j < len(c.SecretSources) {
				sources[j] = c.SecretSources[j]
			}
			sources[j] = digest(sources[j], value)
		}
		c.SecretSources = sources
	}
	text, err := json.Marshal(doc)
	if err != nil { // texts, numbers, and lists and maps of them always marshal
		panic("configs: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ResolveSecret is the package's, with the environment that this file was read with.
func (c *Config) ResolveSecret(source string) (providers.Secret, error) {
	return resolveSource(source, c.env)
}

func resolveSource(source string, env func(string) (string, bool)) (providers.Secret, error) {
	d := newDecoder("", env)
	text, fromEnv, fault, _ := d.expand(source)
	if fault != "" {
		return "", errors.New(fault)
	}
	secret, fault, _ := d.secret("", text, fromEnv)
	switch {
	case fault != "":
		return "", errors.New(fault)
	case secret == "":
		return "", errors.New("the secret is empty")
	}
	return secret, nil
}
