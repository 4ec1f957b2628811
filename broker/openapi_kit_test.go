package broker_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/handstamp/handstamp/broker"
)

// Every answer that the kit's do reads is held to the OpenAPI document: its status, its
// content type, its headers and the JSON in it. So each test of this package that talks
// HTTP is also a test of the document.

// contract is the OpenAPI document of one running broker.
type contract struct{ doc map[string]any }

// contracts finds the document of a host.
var contracts sync.Map // host → func() *contract

func promise(host string, b *broker.Broker) {
	contracts.Store(host, sync.OnceValue(func() *contract { return readContract(b.OpenAPI()) }))
}

func readContract(body []byte) *contract {
	c := &contract{}
	if err := json.Unmarshal(body, &c.doc); err != nil {
		panic(err)
	}
	return c
}

// met are the documented answers that were seen in this run, as "GET /path 200".
var met sync.Map

// kept reports how an answer breaks the contract of the broker it came from.
func kept(req *http.Request, a *answer) (broken []string) {
	found, ok := contracts.Load(req.URL.Host)
	if !ok || req.Method == http.MethodHead {
		return nil
	}
	c := found.(func() *contract)()
	path, op := c.operation(req.Method, req.URL.Path)
	if op == nil {
		return nil
	}
	status := fmt.Sprint(a.StatusCode)
	response, ok := c.follow(at(op, "responses", status)).(map[string]any)
	if !ok {
		if entrance[a.StatusCode] {
			return nil
		}
		return []string{"the document knows no such answer"}
	}
	met.Store(req.Method+" "+path+" "+status, true)
	for name, spec := range object(response["headers"]) {
		h, _ := c.follow(spec).(map[string]any)
		values := a.Header.Values(name)
		switch {
		case len(values) == 0 && h["required"] == true:
			broken = append(broken, "without the header "+name)
		case len(values) > 0:
			for _, fault := range c.check(h["schema"], values[0], name) {
				broken = append(broken, "header "+fault)
			}
		}
	}
	return append(broken, c.checkBody(object(response["content"]), a)...)
}

// entrance are answers that any address can give before a route sees the request.
var entrance = map[int]bool{404: true, 405: true, 414: true, 415: true, 421: true, 431: true, 500: true}

func (c *contract) checkBody(content map[string]any, a *answer) []string {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	switch {
	case a.body == "":
		return nil
	case len(content) == 0:
		return []string{"has a body, and the document knows of none"}
	case content["*/*"] != nil:
		return nil
	case content[kind] == nil:
		return []string{fmt.Sprintf("is %q; the document knows %v", kind, slices.Sorted(maps.Keys(content)))}
	case kind != "application/json":
		return nil
	}
	var body any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		return []string{"is not JSON"}
	}
	return c.check(at(content[kind], "schema"), body, "body")
}

// operation finds what the document says about a request.
func (c *contract) operation(method, path string) (string, map[string]any) {
	for pattern, item := range object(c.doc["paths"]) {
		expr := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), `[^/]+`) + "$"
		if op := object(at(item, strings.ToLower(method))); len(op) > 0 && regexp.MustCompile(expr).MatchString(path) {
			return pattern, op
		}
	}
	return "", nil
}

// follow resolves a reference inside the document.
func (c *contract) follow(v any) any {
	m := object(v)
	ref, ok := m["$ref"].(string)
	if !ok || len(m) > 1 {
		return v
	}
	return c.follow(at(c.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
}

// annotations say something to readers and nothing to a validator.
var annotations = map[string]bool{"description": true, "format": true, "example": true, "default": true, "deprecated": true, "maxItems": true}

// check holds a value to a schema (JSON Schema 2020-12, as far as the document uses it).
func (c *contract) check(schema, v any, where string) (wrong []string) {
	say := func(text string, args ...any) { wrong = append(wrong, where+" "+fmt.Sprintf(text, args...)) }
	s := object(schema)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	members, isObject := v.(map[string]any)
	for keyword, want := range s {
		switch keyword {
		case "$ref":
			wrong = append(wrong, c.check(at(c.doc, strings.Split(strings.TrimPrefix(want.(string), "#/"), "/")...), v, where)...)
		case "allOf":
			for _, one := range want.([]any) {
				wrong = append(wrong, c.check(one, v, where)...)
			}
		case "oneOf":
			fits := 0
			for _, one := range want.([]any) {
				if len(c.check(one, v, where)) == 0 {
					fits++
				}
			}
			if fits != 1 {
				say("fits %d of oneOf", fits)
			}
		case "type":
			if !slices.ContainsFunc(list(want), func(t any) bool { return isA(v, t.(string)) }) {
				say("is %v, not %v", v, want)
			}
		case "const":
			if fmt.Sprint(v) != fmt.Sprint(want) {
				say("is %v, not %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				say("is %v, none of %v", v, want)
			}
		case "pattern":
			if isText && !regexp.MustCompile(want.(string)).MatchString(text) {
				say("%q does not match %v", text, want)
			}
		case "minLength":
			if isText && utf8.RuneCountInString(text) < int(want.(float64)) {
				say("is too short")
			}
		case "maxLength":
			if isText && utf8.RuneCountInString(text) > int(want.(float64)) {
				say("is too long")
			}
		case "minimum":
			if isNumber && number < want.(float64) {
				say("is too small")
			}
		case "required":
			for _, name := range want.([]any) {
				if _, ok := members[name.(string)]; isObject && !ok {
					say("lacks %s", name)
				}
			}
		case "items":
			if elements, ok := v.([]any); ok {
				for _, one := range elements {
					wrong = append(wrong, c.check(want, one, where+"[]")...)
				}
			}
		case "properties", "additionalProperties": // below
		default:
			if !annotations[keyword] {
				say("has a schema with %s, which this test does not know", keyword)
			}
		}
	}
	for name, member := range members {
		switch known, more := at(s["properties"], name), s["additionalProperties"]; {
		case known != nil:
			wrong = append(wrong, c.check(known, member, where+"."+name)...)
		case more == false:
			say("has %s, which the document does not know", name)
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

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any {
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
	c := readContract(k.broker.OpenAPI())
	for _, row := range []struct{ why, schema, value string }{
		{"an error with a third member", "Error", `{"error":"x","error_description":"y","more":"z"}`},
		{"a code that RFC 6749 does not have", "TokenError", `{"error":"x","error_description":"y"}`},
		{"a token answer without its type", "TokenAnswer", `{"access_token":"x","expires_in":300,"scope":""}`},
		{"a lifetime in words", "TokenAnswer", `{"access_token":"x","token_type":"Bearer","expires_in":"300","scope":""}`},
		{"more than active about a dead token", "Introspection", `{"active":false,"sub":"alice"}`},
		{"a private key", "JWKS", `{"keys":[{"kty":"EC","kid":"1","use":"sig","alg":"ES256","d":"secret"}]}`},
		{"another issuer", "Metadata", `{"issuer":"https://evil.example"}`},
	} {
		var v any
		if err := json.Unmarshal([]byte(row.value), &v); err != nil {
			t.Fatal(err)
		}
		if len(c.check(at(c.doc, "components", "schemas", row.schema), v, "it")) == 0 {
			t.Errorf("%s was not noticed", row.why)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer+"/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	teapot := &answer{&http.Response{StatusCode: http.StatusTeapot, Header: http.Header{}}, ""}
	html := &answer{&http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"text/html"}, "Cache-Control": {"no-store"}}}, "<p>"}
	for _, a := range []*answer{teapot, html} {
		if len(kept(req, a)) == 0 {
			t.Errorf("%d %v was not noticed", a.StatusCode, a.Header)
		}
	}
}
