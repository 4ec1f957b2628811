package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// show writes a value for people: JSON, short, one line.
func show(value any) string {
	switch list := value.(type) {
	case []any:
		if len(list) > 12 {
			return strings.TrimSuffix(show(list[:12]), "]") + fmt.Sprintf(", and %d more]", len(list)-12)
		}
	case []string:
		wide := make([]any, len(list))
		for i, s := range list {
			wide[i] = s
		}
		return show(wide)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "a value that cannot be shown"
	}
	return cut(strings.TrimSpace(b.String()), 300)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// kindOf names the JSON kind of a claim.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}

func kindWords(v ref.Val) string {
	switch v := v.(type) {
	case types.Bool:
		return "true or false"
	case types.String:
		return "a text"
	case types.Int, types.Uint, types.Double:
		return "a number"
	case types.Null:
		return "null"
	case *types.Optional:
		return "an optional value"
	case traits.Lister:
		return "a list"
	case traits.Mapper:
		return "an object"
	default:
		return "a " + v.Type().TypeName()
	}
}

func typeWords(t *cel.Type) string {
	switch t.Kind() {
	case types.StringKind:
		return "a text"
	case types.IntKind, types.UintKind, types.DoubleKind:
		return "a number"
	case types.ListKind:
		return "a list"
	case types.MapKind:
		return "an object"
	case types.OpaqueKind:
		return "an optional value; add .orValue(…)"
	}
	return "a " + cel.FormatCELType(t)
}

// errorWords turns the engine's words into ours. The engine quotes values (a text
// that is no date, a computed name), so its own words appear only where values may.
func errorWords(engine string, values bool) string {
	switch {
	case tooCostly(engine):
		return fmt.Sprintf("the expression took more than %d steps and was stopped", costLimit)
	case strings.Contains(engine, objectNotList):
		return objectNotList
	case strings.HasPrefix(engine, "no such overload"):
		return "an operation does not fit its values"
	case strings.HasPrefix(engine, "index out of bounds"):
		return "the list is shorter than that"
	case strings.HasPrefix(engine, "no such key: ") && !values:
		return "a name that the rule computes is not there"
	case strings.HasPrefix(engine, "no such key: "):
		return show(strings.TrimPrefix(engine, "no such key: ")) + " is not there"
	case !values:
		return "a value is not of the form that the expression needs"
	}
	return cut(engine, 200)
}

func tooCostly(engine string) bool { return strings.Contains(engine, "cost limit exceeded") }

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'`)
	wrongType  = regexp.MustCompile(`^expected type '([^']*)' but found '([^']*)'`)
	mismatched = regexp.MustCompile(`^Syntax error: (mismatched|extraneous) input '([^']*)'`)
	operator   = regexp.MustCompile(`^@?_?([^_@]+)_?_?$`)
)

var plainTypes = strings.NewReplacer("string", "text", "bool", "true-or-false value", "int", "number", "uint", "number", "double", "number", "dyn", "any value")

// compileWords turns the compiler's words into a sentence and a likely fix.
func compileWords(engine, source string) (message, hint string) {
	if m := undeclared.FindStringSubmatch(engine); m != nil {
		return nameWords(m[1])
	}
	if m := overload.FindStringSubmatch(engine); m != nil {
		if o := operator.FindStringSubmatch(m[1]); o != nil {
			m[1] = o[1]
		}
		return fmt.Sprintf("%s does not work on (%s)", m[1], plainTypes.Replace(m[2])), ""
	}
	if m := wrongType.FindStringSubmatch(engine); m != nil {
		return fmt.Sprintf("this is a %s where a %s is needed", plainTypes.Replace(m[2]), plainTypes.Replace(m[1])), ""
	}
	if m := mismatched.FindStringSubmatch(engine); m != nil {
		if m[2] == "<EOF>" {
			return "the expression ends too early", ""
		}
		switch strings.ToLower(m[2]) {
		case "and":
			hint = "write && for and"
		case "or":
			hint = "write || for or"
		case "not":
			hint = "write ! for not"
		}
		return fmt.Sprintf("%q is not expected here", m[2]), hint
	}
	engine = strings.TrimPrefix(engine, "Syntax error: ")
	switch {
	case strings.HasPrefix(engine, "token recognition error at: '="):
		engine, hint = "a single = means nothing here", "two values are compared with =="
	case strings.HasPrefix(engine, "token recognition error at: '\""), strings.HasPrefix(engine, "token recognition error at: ''"):
		engine = "a text has no closing quote"
	case strings.HasPrefix(engine, "invalid matches argument"):
		engine, hint = "the pattern of matches is not a regular expression", "RE2 syntax; in YAML put the whole expression in single quotes"
	case strings.HasPrefix(engine, "comprehension exceeds nesting limit"):
		engine = fmt.Sprintf("exists, all, map and filter stand inside each other more than %d deep", maxNesting)
	case strings.Contains(engine, "expression code point size exceeds limit"):
		engine = fmt.Sprintf("the expression is longer than %d characters", maxExpression)
	}
	return cut(engine, 200), hint
}

func nameWords(name string) (message, hint string) {
	visible := "rules see " + strings.Join(variables, ", ")
	head, _, _ := strings.Cut(name, ".")
	best, distance := "", 3
	for _, v := range append(slices.Clone(variables), "has", "size", "exists", "all", "filter", "map", "keys", "split", "matches", "startsWith", "endsWith") {
		if d := Distance(name, v); d < distance {
			best, distance = v, d
		}
	}
	switch {
	case best != "":
		hint = "did you mean " + best + "? " + visible
	case slices.Contains([]string{"provider", "client", "user"}, head):
		hint = visible
	case identifier.MatchString(name):
		hint = "did you mean claims." + name + ", or the text '" + name + "'? " + visible
	default:
		hint = visible
	}
	return "there is no " + name, hint
}
