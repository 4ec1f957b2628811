package configs

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// fields are the keys of one section.
type fields struct {
	index map[string][]int
	names []string
}

var fieldCache sync.Map // reflect.Type → *fields

// fieldsOf lists the settings of a struct, those of an inlined one among them.
func fieldsOf(t reflect.Type) *fields {
	if f, ok := fieldCache.Load(t); ok {
		return f.(*fields)
	}
	f := &fields{index: map[string][]int{}}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			inner := fieldsOf(field.Type)
			for _, n := range inner.names {
				f.index[n] = append([]int{i}, inner.index[n]...)
				f.names = append(f.names, n)
			}
		case field.IsExported() && name != "" && name != "-":
			f.index[name] = []int{i}
			f.names = append(f.names, name)
		}
	}
	fieldCache.Store(t, f)
	return f
}

// suggest is the hint for a key that does not exist: a slip of the keyboard, a key
// of another section, or the list of what there is.
func suggest(key, path string, f *fields) string {
	plain := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(key))
	best, limit := "", 1+len(key)/4
	for _, name := range f.names {
		if d := distance(plain, name); d <= limit {
			best, limit = name, d-1
		}
		if strings.ReplaceAll(plain, "_", "") == strings.ReplaceAll(name, "_", "") {
			return "did you mean " + name + "?"
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if homes := homesOf(plain); len(homes) > 0 {
		return plain + " belongs under " + strings.Join(homes, " or ")
	}
	if path == "" || len(f.names) <= 12 {
		return "there are: " + strings.Join(f.names, ", ")
	}
	return ""
}

// homesOf lists the sections that have a key.
func homesOf(key string) []string {
	var homes []string
	var visit func(t reflect.Type, path string)
	visit = func(t reflect.Type, path string) {
		f := fieldsOf(t)
		if _, ok := f.index[key]; ok {
			if path == "" {
				path = "the top of the file"
			}
			homes = append(homes, path)
			return
		}
		for _, name := range f.names {
			inner := t.FieldByIndex(f.index[name]).Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				visit(inner, join(path, name))
			}
		}
	}
	visit(reflect.TypeFor[Config](), "")
	return slices.Compact(homes)
}

// distance counts the insertions, deletions and replacements between two words.
func distance(a, b string) int {
	if max(len(a), len(b)) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
