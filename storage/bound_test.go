package storage_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestBoundProvidersAreAllThatEverWere(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		want := map[string]storage.Bound{}
		for _, slug := range []string{"okta", "google"} {
			issuer := "https://" + slug + ".example"
			id, err := db.BindProvider(t.Context(), storage.Actor{Kind: "system"}, slug, issuer)
			if err != nil {
				t.Fatal(err)
			}
			want[slug] = storage.Bound{ID: id, Issuer: issuer, Free: true}
		}
		if got, err := db.BoundProviders(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}

// A slip of the pen is mended while nobody is known by it; afterwards the slug stays.
func TestL09_ASlugIsFreeUntilSomebodyIsKnownByIt(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		base := int64(0)
		apply := func(node *book, at string) (id string, err error) {
			number, ids, err := node.Apply(t.Context(), actor, storage.NewRevision{Base: base, Document: []byte(`{}`), Issuers: map[string]string{"google": at}})
			if err == nil {
				base = number
			}
			return ids["google"], err
		}
		first, err := apply(a, issuer)
		a.must(err)
		second, err := apply(b, "https://mended.example")
		b.must(err)
		if second == first || second == "" {
			t.Errorf("the slug keeps its id %q: what the other issuer said would be believed", second)
		}
		stale := a.signInOf("sub-1", nil) // of a node that has not heard of it
		_, err = a.SignIn(t.Context(), actor, stale)
		if err == nil {
			t.Error("somebody is known by an issuer that is none any more")
		}
		back, err := apply(a, issuer)
		a.must(err)
		a.provider = back
		a.signIn("sub-1", "web")
		if _, err := apply(b, "https://evil.example"); !errors.Is(err, storage.ErrIssuerChanged) {
			t.Errorf("people are known by it: %v", err)
		}
	})
}
