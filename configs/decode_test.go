package configs

import (
	"slices"
	"strings"
	"testing"
)

// All problems of a file come at once, in its order, each with its place, what is
// wrong and the likely fix.
func TestEveryProblemIsToldAtOnceWithItsPlaceAndFix(t *testing.T) {
	const file = `isuer: http://login.example.com
listen: 8080
lifetime:
  access: 5m
lifetimes:
  access: 5 minutes
  code: 1h
log: {level: verbose}
providers:
  - slug: google
    kind: gogle
    client_id: 12
    client-secret: x
  - slug: okta
    kind: okta
    issuer: https://x.okta.com
    client_id: a
    client_secret: ${OKTA_SECRT}
    scopes: openid
clients:
  - id: web
    redirect_uris: ["https://app.example.com/*"]
    client_id: x
    secrets: ["${X_SECRET}"]
    first_party: yes
    scopes: [openid, "items:raed"]
resources:
  - id: https://api.example.com
    scopes: [{name: "items:read"}]
rules:
  - name: r
    when: claims.hd = 'x'
    roles: [a b]
    provider: google
    deny:
`
	_, err := Parse("h.yaml", []byte(file), environ)
	want := []string{
		"h.yaml:1:1: isuer: there is no setting isuer (did you mean issuer?)",
		"h.yaml:2:1: listen: \"8080\" is not host:port (write it as 127.0.0.1:8080, or :8443 for every address)",
		"h.yaml:3:1: lifetime: there is no setting lifetime (did you mean lifetimes?)",
		"h.yaml:6:11: lifetimes.access: \"5 minutes\" is not a duration: write 90s, 5m, 12h or 14d",
		"h.yaml:7:3: lifetimes.code: 1h is not between 10s and 10m",
		"h.yaml:8:7: log.level: \"verbose\" is not a value of level (one of: debug, info, warn, error)",
		"h.yaml:11:5: providers[0].kind: there is no kind \"gogle\" (did you mean google?)",
		"h.yaml:13:5: providers[0].client-secret: there is no setting client-secret in providers[0] (did you mean client_secret?)",
		"h.yaml:18:20: providers[1].client_secret: the environment variable OKTA_SECRT is not set",
		"h.yaml:19:13: providers[1].scopes: scopes wants a list, not a text (one entry is a list too: [openid])",
		"h.yaml:22:21: clients[0].redirect_uris[0]: ",
		"h.yaml:23:5: clients[0].client_id: there is no setting client_id in clients[0] (did you mean id?)",
		"h.yaml:25:18: clients[0].first_party: first_party is either true or false (write true)",
		"h.yaml:26:22: clients[0].scopes[1]: there is no scope \"items:raed\" (did you mean items:read?)",
		"h.yaml:32:5: rules[0].when: a single = means nothing here",
		"h.yaml:33:13: rules[0].roles[0]: \"a b\" cannot be a role",
		"h.yaml:34:5: rules[0].provider: there is no setting provider in rules[0] (did you mean providers?)",
		"h.yaml:35:11: rules[0].deny: deny wants a text, not nothing (give it a value, or remove the line)",
	}
	got := strings.Split(err.Error(), "\n")
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("line %d\n got %s\nwant %s", i, got[min(i, len(got)-1)], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("more than expected:\n%s", strings.Join(got[len(want):], "\n"))
	}
}

