package directory

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// MaxDocument is how many bytes of JSON ParseDocument takes.
	MaxDocument = 16 << 20

	maxParseDepth    = 16
	maxParseItems    = 50_000 // of one list: five times the largest house that is measured
	maxParseProblems = 100    // nobody reads more, and a hostile document must not cost more
)

// ParseDocument reads a document in source form from JSON, strictly: an unknown,
// doubled, null or differently spelled name, a value of another type, too many bytes
// or too deep a nesting are problems, each with its path. A secret that is no source
// is taken as literal, see FoldSecrets.
func ParseDocument(b []byte) (Document, []Problem) {
	if d, ok := readOwn(b); ok {
		return d, nil
	}
	var d Document
	if problems := ParseJSON(b, &d); len(problems) > 0 {
		return Document{}, problems
	}
	return d, nil
}

// readOwn reads what this program wrote, at twice the speed: a text that comes out of
// encoding/json as it went in has no name that is unknown, doubled, null or spelled
// differently. That is every revision in the database, read at each start, change and
// look at an older one.
func readOwn(b []byte) (Document, bool) {
	var d Document
	if len(b) > MaxDocument || json.Unmarshal(b, &d) != nil || max(len(d.Providers), len(d.Clients), len(d.Resources), len(d.Rules)) > maxParseItems {
		return Document{}, false
	}
	if again, err := json.Marshal(d); err != nil || !bytes.Equal(again, b) {
		return Document{}, false
	}
	var problems []Problem
	for i := range d.Providers {
		d.Providers[i].settle(report{"", &problems})
	}
	for i := range d.Clients {
		d.Clients[i].settle(report{"", &problems})
	}
	return d, len(problems) == 0 // the strict reading says where
}

// ParseJSON reads one provider, client, resource, rule or any other struct with json
// tags, as strictly as ParseDocument. into is a pointer to it, and worth nothing where
// there are problems. No problem shows a value.
func ParseJSON(b []byte, into any) []Problem {
	p := &parser{}
	switch {
	case len(b) > MaxDocument:
		p.say("", fmt.Sprintf("the document is larger than %d MiB", MaxDocument>>20), "")
		return p.problems
	case !utf8.Valid(b):
		p.say("", "the document is not UTF-8 text", "")
		return p.problems
	}
	p.dec = json.NewDecoder(bytes.NewReader(b))
	p.dec.UseNumber()
	err := p.value(reflect.ValueOf(into).Elem(), "", 0)
	if err == nil {
		if _, more := p.dec.Token(); !errors.Is(more, io.EOF) {
			p.say("", "something stands behind the end of the document", "send one JSON object")
		}
	} else if !errors.Is(err, errEnough) {
		p.say("", fmt.Sprintf("this is not JSON (near byte %d)", p.dec.InputOffset()), "")
	}
	return p.problems
}

// errEnough ends a parse whose problems are told already.
var errEnough = errors.New("enough")

// parser reads JSON into Go values, token by token, so that it sees what
// encoding/json overlooks: doubled names, other spellings, null.
type parser struct {
	dec      *json.Decoder
	problems []Problem
}

func (p *parser) say(path, message, hint string) {
	if len(p.problems) < maxParseProblems {
		p.problems = append(p.problems, Problem{path, message, hint})
	}
}

// next is the next token. Beyond the limits there is none.
func (p *parser) next(path string, depth int) (json.Token, error) {
	if depth > maxParseDepth {
		p.say(path, fmt.Sprintf("values stand inside each other more than %d deep", maxParseDepth), "")
		return nil, errEnough
	}
	if len(p.problems) >= maxParseProblems {
		return nil, errEnough
	}
	t, err := p.dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

// value reads one value into v. The error is a fault of the JSON itself, or errEnough;
// whatever is wrong with a value is noted, and the reading goes on behind it.
func (p *parser) value(v reflect.Value, path string, depth int) error {
	t, err := p.next(path, depth)
	if err != nil {
		return err
	}
	if v.Kind() == reflect.Interface {
		got, err := p.free(t, path, depth)
		if err == nil && got != nil {
			v.Set(reflect.ValueOf(got))
		}
		return err
	}
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch {
	case t == nil:
		p.say(path, named(path)+" is null", "leave it out, or give it a value")
		return nil
	case t == json.Delim('{') && v.Kind() == reflect.Struct && !isText(v):
		return p.object(v, path, depth)
	case t == json.Delim('{') && v.Kind() == reflect.Map:
		return p.table(v, path, depth, v.Type().Elem().Kind() == reflect.Interface)
	case t == json.Delim('[') && v.Kind() == reflect.Slice:
		return p.list(v, path, depth)
	}
	if _, isDelim := t.(json.Delim); isDelim || !p.scalar(v, t, path) {
		p.say(path, named(path)+" wants "+kindWords(v), "")
	}
	return p.skip(t, path, depth)
}

// object reads a struct. Names are compared byte for byte.
func (p *parser) object(v reflect.Value, path string, depth int) error {
	fields := jsonFields(v.Type())
	seen := map[string]bool{}
	for p.dec.More() {
		name, at, err := p.name(path, depth)
		if err != nil {
			return err
		}
		index, known := fields[name]
		switch {
		case seen[name]:
			p.say(at, named(at)+" stands twice", "keep one of them")
		case !known:
			p.say(at, "there is no setting "+quoted(name), spelled(name, fields))
		default:
			if err := p.value(v.FieldByIndex(index), at, depth+1); err != nil {
				return err
			}
		}
		if seen[name] || !known {
			if err := p.pass(at, depth+1); err != nil {
				return err
			}
		}
		seen[name] = true
	}
	if s, ok := v.Addr().Interface().(interface{ settle(report) }); ok {
		s.settle(report{path, &p.problems})
	}
	_, err := p.next(path, depth)
	return err
}

// table reads an object whose names its writer chooses. Names of claims that differ only
// in their case are refused, as a login refuses them: at the top, not within.
func (p *parser) table(v reflect.Value, path string, depth int, claims bool) error {
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]bool{}
	for p.dec.More() {
		name, at, err := p.name(path, depth)
		if err != nil {
			return err
		}
		key, once := reflect.ValueOf(name).Convert(v.Type().Key()), name
		if claims {
			once = strings.ToLower(name)
		}
		if seen[once] {
			p.say(at, named(at)+" stands twice", "keep one of them")
		}
		seen[once] = true
		one := reflect.New(v.Type().Elem()).Elem()
		if err := p.value(one, at, depth+1); err != nil {
			return err
		}
		v.SetMapIndex(key, one)
	}
	_, err := p.next(path, depth)
	return err
}

