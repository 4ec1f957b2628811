package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/providers"
)

// book holds what a database would hold.
type book map[string]string

func (b book) fingerprint(owner, secret string) string {
	return fmt.Sprintf("fp-%s-%d", owner, len(secret)) // tells nothing of the secret but its length, for this test
}

func (b book) held(owner, fp string) bool { return b[fp] != "" && strings.Contains(fp, owner) }

func TestFoldedSecretsAreNowhereInTheDocumentAndComeBack(t *testing.T) {
	d, b := acme(), book{}
	d.Providers[1].ClientSecret, d.Providers[1].ClientSecretSource = "resolved-canary", "${OKTA}"
	values, problems := d.FoldSecrets(b.fingerprint, b.held)
	if len(problems) > 0 || len(values) != 4 {
		t.Fatalf("%v, %d values", problems, len(values))
	}
	stored, err := json.Marshal(d)
	if err != nil || strings.Contains(string(stored), "canary") || strings.Contains(string(stored), secret) || !strings.Contains(string(stored), `"client_secret":"${OKTA}"`) {
		t.Errorf("%v: %s", err, stored)
	}
	for fp, value := range values {
		if strings.Contains(fp, "client:") != strings.HasPrefix(value, "sha256:") || strings.Contains(value, secret) {
			t.Errorf("of %s is kept %q: of a client's secret only the digest is needed", fp, value)
		}
		b[fp] = value
	}
	back, problems := ParseDocument(stored)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if more, problems := back.FoldSecrets(b.fingerprint, b.held); len(problems) > 0 || len(more) > 0 {
		t.Errorf("what is folded already: %v, %v", more, problems)
	}
	err = back.GiveSecrets(func(owner, source string) (providers.Secret, error) {
		if fp, sealed := SealedFingerprint(source); sealed {
			return providers.Secret(b[fp]), nil
		}
		return providers.Secret("from the environment for " + owner), nil
	})
	if err != nil || back.Providers[1].ClientSecret != "from the environment for provider:okta" || back.Providers[0].ClientSecret != "upstream-canary-1" {
		t.Errorf("%v: %+v", err, back.Providers)
	}
	s := compiled(t, back)
	if web := client(t, s, "web"); !web.SecretMatches(secret) || web.SecretMatches(string(back.Clients[0].Secrets[0])) || web.SecretMatches(secret+"2") {
		t.Error("the digest of a secret must stand for the secret, and be none itself")
	}
	if s.Version() != compiled(t, acme()).Version() {
		t.Error("where secrets are kept changed the version")
	}
}

func TestASealedSecretBelongsToOneOwner(t *testing.T) {
	b := book{"fp-client:web-5": "sha256:x"}
	d := Document{Clients: []Client{{ID: "web", SecretSources: []string{"sealed:fp-client:web-5"}}, {ID: "thief", SecretSources: []string{"sealed:fp-client:web-5", "sealed:made-up"}}},
		Providers: []Provider{{Slug: "evil", ClientSecretSource: "sealed:fp-client:web-5"}}}
	_, problems := d.FoldSecrets(b.fingerprint, b.held)
	var at []string
	for _, p := range problems {
		at = append(at, p.Path)
	}
	if want := []string{"providers[0].client_secret", "clients[1].secrets[0]", "clients[1].secrets[1]"}; !slices.Equal(at, want) {
		t.Errorf("got %v, want %v", problems, want)
	}
}

func TestASecretThatCannotBeGivenIsNamedAndNotShown(t *testing.T) {
	d := Document{Providers: []Provider{{Slug: "a", ClientSecretSource: "${A}"}, {Slug: "b"}}, Clients: []Client{{ID: "c", SecretSources: []string{"", "file:/x"}, Secrets: []providers.Secret{"kept-canary"}}}}
	err := d.GiveSecrets(func(owner, source string) (providers.Secret, error) { return "", errors.New(source + " is not there") })
	if err == nil || err.Error() != "providers[0].client_secret: ${A} is not there\nclients[0].secrets[1]: file:/x is not there" {
		t.Errorf("got %v", err)
	}
	if d.Clients[0].Secrets[0] != "kept-canary" || d.Providers[1].ClientSecret != "" {
		t.Error("what has no source is left as it is")
	}
}

func TestASourceIsToldFromASecret(t *testing.T) {
	for text, want := range map[string]struct {
		source  string
		literal providers.Secret
		reads   bool
	}{
		"${A}": {"${A}", "", true}, "a-${A}": {"a-${A}", "", true}, "$${A}": {"", "${A}", false}, "file:/x": {"file:/x", "", true},
		"sealed:x": {"sealed:x", "", false}, "plain": {"", "plain", false}, "${": {"${", "", true}, "": {"", "", false},
	} {
		if source, literal := ReadSecret(text); source != want.source || literal != want.literal || Reads(source) != want.reads {
			t.Errorf("%q: got %q, %q", text, source, literal.Reveal())
		}
	}
}

func TestAClientsSecretMayStandAsItsDigest(t *testing.T) {
	digest := DigestSecret(secret)
	if DigestSecret(digest) != digest || len(digest) != len("sha256:")+43 {
		t.Errorf("got %q", digest.Reveal())
	}
	for _, row := range []struct {
		why     string
		secrets []providers.Secret
		says    string
	}{
		{"a digest", []providers.Secret{digest}, ""},
		{"both forms of one", []providers.Secret{digest, secret}, "both secrets are the same"},
		{"half a digest", []providers.Secret{digest[:40]}, "not a digest"},
		{"a digest with bits to spare", []providers.Secret{digest[:len(digest)-1] + "_"}, "not a digest"},
		{"padded", []providers.Secret{digest + "="}, "not a digest"},
	} {
		d := acme()
		d.Clients[0].Secrets = row.secrets
		_, problems := Compile(issuer, d)
		if got := fmt.Sprint(problems); row.says == "" && len(problems) > 0 || !strings.Contains(got, row.says) {
			t.Errorf("%s: %s", row.why, got)
		}
	}
}
