package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/page"
)

// words makes text of others fit to be shown.
func words(s string, most int) string { return page.Clean(s, most) }

// stamp is a time for people and, in its datetime attribute, for programs. Nobody knows
// here where the person is: hence UTC.
type stamp time.Time

// Known tells whether there is a time at all.
func (s stamp) Known() bool { return !time.Time(s).IsZero() }

// Machine is the time as HTML wants it.
func (s stamp) Machine() string { return time.Time(s).UTC().Format(time.RFC3339) }

// String is the time in words.
func (s stamp) String() string {
	if !s.Known() {
		return "never"
	}
	return time.Time(s).UTC().Format("2 Jan 2006, 15:04:05")
}

// Short is the hour only.
func (s stamp) Short() string { return time.Time(s).UTC().Format("15:04") }

// sourceText says where a revision came from; of a file's hash as much as tells two apart.
func sourceText(s string) string {
	if hash, is := strings.CutPrefix(s, "file:"); is {
		return "file " + words(hash, 9)
	}
	if number, is := strings.CutPrefix(s, "rollback:"); is {
		return "rollback to " + words(number, 20)
	}
	return words(s, 80)
}

// milliseconds spells a duration that the API counts in milliseconds.
func milliseconds(ms int64) string {
	if ms >= 10_000 {
		return fmt.Sprintf("%d s", ms/1000)
	}
	if ms >= 1000 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return fmt.Sprintf("%d ms", ms)
}

// when is a time that may be absent.
func when(t *time.Time) stamp {
	if t == nil {
		return stamp{}
	}
	return stamp(*t)
}

// key spells a name for an address: ids of resources and names of rules may hold anything.
func key(s string) string { return api.Key(s) }

// listOf joins words for a sentence.
func listOf(all []string) string { return words(strings.Join(all, ", "), 2000) }

// pager leads to the next part of a list.
type pager struct {
	Next template.URL
}

func pagerView(base string, next string) pager {
	if next == "" {
		return pager{}
	}
	return pager{Next: template.URL(base + "cursor=" + next)}
}

// jsonOf spells a claim's value.
func jsonOf(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		return "a value that cannot be shown"
	}
	return words(string(b), 4000)
}
