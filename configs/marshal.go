package configs

import (
	"bytes"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// MarshalDirectory writes a document in source form as YAML that LoadDirectory reads
// back to the same document. What is not set is left out, and a literal secret, too,
// which has no business in a file that somebody exports. comments stand above things by
// their path ("clients[0]"), or above everything ("").
func MarshalDirectory(d directory.Document, comments map[string]string) []byte {
	w := &writer{comments: comments}
	w.comment("", 0)
	one := piece{d, d.Brand}
	w.structure(reflect.ValueOf(one), "", 0, false)
	if w.out.Len() == 0 || d.Brand == (directory.Brand{}) && len(d.Providers)+len(d.Clients)+len(d.Resources)+len(d.Rules) == 0 {
		w.out.WriteString("providers: []\n")
	}
	return w.out.Bytes()
}

// writer writes the part of YAML that the decoder reads: block lists and settings, texts
// that need no quotes or have double ones.
type writer struct {
	out      bytes.Buffer
	comments map[string]string
}

func (w *writer) comment(path string, indent int) {
	for line := range strings.Lines(w.comments[path]) {
		fmt.Fprintf(&w.out, "%s# %s\n", spaces(indent), strings.Map(printableRune, strings.TrimRight(line, "\n")))
	}
}

func printableRune(r rune) rune {
	if r == '\t' || strconv.IsPrint(r) {
		return r
	}
	return '?'
}

func spaces(n int) string { return strings.Repeat(" ", n) }

// structure writes the settings of v that are set; inList tells that the first follows a
// dash.
func (w *writer) structure(v reflect.Value, path string, indent int, inList bool) {
	first := inList
	fields := fieldsOf(v.Type())
	for _, name := range fields.names {
		field := v.FieldByIndex(fields.index[name])
		switch {
		case field.Type() == secretType:
			field = v.FieldByName("ClientSecretSource")
		case field.Type() == reflect.SliceOf(secretType):
			field = withoutLiterals(v.FieldByName("SecretSources"))
		}
		if field.IsZero() {
			continue
		}
		at := join(path, name)
		if !first {
			if indent == 0 && w.out.Len() > 0 && field.Kind() == reflect.Slice {
				w.out.WriteString("\n")
			}
			w.comment(at, indent)
			w.out.WriteString(spaces(indent))
		}
		first = false
		w.out.WriteString(name + ":")
		w.value(field, at, indent, name == "client_secret" || name == "secrets")
	}
	if first { // nothing is set: an entry without a setting
		w.out.WriteString("{}\n")
	}
}

// withoutLiterals leaves out the secrets that have no source.
func withoutLiterals(sources reflect.Value) reflect.Value {
	named := slices.DeleteFunc(slices.Clone(sources.Interface().([]string)), func(s string) bool { return s == "" })
	if len(named) == 0 {
		named = nil
	}
	return reflect.ValueOf(named)
}

// value writes what follows a name and its colon. raw texts are names of secrets, whose
// ${ is meant.
func (w *writer) value(v reflect.Value, path string, indent int, raw bool) {
	switch {
	case v.Kind() == reflect.Struct:
		w.out.WriteString("\n")
		w.structure(v, path, indent+2, false)
	case v.Kind() == reflect.Map:
		w.table(v.Interface().(map[string]string), path, indent+2)
	case v.Kind() == reflect.Slice && v.Len() == 0:
		w.out.WriteString(" []\n")
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		w.out.WriteString("\n")
		for i := range v.Len() {
			at := fmt.Sprintf("%s[%d]", path, i)
			w.comment(at, indent+2)
			w.out.WriteString(spaces(indent+2) + "- ")
			w.structure(v.Index(i), at, indent+4, true)
		}
	case v.Kind() == reflect.Slice:
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = flowText(v.Index(i).String(), raw)
		}
		w.out.WriteString(" [" + strings.Join(texts, ", ") + "]\n")
	default:
		w.out.WriteString(" " + scalarWords(v, raw, indent+2) + "\n")
	}
}

func (w *writer) table(m map[string]string, path string, indent int) {
	if len(m) == 0 {
		w.out.WriteString(" {}\n")
		return
	}
	w.out.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		w.comment(join(path, name), indent)
		fmt.Fprintf(&w.out, "%s%s: %s\n", spaces(indent), quote(name), text(m[name], false, indent+2))
	}
}

func scalarWords(v reflect.Value, raw bool, indent int) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return text(string(b), true, indent)
		}
	}
	if v.Kind() == reflect.String {
		return text(v.String(), raw, indent)
	}
	return fmt.Sprint(v.Interface())
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@-]*( [A-Za-z0-9_./@-]+)*$`)
	reserved  = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|nan|y|n|\.?inf)$`)
	foldable  = regexp.MustCompile(`^[^ \t\n#][^\n]*(\n[^ \t\n][^\n]*)+$`)
)

// text writes a text so that it is read back letter by letter: a condition of several
// lines as they are.
func text(s string, raw bool, indent int) string {
	if !raw {
		s = strings.ReplaceAll(s, "${", "$${")
	}
	if block := strings.TrimSuffix(s, "\n"); foldable.MatchString(block) && block == strings.Map(printableOrEnd, block) && !trailingSpace.MatchString(block) {
		mark := "|-"
		if block != s {
			mark = "|"
		}
		return mark + "\n" + spaces(indent) + strings.ReplaceAll(block, "\n", "\n"+spaces(indent))
	}
	return quote(s)
}

var trailingSpace = regexp.MustCompile(`[ \t\r](\n|$)`)

func printableOrEnd(r rune) rune {
	if r == '\n' || strconv.IsPrint(r) {
		return r
	}
	return -1
}

func flowText(s string, raw bool) string {
	if !raw {
		s = strings.ReplaceAll(s, "${", "$${")
	}
	return quote(s)
}

// quote is the text itself where no reader can mistake it, or the text in double quotes.
func quote(s string) string {
	if plainText.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
