package configs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/directory/directorytest"
	"github.com/handstamp/handstamp/broker/mapping"
)

// readBack writes a document to a file and loads it.
func readBack(t testing.TB, d directory.Document, comments map[string]string) (directory.Document, string) {
	t.Helper()
	text := MarshalDirectory(d, comments)
	path := filepath.Join(t.TempDir(), "directory.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := LoadDirectory(path)
	if err != nil {
		t.Fatalf("%v\n%.3000s", err, text)
	}
	for i := range f.Document.Rules {
		f.Document.Rules[i].File, f.Document.Rules[i].Line = "", 0
	}
	return f.Document, string(text)
}

// texts are what settings hold, and what YAML makes of things that look like it.
var texts = []string{"a", "Acme Web", "https://a.example/cb?x=1&y=2#z", "true", "no", "null", "~", "12", "0x1F", "1e3", ".5", "2026-01-01", "- a", "a: b", "a #b", "#", "", " ",
	" leading", "trailing ", "it's", `"quoted"`, `back\slash`, "[a]", "{a}", "a,b", "*a", "&a", "!a", "%a", "@a", "`a`", "|", ">", "?", ":", "-", "---", "...", "<<",
	"${NAME}", "$${NAME}", "$$${X", "${", "two\nlines", "two\nlines\n", "two\n\nlines", "  indented\nlines", "a\n  indented\nb", "a \nb", "a\n# b", "# a\nb", "\n", "a\n\n", "a\r\nb", "tab\there", "a\n\tb", "\x01\x7f", "é–漢字🎉", "\u2028", "\u00a0",
	"'a' in claims.groups\n&& claims.level > 3", "claims.x == 'a:b # c'\n|| true", "\ufeff", "=", "a\u0085b", "key: |", "yes: no\nx", "a'\"b\\n"}

func TestWhatIsExportedIsReadBackLetterByLetter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var d directory.Document
		fill(random, reflect.ValueOf(&d).Elem(), "")
		if v := reflect.ValueOf(&d).Elem(); true { // an empty list of a document says no more than none
			for i := range v.NumField() {
				if v.Field(i).Kind() == reflect.Slice && v.Field(i).Len() == 0 {
					v.Field(i).SetZero()
				}
			}
		}
		for i := range d.Providers {
			d.Providers[i].ClientSecretSource = []string{"", "${A_B}", "file:/run/secrets/a b", "sealed:Zm9v_-", "x-${A}-$${B}"}[random.IntN(5)]
			d.Providers[i].ClientSecret, d.Providers[i].InternalID = "", ""
		}
		for i := range d.Clients {
			c := &d.Clients[i]
			c.Secrets, c.SecretSources = nil, nil
			for range random.IntN(3) {
				c.Secrets, c.SecretSources = append(c.Secrets, ""), append(c.SecretSources, []string{"${A}", "sealed:x", "file:/x"}[random.IntN(3)])
			}
		}
		for i := range d.Rules {
			d.Rules[i].File, d.Rules[i].Line = "", 0
		}
		got, text := readBack(t, d, map[string]string{"": "a comment\nof two lines: x", "providers[0]": "the first: # one", "rules": "r\x01\n", "clients[1]": "x"})
		if !reflect.DeepEqual(got, d) {
			t.Fatalf("round %d:\n got %+v\nwant %+v\n%s", round, got, d, text)
		}
		if again := string(MarshalDirectory(got, nil)); again != string(MarshalDirectory(d, nil)) {
			t.Fatalf("it is written differently the second time")
		}
	}
}

func fill(random *rand.Rand, v reflect.Value, name string) {
	if random.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(random, v.Field(i), f.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), random.IntN(4), 4))
		for i := range v.Len() {
			fill(random, v.Index(i), "")
		}
	case reflect.Map:
		m := map[string]string{}
		for range random.IntN(4) {
			m[mapKey(random)] = texts[random.IntN(len(texts))]
		}
		v.Set(reflect.ValueOf(m))
	case reflect.String:
		v.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64: // a duration
		v.SetInt(int64(random.IntN(1e6)) * 1e9)
	case reflect.Int:
		v.SetInt(int64(random.IntN(100)))
	}
}

