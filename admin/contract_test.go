package admin_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
)

// Every answer that the kit reads is held to the document that the server gives: its
// status, its type and the JSON in it. So each test of this package that talks HTTP is
// also a test of openapi.yaml.

// TestMain says, after all tests of this package, which promised successes and refusals
// no test met.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		for _, c := range promises {
			for _, one := range c.unmet() {
				fmt.Fprintf(os.Stderr, "--- FAIL: admin/openapi.yaml promises %s, and no test met it\n", one)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// met are the documented answers that were seen in this run, as "GET /path 200".
var met sync.Map

// unmet lists promised answers that no test met: successes, and what a caller has to
// cope with. The others come of the shape that all routes share.
func (c contract) unmet() (list []string) {
	for path, item := range object(c["paths"]) {
		for method, op := range object(item) {
			for status := range object(at(op, "responses")) {
				one := strings.ToUpper(method) + " " + path + " " + status
				if _, ok := met.Load(one); !ok && status < "300" && path != api.Base+"/openapi.json" {
					list = append(list, one)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// entrance are answers that any address can give before a route sees the request.
var entrance = map[int]bool{404: true, 405: true, 414: true, 415: true, 421: true}

type contract map[string]any

var promises = map[string]contract{} // by the document's text

func contractOf(t testing.TB, text string) contract {
	if c, ok := promises[text]; ok {
		return c
	}
	c := contract{}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	promises[text] = c
	return c
}

// document reads the server's own, once.
func (k *kit) document() contract {
	k.t.Helper()
	if k.promise == nil {
		resp, err := http.Get(k.url + api.Base + "/openapi.json")
		if err != nil {
			k.t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&k.promise); err != nil {
			k.t.Fatal(err)
		}
	}
	return k.promise
}

func (k *kit) keepsPromise(req *http.Request, a *answer) {
	k.t.Helper()
	if k.deaf {
		return
	}
	for _, fault := range k.document().broken(req, a) {
		k.t.Errorf("%s %s answers %s, which breaks openapi.yaml: %s\n%.400s", req.Method, req.URL.Path, a.Status, fault, a.body)
	}
}

// broken tells how an answer breaks the document.
func (c contract) broken(req *http.Request, a *answer) []string {
	if req.URL.Path == api.Base+"/openapi.json" {
		return nil
	}
	pattern, op := c.operation(req.Method, req.URL.Path)
	status := fmt.Sprint(a.StatusCode)
	met.Store(req.Method+" "+pattern+" "+status, true)
	response := object(c.follow(at(op, "responses", status)))
	if len(response) == 0 {
		if entrance[a.StatusCode] {
			return nil
		}
		return []string{"the document knows no such answer"}
	}
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	content := object(response["content"])
	switch {
	case a.body == "" && len(content) == 0:
		return nil
	case content[kind] == nil:
		return []string{fmt.Sprintf("it is %q", kind)}
	case !strings.HasSuffix(kind, "json") || at(content[kind], "schema") == nil:
		return nil
	}
	var body any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		return []string{"it is not JSON"}
	}
	return c.check(at(content[kind], "schema"), body, "body")
}

func (c contract) operation(method, path string) (pattern string, best map[string]any) {
	for one, item := range object(c["paths"]) {
		expr := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(one), `[^/]+`) + "$"
		if op := object(at(item, strings.ToLower(method))); len(op) > 0 && regexp.MustCompile(expr).MatchString(path) {
			if best == nil || one == path {
				pattern, best = one, op
			}
		}
	}
	return pattern, best
}

func (c contract) follow(v any) any {
	if ref, ok := object(v)["$ref"].(string); ok {
		return c.follow(at(map[string]any(c), strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return v
}

// check holds a value to a schema, as far as the document uses JSON Schema.
func (c contract) check(schema, v any, where string) (wrong []string) {
	s := object(c.follow(schema))
	if any, ok := s["anyOf"].([]any); ok {
		for _, one := range any {
			if wrong = c.check(one, v, where); len(wrong) == 0 {
				return nil
			}
		}
		return wrong
	}
	if want, ok := s["type"]; ok && !slices.ContainsFunc(listOf(want), func(t any) bool { return isA(v, t.(string)) }) {
		return []string{fmt.Sprintf("%s is %v, not %v", where, v, want)}
	}
	if elements, ok := v.([]any); ok {
		for i, one := range elements {
			wrong = append(wrong, c.check(s["items"], one, fmt.Sprintf("%s[%d]", where, i))...)
		}
	}
	members, ok := v.(map[string]any)
	if !ok {
		return wrong
	}
	if required, ok := s["required"].([]any); ok {
		for _, name := range required {
			if _, has := members[name.(string)]; !has {
				wrong = append(wrong, where+" lacks "+name.(string))
			}
		}
	}
	for name, member := range members {
		switch known, more := at(s["properties"], name), s["additionalProperties"]; {
		case known != nil:
			wrong = append(wrong, c.check(known, member, where+"."+name)...)
		case more == false:
			wrong = append(wrong, where+" has "+name)
		case more != nil:
			wrong = append(wrong, c.check(more, member, where+"."+name)...)
		}
	}
	return wrong
}

func isA(v any, kind string) bool {
	switch v := v.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return kind == "null"
}

func object(v any) map[string]any {
	if c, is := v.(contract); is {
		return c
	}
	m, _ := v.(map[string]any)
	return m
}

func listOf(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// at walks down by names.
func at(v any, names ...string) any {
	for _, name := range names {
		v = object(v)[name]
	}
	return v
}

func TestTheContractSeesABrokenPromise(t *testing.T) {
	k := newKit(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+api.Base+"/clients/web", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why, kind, body string
		status          int
	}{
		{"an undocumented status", "application/json", `{}`, 418},
		{"another type", "text/html", `<p>`, 200},
		{"a field that nobody documented", "application/json", `{"has_secret":true,"secret":"x"}`, 200},
		{"a field of another type", "application/json", `{"has_secret":"yes"}`, 200},
		{"a field that is missing", "application/json", `{"id":"web"}`, 200},
		{"a problem as plain JSON", "application/json", `{"error":"x"}`, 403},
	} {
		a := &answer{&http.Response{StatusCode: row.status, Header: http.Header{"Content-Type": {row.kind}}}, row.body}
		if len(k.document().broken(req, a)) == 0 {
			t.Errorf("%s was not noticed", row.why)
		}
	}
}
