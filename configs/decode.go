package configs

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers"
)

// decoder fills a Config from the syntax tree. It differs from a library's decoder
// in that it reports everything, knows where every key stands, and resolves
// ${NAME} and file: on the way.
type decoder struct {
	file, dir string
	env       func(string) (string, bool)
	places    places
	problems  []Problem
	literals  []string       // paths of secrets that stand in the file itself
	base      map[string]int // list of the directory → how many entries other files gave it already
	piece     bool           // the file is a part of a directory, not the settings
	later     bool           // secrets that are references stay so
	lenient   bool           // a variable that is not set stands for its own name
	hiding    []string       // values that no message may show, each with what to show instead

	sources map[string]string // of secrets that the file only names, by path
}

func newDecoder(file string, env func(string) (string, bool)) *decoder {
	dir := filepath.Dir(file)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs // what names a file in the directory names it from anywhere
	}
	return &decoder{file: file, dir: dir, env: env, places: places{}, sources: map[string]string{}, base: map[string]int{}}
}

// place is where something stands.
type place struct {
	token.Position
	file string
}

// places are the places of all keys and list entries, by path.
type places map[string]place

// find gives the position of a path, or of the nearest one around it that stands in
// the file: a missing key is reported where it is missing.
func (p places) find(path string) place {
	for ; path != ""; path = parent(path) {
		if at, ok := p[path]; ok {
			return at
		}
	}
	return place{}
}

// parent cuts the last step: clients[0].redirect_uris[1] → clients[0].redirect_uris.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

func (d *decoder) problemAt(at token.Position, path, hint, message string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: at.Line, Column: at.Column, Key: path, Message: message, Hint: hint})
}

func (d *decoder) problem(n ast.Node, path, hint, message string, args ...any) {
	var at token.Position
	if t := n.GetToken(); t != nil && t.Position != nil {
		at = *t.Position
	}
	d.problemAt(at, path, hint, fmt.Sprintf(message, args...))
}

func (d *decoder) decode(root *ast.MappingNode, c *Config) {
	d.structure(root, reflect.ValueOf(c).Elem(), "")
}

var (
	secretType  = reflect.TypeFor[providers.Secret]()
	claimsType  = reflect.TypeFor[map[string]any]()
	ruleType    = reflect.TypeFor[mapping.Rule]()
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes one node into v, which has its default already.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	t := v.Type()
	switch {
	case t == secretType || reflect.PointerTo(t).Implements(unmarshaler):
		d.scalar(n, v, path)
	case t.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path)
	case t == claimsType:
		d.claims(n, v, path)
	case t.Kind() == reflect.Map:
		d.names(n, v, path)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), path)
	default:
		d.scalar(n, v, path)
	}
}

// structure decodes a mapping with known keys.
func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	if isNull(n) {
		return // a heading with nothing under it
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.problem(n, path, "write name: value lines under it", "%s wants settings with names, not %s", last(path), nodeWords(n))
		return
	}
	if v.Type() == ruleType {
		at := d.places.find(path)
		v.FieldByName("File").SetString(d.file)
		v.FieldByName("Line").SetInt(int64(at.Line))
	}
	fields := fieldsOf(v.Type())
	seen := map[string]int{}
	for _, pair := range m.Values {
		key, ok := d.key(pair, path, seen)
		if !ok {
			continue
		}
		index, known := fields.index[key]
		if !known {
			hint := suggest(key, path, fields)
			if _, elsewhere := fieldsOf(reflect.TypeFor[Config]()).index[key]; d.piece && path == "" && elsewhere {
				hint = "it belongs in the settings file; here stand providers, clients, resources, rules and brand"
			}
			d.problem(pair.Key, join(path, key), hint, noSuchSetting+"%s%s", key, under(path))
			continue
		}
		d.value(pair.Value, v.FieldByIndex(index), join(path, key))
	}
}

