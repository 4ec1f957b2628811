package configs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sourced = `issuer: https://login.example.com
providers:
  - {slug: corp, kind: oidc, issuer: "https://sso.corp.example", client_id: x, client_secret: %s}
clients:
  - {id: web, secrets: ["${X_SECRET}", a-literal-secret-of-thirty-two-ch], redirect_uris: ["https://app.example.com/cb"]}
`

func withProviderSecret(secret string) []byte {
	return []byte(strings.Replace(sourced, "%s", secret, 1))
}

func TestSecretsKeepTheirSources(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ written, source, value string }{
		{`"${X_SECRET}"`, "${X_SECRET}", ""},
		{"file:secret", "file:" + filepath.Join(dir, "secret"), "from-a-file"},
		{"a-literal-one", "", "a-literal-one"},
		{"'a$${b}'", "", "a${b}"},
		{"sealed:abcdefgh", "sealed:abcdefgh", "sealed:abcdefgh"},
	} {
		c, err := Parse(filepath.Join(dir, "h.yaml"), withProviderSecret(row.written), environ)
		if err != nil {
			t.Errorf("%s: %v", row.written, err)
			continue
		}
		p := c.Directory.Providers[0]
		if p.ClientSecretSource != row.source || row.value != "" && p.ClientSecret.Reveal() != row.value {
			t.Errorf("%s: %q, %q", row.written, p.ClientSecretSource, p.ClientSecret.Reveal())
		}
		if !slices.Equal(c.Directory.Clients[0].SecretSources, []string{"${X_SECRET}", ""}) {
			t.Errorf("clients: %q", c.Directory.Clients[0].SecretSources)
		}
		if row.source == "" || strings.HasPrefix(row.source, "sealed:") {
			continue
		}
		if value, err := c.ResolveSecret(row.source); err != nil || value != p.ClientSecret {
			t.Errorf("%s resolves to %q, %v", row.source, value.Reveal(), err)
		}
	}
	for _, source := range []string{"${NOT_SET_ANYWHERE}", "file:" + filepath.Join(dir, "nowhere")} {
		if _, err := ResolveSecret(source); err == nil || !strings.Contains(err.Error(), "not set") && !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestTheHashOfADirectoryIsThatOfWhatItSays(t *testing.T) {
	hash := func(file []byte) string {
		t.Helper()
		c, err := Parse("h.yaml", file, environ)
		if err != nil {
			t.Fatal(err)
		}
		return c.DirectoryHash()
	}
	same := hash(withProviderSecret("one-secret"))
	if got := hash(append([]byte("# a comment\n"), withProviderSecret("one-secret")...)); got != same {
		t.Error("a comment changes it")
	}
	if got := hash(withProviderSecret("another-secret")); got == same {
		t.Error("another literal secret does not change it")
	}
	if got := hash([]byte(strings.Replace(string(withProviderSecret("one-secret")), "id: web", "id: web, name: Web", 1))); got == same {
		t.Error("a name does not change it")
	}
	if strings.Contains(same, "one-secret") {
		t.Error("it shows the secret")
	}
}
