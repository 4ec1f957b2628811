package configs

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

const (
	longSecret = "canary-9f2c-secret-0123456789abcdef"
	goodKey    = "nhS6P7pQ2vWc0fH1kZ9yqR3tUe5xLm8oBdAjVgYiKsE="
)

// environ answers every variable: addresses and secrets of the kinds their names say.
func environ(name string) (string, bool) {
	switch {
	case strings.HasSuffix(name, "SEALING_KEY"):
		return goodKey, true
	case strings.HasSuffix(name, "SECRET"):
		return longSecret, true
	case strings.HasSuffix(name, "ISSUER"):
		return "http://127.0.0.1:5555", true
	case strings.HasSuffix(name, "ADMIN_LISTEN"):
		return "127.0.0.1:5563", true
	case strings.HasSuffix(name, "LISTEN"):
		return "127.0.0.1:5555", true
	case strings.HasSuffix(name, "STORAGE"):
		return "sqlite:/var/lib/handstamp/dev.db", true
	case strings.HasSuffix(name, "CA_FILE"):
		return "", true
	case strings.HasPrefix(name, "HANDSTAMP_DEV_"):
		return "http://127.0.0.1:" + map[string]string{"APP": "5556", "API": "5557", "GOOGLE": "5558", "OKTA": "5559", "AUTH0": "5560", "BFF": "5561", "SPA": "5562", "ADMIN": "5563"}[strings.TrimPrefix(name, "HANDSTAMP_DEV_")], true
	}
	return "", false
}

func must(t testing.TB, name string, b []byte) *Config {
	t.Helper()
	c, err := Parse(name, b, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheReferenceFileLoadsWithoutAWarning(t *testing.T) {
	c := must(t, "handstamp.yaml", HandstampYAML)
	if len(c.Warnings) > 0 {
		t.Errorf("it warns: %v", c.Warnings)
	}
	if c.Snapshot().Rules().Len() != 3 || c.Directory.Rules[0].Line == 0 || c.Directory.Rules[0].File != "handstamp.yaml" {
		t.Errorf("rules: %+v", c.Directory.Rules)
	}
}

// uncomment turns every shown setting on. Text begins with "# ", settings with "#".
func uncomment(b []byte) []byte {
	var out []string
	block := false
	for _, line := range strings.Split(string(b), "\n") {
		trimmed := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(trimmed)]
		rest, isComment := strings.CutPrefix(trimmed, "#")
		switch {
		case isComment && rest != "" && rest[0] != ' ':
			block = true
			line = indent + rest
		case isComment && block && strings.HasPrefix(rest, "  "):
			line = indent + rest
		default:
			block = false
		}
		out = append(out, line)
	}
	return []byte(strings.Join(out, "\n"))
}

// Every key of every settings struct stands in the reference file, active or behind a
// #, and those behind a # that are not called an example show the default.
func TestTheReferenceFileShowsEverySetting(t *testing.T) {
	full := uncomment(HandstampYAML)
	root, problem := tree("handstamp.yaml", full)
	if problem != nil {
		t.Fatalf("with every # removed it is no YAML: %v", problem)
	}
	d := newDecoder("handstamp.yaml", environ)
	var c Config
	d.decode(root, &c)
	for _, p := range d.problems {
		if !strings.Contains(p.Message, "/run/secrets/keycloak") { // the example of a secret's file
			t.Errorf("with every # removed: %v", p)
		}
	}
	shown := map[string]bool{}
	for path := range d.places {
		shown[regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "")] = true
	}
	var visit func(reflect.Type, string)
	visit = func(typ reflect.Type, path string) {
		f := fieldsOf(typ)
		for _, name := range f.names {
			key := join(path, name)
			if !shown[key] {
				t.Errorf("%s is not in handstamp.yaml", key)
			}
			inner := typ.FieldByIndex(f.index[name]).Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				visit(inner, key)
			}
		}
	}
	visit(reflect.TypeFor[Config](), "")
}

