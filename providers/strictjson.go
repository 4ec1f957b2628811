package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := strictObject(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// strictObject reads the members of an object, whose brace is read already.
func strictObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return errNotJSON
		}
		name, ok := t.(string)
		if !ok {
			return errNotJSON
		}
		key := name
		if depth == 1 {
			key = fold(name)
		}
		if seen[key] {
			return fmt.Errorf("two members are named alike at depth %d", depth)
		}
		seen[key] = true
		if err := strictValue(d, depth); err != nil {
			return err
		}
	}
	return closing(d)
}

func strictValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return errNotJSON
	}
	delim, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return errors.New("nested too deep")
	}
	if delim == '{' {
		return strictObject(d, depth+1)
	}
	for d.More() {
		if err := strictValue(d, depth+1); err != nil {
			return err
		}
	}
	return closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}

var errNotJSON = errors.New("not JSON") // the decoder's own words quote the document

// fold maps names that encoding/json would match to one spelling: the smallest
// rune of each case orbit, so that "ſub" and "SUB" meet "sub".
func fold(s string) string {
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

// readObject decodes a strict document into a map with exact names.
func readObject(b []byte) (map[string]any, error) {
	if err := StrictJSON(b); err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, errors.New("a value is out of range") // 1e400 and the like
	}
	return m, nil
}
