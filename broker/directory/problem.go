package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/mapping"
)

const (
	maxList = 1000
	maxText = 120 // bytes of what people read
)

// Problem is one fault of a Document: where it is, what is wrong and what would
// likely be right. It never contains a secret.
type Problem struct {
	Path    string // clients[0].redirect_uris[1]; of a missing key, where it would be
	Message string
	Hint    string // the likely fix, or ""
}

func (p Problem) String() string {
	text := p.Path + ": " + p.Message
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// report collects problems below one path of the document.
type report struct {
	path     string
	problems *[]Problem
}

func (r report) at(path string) report {
	if r.path != "" && !strings.HasPrefix(path, "[") {
		path = "." + path
	}
	return report{r.path + path, r.problems}
}

func (r report) item(list string, i int) report { return r.at(fmt.Sprintf("%s[%d]", list, i)) }

func (r report) say(message, hint string) {
	*r.problems = append(*r.problems, Problem{r.path, message, hint})
}

// oneOf checks a word of the settings; the first of words is the default.
func (r report) oneOf(key string, value *string, words ...string) {
	if *value == "" {
		*value = words[0]
	}
	if !slices.Contains(words, *value) {
		r.at(key).say(fmt.Sprintf("%q is not a value of %s", *value, key), choose(*value, words))
	}
}

// notEmpty refuses a list that is written but empty where leaving it out means
// "every" or "the default": who removes the last item means the opposite.
func (r report) notEmpty(key string, list []string, absent string) {
	if list != nil && len(list) == 0 {
		r.at(key).say(key+" is an empty list", "leave "+key+" out for "+absent+"; to close it, say disabled: true")
	}
}

// short refuses a list that nobody reads any more, and whose checks, each entry against
// all before it, would take long.
func (r report) short(key string, n int) bool {
	if n > maxList {
		r.at(key).say(fmt.Sprintf("%s has %d entries; at most %d are accepted", key, n, maxList), "")
	}
	return n <= maxList
}

// choose is the hint for a word that is none of words.
func choose(got string, words []string) string {
	if near := nearest(got, words); near != "" {
		return "did you mean " + near + "?"
	}
	if len(words) == 0 {
		return ""
	}
	return "one of: " + strings.Join(words, ", ")
}

// chooseOf is choose among what a document defines.
func chooseOf[V any](at report, got string, defined map[string]V) string {
	if at.enough() {
		return ""
	}
	return choose(got, names(defined))
}

// enough tells whether so many problems are told already that looking for likely fixes
// would cost more than they are worth: one scope that is gone can be missing at ten
// thousand apps.
func (r report) enough() bool { return len(*r.problems) >= 100 }

// names are the keys of what a document defines, sorted, for a hint.
func names[V any](defined map[string]V) []string {
	list := slices.Sorted(maps.Keys(defined))
	return slices.DeleteFunc(list, func(name string) bool { return name == "" })
}

// nearest finds the one word that a typing slip away was meant.
func nearest(got string, words []string) string {
	if len(got) > 2*maxText {
		return "" // no slip of the keyboard, and long to compare
	}
	best, limit := "", 1+len(got)/4
	for _, w := range words {
		if d := mapping.Distance(strings.ToLower(got), strings.ToLower(w)); d <= limit {
			best, limit = w, d-1
		}
	}
	return best
}
