package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// full is a document in source form in which every setting is set.
func full(t *testing.T) Document {
	t.Helper()
	var d Document
	d.Providers, d.Clients, d.Resources, d.Rules = make([]Provider, 2), make([]Client, 2), make([]Resource, 2), make([]mapping.Rule, 2)
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.Struct:
			fields := jsonFields(v.Type())
			for _, name := range names(fields) {
				fill(v.FieldByIndex(fields[name]))
			}
		case reflect.Slice:
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			}
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case reflect.Map:
			v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("a", n): "b", "c\"d": "e"}))
		case reflect.String:
			v.SetString(fmt.Sprint("text ", n))
		case reflect.Bool:
			v.SetBool(true)
		default:
			v.SetInt(int64(n) * int64(1e9))
		}
	}
	fill(reflect.ValueOf(&d).Elem())
	for i := range d.Providers {
		d.Providers[i].ClientSecretSource = fmt.Sprintf("${SECRET_%d}", i)
	}
	for i := range d.Clients {
		d.Clients[i].SecretSources = []string{fmt.Sprintf("file:/run/%d", i), "sealed:abc"}
	}
	return d
}

func TestADocumentSurvivesJSON(t *testing.T) {
	for why, d := range map[string]Document{"every setting": full(t), "none": {}, "lists that are there and empty": {Providers: []Provider{}, Clients: []Client{{ID: "a", Scopes: []string{}}}}} {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, problems := ParseDocument(b)
		for i := range got.Clients { // as many as sources, and empty
			got.Clients[i].Secrets = nil
		}
		if len(problems) > 0 || !reflect.DeepEqual(got, d) {
			t.Errorf("%s: %v\n got %+v\nwant %+v\n%s", why, problems, got, d, b)
		}
	}
}

// The same object, each name once misspelled, doubled, null and of another type.
// What this program wrote is read by a shorter way, which must come to the same.
func TestAWrittenDocumentReadsAsOneThatSomebodyTyped(t *testing.T) {
	d := full(t)
	d.Clients[0].SecretSources = []string{"${WEB_SECRET}", "a-literal-secret-of-an-app"}
	d.Clients = append(d.Clients, Client{ID: "bare", SecretSources: []string{}, Scopes: []string{}})
	d.Providers[0].ClientSecretSource = "a-literal-secret-of-ours"
	written, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var typed bytes.Buffer
	if err := json.Indent(&typed, written, "", "  "); err != nil {
		t.Fatal(err)
	}
	a, problems := ParseDocument(written)
	b, more := ParseDocument(typed.Bytes())
	if len(problems)+len(more) > 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("%v %v, or they differ", problems, more)
	}
	if a.Clients[0].Secrets[1] != "a-literal-secret-of-an-app" || a.Providers[0].ClientSecret != "a-literal-secret-of-ours" {
		t.Error("a literal secret was lost")
	}
	d.Providers[0].ClientSecretSource = "[redacted]"
	if written, err = json.Marshal(d); err != nil {
		t.Fatal(err)
	}
	if _, problems := ParseDocument(written); len(problems) != 1 || problems[0].Path != "providers[0].client_secret" {
		t.Errorf("%v", problems)
	}
}

func TestA06_EveryNameOfADocumentIsReadToTheLetter(t *testing.T) {
	whole, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range namesOfAll(t) {
		key := fmt.Sprintf("%q:", name)
		if !bytes.Contains(whole, []byte(key)) {
			t.Fatalf("%s is not in the document", key)
		}
		for why, replace := range map[string]string{
			"another case": fmt.Sprintf("%q:", strings.ToUpper(name)),
			"doubled":      key + `"x",` + key,
			"null":         key + `null,"x":`,
			"escaped case": fmt.Sprintf(`"\u%04x%s":`, name[0]-32, name[1:]),
			"a number":     key + `1.5,"x":`,
			"an object":    key + `{"y":[{}]},"x":`,
		} {
			tried++
			if _, problems := ParseDocument(bytes.Replace(whole, []byte(key), []byte(replace), 1)); len(problems) == 0 || !strings.Contains(strings.ToLower(problems[0].Path), name) {
				t.Errorf("%s, %s: %v", name, why, problems)
			}
		}
	}
	if tried < 300 {
		t.Errorf("tried %d", tried)
	}
}

// No name of one kind of object may be written into another that does not have it.
func TestA06_NoFieldOfOneThingIsTakenByAnother(t *testing.T) {
	things := []any{&Provider{}, &Client{}, &Resource{}, &Scope{}, &mapping.Rule{}, &Document{}}
	foreign := []string{"internal_id", "InternalID", "compiled", "Secrets", "ClientSecret", "role", "created_at", "has_secret", "File", "Line", "-", ""}
	for _, thing := range things {
		own := jsonFields(reflect.TypeOf(thing).Elem())
		for _, name := range slices.Concat(namesOfAll(t), foreign) {
			if _, has := own[name]; has {
				continue
			}
			for _, value := range []string{`"x"`, `true`, `null`, `[]`, `{"a":{"b":[1,2]}}`} {
				b := fmt.Sprintf(`{%q:%s}`, name, value)
				fresh := reflect.New(reflect.TypeOf(thing).Elem())
				if problems := ParseJSON([]byte(b), fresh.Interface()); len(problems) != 1 {
					t.Errorf("%T took %s: %v", thing, b, problems)
				}
				if !fresh.Elem().IsZero() {
					t.Errorf("%T kept something of %s", thing, b)
				}
			}
		}
	}
}

