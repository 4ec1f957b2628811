package storage_test

import (
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
			want[slug] = storage.Bound{ID: id, Issuer: issuer}
		}
		if got, err := db.BoundProviders(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}
