package admin_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin"
)

// Every door that takes JSON refuses a bomb before it unfolds it, and nothing changes.
func TestI05_A17_EveryDoorRefusesJSONThatIsABomb(t *testing.T) {
	k := newKit(t)
	token, before, doors := k.robot(), k.book.Current().Number, 0
	keys := make([]string, 20_000)
	for i := range keys {
		keys[i] = `"k` + strings.Repeat("x", i%7) + `":1`
	}
	bombs := map[string]string{
		"lists in lists":      strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"objects in objects":  strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000),
		"a claim that nests":  `{"claims":{"a":` + strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000) + `}}`,
		"very many names":     "{" + strings.Join(keys, ",") + "}",
		"a name twice":        `{"name":"a","name":"b"}`,
		"an endless number":   `{"min_password":1e999}`,
		"a long number":       `{"min_password":` + strings.Repeat("9", 100_000) + `}`,
		"a lone surrogate":    `{"\ud800":"\udfff"}`,
		"bytes that are none": "{\"name\":\"\xff\xfe\"}",
		"two values":          `{}{}`,
		"an open end":         `{"name":"`,
	}
	for _, r := range admin.Routes() {
		if r.In == nil || r.Shell || r.Need == admin.Public {
			continue
		}
		doors++
		for why, body := range bombs {
			a := k.do(r.Method, fill(r.Path), token, body, "If-Match", k.current())
			refused := a.StatusCode == http.StatusBadRequest || a.StatusCode == http.StatusRequestEntityTooLarge ||
				r.Path == "/users/import" && a.StatusCode == http.StatusUnprocessableEntity // a file of lines
			if !refused {
				t.Errorf("%s %s, %s: %s %.200s", r.Method, r.Path, why, a.Status, a.body)
			}
		}
	}
	if doors < 15 || k.book.Current().Number != before {
		t.Errorf("%d doors; revision %d became %d", doors, before, k.book.Current().Number)
	}
}

// One look at a great document after the other: what one of them needs is what all need.
func TestA17_GreatDocumentsAreLookedAtOneByOne(t *testing.T) {
	k := newKit(t)
	token := k.robot()
	many := `{"document":{"rules":[` + strings.Repeat(`{"name":"a"},`, 50_000) + `{"name":"a"}]}}`
	if a := k.do("POST", "/plans", token, many); a.StatusCode < 400 || a.StatusCode > 422 || !strings.Contains(a.body, "50000") {
		t.Errorf("more than a house has: %s %.200s", a.Status, a.body)
	}
	leave, err := k.server.Turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := k.server.Turn(gone); err == nil {
		t.Error("two at once")
	}
	must(t, k.do("GET", "/rules", token, ""), http.StatusOK) // others go on
	done := make(chan int)
	go func() { done <- k.do("POST", "/plans", token, `{"edits":[]}`).StatusCode }()
	leave()
	if status := <-done; status == http.StatusServiceUnavailable {
		t.Error("whoever waits never gets in")
	}
}
