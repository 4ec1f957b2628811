package directory

import (
	"slices"
	"testing"
)

func TestAClientMayKnowWhatItsScopesCouldRelease(t *testing.T) {
	d := acme()
	d.Clients[0].Scopes = []string{"openid", "email", "phone", "groups", "offline_access"}
	s := compiled(t, d)
	c := client(t, s, d.Clients[0].ID)
	for claim, may := range map[string]bool{"email": true, "email_verified": true, "phone_number": true, "name": false, "address": false, "groups": true,
		"sub": false, "roles": false, "EMAIL": false, "": false} {
		if c.MayKnow(claim) != may {
			t.Errorf("%q: %v", claim, !may)
		}
	}
	if (&Client{}).MayKnow("email") {
		t.Error("a client of no snapshot may know nothing")
	}
}

func TestDiscoveryListsRareScopesAndClassesOnlyWhereThereAreSome(t *testing.T) {
	d := acme()
	if s := compiled(t, d); slices.Contains(s.ScopesSupported(), "phone") || slices.Contains(s.ClaimsSupported(), "phone_number") || len(s.ACRSupported()) != 0 {
		t.Errorf("%v %v %v", s.ScopesSupported(), s.ClaimsSupported(), s.ACRSupported())
	}
	d.Clients[0].Scopes = append(d.Clients[0].Scopes, "phone")
	d.Providers[0].ACRValues, d.Providers[1].ACRValues = []string{"silver", "gold"}, []string{"gold", "bronze"}
	d.Providers[2].ACRValues, d.Providers[2].Disabled = []string{"platinum"}, true
	s := compiled(t, d)
	if !slices.Contains(s.ScopesSupported(), "phone") || !slices.Contains(s.ClaimsSupported(), "phone_number_verified") || slices.Contains(s.ScopesSupported(), "address") {
		t.Errorf("%v %v", s.ScopesSupported(), s.ClaimsSupported())
	}
	if got := s.ACRSupported(); !slices.Equal(got, []string{"silver", "gold", "bronze"}) {
		t.Errorf("classes %v", got)
	}
	if got := s.ClaimNames(d.Providers[0].Slug); !slices.Contains(got, "phone_number") {
		t.Errorf("the provider is not asked for what an app may be told: %v", got)
	}
}
