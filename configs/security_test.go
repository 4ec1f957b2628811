package configs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestA17_FileBombsAndUnknownKeysAreRefusedWithTheirLine(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
	for _, row := range []struct {
		file    string
		line    int
		message string
		why     string
	}{
		{bomb, 1, "anchors and aliases are not accepted", "an anchors bomb"},
		{"issuer: *x\n", 1, "anchors and aliases are not accepted", "an alias to nothing"},
		{"issuer: x\n<<: {listen: y}\n", 2, "merge keys are not accepted", "a merge key"},
		{"issuer: !!binary aGk=\n", 1, "tags are not accepted", "a tag"},
		{"%YAML 1.2\n---\nissuer: x\n", 1, "directives are not accepted", "a directive"},
		{"issuer: x\n? [a, b]\n: c\n", 2, "complex keys are not accepted", "a complex key"},
		{"x: " + strings.Repeat("[", 50_000), 1, "brackets stand inside each other more than 16 deep", "50,000 brackets"},
		{"x: " + strings.Repeat("{a: ", 15_000), 1, "brackets stand inside each other more than 16 deep", "15,000 braces"},
		{strings.Repeat("- ", 50_000) + "x", 1, "lists stand inside each other too deeply", "50,000 dashes in a line"},
		{"x: " + strings.Repeat("[", 1<<19), 1, "the file has more than 60000 words and signs", "half a mebibyte of brackets"},
		{stairs(700), 201, "settings stand inside each other too deeply", "a staircase of 700 steps"},
		{strings.Repeat("x: y\n", 40_000), 20_001, "the file has more than 60000 words and signs", "40,000 keys, which a parser compares pairwise"},
		{"x: '" + strings.Repeat("y", 1<<20) + "'\n", 0, "the file is larger than 1024 KiB", "more than a mebibyte"},
		{"issuer: a\nisser: b\n", 2, "there is no setting isser", "an unknown key"},
		{"providers:\n  - slug: a\n    client_secrt: b\n", 3, "there is no setting client_secrt in providers[0]", "an unknown key in a list"},
		{"issuer: a\nlog:\n  level: info\nissuer: b\n", 4, "issuer is set twice; it was set on line 1 already", "a doubled key"},
		{"rules:\n  - name: a\n    claims: {x: '1', x: '2'}\n", 3, "x is set twice", "a doubled name of one's own"},
		{"issuer: a\n---\nissuer: b\n", 3, "the file holds more than one document", "two documents"},
		{"- issuer\n", 1, "the file must be a list of settings", "a list"},
		{"just a text", 1, "the file must be a list of settings", "a text"},
		{"# nothing\n", 0, "the file is empty", "only a comment"},
		{"", 0, "the file is empty", "nothing"},
		{"issuer: \xff\n", 0, "the file is not UTF-8 text", "Latin-1"},
		{"issuer: [a\n", 1, "this is not YAML", "an open bracket"},
		{"a:\n\tb: c\n", 2, "this is not YAML: a tab stands where spaces are expected", "a tab"},
	} {
		_, err := Parse("h.yaml", []byte(row.file), environ)
		found := false
		for _, p := range problemsOf(t, err) {
			found = found || p.Line == row.line && strings.Contains(p.Message, row.message)
		}
		if !found {
			t.Errorf("%s:\n got %.600s\nwant line %d: %s", row.why, err, row.line, row.message)
		}
	}
}

// stairs nests n settings by indentation.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "x:\n")
	}
	return b.String()
}

