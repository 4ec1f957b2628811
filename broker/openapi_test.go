package broker_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
)

// TestMain says, after all tests of this package, which documented answers no test met.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && sample != nil {
		for _, one := range unmet(sample) {
			fmt.Fprintf(os.Stderr, "--- FAIL: broker/openapi/openapi.yaml promises %s, and no test met it\n", one)
			code = 1
		}
	}
	os.Exit(code)
}

// sample is any broker's document, kept for TestMain.
var sample *contract

// rare are promised answers that take a broken database, a full disk or a network that
// fails at the right moment: 500, 502 and 503. Their shapes are checked where a test
// meets them.
var rare = map[string]bool{"500": true, "502": true, "503": true}

func unmet(c *contract) (list []string) {
	for path, item := range object(c.doc["paths"]) {
		for method, op := range object(item) {
			for status := range object(at(op, "responses")) {
				one := strings.ToUpper(method) + " " + path + " " + status
				if _, ok := met.Load(one); !ok && !rare[status] {
					list = append(list, one)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestTheDocumentHasEveryDoorAndNoOther(t *testing.T) {
	k := newKit(t)
	sample = readContract(k.broker.OpenAPI())
	routes := map[string]bool{}
	for _, r := range k.broker.Routes() {
		path := regexp.MustCompile(`[:*](\w+)`).ReplaceAllString(r.Path, "{$1}")
		if op := object(at(sample.doc, "paths", path, strings.ToLower(r.Method))); len(op) == 0 {
			t.Errorf("%s %s is a door that openapi.yaml does not have", r.Method, path)
		}
		routes[r.Method+" "+path] = true
	}
	if len(routes) < 30 {
		t.Errorf("saw %d routes", len(routes))
	}
	ids := map[string]string{}
	for path, item := range object(sample.doc["paths"]) {
		for method, op := range object(item) {
			if method == "parameters" || method == "servers" {
				continue
			}
			door := strings.ToUpper(method) + " " + path
			if !routes[door] {
				t.Errorf("openapi.yaml has %s, and the broker does not", door)
			}
			id, _ := at(op, "operationId").(string)
			if other := ids[id]; id == "" || other != "" {
				t.Errorf("%s: operationId %q is missing or that of %s", door, id, other)
			}
			ids[id] = door
			for _, need := range []string{"summary", "responses", "security", "tags"} {
				if at(op, need) == nil {
					t.Errorf("%s has no %s", door, need)
				}
			}
			for _, p := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !slices.Contains(sample.parameters(op, item), "path "+p[1]) {
					t.Errorf("%s does not describe its {%s}", door, p[1])
				}
			}
		}
	}
}

// parameters lists "in name" of an operation's parameters.
func (c *contract) parameters(op, item any) (names []string) {
	for _, holder := range []any{op, item} {
		all, _ := at(holder, "parameters").([]any)
		for _, p := range all {
			names = append(names, fmt.Sprint(at(c.follow(p), "in"), " ", at(c.follow(p), "name")))
		}
	}
	slices.Sort(names)
	return names
}

func TestTheDocumentIsWholeAndFilledIn(t *testing.T) {
	k := newKit(t)
	c := readContract(k.broker.OpenAPI())
	for _, blank := range []string{"{issuer}", "{origin}", "{base}", "{scopes}", "{machineScopes}"} {
		if strings.Contains(string(k.broker.OpenAPI()), blank) {
			t.Errorf("%s is not filled in", blank)
		}
	}
	used := map[string]bool{}
	var walk func(v any, where string)
	walk = func(v any, where string) {
		for name, member := range object(v) {
			if ref, ok := member.(string); ok && name == "$ref" {
				used[ref] = true
				if at(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
					t.Errorf("%s leads to %s, which is not there", where, ref)
				}
			}
			walk(member, where+"/"+name)
		}
		if l, ok := v.([]any); ok {
			for i, one := range l {
				walk(one, fmt.Sprint(where, "/", i))
			}
		}
	}
	walk(c.doc, "#")
	schemes := object(at(c.doc, "components", "securitySchemes"))
	for kind, all := range object(c.doc["components"]) {
		for name := range object(all) {
			if ref := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !used[ref] {
				t.Errorf("nothing leads to %s", ref)
			}
		}
	}
	for path, item := range object(c.doc["paths"]) {
		for method, op := range object(item) {
			needs, _ := at(op, "security").([]any)
			for _, need := range needs {
				for name := range object(need) {
					if schemes[name] == nil {
						t.Errorf("%s %s needs %s, which is no security scheme", method, path, name)
					}
				}
			}
		}
	}
	flow := at(schemes["signIn"], "flows", "authorizationCode")
	if at(flow, "authorizationUrl") != k.issuer+"/authorize" || at(flow, "tokenUrl") != k.issuer+"/token" || at(schemes["machine"], "flows", "clientCredentials", "tokenUrl") != k.issuer+"/token" {
		t.Errorf("the addresses are not the issuer's: %v", schemes)
	}
}

func TestTheDocumentAndTheCodeKnowTheSameParameters(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	c := readContract(k.broker.OpenAPI())

	// /authorize: the query and the form are one request.
	var query []string
	for _, p := range c.parameters(at(c.doc, "paths", "/authorize", "get"), nil) {
		query = append(query, strings.TrimPrefix(p, "query "))
	}
	form := slices.Sorted(maps.Keys(object(at(c.doc, "components", "schemas", "AuthorizationRequest", "properties"))))
	if !slices.Equal(query, form) {
		t.Errorf("by GET %v\nby POST %v", query, form)
	}
	source, err := os.ReadFile("oauth/request.go")
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, m := range regexp.MustCompile(`q\.Get\("(\w+)"\)|q\["(\w+)"\]|\[\]string\{"(client_id)", "(redirect_uri)"\}`).FindAllStringSubmatch(string(source), -1) {
		for _, name := range m[1:] {
			if name != "" {
				read = append(read, name)
			}
		}
	}
	slices.Sort(read)
	for _, name := range slices.Compact(read) {
		if !slices.Contains(query, name) {
			t.Errorf("/authorize reads %s, and openapi.yaml does not say so", name)
		}
	}

	// /token: one schema a grant type, and all of their properties in the one for forms.
	var kinds []string
	all := object(at(c.doc, "components", "schemas", "TokenRequest", "properties"))
	for _, ref := range at(c.doc, "components", "schemas", "TokenRequest", "oneOf").([]any) {
		schema := object(c.follow(ref))
		kinds = append(kinds, fmt.Sprint(at(schema, "properties", "grant_type", "const")))
		for name := range object(schema["properties"]) {
			if all[name] == nil {
				t.Errorf("TokenRequest lacks %s", name)
			}
		}
	}
	slices.Sort(kinds)
	if offered := grant.Types(k.compile(t).Snapshot); !slices.Equal(kinds, offered) {
		t.Errorf("grant types in openapi.yaml %v, in the program %v", kinds, offered)
	}
	if listed := list(at(all["grant_type"], "enum")); len(listed) != len(kinds) {
		t.Errorf("grant_type is one of %v", listed)
	}
}

func TestTheDocumentIsReadyBytesForEveryone(t *testing.T) {
	k := newKit(t)
	get := func(header, value string) *answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.issuer+"/openapi.json", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(header, value)
		return do(t, http.DefaultClient, req)
	}
	first := get("Origin", "https://anywhere.example")
	if first.StatusCode != http.StatusOK || first.json(t)["openapi"] != "3.1.0" || first.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s %v", first.Status, first.Header)
	}
	if again := get("If-None-Match", first.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("%s %.100s", again.Status, again.body)
	}
	k.change(func(d *directory.Document) {
		d.Resources[0].Scopes = append(d.Resources[0].Scopes, directory.Scope{Name: "items:burn", Description: "Burn items"})
	})
	later := get("If-None-Match", first.Header.Get("ETag"))
	var doc map[string]any
	if err := json.Unmarshal([]byte(later.body), &doc); err != nil {
		t.Fatal(err)
	}
	for scheme, flow := range map[string]string{"signIn": "authorizationCode", "machine": "clientCredentials"} {
		if at(doc, "components", "securitySchemes", scheme, "flows", flow, "scopes", "items:burn") != "Burn items" {
			t.Errorf("%s does not offer a scope of the new settings", scheme)
		}
	}
	if at(doc, "components", "securitySchemes", "machine", "flows", "clientCredentials", "scopes", "openid") != nil {
		t.Error("a machine is offered openid")
	}
}
