package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func ringOf(t *testing.T, algs ...Alg) (*Ring, []*Key) {
	t.Helper()
	var keys []*Key
	for _, alg := range algs {
		k, err := NewKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	r, err := NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r, keys
}

func TestT18_OnlyPublicMembersArePublished(t *testing.T) {
	r, keys := ringOf(t, ES256, RS256, EdDSA)
	body, etag := r.JWKS()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 3 || etag == "" {
		t.Fatalf("%v: %s", err, body)
	}
	for _, k := range set.Keys {
		for name := range k {
			if !strings.Contains(" kty kid alg use crv x y n e ", " "+name+" ") {
				t.Errorf("member %q must not be published", name)
			}
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", keys[0], keys[0], keys[0]); strings.Contains(s, "D:") || !strings.Contains(s, keys[0].ID) {
		t.Errorf("a key prints as %s", s)
	}
}

func TestT16_ANextKeyIsPublishedButDoesNotSign(t *testing.T) {
	r, keys := ringOf(t, ES256)
	next, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	next.State = Next
	if err := r.Swap([]*Key{keys[0], next}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.FindKey(context.Background(), next.ID); err != nil {
		t.Error("a next key must be found")
	}
	if k, err := r.signer(ES256, ES256); err != nil || k.ID != keys[0].ID {
		t.Error("the active key must sign")
	}
	keys[0].State = Gone
	if err := r.Swap(keys); err == nil {
		t.Error("a ring without an active key must be refused")
	}
	if _, err := r.FindKey(context.Background(), next.ID); err != nil {
		t.Error("a refused swap must leave the old keys")
	}
	if _, err := r.FindKey(context.Background(), "../../dev/null"); !errors.Is(err, ErrUnknownKey) {
		t.Error("T10: a strange kid is an unknown key")
	}
}

func TestAKeySurvivesStorage(t *testing.T) {
	for _, alg := range []Alg{ES256, RS256, PS256, EdDSA} {
		k, err := NewKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		der, err := k.MarshalPKCS8()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseKey(alg, der); err != nil || back.ID != k.ID {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := ParseKey("ES384", der); !errors.Is(err, ErrWeakKey) {
			t.Errorf("T19: %s as ES384: %v", alg, err)
		}
	}
}
