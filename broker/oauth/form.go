package oauth

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxField bounds one value of any form; what has a tighter limit checks it itself.
const maxField = 16 << 10

// ParseForm reads a query or an application/x-www-form-urlencoded body strictly.
// Parameters are counted before anything is split or copied, so that a bomb costs
// one pass over its bytes. Who reads the body has bounded it already.
func ParseForm(raw string, maxParams int) (url.Values, *Error) {
	if strings.Count(raw, "&") >= 2*maxParams {
		return nil, E(InvalidRequest, "too many parameters")
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, E(InvalidRequest, "the parameters are not application/x-www-form-urlencoded").Because(err)
	}
	return v, checkForm(v, maxParams)
}

// checkForm refuses what no honest client sends: too many parameters, one given
// twice (RFC 6749 §3.1; resource may repeat, RFC 8707 §2), or bytes that are not text.
func checkForm(v url.Values, maxParams int) *Error {
	n := 0
	for name, values := range v {
		if n += len(values); n > maxParams {
			return E(InvalidRequest, "too many parameters")
		}
		if name == "" || len(name) > maxWord || !clean(name) {
			return E(InvalidRequest, "a parameter's name is malformed")
		}
		if len(values) > 1 && name != "resource" {
			return E(InvalidRequest, "a parameter is given more than once")
		}
		for _, value := range values {
			if name == "claims" { // JSON, whose parser comes later: line ends are layout there
				value = layout.Replace(value)
			}
			if len(value) > maxField || !clean(value) {
				return E(InvalidRequest, "a parameter is malformed")
			}
		}
	}
	return nil
}

var layout = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// clean refuses control characters, invalid UTF-8, byte order marks and marks
// that turn the reading direction: none belongs in a protocol parameter, some
// databases refuse them, and the rest misleads whoever reads a log.
func clean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == 0xfeff || c == 0x2028 || c == 0x2029 || c&0xfffe == 0xfffe {
			return false
		}
	}
	return true
}

// CleanText tells whether a string holds only characters that a person can see
// and no parameter could smuggle.
func CleanText(s string) bool { return clean(s) }
