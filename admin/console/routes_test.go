package console

import (
	"net/http"
	"testing"

	"github.com/handstamp/handstamp/storage/storagetest"
)

// The mux refuses patterns that contradict each other when it is made: so this says
// that there is one.
func TestEveryRouteHasItsOwnPlaceAndSaysWhoMayUseIt(t *testing.T) {
	nothing := http.NotFoundHandler()
	c, err := New(Options{URL: "http://127.0.0.1:8081", Issuer: "http://127.0.0.1:8080", API: nothing, Broker: nothing, Sealer: storagetest.Sealer(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.table) < 40 {
		t.Errorf("%d routes", len(c.table))
	}
	seen := map[string]bool{}
	for _, r := range c.table {
		if seen[r.pattern] || r.need == "" {
			t.Errorf("%s: %q", r.pattern, r.need)
		}
		seen[r.pattern] = true
	}
}

// Templates are parsed when they are first shown; here all of them are.
func TestEveryTemplateIsWhole(t *testing.T) {
	l, err := newLook()
	if err != nil {
		t.Fatal(err)
	}
	for name, parsed := range l.templates {
		if _, err := parsed(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(l.templates) < 30 {
		t.Errorf("%d templates", len(l.templates))
	}
}
