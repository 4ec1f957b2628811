package admin_test

import (
	"flag"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin"
	"github.com/handstamp/handstamp/admin/api"
)

var update = flag.Bool("update", false, "write openapi.yaml anew")

// The document is the table and the types: where they differ, one of them changed.
func TestOpenAPIIsWhatTheTableAndTheTypesSay(t *testing.T) {
	want := openAPIOf(t)
	have, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.yaml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(have) != want {
		line := 0
		for i, l := range strings.Split(want, "\n") {
			if lines := strings.Split(string(have), "\n"); i >= len(lines) || lines[i] != l {
				line = i + 1
				break
			}
		}
		t.Errorf("openapi.yaml differs from line %d on: go test ./admin -run TestOpenAPIIs -update, and read what changed", line)
	}
}

func TestOpenAPIHasEveryRouteThatAnswersAndNoOther(t *testing.T) {
	k := newKit(t)
	doc := contractOf(t, must(t, k.do("GET", "/openapi.json", "", ""), http.StatusOK).body)
	var documented []string
	for path, item := range object(doc["paths"]) {
		for method := range object(item) {
			documented = append(documented, strings.ToUpper(method)+" "+strings.TrimPrefix(path, api.Base))
		}
	}
	var answered []string
	for _, route := range k.server.Reachable(true) {
		if route != "GET /livez" && route != "GET /readyz" {
			answered = append(answered, regexp.MustCompile(`:(\w+)`).ReplaceAllString(route, "{$1}"))
		}
	}
	slices.Sort(documented)
	slices.Sort(answered)
	if !slices.Equal(documented, answered) || len(answered) < 35 {
		t.Errorf("documented %v\nanswered %v", documented, answered)
	}
}

const openAPIHead = `# Made from the table in routes.go and the types of admin/api: go test ./admin -run TestOpenAPIIs -update.
openapi: 3.1.0
info:
  title: Handstamp administration
  version: "1"
  summary: Everything that the console and the shell do.
  description: |
    Machines call with an access token that a client with machine_scopes gets by client_credentials for the
    resource urn:handstamp:admin. People use the console, whose tokens this API takes, too.

    What is not JSON of a route's own is a problem (RFC 9457), whose instance is the reference in the log.
    Names are compared letter by letter; one that is unknown, doubled or null is refused. So is a query
    parameter that a route does not read. A change of the directory needs If-Match with the ETag of what was
    read; with plan=true it changes nothing and tells what it would do.

    Beside what each operation lists, any address can answer before a route sees the request: 404 to a path
    that is not in its plain form, 405 to another method, 414 to too long an address, 415 to a compressed
    body, 421 to a foreign host, and 500 where the fault is ours.
  license: {name: Apache-2.0, identifier: Apache-2.0}
servers:
  - url: "{admin}"
    description: The administration's listener
`

// openAPIOf makes the document.
func openAPIOf(t testing.TB) string {
	s := newSchemas(t)
	paths := map[string]table{}
	scopes := table{}
	ids := map[string]bool{}
	for _, r := range admin.Routes() {
		path := api.Base + regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}")
		op := operation(s, r)
		id := op[0].value.(string)
		if ids[id] {
			t.Errorf("two operations are called %s", id)
		}
		ids[id] = true
		if r.Says == "" {
			t.Errorf("%s %s says nothing about itself", r.Method, r.Path)
		}
		paths[path] = paths[path].with(strings.ToLower(r.Method), op)
		if r.Need != admin.Public && r.Need != admin.Anybody && !slices.ContainsFunc(scopes, func(p pair) bool { return p.key == r.Need }) {
			scopes = scopes.with(r.Need, r.Need)
		}
	}
	s.named(reflect.TypeFor[api.Problem]())
	var b strings.Builder
	b.WriteString(openAPIHead + "paths:")
	all := table{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		all = all.with(path, paths[path])
	}
	yamlOf(&b, all, "  ")
	made := table{}
	for _, name := range slices.Sorted(maps.Keys(s.made)) {
		made = made.with(name, s.made[name])
	}
	slices.SortFunc(scopes, func(x, y pair) int { return strings.Compare(x.key, y.key) })
	problem := table{{"description", "Why not"}, {"content", table{{"application/problem+json", table{{"schema", table{{"$ref", "#/components/schemas/Problem"}}}}}}}}
	b.WriteString("components:")
	yamlOf(&b, table{
		{"securitySchemes", table{
			{"machine", table{{"type", "oauth2"}, {"description", "For the resource urn:handstamp:admin."},
				{"flows", table{{"clientCredentials", table{{"tokenUrl", "{issuer}/token"}, {"scopes", scopes}}}}}}},
			{"bearer", table{{"type", "http"}, {"scheme", "bearer"}, {"description", "Such a token, from wherever."}}},
		}},
		{"responses", table{{"Problem", problem}}},
		{"schemas", made},
	}, "  ")
	return b.String()
}

