package admin_test

import (
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// openapi.yaml is made from the table of routes and the Go types of what is sent and
// answered; this file makes schemas of the types, with their comments as descriptions.

// pair is one member of a table that keeps its order.
type pair struct {
	key   string
	value any // table, []any, string, bool, int
}

type table []pair

func (m table) with(key string, value any) table { return append(m, pair{key, value}) }

// schemas collects the types that routes lead to.
type schemas struct {
	t        testing.TB
	comments map[string]string // package.Type and package.Type.Field
	made     map[string]table
	names    map[reflect.Type]string
}

func newSchemas(t testing.TB) *schemas {
	s := &schemas{t: t, comments: map[string]string{}, made: map[string]table{}, names: map[reflect.Type]string{}}
	for _, dir := range []string{"api", "../broker/directory", "../broker/mapping", "../broker/policy"} {
		s.read(dir)
	}
	return s
}

// read takes the comments of a package's types.
func (s *schemas) read(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("%s: %v", dir, err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, d := range f.Decls {
			if gen, is := d.(*ast.GenDecl); is && gen.Tok == token.TYPE {
				s.readTypes(f.Name.Name, gen)
			}
		}
	}
}

func (s *schemas) readTypes(pkg string, gen *ast.GenDecl) {
	for _, spec := range gen.Specs {
		one := spec.(*ast.TypeSpec)
		s.comments[pkg+"."+one.Name.Name] = words(gen.Doc)
		st, is := one.Type.(*ast.StructType)
		if !is {
			continue
		}
		for _, field := range st.Fields.List {
			for _, name := range field.Names {
				s.comments[pkg+"."+one.Name.Name+"."+name.Name] = words(field.Comment)
			}
		}
	}
}

func words(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

var (
	timeType = reflect.TypeFor[time.Time]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
)

// of is the schema of a type.
func (s *schemas) of(t reflect.Type) any {
	switch {
	case t == timeType:
		return table{{"type", "string"}, {"format", "date-time"}}
	case t.Kind() != reflect.Pointer && t.Implements(textType):
		return table{{"type", "string"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return table{{"type", "string"}}
	case reflect.Bool:
		return table{{"type", "boolean"}}
	case reflect.Int, reflect.Int64:
		return table{{"type", "integer"}}
	case reflect.Float64:
		return table{{"type", "number"}}
	case reflect.Slice:
		return table{{"type", "array"}, {"items", s.of(t.Elem())}}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return table{{"type", "object"}}
		}
		return table{{"type", "object"}, {"additionalProperties", s.of(t.Elem())}}
	case reflect.Interface:
		return table{}
	case reflect.Struct:
		return table{{"$ref", "#/components/schemas/" + s.named(t)}}
	}
	s.t.Fatalf("there is no schema for %s", t)
	return nil
}

// named makes the schema of a struct once, and returns its name.
func (s *schemas) named(t reflect.Type) string {
	if name, ok := s.names[t]; ok {
		return name
	}
	name := nameOfType(t)
	if slices.Contains(slices.Collect(maps.Values(s.names)), name) { // two packages have a type of this name
		pkg := path.Base(t.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	s.names[t] = name
	var properties table
	var required []any
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || key == "" || key == "-" || slices.ContainsFunc(properties, func(p pair) bool { return p.key == key }) {
			continue
		}
		if own, ok := jsonField(t, key); !ok || !slices.Equal(own, f.Index) {
			continue // hidden by a nearer one
		}
		schema := s.of(f.Type).(table)
		if text := s.comments[s.ownerOf(t, f)]; text != "" && (len(schema) == 0 || schema[0].key != "$ref") {
			schema = schema.with("description", text)
		}
		if options == "" && f.Type.Kind() != reflect.Pointer {
			required = append(required, key)
			if k := f.Type.Kind(); (k == reflect.Slice || k == reflect.Map) && !strings.HasSuffix(t.PkgPath(), "admin/api") && len(schema) > 0 && schema[0].key == "type" {
				schema[0].value = []any{schema[0].value, "null"}
			}
		}
		properties = properties.with(key, schema)
	}
	out := table{{"type", "object"}}
	if text := s.comments[path.Base(t.PkgPath())+"."+t.Name()]; text != "" {
		out = out.with("description", text)
	}
	out = out.with("additionalProperties", false)
	if len(required) > 0 {
		out = out.with("required", required)
	}
	s.made[name] = out.with("properties", properties)
	return name
}

// ownerOf names the comment of a field, which may be of an embedded struct.
func (s *schemas) ownerOf(t reflect.Type, f reflect.StructField) string {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return path.Base(t.PkgPath()) + "." + t.Name() + "." + f.Name
}

// jsonField is where encoding/json finds a name: the least deep field that has it.
func jsonField(t reflect.Type, key string) (index []int, found bool) {
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key && f.IsExported() && (!found || len(f.Index) < len(index)) {
			index, found = f.Index, true
		}
	}
	return index, found
}

var generic = regexp.MustCompile(`^Page\[.*\.(\w+)\]$`)

func nameOfType(t reflect.Type) string {
	if m := generic.FindStringSubmatch(t.Name()); m != nil {
		return m[1] + "Page"
	}
	return t.Name()
}

// yamlOf writes a value as YAML that people can read.
func yamlOf(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case table:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		if flat, ok := inline(v); ok {
			b.WriteString(" " + flat + "\n")
			return
		}
		if indent != "" {
			b.WriteString("\n")
		}
		for _, p := range v {
			b.WriteString(indent + scalar(p.key) + ":")
			yamlOf(b, p.value, indent+"  ")
		}
	case []any:
		if flat, ok := inline(v); ok {
			b.WriteString(" " + flat + "\n")
			return
		}
		b.WriteString("\n")
		for _, one := range v {
			flat, ok := inline(one)
			if !ok {
				panic("a list of large things")
			}
			b.WriteString(indent + "- " + flat + "\n")
		}
	default:
		b.WriteString(" " + scalar(v) + "\n")
	}
}

// inline writes a small value in one line.
func inline(v any) (string, bool) {
	var parts []string
	total := 0
	switch v := v.(type) {
	case table:
		for _, p := range v {
			text, ok := inline(p.value)
			if !ok {
				return "", false
			}
			parts, total = append(parts, scalar(p.key)+": "+text), total+len(text)+len(p.key)
		}
		return "{" + strings.Join(parts, ", ") + "}", total < 230
	case []any:
		for _, one := range v {
			text, ok := inline(one)
			if !ok {
				return "", false
			}
			parts, total = append(parts, text), total+len(text)
		}
		return "[" + strings.Join(parts, ", ") + "]", total < 230
	}
	return scalar(v), true
}

var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.\-]*$`)

func scalar(v any) string {
	text, is := v.(string)
	if is && plain.MatchString(text) && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return text
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
}