// mapKey is any text on one line: longer ones YAML takes only in a form that settings refuse.
func mapKey(random *rand.Rand) string {
	for {
		if key := texts[random.IntN(len(texts))]; !strings.ContainsAny(key, "\n\r") {
			return key
		}
	}
}

func TestAnExportReadsLikeWhatAPersonWrites(t *testing.T) {
	_, text := readBack(t, directory.Document{
		Providers: []directory.Provider{{Slug: "okta", Kind: "okta", Issuer: "https://acme.okta.com", ClientID: "0oa1", ClientSecretSource: "${OKTA_SECRET}", EmailDomains: []string{"acme.example"}, Params: map[string]string{"access_type": "offline"}}},
		Clients:   []directory.Client{{ID: "web", Name: "Acme Web", FirstParty: true, SecretSources: []string{"sealed:abc"}, RedirectURIs: []string{"https://app.acme.example/cb"}, Scopes: []string{"openid", "items:read"}}},
		Resources: []directory.Resource{{ID: "https://items.acme.example", Scopes: []directory.Scope{{Name: "items:read", Description: "See your items"}}}},
		Rules:     []mapping.Rule{{Name: "engineers", When: "'Engineering' in claims.groups\n&& claims.level > 3\n", Scopes: []string{"items:read"}, Claims: map[string]string{"dep": "claims.?dep"}}},
		Brand:     directory.Brand{Name: "Acme", Accent: "#1a7f5a"},
	}, map[string]string{"": "Revision 7, of Olga.", "clients[0]": "sealed: only its own database knows this secret"})
	const want = `# Revision 7, of Olga.

providers:
  - slug: okta
    kind: okta
    issuer: "https://acme.okta.com"
    client_id: "0oa1"
    client_secret: "${OKTA_SECRET}"
    params:
      access_type: offline
    email_domains: [acme.example]

clients:
  # sealed: only its own database knows this secret
  - id: web
    name: Acme Web
    first_party: true
    secrets: ["sealed:abc"]
    redirect_uris: ["https://app.acme.example/cb"]
    scopes: [openid, "items:read"]

resources:
  - id: "https://items.acme.example"
    scopes:
      - name: "items:read"
        description: See your items

rules:
  - name: engineers
    when: |
      'Engineering' in claims.groups
      && claims.level > 3
    scopes: ["items:read"]
    claims:
      dep: "claims.?dep"
brand:
  name: Acme
  accent: "#1a7f5a"
`
	if text != want {
		t.Errorf("got\n%s", text)
	}
}

func TestALiteralSecretIsNotExported(t *testing.T) {
	d := directorytest.Large(3, 2, 1)
	if text := string(MarshalDirectory(d, nil)); strings.Contains(text, "secret") {
		t.Errorf("got\n%s", text)
	}
}

func TestALargeDirectoryIsExportedAndReadBack(t *testing.T) {
	d := directorytest.Large(10_000, 1000, 200)
	d.FoldSecrets(func(owner, _ string) string { return owner }, nil)
	got, text := readBack(t, d, nil)
	if !reflect.DeepEqual(got, d) {
		t.Errorf("of %d bytes something else came back: %s", len(text), fmt.Sprint(directory.Diff(d, got))[:200])
	}
}

func BenchmarkLoadLarge(b *testing.B) {
	d := directorytest.Large(10_000, 1000, 200)
	d.FoldSecrets(func(owner, _ string) string { return owner }, nil)
	text := MarshalDirectory(d, nil)
	path := filepath.Join(b.TempDir(), "directory.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := LoadDirectory(path); err != nil {
			b.Fatal(err)
		}
	}
}