// operation is one route. Its id comes first.
func operation(s *schemas, r admin.RouteInfo) table {
	op := table{{"operationId", operationID(r)}, {"summary", r.Says}}
	if r.Shell {
		op = op.with("description", "Only at the Unix socket of the machine itself.")
	} else if r.Fresh {
		op = op.with("description", "Of people it needs a sign-in of the last five minutes.")
	}
	switch r.Need {
	case admin.Public:
		op = op.with("security", []any{})
	case admin.Anybody:
		op = op.with("security", []any{table{{"machine", []any{}}}, table{{"bearer", []any{}}}})
	default:
		op = op.with("security", []any{table{{"machine", []any{r.Need}}}, table{{"bearer", []any{}}}})
	}
	var parameters []any
	for _, m := range regexp.MustCompile(`:(\w+)`).FindAllStringSubmatch(r.Path, -1) {
		parameters = append(parameters, table{{"name", m[1]}, {"in", "path"}, {"required", true}, {"schema", pathSchema(m[1])}})
	}
	for _, name := range r.Query {
		parameters = append(parameters, table{{"name", name}, {"in", "query"}, {"schema", querySchema(name)}})
	}
	if r.Changes {
		parameters = append(parameters, table{{"name", "If-Match"}, {"in", "header"}, {"description", "ETag of what was read; not needed for a plan"}, {"schema", table{{"type", "string"}, {"pattern", `^"(0|[1-9][0-9]{0,17})"$`}}}})
	}
	if len(parameters) > 0 {
		op = op.with("parameters", parameters)
	}
	if r.In != nil {
		content := table{}
		if f, is := r.In.(admin.File); is {
			content = content.with(string(f), table{{"schema", table{{"type", "string"}}}})
		} else {
			content = content.with("application/json", table{{"schema", s.of(reflect.TypeOf(r.In))}})
		}
		op = op.with("requestBody", table{{"required", !r.Maybe}, {"content", content}})
	}
	return op.with("responses", responses(s, r))
}

// operationID is the method and the path as one word: putClientsId.
func operationID(r admin.RouteInfo) string {
	id := strings.ToLower(r.Method)
	for part := range strings.FieldsFuncSeq(r.Path, func(c rune) bool { return strings.ContainsRune("/:.-", c) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func pathSchema(name string) table {
	switch name {
	case "number":
		return table{{"type", "integer"}, {"minimum", 1}}
	case "key":
		return table{{"type", "string"}, {"pattern", "^[A-Za-z0-9_-]+$"}, {"description", "The name in base64url without padding"}}
	}
	return table{{"type", "string"}, {"pattern", "^[A-Za-z0-9._-]+$"}}
}

func querySchema(name string) table {
	switch name {
	case "plan", "force", "dry_run", "disabled":
		return table{{"type", "boolean"}}
	case "limit":
		return table{{"type", "integer"}, {"minimum", 1}, {"maximum", 200}}
	case "against":
		return table{{"type", "integer"}, {"minimum", 0}}
	case "since", "until":
		return table{{"type", "string"}, {"format", "date-time"}}
	case "format":
		return table{{"type", "string"}, {"enum", []any{"yaml", "json"}}}
	case "cursor":
		return table{{"type", "string"}, {"description", "next of the page before; the other parameters stay as they were"}}
	case "before":
		return table{{"type", "string"}, {"description", "The key of the rule to stand before"}}
	case "reason":
		return table{{"type", "string"}, {"maxLength", 1024}, {"description", "Why, for the history and the audit"}}
	}
	return table{{"type", "string"}, {"maxLength", 1024}}
}

// responses are a route's statuses: those of its shape, and what it adds.
func responses(s *schemas, r admin.RouteInfo) table {
	ok := r.Status
	if ok == 0 {
		if ok = http.StatusOK; r.Out == nil && !r.Changes {
			ok = http.StatusNoContent
		}
	}
	out := table{}
	body := func(schema any) table {
		return table{{"application/json", table{{"schema", schema}}}}
	}
	applied, plan := s.of(reflect.TypeFor[api.Applied]()), s.of(reflect.TypeFor[api.Plan]())
	switch f, isFile := r.Out.(admin.File); {
	case r.Changes && ok == http.StatusCreated:
		out = out.with("200", table{{"description", "The plan"}, {"content", body(plan)}})
		out = out.with("201", table{{"description", "Done"}, {"headers", header("ETag", "Location")}, {"content", body(applied)}})
	case r.Changes:
		out = out.with("200", table{{"description", "Done; or, with plan=true, the plan"}, {"content", body(table{{"anyOf", []any{applied, plan}}})}})
	case isFile:
		content := table{}
		for kind := range strings.FieldsSeq(string(f)) {
			content = content.with(kind, table{})
		}
		out = out.with(strconv.Itoa(ok), table{{"description", "It"}, {"content", content}})
	case r.Out == nil:
		out = out.with(strconv.Itoa(ok), table{{"description", "Done"}})
	default:
		out = out.with(strconv.Itoa(ok), table{{"description", "It"}, {"content", body(s.of(reflect.TypeOf(r.Out)))}})
	}
	for _, status := range problemsOf(r) {
		if !slices.ContainsFunc(out, func(p pair) bool { return p.key == strconv.Itoa(status) }) {
			out = out.with(strconv.Itoa(status), table{{"$ref", "#/components/responses/Problem"}})
		}
	}
	return out
}

func header(names ...string) table {
	var out table
	for _, name := range names {
		out = out.with(name, table{{"schema", table{{"type", "string"}}}})
	}
	return out
}

// problemsOf lists the statuses of a route's problems.
func problemsOf(r admin.RouteInfo) []int {
	all := append([]int{400}, r.More...)
	if r.Need != admin.Public {
		all = append(all, 401, 403, 503)
	}
	if strings.Contains(r.Path, ":") {
		all = append(all, 404)
	}
	if len(r.Query) > 0 {
		all = append(all, 414)
	}
	if r.Shell { // where it has no address
		all = append(all, 404, 405)
	}
	if r.In != nil {
		all = append(all, 413, 415)
	}
	if r.Changes {
		all = append(all, 404, 409, 412, 413, 422, 428)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
