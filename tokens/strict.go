package tokens

import (
	"encoding/json"
	"errors"
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
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return nil, errNotObject
	}
	if countMembers(b) != len(members) {
		return nil, errTwice
	}
	for name := range members {
		if !reserved[name] && impersonates(name) {
			return nil, errTwice
		}
	}
	return members, nil
}

// countMembers counts the members of an object that is known to be valid JSON:
// the colons that are in no string and no inner value. A map has fewer members
// than the text when a name came twice.
func countMembers(b []byte) (n int) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++ // what follows is escaped
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			n++
		}
	}
	return n
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