func TestA17_FilesThatOthersCanReadAreRefused(t *testing.T) {
	for _, row := range []struct {
		settings, secret os.FileMode
		inline           bool
		want, why        string
	}{
		{0o600, 0o600, false, "", "both for their owner"},
		{0o644, 0o640, false, "", "a settings file without secrets may be read by all"},
		{0o644, 0o644, false, "secret can be read by others (its mode is 0644)", "a secret for everyone"},
		{0o600, 0o660, false, "secret can be read by others (its mode is 0660)", "a secret that the group may change"},
		{0o640, 0o600, true, "", "secrets in a settings file for owner and group"},
		{0o644, 0o600, true, "a secret stands in a settings file that others can read (its mode is 0644)", "secrets in a settings file for everyone"},
	} {
		dir := t.TempDir()
		write(t, dir, "secret", longSecret, row.secret)
		value := "file:secret"
		if row.inline {
			value = longSecret
		}
		_, err := Load(write(t, dir, "h.yaml", minimal("", value), row.settings))
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.why, err)
		case row.want != "":
			if p := problemsOf(t, err); len(p) != 1 || !strings.Contains(p[0].Message, row.want) || p[0].Line != 7 || !strings.Contains(p[0].Hint, "chmod 0640") {
				t.Errorf("%s: %v", row.why, err)
			}
		}
	}
}

func TestA17_SecretFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "empty", "\n", 0o600)
	write(t, dir, "huge", strings.Repeat("x", maxSecret+1), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"missing": "there is no such file", "empty": "is empty", "huge": "larger than 64 KiB", "folder": "not a file"} {
		_, err := Load(write(t, dir, "h.yaml", minimal("", "file:"+name), 0o600))
		if p := problemsOf(t, err); len(p) != 1 || !strings.Contains(p[0].Message, want) || p[0].Key != "providers[0].client_secret" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "nowhere.yaml")); err == nil || !strings.Contains(err.Error(), "there is no such file") {
		t.Errorf("a settings file that is not there: %v", err)
	}
}