func namesOfAll(t *testing.T) (all []string) {
	t.Helper()
	for _, thing := range []any{Provider{}, Client{}, Resource{}, Scope{}, mapping.Rule{}, Document{}} {
		all = append(all, names(jsonFields(reflect.TypeOf(thing)))...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestA17_ADocumentThatIsABombIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"providers":[`, 10_000)
	for _, row := range []struct{ why, doc, path, says string }{
		{"nothing", ``, "", "not JSON"},
		{"half", `{"clients":[{"id":"a"`, "", "not JSON"},
		{"two documents", `{} {}`, "", "behind the end"},
		{"a list", `[]`, "", "the document wants an object"},
		{"null", `null`, "", "the document is null"},
		{"not UTF-8", "{\"clients\":[{\"id\":\"\xff\"}]}", "", "UTF-8"},
		{"trailing comma", `{"clients":[{"id":"a",}]}`, "", "not JSON"},
		{"a comment", `{/* */"clients":[]}`, "", "not JSON"},
		{"deep", deep, "providers[0].providers", "there is no setting"},
		{"deep in what is skipped", `{"x":` + strings.Repeat("[", 1_000_000), "x", "there is no setting"},
		{"too large", `{"x":"` + strings.Repeat("x", MaxDocument) + `"}`, "", "larger than 16 MiB"},
		{"a long name", `{"` + strings.Repeat("n", 100_000) + `":1}`, strings.Repeat("n", 64) + "…", "there is no setting"},
		{"a hundred thousand faults", `{"clients":[` + strings.Repeat("1,", 100_000) + `1]}`, "clients[0]", "wants an object"},
		{"a text for a list", `{"clients":[{"id":"a","scopes":"openid"}]}`, "clients[0].scopes", "scopes wants a list"},
		{"a text for a switch", `{"clients":[{"id":"a","disabled":"true"}]}`, "clients[0].disabled", "wants true or false"},
		{"a number for a text", `{"resources":[{"scopes":[{"name":1}]}]}`, "resources[0].scopes[0].name", "wants a text"},
		{"a fraction", `{"providers":[{"min_password":1.5}]}`, "providers[0].min_password", "whole number"},
		{"too large a number", `{"providers":[{"min_password":1e99}]}`, "providers[0].min_password", "whole number"},
		{"a number for a duration", `{"providers":[{"max_upstream_age":5}]}`, "providers[0].max_upstream_age", "90s or 14d"},
		{"no duration", `{"providers":[{"max_upstream_age":"soon"}]}`, "providers[0].max_upstream_age", "not a duration"},
		{"doubled in a table", `{"providers":[{"params":{"a":"1","a":"2"}}]}`, "providers[0].params.a", "twice"},
		{"null in a list", `{"clients":[{"scopes":["a",null]}]}`, "clients[0].scopes[1]", "is null"},
	} {
		d, problems := ParseDocument([]byte(row.doc))
		if len(problems) == 0 || problems[0].Path != row.path || !strings.Contains(problems[0].Message, row.says) || len(problems) > maxParseProblems {
			t.Errorf("%s: got %d problems, %.300v", row.why, len(problems), problems)
		}
		if !reflect.DeepEqual(d, Document{}) {
			t.Errorf("%s: something of it was kept", row.why)
		}
	}
}

func TestA06_ClaimsOfAnyShapeAreReadAsALoginReadsThem(t *testing.T) {
	var q struct {
		Claims map[string]any `json:"claims"`
		On     *bool          `json:"on"`
	}
	if problems := ParseJSON([]byte(`{"claims":{"a":[1,"x",{"b":null,"B":2}],"t":true},"on":false}`), &q); len(problems) > 0 || fmt.Sprint(q.Claims) != "map[a:[1 x map[B:2 b:<nil>]] t:true]" || q.On == nil || *q.On {
		t.Errorf("got %v, %+v", problems, q)
	}
	for why, doc := range map[string]string{
		"doubled":         `{"claims":{"sub":"1","sub":"2"}}`,
		"two cases":       `{"claims":{"sub":"1","SUB":"2"}}`,
		"deep":            `{"claims":{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}}`,
		"too large a one": `{"claims":{"a":1e999}}`,
		"null":            `{"claims":null}`,
	} {
		if problems := ParseJSON([]byte(doc), &q); len(problems) == 0 {
			t.Errorf("%s was taken", why)
		}
	}
}

func TestASecretInJSONIsASourceOrALiteral(t *testing.T) {
	d, problems := ParseDocument([]byte(`{"providers":[{"client_secret":"${A}"},{"client_secret":"canary-$${x"},{}],"clients":[{"secrets":["file:/run/a","canary-2"]},{"secrets":["sealed:abc"]},{"secrets":[]}]}`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if d.Providers[0].ClientSecretSource != "${A}" || d.Providers[0].ClientSecret != "" || d.Providers[1].ClientSecretSource != "" || d.Providers[1].ClientSecret.Reveal() != "canary-${x" {
		t.Errorf("got %+v", d.Providers)
	}
	c := d.Clients
	if !slices.Equal(c[0].SecretSources, []string{"file:/run/a", ""}) || !slices.Equal(c[0].Secrets, []providers.Secret{"", "canary-2"}) || c[1].SecretSources[0] != "sealed:abc" || c[2].Secrets != nil {
		t.Errorf("got %+v", c)
	}
	b, err := json.Marshal(d)
	if err != nil || strings.Contains(string(b), "canary") || strings.Contains(fmt.Sprintf("%+v", d), "canary") {
		t.Errorf("a literal is shown: %s", b)
	}
	for _, mask := range []string{"********", "[redacted]", "••••", ""} {
		_, problems := ParseDocument(fmt.Appendf(nil, `{"clients":[{"secrets":[%q]}]}`, mask))
		if len(problems) != 1 || problems[0].Path != "clients[0].secrets[0]" {
			t.Errorf("%q became a secret: %v", mask, problems)
		}
	}
}