func TestTheReferenceFileShowsTheDefaults(t *testing.T) {
	root, problem := tree("handstamp.yaml", uncomment(HandstampYAML))
	if problem != nil {
		t.Fatal(problem)
	}
	var c Config
	newDecoder("handstamp.yaml", environ).decode(root, &c)
	std := Defaults()
	for _, s := range spans {
		if got := *s.of(&c); got != s.standard {
			t.Errorf("%s: the file shows %s, the default is %s", s.key, got, s.standard)
		}
	}
	for _, row := range []struct {
		key       string
		got, want any
	}{
		{"admin.listen", c.Admin.Listen, std.Admin.Listen}, {"retention", c.Retention, std.Retention},
		{"listen", c.Listen, std.Listen}, {"storage.url", c.Storage.URL.Reveal(), std.Storage.URL.Reveal()}, {"keys.algs", c.Keys.Algs, std.Keys.Algs},
		{"brand.name", c.Brand.Name, std.Brand.Name}, {"log", c.Log, std.Log}, {"outgoing.allow_loopback", c.Outgoing.AllowLoopback, std.Outgoing.AllowLoopback},
		{"trust_email", c.Directory.Providers[0].TrustEmail, directory.TrustOwnDomains}, {"signup", c.Directory.Providers[0].Signup, directory.SignupAutomatic},
		{"userinfo", c.Directory.Providers[0].UserInfo, directory.UserInfoAuto}, {"pkce", c.Directory.Clients[0].PKCE, directory.PKCERequired},
		{"refresh_tokens", c.Directory.Clients[0].RefreshTokens, directory.RefreshNone}, {"id_token_alg", c.Directory.Clients[0].IDTokenAlg, "RS256"},
		{"alg", c.Directory.Resources[0].Alg, "ES256"}, {"public", c.Directory.Clients[0].Public, false}, {"explain", c.Directory.Clients[0].Explain, false},
	} {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s: the file shows %v, the default is %v", row.key, row.got, row.want)
		}
	}
}

// What the dev file promises: everybody verified reads, only Okta's administrators
// write, and a company address that nobody verified stays outside.
func TestTheDevFileGivesWhatItSays(t *testing.T) {
	c := must(t, "dev.yaml", DevYAML)
	rules := c.Snapshot().Rules()
	for _, row := range []struct {
		provider string
		claims   map[string]any
		verified bool
		email    string
		roles    []string
		scopes   []string
		allow    bool
		why      string
	}{
		{"google", map[string]any{"hd": "acme.example"}, true, "alice@acme.example", []string{"editor", "reader"}, []string{"items:read"}, true, "Acme's Workspace"},
		{"google", nil, true, "bob@gmail.example", []string{"reader"}, []string{"items:read"}, true, "a private account"},
		{"okta", map[string]any{"groups": []any{"Everyone", "Engineering"}}, true, "alice@acme.example", []string{"editor", "reader"}, []string{"items:read"}, true, "an engineer"},
		{"okta", map[string]any{"groups": []any{"Engineering", "Admins"}}, true, "erin@acme.example", []string{"admin", "editor", "reader"}, []string{"items:read", "items:write"}, true, "an administrator"},
		{"okta", nil, true, "dave@acme.example", []string{"reader"}, []string{"items:read"}, true, "in no group"},
		{"auth0", map[string]any{"https://handstamp.example/roles": []any{"editor"}}, true, "alice@acme.example", []string{"editor", "reader"}, []string{"items:read"}, true, "an editor"},
		{"auth0", map[string]any{"groups": []any{"Admins"}}, true, "eve@evil.example", []string{"reader"}, []string{"items:read"}, true, "a group name at the wrong provider"},
		{"google", nil, false, "mallory@acme.example", nil, nil, false, "an unverified company address"},
		{"google", nil, false, "mallory@evil.example", nil, nil, true, "another unverified address"},
	} {
		d := rules.Decide(mapping.Input{Claims: row.claims, ProviderSlug: row.provider, ProviderKind: row.provider, ClientID: "web",
			User: mapping.UserInput{Email: row.email, EmailVerified: row.verified}})
		if d.Allow != row.allow || !slices.Equal(d.Roles, row.roles) || !slices.Equal(d.Scopes, row.scopes) {
			t.Errorf("%s: got %t %v %v\ntrace %+v", row.why, d.Allow, d.Roles, d.Scopes, d.Trace)
		}
	}
	for _, w := range c.Warnings {
		if !strings.Contains(w.Key, "trust_email") {
			t.Errorf("it warns of %v", w)
		}
	}
}

func TestRelativePathsBeginBesideTheSettingsFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "secret", longSecret+"\n", 0o600)
	path := write(t, dir, "h.yaml", minimal("storage: {url: 'sqlite:data/h.db'}", "file:secret"), 0o600)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Storage.URL.Reveal(); got != "sqlite:"+filepath.Join(dir, "data/h.db") {
		t.Errorf("database %q", got)
	}
	if got := c.Directory.Providers[0].ClientSecret.Reveal(); got != longSecret {
		t.Errorf("the secret's line end was kept: %q", got)
	}
}

