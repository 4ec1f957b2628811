package configs

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// This file checks everything that is a key: the certificate's, those that seal and
// those that sign.

func (v *validator) tls() {
	cert, key := v.c.TLS.Cert, v.c.TLS.Key
	switch {
	case cert == "" && key == "":
	case cert == "":
		v.problem("tls.cert", "name the file of the certificate chain", "tls.key is set and tls.cert is not")
	case key == "":
		v.problem("tls.key", "name the file of its private key", "tls.cert is set and tls.key is not")
	default:
		v.keyPair(cert, key)
	}
}

func (v *validator) keyPair(cert, key string) {
	chain, _, err := readFile(cert, maxFile)
	if err != nil {
		v.problem("tls.cert", "", "the file cannot be used: %v", err)
	}
	private, mode, kerr := readFile(key, maxFile)
	switch {
	case kerr != nil:
		v.problem("tls.key", "", "the file cannot be used: %v", kerr)
	case mode&^maxMode != 0:
		v.problem("tls.key", "chmod 0640 "+key+", or stricter", "the private key can be read by others (its mode is %04o)", mode)
	}
	if err != nil || kerr != nil {
		return
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		v.problem("tls.cert", "PEM files, the broker's own certificate first", "certificate and key do not fit together, or are not PEM")
		return
	}
	v.leaf = pair.Leaf
	u, err := url.Parse(v.c.Issuer)
	if err == nil && u.Hostname() != "" && pair.Leaf != nil && pair.Leaf.VerifyHostname(u.Hostname()) != nil {
		v.problem("tls.cert", "", "the certificate is not for %s, the host of the issuer", u.Hostname())
	}
}

func (v *validator) sealing() {
	if len(v.c.SealingKeys) == 0 && strings.HasPrefix(v.c.Storage.URL.Reveal(), "postgres") {
		v.problem("sealing_keys", "openssl rand -base64 32, then sealing_keys: [\"${HANDSTAMP_SEALING_KEY}\"]", "PostgreSQL needs a sealing key of its own: one beside the data would not protect it")
	}
	var seen [][]byte
	for i, secret := range v.c.SealingKeys {
		key := fmt.Sprintf("sealing_keys[%d]", i)
		raw, fault := sealingKey(secret.Reveal())
		switch {
		case fault != "":
			v.problem(key, "make one: openssl rand -base64 32", "%s", fault)
		case slices.ContainsFunc(seen, func(b []byte) bool { return bytes.Equal(b, raw) }):
			v.problem(key, "remove it", "this key stands in the list already")
		}
		seen = append(seen, raw)
	}
}

// sealingKey reads 32 random bytes. A key that somebody typed is none.
func sealingKey(text string) ([]byte, string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, "the key is empty"
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	}
	switch {
	case err != nil:
		return nil, "the key is not base64"
	case len(raw) != 32:
		return nil, fmt.Sprintf("the key has %d bytes; 32 are needed", len(raw))
	}
	distinct := map[byte]bool{}
	letters := 0
	for _, b := range raw {
		distinct[b] = true
		if b >= ' ' && b < 0x7f {
			letters++
		}
	}
	// Of 32 random bytes about 30 differ, and about 12 are printable.
	if len(distinct) < 16 || letters == len(raw) {
		return nil, "the key is not random"
	}
	return raw, ""
}

// SealingKeyBytes are the decoded sealing keys, the first of which seals. Empty
// means that SQLite keeps one in a file beside the database.
func (c *Config) SealingKeyBytes() ([][]byte, error) {
	var keys [][]byte
	for i, secret := range c.SealingKeys {
		raw, fault := sealingKey(secret.Reveal())
		if fault != "" {
			return nil, fmt.Errorf("sealing_keys[%d]: %s", i, fault)
		}
		keys = append(keys, raw)
	}
	return keys, nil
}

var algs = []string{"ES256", "RS256", "PS256", "EdDSA"}

// keys must include every algorithm that some client or resource needs.
func (v *validator) keys() {
	k := v.c.Keys
	if len(k.Algs) == 0 {
		v.problem("keys.algs", "leave it out for ES256 and RS256", "without an algorithm no token can be signed")
	}
	for i, a := range k.Algs {
		key := fmt.Sprintf("keys.algs[%d]", i)
		switch {
		case !slices.Contains(algs, a):
			v.problem(key, "one of: "+strings.Join(algs, ", "), "%q is not an algorithm that the broker signs with", cut(a))
		case slices.Contains(k.Algs[:i], a):
			v.problem(key, "remove it", "%s is listed twice", a)
		}
	}
	if k.PublishAhead >= k.RotateEvery && k.RotateEvery >= day {
		v.problem("keys.publish_ahead", "", "a key would have to be published (%s) for longer than it signs (%s)", k.PublishAhead, k.RotateEvery)
	}
	for _, p := range v.c.CheckDirectory(v.c.Directory) {
		v.problem(p.Path, p.Hint, "%s", p.Message)
	}
}

// CheckDirectory finds what these settings have against a directory, wherever it comes
// from: an algorithm for which no key is kept.
func (c *Config) CheckDirectory(d directory.Document) (problems []directory.Problem) {
	needs := func(path, alg, what string) {
		if slices.Contains(algs, alg) && len(c.Keys.Algs) > 0 && !slices.Contains(c.Keys.Algs, alg) {
			problems = append(problems, directory.Problem{Path: path, Message: fmt.Sprintf("%s needs %s, and keys.algs does not have it", what, alg), Hint: "add " + alg + " to keys.algs"})
		}
	}
	for i, client := range d.Clients {
		needs(fmt.Sprintf("clients[%d].id_token_alg", i), cmp.Or(client.IDTokenAlg, "RS256"), "its ID token")
	}
	for i, r := range d.Resources {
		needs(fmt.Sprintf("resources[%d].alg", i), cmp.Or(r.Alg, "ES256"), "its access token")
	}
	return problems
}
