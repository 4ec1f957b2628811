package configs

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/handstamp/handstamp/broker/mapping"
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
	squashed := squash(key)
	best, limit := "", 1+len(key)/4
	for _, name := range f.names {
		if d := mapping.Distance(plain, name); d <= limit {
			best, limit = name, d-1
		}
		if squashed == squash(name) {
			return "did you mean " + name + "?"
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if other := meant[plain]; slices.Contains(f.names, other) {
		return "did you mean " + other + "?"
	}
	if homes := homesOf(key); homes != "" {
		return homes
	}
	if path == "" || len(f.names) <= 12 {
		return "there are: " + strings.Join(f.names, ", ")
	}
	return ""
}

// meant translates words that other brokers use.
var meant = map[string]string{"client_id": "id", "client_secret": "secrets", "secret": "secrets", "id": "slug", "name": "title", "type": "kind",
	"connector": "kind", "condition": "when", "if": "when", "expression": "when", "groups": "roles", "effect": "deny", "callback_urls": "redirect_uris",
	"database": "storage", "db": "storage", "dsn": "url", "address": "listen", "bind": "listen", "port": "listen", "logging": "log", "apps": "clients",
	"applications": "clients", "connectors": "providers", "idps": "providers", "apis": "resources", "audiences": "resources", "audience": "id", "mapping": "rules",
	"certificate": "cert", "domain": "hosted_domain", "hd": "hosted_domain", "tenant": "authorization_server", "url": "issuer"}

// squash makes clientSecret, client-secret and client_secret one.
func squash(key string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(key))
}

// homesOf tells which sections have a key.
func homesOf(key string) string {
	squashed := squash(key)
	name, homes := "", []string{}
	var visit func(t reflect.Type, path string)
	visit = func(t reflect.Type, path string) {
		f := fieldsOf(t)
		for _, n := range f.names {
			if squash(n) == squashed {
				name = n
				if path == "" {
					homes = append(homes, "at the top of the file")
				} else {
					homes = append(homes, "under "+path)
				}
			}
			inner := t.FieldByIndex(f.index[n]).Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				visit(inner, join(path, n))
			}
		}
	}
	visit(reflect.TypeFor[Config](), "")
	if name == "" {
		return ""
	}
	return name + " belongs " + strings.Join(homes, " or ")
}