// key reads the name of a pair, notes its place, and refuses a second one.
func (d *decoder) key(pair *ast.MappingValueNode, path string, seen map[string]int) (string, bool) {
	key := pair.Key.GetToken().Value
	at := *pair.Key.GetToken().Position
	if _, isText := pair.Key.(*ast.StringNode); !isText {
		d.problemAt(at, path, "write name: value", "a name is expected here")
		return "", false
	}
	if line, double := seen[key]; double {
		d.problemAt(at, join(path, key), "keep one of them", fmt.Sprintf("%s is set twice; it was set on line %d already", key, line))
		return "", false
	}
	seen[key] = at.Line
	d.places[join(path, key)] = place{at, d.file}
	return key, true
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	if isNull(n) {
		v.SetZero()
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		hint := "write each entry on a line of its own, after a dash and a space"
		if _, isText := n.(*ast.StringNode); isText && v.Type().Elem() != secretType {
			hint = "one entry is a list too: [" + cut(n.GetToken().Value) + "]"
			if words := strings.Fields(n.GetToken().Value); len(words) > 1 {
				hint = "entries are separated by commas: [" + cut(strings.Join(words, ", ")) + "]"
			}
		}
		d.problem(n, path, hint, "%s wants a list, not %s", last(path), nodeWords(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, e := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, d.base[path]+i)
		d.places[at] = place{start(e), d.file}
		d.value(e, v.Index(i), at)
	}
}

// names decodes a mapping whose keys the administrator chooses.
func (d *decoder) names(n ast.Node, v reflect.Value, path string) {
	if isNull(n) {
		return
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.problem(n, path, "write name: value lines under it", "%s wants names with values, not %s", last(path), nodeWords(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]int{}
	for _, pair := range m.Values {
		key, ok := d.key(pair, path, seen)
		if !ok {
			continue
		}
		one := reflect.New(v.Type().Elem()).Elem()
		d.value(pair.Value, one, join(path, key))
		v.SetMapIndex(reflect.ValueOf(key), one)
	}
}

// scalar decodes one value. What is wrong with a secret is told without showing it.
func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	text, ok := scalarText(n)
	if !ok {
		hint := ""
		switch {
		case isNull(n):
			hint = "give it a value, or remove the line"
		case isMapping(n) && strings.HasSuffix(path, "]"): // [items: read]
			hint = "a text with a colon in it needs quotes"
		}
		d.problem(n, path, hint, "%s wants %s, not %s", last(path), typeWords(v.Type()), nodeWords(n))
		return
	}
	_, isBool := n.(*ast.BoolNode)
	if v.Type() == secretType && d.later && d.named(v, path, text) {
		return
	}
	written := text
	text, fromEnv, fault, hint := d.expand(text)
	if fault != "" {
		d.problem(n, path, hint, "%s", fault)
		return
	}
	switch {
	case v.Type() == secretType:
		secret, fault, hint := d.secret(path, text, fromEnv)
		if fault != "" {
			d.problem(n, path, hint, "%s", fault)
			return
		}
		v.Set(reflect.ValueOf(secret))
		d.source(path, written, text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			d.problem(n, path, boolHint(text), "%s is either true or false", last(path))
			return
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		number, err := strconv.Atoi(text)
		if err != nil {
			d.problem(n, path, "write digits only", "%s wants a whole number", last(path))
			return
		}
		v.SetInt(int64(number))
	case reflect.PointerTo(v.Type()).Implements(unmarshaler):
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			d.problem(n, path, "", "%v", err)
		}
	case isBool:
		d.problem(n, path, `write it in quotes: "`+text+`"`, "%s wants a text, and %s without quotes is not one", last(path), text)
	default:
		v.SetString(text)
	}
}

func boolHint(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "1", "y":
		return "write true"
	case "no", "off", "0", "n":
		return "write false"
	}
	return ""
}

// scalarText is the text of a value as it stands in the file: 0123 stays 0123.
func scalarText(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func isNull(n ast.Node) bool { _, null := n.(*ast.NullNode); return null }

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// start is where an entry begins; a mapping's own token is its first colon.
func start(n ast.Node) token.Position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return *m.Values[0].Key.GetToken().Position
	}
	return *n.GetToken().Position
}

func nodeWords(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode:
		return "settings with names"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	}
	return "a text"
}

func typeWords(t reflect.Type) string {
	switch {
	case t == secretType:
		return "a secret"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case reflect.PointerTo(t).Implements(unmarshaler):
		return "a duration such as 5m, 12h or 14d"
	}
	return "a text"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func last(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 && !strings.HasPrefix(path[i:], "./") {
		return path[i+1:]
	}
	return path
}

func under(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func cut(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// noSuchSetting begins the message for an unknown key.
const noSuchSetting = "there is no setting "
