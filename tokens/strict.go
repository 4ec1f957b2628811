package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

var (
	errNotObject = errors.New("not a JSON object")
	errTwice     = errors.New("a name twice")
)

// strictObject decodes a JSON object and refuses what two parsers could read
// differently (RFC 8725 §2.4, RFC 8259 §4): a name that comes twice, and a
// reserved name in other letter case beside the real one.
func strictObject(b []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	members := make(map[string]any, 16)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errNotObject
		}
		if _, twice := members[name]; twice {
			return nil, errTwice
		}
		if !reserved[name] && impersonates(name) {
			return nil, errTwice
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return members, nil
}

// impersonates tells whether a lenient parser would take name for a reserved one.
func impersonates(name string) bool {
	if reserved[strings.ToLower(name)] {
		return true
	}
	for i := range len(name) {
		if name[i] >= 0x80 { // ſ folds to s, K (the Kelvin sign) to k
			for own := range reserved {
				if strings.EqualFold(name, own) {
					return true
				}
			}
			return false
		}
	}
	return false
}
