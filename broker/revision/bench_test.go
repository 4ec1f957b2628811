package revision_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/directory/directorytest"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

// The house that docs/performance.md speaks of: 10,000 apps, 1,000 providers, and a
// thousand people who signed in lately.
func largeHouse(b *testing.B) *node {
	b.Helper()
	n := newNode(storagetest.Open(b))
	if _, err := n.Open(b.Context(), nil, ""); err != nil {
		b.Fatal(err)
	}
	if _, _, err := n.Apply(b.Context(), n.change(directorytest.Large(10_000, 1000, 100))); err != nil {
		b.Fatal(err)
	}
	var logins []storage.Login
	for i := range 1000 {
		logins = append(logins, storage.Login{Reference: fmt.Sprintf("REF%d", i), At: time.Now(), ClientID: directorytest.Client(i * 7), Provider: directorytest.Slug(i % 1000), Subject: fmt.Sprintf("sub-%d", i),
			Person: fmt.Sprintf("Person %d", i), Outcome: storage.LoginSignedIn, Claims: map[string]any{"sub": fmt.Sprintf("sub-%d", i), "groups": []any{fmt.Sprintf("group-%d", i%100)}}})
	}
	if err := n.DB.KeepLogins(b.Context(), logins); err != nil {
		b.Fatal(err)
	}
	return n
}

func BenchmarkALargeDirectory(b *testing.B) {
	n := largeHouse(b)
	edit := func(d *directory.Document) {
		d.Rules[0].Roles = append([]string{fmt.Sprint("role-of-", n.Current().Number)}, d.Rules[0].Roles[1:]...)
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := newNode(n.DB).Open(b.Context(), nil, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			plan, err := n.Plan(b.Context(), n.edit(edit))
			if err != nil || plan.Replayed != 1000 {
				b.Fatal(plan, err)
			}
		}
	})
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			n.built = nil
			if _, _, err := n.Apply(b.Context(), n.edit(edit)); err != nil || len(n.built) > 0 {
				b.Fatal(len(n.built), err)
			}
		}
	})
}