func (p *parser) list(v reflect.Value, path string, depth int) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; p.dec.More(); i++ {
		if i == maxParseItems {
			p.say(path, fmt.Sprintf("%s has more than %d entries", named(path), maxParseItems), "")
			return errEnough
		}
		one := reflect.New(v.Type().Elem()).Elem()
		if err := p.value(one, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
		v.Set(reflect.Append(v, one))
	}
	_, err := p.next(path, depth)
	return err
}

// free reads the value of any shape that begins with t: what an upstream says.
func (p *parser) free(t json.Token, path string, depth int) (any, error) {
	switch t := t.(type) {
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			p.say(path, named(path)+" is too large a number", "")
		}
		return f, nil
	case json.Delim:
		if t == '[' {
			var list []any
			err := p.list(reflect.ValueOf(&list).Elem(), path, depth)
			return list, err
		}
		var table map[string]any
		err := p.table(reflect.ValueOf(&table).Elem(), path, depth, false)
		return table, err
	}
	return t, nil
}

// name reads a name within an object, and the path of what it names.
func (p *parser) name(path string, depth int) (name, at string, err error) {
	t, err := p.next(path, depth)
	if err != nil {
		return "", "", err
	}
	name, _ = t.(string) // the decoder lets nothing else through here
	at = name
	if len(at) > 64 {
		at = strings.ToValidUTF8(at[:64], "") + "…"
	}
	return name, report{path: path}.at(at).path, nil
}

func (p *parser) scalar(v reflect.Value, t json.Token, path string) bool {
	switch t := t.(type) {
	case string:
		if isText(v) {
			if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(t)); err != nil {
				p.say(path, named(path)+" cannot be read: "+err.Error(), "")
			}
			return true
		}
		if v.Kind() == reflect.String {
			v.SetString(t)
			return true
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(t)
			return true
		}
	case json.Number:
		if n, err := t.Int64(); err == nil && v.CanInt() && !isText(v) && !v.OverflowInt(n) {
			v.SetInt(n)
			return true
		}
	}
	return false
}

// pass leaves out the next value.
func (p *parser) pass(path string, depth int) error {
	t, err := p.next(path, depth)
	if err != nil {
		return err
	}
	return p.skip(t, path, depth)
}

// skip leaves out the rest of a value that began with t.
func (p *parser) skip(t json.Token, path string, depth int) error {
	for open := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if open == 0 {
			return nil
		}
		var err error
		if t, err = p.next(path, depth+open); err != nil {
			return err
		}
	}
}

func isText(v reflect.Value) bool {
	return reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

var fieldCache sync.Map // reflect.Type → map[string][]int

// jsonFields are the names of a struct, with where they lie.
func jsonFields(t reflect.Type) map[string][]int {
	if known, ok := fieldCache.Load(t); ok {
		return known.(map[string][]int)
	}
	out := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			out[name] = f.Index
		}
	}
	fieldCache.Store(t, out)
	return out
}

// spelled is the hint for a name that is not known.
func spelled(name string, fields map[string][]int) string {
	known := names(fields)
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return "names are compared letter by letter: write " + k
		}
	}
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func named(path string) string {
	if path == "" {
		return "the document"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func kindWords(v reflect.Value) string {
	switch {
	case isText(v):
		return "a text such as 90s or 14d"
	case v.Kind() == reflect.String:
		return "a text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.Slice:
		return "a list"
	case v.Kind() == reflect.Struct, v.Kind() == reflect.Map:
		return "an object"
	}
	return "a whole number"
}
