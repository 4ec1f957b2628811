package directory

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/handstamp/handstamp/providers"
)

// A secret has a source, in which a document names it without saying it:
//
//	${NAME}               a variable of the environment, of each node
//	file:/run/secrets/x   a file, of each node
//	sealed:FINGERPRINT    held by the database, which was told it once
//
// A secret without a source is literal: somebody wrote it into a file or typed it. It
// is on its way to being sealed (see FoldSecrets) and is never shown or stored as it is.
const (
	fileSource   = "file:"
	sealedSource = "sealed:"
	digestPrefix = "sha256:" // of a client's secret: base64url of its SHA-256, which is all that checking it needs
)

// ProviderOwner and ClientOwner are the owners that FoldSecrets and GiveSecrets name.
func ProviderOwner(slug string) string { return "provider:" + slug }

// ClientOwner is the owner of a client's secrets.
func ClientOwner(id string) string { return "client:" + id }

// SealedFingerprint reads the source of a secret that the database holds.
func SealedFingerprint(source string) (fingerprint string, sealed bool) {
	return strings.CutPrefix(source, sealedSource)
}

// Reads tells whether resolving a source reads something of this node: a variable of
// the environment or a file. Who may not read those may not name them either.
func Reads(source string) bool { return source != "" && !strings.HasPrefix(source, sealedSource) }

var variable = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}?`)

// ReadSecret reads what stands in a secret's place: a source, or else the secret
// itself. $${ is a plain ${.
func ReadSecret(text string) (source string, literal providers.Secret) {
	if strings.HasPrefix(text, fileSource) || strings.HasPrefix(text, sealedSource) {
		return text, ""
	}
	reference := false
	plain := variable.ReplaceAllStringFunc(text, func(m string) string {
		if m == "$${" {
			return "${"
		}
		reference = true
		return m
	})
	if reference {
		return text, ""
	}
	return "", providers.Secret(plain)
}

// DigestSecret is the form in which a client's secret is held: "sha256:…". What is a
// digest already stays as it is.
func DigestSecret(secret providers.Secret) providers.Secret {
	if _, is := readDigest(secret); is {
		return secret
	}
	sum := sha256.Sum256([]byte(secret.Reveal()))
	return providers.Secret(digestPrefix + base64.RawURLEncoding.EncodeToString(sum[:]))
}

func isDigest(secret providers.Secret) bool { _, is := readDigest(secret); return is }

func readDigest(secret providers.Secret) (digest [sha256.Size]byte, is bool) {
	text, has := strings.CutPrefix(secret.Reveal(), digestPrefix)
	if !has {
		return digest, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return digest, err == nil && copy(digest[:], raw) == sha256.Size && len(raw) == sha256.Size
}

// secretDigest is what a request's secret is compared with.
func secretDigest(secret providers.Secret) [sha256.Size]byte {
	if digest, is := readDigest(secret); is {
		return digest
	}
	return sha256.Sum256([]byte(secret.Reveal()))
}

// eachSecret walks over every secret of the document, by reference. A client's sources
// are made as many as its secrets, or the other way round, first.
func (d *Document) eachSecret(visit func(path, owner string, source *string, value *providers.Secret)) {
	for i := range d.Providers {
		p := &d.Providers[i]
		visit(fmt.Sprintf("providers[%d].client_secret", i), ProviderOwner(p.Slug), &p.ClientSecretSource, &p.ClientSecret)
	}
	for i := range d.Clients {
		c := &d.Clients[i]
		for len(c.SecretSources) < len(c.Secrets) {
			c.SecretSources = append(c.SecretSources, "")
		}
		for len(c.Secrets) < len(c.SecretSources) {
			c.Secrets = append(c.Secrets, "")
		}
		for j := range c.Secrets {
			visit(fmt.Sprintf("clients[%d].secrets[%d]", i, j), ClientOwner(c.ID), &c.SecretSources[j], &c.Secrets[j])
		}
	}
}

// FoldSecrets puts the document into source form, in which it can be stored and shown:
// each literal becomes "sealed:" and its fingerprint, and its value goes into values,
// by fingerprint, for the database to seal. Of a client's secret only the digest is
// kept. No value stays in the document; GiveSecrets brings them back. A sealed source
// that is not held is a Problem: nobody ever told that secret.
func (d *Document) FoldSecrets(fingerprint func(owner, secret string) string, held func(owner, fingerprint string) bool) (values map[string]string, problems []Problem) {
	values = map[string]string{}
	told := map[[2]string]bool{} // by owner and fingerprint: nobody else's secret is held by it
	d.eachSecret(func(path, owner string, source *string, value *providers.Secret) {
		literal := *value
		*value = ""
		if sealed, is := SealedFingerprint(*source); is {
			if !told[[2]string{owner, sealed}] && !held(owner, sealed) {
				problems = append(problems, Problem{path, "the secret is not held under this name", "give the secret itself, ${NAME} or file:PATH; a sealed one moves to nobody else"})
			}
		}
		if *source != "" || literal == "" {
			return
		}
		if strings.HasPrefix(owner, "client:") {
			literal = DigestSecret(literal)
		}
		print := fingerprint(owner, literal.Reveal())
		values[print], told[[2]string{owner, print}] = literal.Reveal(), true
		*source = sealedSource + print
	})
	return values, problems
}

// GiveSecrets fills in the values of all secrets that have a source. The error names
// every one that could not be given, and shows none.
func (d *Document) GiveSecrets(give func(owner, source string) (providers.Secret, error)) error {
	var faults []error
	d.eachSecret(func(path, owner string, source *string, value *providers.Secret) {
		if *source == "" {
			return
		}
		secret, err := give(owner, *source)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			return
		}
		*value = secret
	})
	return errors.Join(faults...)
}

// settle sorts what JSON says of the secret: a source stays one, anything else is the
// secret itself.
func (p *Provider) settle(at report) {
	if p.ClientSecretSource != "" {
		p.ClientSecretSource, p.ClientSecret = settleSecret(p.ClientSecretSource, at.at("client_secret"))
	}
}

func (c *Client) settle(at report) {
	c.Secrets = nil
	if len(c.SecretSources) == 0 {
		c.SecretSources = nil
	}
	for j, text := range c.SecretSources {
		var secret providers.Secret
		c.SecretSources[j], secret = settleSecret(text, at.item("secrets", j))
		c.Secrets = append(c.Secrets, secret)
	}
}

// settleSecret refuses what a page shows instead of a secret: sent back, it would
// become the secret.
func settleSecret(text string, at report) (source string, literal providers.Secret) {
	if strings.Trim(text, "*•") == "" || strings.Contains(text, "[redacted]") {
		at.say("this stands for a secret and is none", "send the source that was shown (${NAME}, file:PATH, sealed:…) to keep it, or a new secret")
		return "", ""
	}
	return ReadSecret(text)
}
