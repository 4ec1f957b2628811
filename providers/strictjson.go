package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxDepth = 32 // of nested objects and lists

// StrictJSON refuses a document in which two parsers could read different
// things (RFC 7519 §4, RFC 8259 §4): a name twice in one object, names at the top
// that differ only by case (encoding/json would take either for the other), bytes
// that are not UTF-8, more than one value, deep nesting. It accepts objects only.
//
// Inside nested objects case may differ: those are only ever read as maps.
func StrictJSON(b []byte) error {
	_, err := readStrict(b)
	return err
}

// readObject reads a strict document as encoding/json would, names exactly.
func readObject(b []byte) (map[string]any, error) {
	m, err := readStrict(b)
	if err != nil {
		return nil, err
	}
	if err := floats(m); err != nil {
		return nil, err
	}
	return m, nil
}

// readStrict keeps numbers in their JSON spelling.
func readStrict(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	m, err := strictObject(d, 1)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return m, nil
}

// strictObject reads the members of an object, whose brace is read already.
func strictObject(d *json.Decoder, depth int) (map[string]any, error) {
	m := map[string]any{}
	folded := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errNotJSON
		}
		name, ok := t.(string)
		if !ok {
			return nil, errNotJSON
		}
		_, again := m[name]
		if depth == 1 {
			key := fold(name)
			again = folded[key]
			folded[key] = true
		}
		if again {
			return nil, fmt.Errorf("two members are named alike at depth %d", depth)
		}
		if m[name], err = strictValue(d, depth); err != nil {
			return nil, err
		}
	}
	return m, closing(d)
}

func strictValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errNotJSON
	}
	delim, nested := t.(json.Delim)
	if !nested {
		return t, nil
	}
	if depth == maxDepth {
		return nil, errors.New("nested too deep")
	}
	if delim == '{' {
		return strictObject(d, depth+1)
	}
	list := []any{}
	for d.More() {
		v, err := strictValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}

var errNotJSON = errors.New("not JSON") // the decoder's own words quote the document

// floats turns numbers into what encoding/json makes of them, in place.
func floats(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			f, err := float(e)
			if err != nil {
				return err
			}
			v[name] = f
		}
	case []any:
		for i, e := range v {
			f, err := float(e)
			if err != nil {
				return err
			}
			v[i] = f
		}
	}
	return nil
}

func float(v any) (any, error) {
	n, ok := v.(json.Number)
	if !ok {
		return v, floats(v)
	}
	f, err := n.Float64()
	if err != nil {
		return nil, errors.New("a number is out of range") // 1e400 and the like
	}
	return f, nil
}

// fold maps names that encoding/json would match to one spelling: the smallest
// rune of each case orbit, so that "ſub" and "sub" meet "SUB".
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToUpper(s) // capitals come first
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		out = append(out, least)
	}
	return string(out)
}