func TestAKeyInTheWrongPlaceIsShownItsHome(t *testing.T) {
	for _, row := range []struct{ file, hint, why string }{
		{"access: 5m\n", "access belongs under lifetimes", "a lifetime at the top"},
		{"lifetimes: {issuer: x}\n", "issuer belongs at the top of the file or under providers", "a top key in a section"},
		{"clientSecret: x\n", "client_secret belongs under providers", "another spelling elsewhere"},
		{"trusted-proxies: []\n", "did you mean trusted_proxies?", "dashes"},
		{"trustedProxies: []\n", "did you mean trusted_proxies?", "camel case"},
		{"database: x\n", "did you mean storage?", "another broker's word"},
		{"log: {nonsense: x}\n", "there are: level, format", "nothing near"},
	} {
		_, err := Parse("h.yaml", []byte(row.file), environ)
		if !slices.ContainsFunc(problemsOf(t, err), func(p Problem) bool { return p.Hint == row.hint }) {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}

// What a hand that is new to YAML writes is answered with what it should have written.
func TestSlipsOfYAMLAreShownTheirFix(t *testing.T) {
	for _, row := range []struct{ more, hint, why string }{
		{"brand:\n\tname: x", "replace the tab by spaces", "a tab"},
		{"sealing_keys: [${X_SECRET}]", `needs quotes: ["${NAME}"]`, "a variable in brackets without quotes"},
		{"rules: [{name: a, roles: [items: read]}]", "a text with a colon in it needs quotes", "a scope with a space in it"},
		{"trusted_proxies: 10.0.0.1 10.0.0.2", "entries are separated by commas: [10.0.0.1, 10.0.0.2]", "words without brackets"},
	} {
		_, err := Parse("h.yaml", []byte(minimal(row.more, "${X_SECRET}")), environ)
		if err == nil || !strings.Contains(err.Error(), row.hint) {
			t.Errorf("%s:\n got %v\nwant %s", row.why, err, row.hint)
		}
	}
}

func TestWrongShapesAreNamed(t *testing.T) {
	for _, row := range []struct{ more, message, why string }{
		{"storage: sqlite:x", "storage wants settings with names, not a text", "a text for a section"},
		{"log: [info]", "log wants settings with names, not a list", "a list for a section"},
		{"listen: [a]", "listen wants a text, not a list", "a list for a text"},
		{"listen: {a: b}", "listen wants a text, not settings with names", "a section for a text"},
		{"brand: {name: true}", "name wants a text, and true without quotes is not one", "a bare true"},
		{"listen:", "listen wants a text, not nothing", "nothing"},
		{"keys: {rotate_every: [1]}", "rotate_every wants a duration such as 5m, 12h or 14d, not a list", "a list for a duration"},
		{"sealing_keys: 'x'", "sealing_keys wants a list, not a text", "a text for a list of secrets"},
		{"trusted_proxies: {a: b}", "trusted_proxies wants a list, not settings with names", "a section for a list"},
		{"outgoing: {allow_loopback: maybe}", "allow_loopback is either true or false", "maybe"},
		{"rules: [{name: a, claims: [x]}]", "claims wants names with values, not a list", "a list for names"},
		{"1: x", "a name is expected here", "a number for a name"},
		{"brand: {name: '${9}'}", "a variable of the environment is written ${NAME}", "a variable that is none"},
		{"brand: {name: '${OPEN'}", "a variable of the environment is written ${NAME}", "a variable without an end"},
	} {
		_, err := Parse("h.yaml", []byte(minimal(row.more, "${X_SECRET}")), environ)
		if err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s:\n got %v\nwant %s", row.why, err, row.message)
		}
	}
}

// A heading with nothing under it is an empty section, not a fault: the reference file
// is full of them.
func TestEmptySectionsAreEmpty(t *testing.T) {
	c := must(t, "h.yaml", []byte(minimal("lifetimes:\nkeys:\nclients:\nrules:", "${X_SECRET}")))
	if c.Lifetimes != Defaults().Lifetimes || len(c.Directory.Clients) != 0 {
		t.Errorf("got %+v", c.Lifetimes)
	}
}

func TestNumbersAreTextsWhereTextsAreWanted(t *testing.T) {
	c := must(t, "h.yaml", []byte(strings.Replace(minimal("brand: {name: 0042}", "${X_SECRET}"), "client_id: x", "client_id: 1234567890123456789012", 1)))
	if c.Brand.Name != "0042" || c.Directory.Providers[0].ClientID != "1234567890123456789012" {
		t.Errorf("got %q, %q", c.Brand.Name, c.Directory.Providers[0].ClientID)
	}
}
