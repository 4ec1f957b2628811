package directory_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/directory/directorytest"
)

const house = "https://login.acme.example"

// What every request of a large house asks stays right when it is worked out once.
func TestALargeDirectoryAnswersAsASmallOne(t *testing.T) {
	d := directorytest.Large(300, 20, 0)
	d.Clients[10].Scopes = append(d.Clients[10].Scopes, "groups")
	d.Clients[10].Providers = []string{"company-7", "company-3"}
	d.Providers[5].Disabled = true
	s, problems := directory.Compile(house, d)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for slug, want := range map[string][]string{"company-3": {"email", "email_verified", "groups", "name"}, "company-4": {"email", "email_verified", "name"}} {
		if got := s.ClaimNames(slug); !slices.Equal(got, want) {
			t.Errorf("%s: got %v", slug, got)
		}
	}
	c, _ := s.Client("app-10")
	if got := s.ProvidersFor(c); len(got) != 2 || got[0].Slug != "company-3" {
		t.Errorf("got %v: the order is the document's", got)
	}
	c, _ = s.Client("app-11")
	if got := s.ProvidersFor(c); len(got) != 19 {
		t.Errorf("got %d providers", len(got))
	}
}

func BenchmarkCompileLarge(b *testing.B) {
	d := directorytest.Large(10_000, 1_000, 200)
	for b.Loop() {
		s, problems := directory.Compile(house, d)
		if len(problems) > 0 {
			b.Fatal(problems[0])
		}
		for _, p := range s.Providers() {
			s.ClaimNames(p.Slug)
		}
	}
}

func BenchmarkParseLarge(b *testing.B) {
	d := directorytest.Large(10_000, 1_000, 200)
	d.FoldSecrets(func(owner, _ string) string { return owner }, nil)
	text, err := json.Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, problems := directory.ParseDocument(text); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}

func BenchmarkDiffLarge(b *testing.B) {
	old, changed := directorytest.Large(10_000, 1_000, 200), directorytest.Large(10_000, 1_000, 200)
	changed.Clients[77].RedirectURIs = append(changed.Clients[77].RedirectURIs, "https://new.example/callback")
	for b.Loop() {
		if got := directory.Diff(old, changed); len(got) != 1 {
			b.Fatal(got)
		}
	}
}