func TestVariablesAreValuesAndNeverYAML(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"NAME": "a: [b, c] # d", "BOOL": "true", "AGE": "2h", "S": longSecret}[name]
		return v, ok
	}
	c, err := Parse("h.yaml", []byte(minimal("brand: {name: 'x ${NAME} $${NAME} y'}\noutgoing: {allow_loopback: \"${BOOL}\"}\nlifetimes: {session_idle: \"${AGE}\"}", "${S}")), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Brand.Name != "x a: [b, c] # d ${NAME} y" || !c.Outgoing.AllowLoopback || c.Lifetimes.SessionIdle.String() != "2h" {
		t.Errorf("got %q %t %s", c.Brand.Name, c.Outgoing.AllowLoopback, c.Lifetimes.SessionIdle)
	}
}

func TestSealingKeysAreDecodedInTheirOrder(t *testing.T) {
	second := base64.RawURLEncoding.EncodeToString([]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x01\x12\x23\x34\x45\x56\x67\x78\x89\x9a\xab\xbc\xcd\xde\xef\xf0"))
	c := must(t, "h.yaml", []byte(minimal("sealing_keys: ['"+goodKey+"', '"+second+"']", "${X_SECRET}")))
	keys, err := c.SealingKeyBytes()
	if err != nil || len(keys) != 2 || len(keys[0]) != 32 || keys[1][1] != 0x11 {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
	if c := must(t, "h.yaml", []byte(minimal("", "${X_SECRET}"))); len(c.SealingKeys) != 0 {
		t.Error("keys out of nothing")
	}
}

func TestWhatWeakensIsSaid(t *testing.T) {
	for _, row := range []struct{ more, key string }{
		{"listen: ':8080'", "listen"},
		{"resources: [{id: 'https://api.example.com'}]\nclients: [{id: a, pkce: optional, secrets: ['${X_SECRET}'], redirect_uris: ['https://a.example.com/cb']}]", "clients[0].pkce"},
		{"sealing_keys: ['${SEALING_KEY}']\nstorage: {url: 'postgres://u:p@db/h?sslmode=disable'}", "storage.url"},
		{"", "clients"},
	} {
		c := must(t, "h.yaml", []byte(minimal(row.more, "${X_SECRET}")))
		if !slices.ContainsFunc(c.Warnings, func(p Problem) bool { return p.Key == row.key && p.Message != "" }) {
			t.Errorf("%q: %v", row.more, c.Warnings)
		}
	}
	https := strings.Replace(minimal("outgoing: {allow_loopback: true}", "${X_SECRET}"), "http://127.0.0.1:8080", "https://login.example.com", 1)
	c := must(t, "h.yaml", []byte(https))
	for _, key := range []string{"trusted_proxies", "outgoing.allow_loopback"} {
		if !slices.ContainsFunc(c.Warnings, func(p Problem) bool { return p.Key == key }) {
			t.Errorf("%s is not warned of: %v", key, c.Warnings)
		}
	}
}

// minimal is a small file that loads, with more lines and one upstream secret.
func minimal(more, secret string) string {
	return "issuer: http://127.0.0.1:8080\n" + more + "\nproviders:\n  - slug: google\n    kind: google\n    client_id: x\n    client_secret: " + secret + "\n"
}

func write(t testing.TB, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func problemsOf(t testing.TB, err error) []Problem {
	t.Helper()
	var p *Problems
	if !errors.As(err, &p) || len(p.List) == 0 {
		t.Fatalf("got %v, want *Problems", err)
	}
	return p.List
}

func FuzzParse(f *testing.F) {
	// Small seeds: the fuzzer spends its time on shrinking large ones.
	f.Add([]byte(minimal("a: {b: [c, {d: e}]}", "x")))
	f.Add([]byte(minimal("lifetimes:\n  access: 5m\nrules:\n  - name: a\n    when: >-\n      claims.x == 'y'\n    roles: [a]", "${X_SECRET}")))
	f.Add([]byte(minimal("clients:\n- id: a\n  secrets: [file:x, \"$${\"]\n  redirect_uris:\n  - https://a.example/", "|\n x\n")))
	f.Add([]byte("issuer: [\n  - {a: &x b}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f.yaml", b, environ)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c != nil, err)
		}
		if err == nil && (c.Issuer == "" || c.Snapshot() == nil) {
			t.Fatal("a config without an issuer or a directory")
		}
	})
}