// Each of these must keep the process from starting, with one clear line.
func TestO08_InsecureStartsAreRefused(t *testing.T) {
	provider := "providers: [{slug: g, kind: google, client_id: x, client_secret: '" + longSecret + "'}]\n"
	issuer := "issuer: https://login.example.com\n"
	client := func(more string) string {
		return issuer + provider + "clients: [{id: web, redirect_uris: ['https://app.example.com/cb'], " + more + "}]\n"
	}
	key := func(raw string) string {
		return issuer + provider + "sealing_keys: ['" + base64.StdEncoding.EncodeToString([]byte(raw)) + "']\n"
	}
	for _, row := range []struct{ file, key, message, why string }{
		{provider, "issuer", "issuer is missing", "no issuer"},
		{"issuer: ''\n" + provider, "issuer", "issuer is missing", "an empty issuer"},
		{"issuer: http://login.example.com\n" + provider, "issuer", "an http issuer is accepted on loopback only", "an http issuer"},
		{"issuer: http://10.0.0.1\n" + provider, "issuer", "an http issuer is accepted on loopback only", "http in the own network"},
		{"issuer: http://localhost.example.com\n" + provider, "issuer", "an http issuer is accepted on loopback only", "a name that begins like loopback"},
		{"issuer: http://127.0.0.1.example.com\n" + provider, "issuer", "an http issuer is accepted on loopback only", "an address that continues"},
		{"issuer: login.example.com\n" + provider, "issuer", "the issuer is not a URL", "no scheme"},
		{"issuer: ftp://login.example.com\n" + provider, "issuer", "neither https nor http", "another scheme"},
		{"issuer: https://login.example.com/\n" + provider, "issuer", "ends with a slash", "a slash at its end"},
		{"issuer: https://login.example.com/?a=b\n" + provider, "issuer", "a query or a fragment", "a query"},
		{"issuer: 'https://login.example.com#'\n" + provider, "issuer", "a query or a fragment", "an empty fragment"},
		{"issuer: https://u:p@login.example.com\n" + provider, "issuer", "a user name or password", "a user in it"},
		{"issuer: https://Login.example.com\n" + provider, "issuer", "lower case", "capitals"},
		{"issuer: https://login.example.com:443\n" + provider, "issuer", "names the port", "the default port"},
		{"issuer: https://login.example.com/a/../b\n" + provider, "issuer", "plain form", "dots in the path"},
		{"issuer: \"https://login.example.com/a\\u0000b\"\n" + provider, "issuer", "the issuer is not a URL", "a NUL"},
		{"issuer: \"https://lоgin.example.com\"\n" + provider, "issuer", "the issuer is not a URL", "a Cyrillic o"},

		{issuer + "clients: [{id: web, secrets: ['${X_SECRET}'], redirect_uris: ['https://a.example/cb']}]\n", "providers", "there is no provider", "nobody to trust"},
		{issuer + "providers: []\n", "providers", "there is no provider", "an empty list of whom to trust"},
		{issuer + "providers: [{slug: g, kind: google, client_id: x}]\n", "providers[0].client_secret", "client_secret is missing", "no upstream secret"},
		{issuer + "providers: [{slug: g, kind: google, client_id: x, client_secret: ''}]\n", "providers[0].client_secret", "client_secret is missing or empty", "an empty upstream secret"},
		{issuer + "providers: [{slug: g, kind: google, client_id: x, client_secret: '${UNSET}'}]\n", "providers[0].client_secret", "the environment variable UNSET is not set", "an unset variable"},
		{client(""), "clients[0].secrets", "needs a secret", "a client without a secret"},
		{client("secrets: ['']"), "clients[0].secrets[0]", "the secret is empty", "an empty one"},
		{client("secrets: [changeme]"), "clients[0].secrets[0]", "fewer than 22 characters", "a default one"},
		{client("secrets: [secret1234567890]"), "clients[0].secrets[0]", "fewer than 22 characters", "a short one"},
		{client("public: true, pkce: optional"), "clients[0].pkce", "must use PKCE", "a public client without PKCE"},

		{key(""), "sealing_keys[0]", "the key is empty", "an empty key"},
		{key("short"), "sealing_keys[0]", "the key has 5 bytes; 32 are needed", "a short key"},
		{key(strings.Repeat("\x00", 32)), "sealing_keys[0]", "the key is not random", "zeros"},
		{key("0123456789abcdef0123456789abcdef"), "sealing_keys[0]", "the key is not random", "a typed key"},
		{issuer + provider + "sealing_keys: [changeme]\n", "sealing_keys[0]", "32 are needed", "a default key"},
		{issuer + provider + "sealing_keys: ['not base64!']\n", "sealing_keys[0]", "the key is not base64", "something else"},
		{issuer + provider + "sealing_keys: ['" + goodKey + "', '" + goodKey + "']\n", "sealing_keys[1]", "stands in the list already", "the same key twice"},
		{issuer + provider + "storage: {url: 'postgres://u:p@127.0.0.1/h'}\n", "sealing_keys", "PostgreSQL needs a sealing key", "PostgreSQL without a key"},
		{issuer + provider + "sealing_keys: ['" + goodKey + "']\nstorage: {url: 'postgres://u:p@db.example.com/h'}\n", "storage.url", "is left to the network", "a database whose encryption nobody decided"},
		{issuer + provider + "storage: {url: 'mysql://x'}\n", "storage.url", "neither SQLite nor PostgreSQL", "another database"},
		{issuer + provider + "storage: {url: 'sqlite:'}\n", "storage.url", "named by its file", "no file"},

		{issuer + provider + "trusted_proxies: [0.0.0.0/0]\n", "trusted_proxies[0]", "everyone may claim", "everybody a proxy"},
		{issuer + provider + "trusted_proxies: ['::/0']\n", "trusted_proxies[0]", "everyone may claim", "everybody a proxy, IPv6"},
		{issuer + provider + "trusted_proxies: [10.0.0.7/8]\n", "trusted_proxies[0]", "bits beyond its mask", "a network that is not meant"},
		{issuer + provider + "trusted_proxies: [proxy.example.com]\n", "trusted_proxies[0]", "neither an address nor a network", "a name"},
		{issuer + provider + "tls: {cert: cert.pem}\n", "tls.key", "tls.cert is set and tls.key is not", "half a certificate"},
		{issuer + provider + "outgoing: {ca_file: nowhere.pem}\n", "outgoing.ca_file", "there is no such file", "an authority that is not there"},
		{issuer + provider + "outgoing: {proxy: 'socks5://x'}\n", "outgoing.proxy", "not an http or https URL", "another proxy"},

		{issuer + provider + "lifetimes: {access: 24h}\n", "lifetimes.access", "is not between 1m and 1h", "a day-long access token"},
		{issuer + provider + "lifetimes: {access: 0s}\n", "lifetimes.access", "is not between 1m and 1h", "no life at all"},
		{issuer + provider + "lifetimes: {code: 1h}\n", "lifetimes.code", "ten minutes at most", "an hour-long code"},
		{issuer + provider + "lifetimes: {refresh_grace: 1h}\n", "lifetimes.refresh_grace", "a theft", "an hour of grace"},
		{issuer + provider + "lifetimes: {session_idle: 13h}\n", "lifetimes.session_idle", "longer than lifetimes.session_absolute", "idle beyond absolute"},
		{issuer + provider + "lifetimes: {access: -5m}\n", "lifetimes.access", "negative", "a negative one"},
		{issuer + provider + "keys: {algs: [HS256]}\n", "keys.algs[0]", "is not an algorithm", "a symmetric algorithm"},
		{issuer + provider + "keys: {algs: [none]}\n", "keys.algs[0]", "is not an algorithm", "no algorithm"},
		{issuer + provider + "keys: {algs: []}\n", "keys.algs", "no token can be signed", "no algorithms"},
		{issuer + provider + "keys: {rotate_every: 1h}\n", "keys.rotate_every", "is not between", "keys that outrun caches"},
		{strings.Replace(client("secrets: ['${X_SECRET}']"), "clients", "keys: {algs: [ES256]}\nclients", 1), "clients[0].id_token_alg", "needs RS256", "a client whose algorithm is not there"},
	} {
		_, err := Parse("h.yaml", []byte(row.file), environ)
		if err == nil {
			t.Errorf("%s: accepted", row.why)
			continue
		}
		if p := problemsOf(t, err); len(p) != 1 || p[0].Key != row.key || !strings.Contains(p[0].Message, row.message) {
			t.Errorf("%s:\n got %v\nwant %s: %s", row.why, err, row.key, row.message)
		}
	}
	for _, good := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost", "http://broker.localhost:5555", "https://login.example.com", "https://login.example.com:8443/auth"} {
		if _, err := Parse("h.yaml", []byte("issuer: '"+good+"'\n"+provider), environ); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// The files that are built in name secrets and carry none, so that no installation
// can share one with another.
func TestO08_NoSecretIsBuiltIn(t *testing.T) {
	for name, file := range map[string][]byte{"handstamp.yaml": HandstampYAML, "handstamp.yaml with every # removed": uncomment(HandstampYAML), "dev.yaml": DevYAML} {
		root, problem := tree(name, file)
		if problem != nil {
			t.Fatal(problem)
		}
		d := newDecoder(name, environ)
		var c Config
		d.decode(root, &c)
		if len(d.literals) > 0 || len(c.Directory.Providers) == 0 || c.Directory.Providers[0].ClientSecret == "" {
			t.Errorf("%s: secrets stand in it: %v", name, d.literals)
		}
	}
	if c := Defaults(); len(c.SealingKeys) > 0 || len(c.Directory.Clients) > 0 || len(c.Directory.Providers) > 0 {
		t.Error("the defaults know a key, a client or a provider")
	}
}

// Wherever a secret stands, and however the file around it is broken, no message and
// no printed Config shows it.
func TestO04_SecretsAreNeverPrinted(t *testing.T) {
	const canary = "hunter2-canary-77f0"
	dir := t.TempDir()
	write(t, dir, "wide", canary, 0o644)
	env := func(name string) (string, bool) {
		if strings.HasSuffix(name, "UNSET") {
			return "", false
		}
		return canary, true
	}
	provider := "providers: [{slug: g, kind: google, client_id: x, client_secret: '" + canary + "'}]\n"
	for _, file := range []string{
		minimal("", canary+": x"),
		minimal("", "'"+canary),
		minimal("", "{"+canary+": x}"),
		minimal("", "["+canary+"]"),
		minimal("", canary+"\n    client_secret: "+canary+"2"),
		minimal("", canary+"\n  foo: bar"),
		minimal("", "@"+canary),
		minimal("", "&"+canary),
		minimal("", "*"+canary),
		minimal("", "!"+canary+" x"),
		minimal("", "\""+canary+"\\q\""),
		minimal("", "${"+canary),
		minimal("", "\"${A_SECRET} ${UNSET}\""),
		minimal("", "file:"+filepath.Join(dir, "wide")),
		strings.Replace(minimal("", canary), "client_secret", "client_secrt", 1),
		strings.Replace(minimal("", canary), "client_secret", "client_id", 1),
		strings.Replace(minimal("", canary), "kind: google", "kind: gogle", 1),
		minimal("sealing_keys: ["+canary+"]", canary),
		minimal("sealing_keys: "+canary, canary),
		minimal("sealing_keys: {"+canary+": 1}", canary),
		minimal("storage: {url: 'postgres://u:"+canary+"@db.example.com/h'}", canary),
		minimal("storage: {url: 'postgres://u:"+canary+"@db.exa mple.com/h'}", canary),
		minimal("storage: {url: '"+canary+"'}", canary),
		minimal("outgoing: {proxy: 'socks5://u:"+canary+"@p'}", canary),
		minimal("listen: ${A_SECRET}", canary),
		minimal("log: {level: \"${A_SECRET}\"}", canary),
		minimal("brand: {logo: \"${API_TOKEN}\"}", canary),
		"issuer: https://u:" + canary + "@login.example.com\n" + provider,
		"issuer: ${A_SECRET}\n" + provider,
		"issuer: http://x\n" + provider + "clients: [{id: web, secrets: ['" + canary + "', '" + canary + "', '" + canary + "'], redirect_uris: [x]}]\n",
		"issuer: http://x\n" + provider + "clients: [{id: web, public: true, secrets: ['" + canary + "'], redirect_uris: [x]}]\n",
		"issuer: http://x\n" + provider + "clients: [{id: web, secrets: '" + canary + "', redirect_uris: [x]}]\n",
		"issuer: http://x\nproviders: [{slug: g, kind: google, auth_method: none, client_secret: '" + canary + "', client_id: x}]\n",
		"issuer: http://x\nproviders: [{slug: g, kind: google, client_id: x, client_secret: \"" + canary + "\\nx\"}]\n",
	} {
		_, err := Parse(filepath.Join(dir, "h.yaml"), []byte(file), env)
		if err == nil {
			t.Errorf("accepted:\n%s", file)
			continue
		}
		asJSON, jsonErr := json.Marshal(problemsOf(t, err))
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		for _, told := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err), string(asJSON)} {
			if strings.Contains(told, "hunter2") {
				t.Errorf("the secret is told:\n%s\n%s", file, told)
			}
		}
	}

	c := must(t, "h.yaml", []byte(minimal("storage: {url: 'sqlite:hunter2.db'}\nsealing_keys: ['"+goodKey+"']\noutgoing: {proxy: 'http://u:"+canary+"@proxy:1'}", canary)))
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "proxy", c.Outgoing.Proxy, "url", c.Storage.URL)
	for how, told := range map[string]string{"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", *c), "%s": fmt.Sprint(c.Storage.URL, c.SealingKeys, c.Directory.Providers), "JSON": string(asJSON), "slog": log.String()} {
		for _, secret := range []string{"hunter2", goodKey, fmt.Sprintf("%x", canary)} {
			if strings.Contains(told, secret) {
				t.Errorf("%s prints %s", how, secret)
			}
		}
	}
}
