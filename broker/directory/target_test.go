package directory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/oauth"
)

func TestAudienceFollowsTheRequest(t *testing.T) {
	d := acme()
	d.Resources = append(d.Resources, Resource{ID: "urn:acme:empty"})
	d.Clients = append(d.Clients,
		Client{ID: "empty", Public: true, RedirectURIs: []string{"https://empty.example/cb"}, DefaultResource: "urn:acme:empty"})
	s := compiled(t, d)
	for _, row := range []struct {
		why, client       string
		resources, scopes string
		audience, granted string // or the error in audience
	}{
		{"a: the resource named", "web", items, "openid items:read", items + " " + issuer, "openid items:read"},
		{"a: named twice is named once", "web", items + " " + items, "items:read", items, "items:read"},
		{"a: without openid the issuer is no audience", "web", items, "items:read", items, "items:read"},
		{"a: another API's scopes are left out", "web", items, "openid orders:read", items + " " + issuer, "openid"},
		{"a: named, nothing asked for", "web", items, "", items, ""},
		{"a: the issuer itself", "web", issuer, "openid items:read", issuer, "openid"},
		{"a: the issuer beside an API adds nothing", "web", issuer + " " + items, "items:read", items, "items:read"},
		{"a: naming beats the default", "spa", items, "openid", items + " " + issuer, "openid"},
		{"a: an API without scopes, by default only", "empty", "urn:acme:empty", "openid", "urn:acme:empty " + issuer, "openid"},
		{"a: two resources", "web", items + " " + orders, "openid", oauth.InvalidTarget, ""},
		{"a: unknown", "web", "https://evil.example", "openid", oauth.InvalidTarget, ""},
		{"a: longer", "web", items + "/", "openid", oauth.InvalidTarget, ""},
		{"a: other letters", "web", "https://ITEMS.acme.example", "openid", oauth.InvalidTarget, ""},
		{"a: an API that this client may not use", "spa", orders, "openid", oauth.InvalidTarget, ""},
		{"a: an API without scopes that is nobody's", "web", "urn:acme:empty", "openid", oauth.InvalidTarget, ""},
		{"b: the owner of the scopes", "web", "", "openid items:read items:write", items + " " + issuer, "openid items:read items:write"},
		{"b: pure OAuth", "web", "", "orders:read", orders, "orders:read"},
		{"b: the owner beats the default", "spa", "", "items:read", items, "items:read"},
		{"b: scopes of two APIs", "web", "", "openid items:read orders:read", oauth.InvalidTarget, ""},
		{"b: a scope that the client may not have makes no owner", "spa", "", "openid items:read orders:read", items + " " + issuer, "openid items:read"},
		{"c: the default", "spa", "", "openid", items + " " + issuer, "openid"},
		{"c: the default, nothing asked for", "spa", "", "", items, ""},
		{"d: identity only", "web", "", "openid profile email groups", issuer, "openid profile email groups"},
		{"d: nothing asked for", "web", "", "", issuer, ""},
		{"d: only unknown scopes", "web", "", "nonsense admin", issuer, ""},
		{"d: no openid", "web", "", "email", issuer, "email"},
		{"offline access belongs to the client's permission", "web", "", "openid offline_access", issuer, "openid offline_access"},
		{"offline access without it", "spa", items, "openid offline_access", items + " " + issuer, "openid"},
		{"reserved", "web", "", "openid handstamp:admin", oauth.InvalidScope, ""},
	} {
		target, err := s.Target(client(t, s, row.client), strings.Fields(row.resources), strings.Fields(row.scopes))
		got, granted := strings.Join(target.Audience, " "), strings.Join(target.Scopes, " ")
		if err != nil {
			got = err.Code
		}
		if got != row.audience || granted != row.granted {
			t.Errorf("%s: got %q for %q, want %q for %q", row.why, got, granted, row.audience, row.granted)
		}
		if err == nil && (target.Resource != nil) != (target.Audience[0] != issuer) {
			t.Errorf("%s: resource and audience differ", row.why)
		}
	}
}

func TestScopesOfTwoResourcesNameBothInTheError(t *testing.T) {
	s := compiled(t, acme())
	_, err := s.Target(client(t, s, "web"), nil, []string{"items:read", "orders:read"})
	if err == nil || !strings.Contains(err.Description, items) || !strings.Contains(err.Description, orders) {
		t.Errorf("got %v", err)
	}
}

// hostileScopes are what a client may ask for in the property tests: its own, others',
// reserved and odd ones.
var hostileScopes = []string{"openid", "profile", "email", "groups", "offline_access", "items:read", "items:write", "orders:read", "orders:cancel", "admin", "OPENID", "Items:Read",
	"items:read items:write", " items:write", "items:write\t", "items:*", "*", "", "roles", "address"}

func TestD17_WhatIsGrantedIsNeverMoreThanAskedAllowedAndGiven(t *testing.T) {
	s := compiled(t, acme())
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) []string {
		var out []string
		for range random.IntN(n) {
			out = append(out, hostileScopes[random.IntN(len(hostileScopes))])
		}
		return out
	}
	granted := 0
	for range 20000 {
		c := s.Clients()[random.IntN(3)]
		asked, byRules := pick(9), pick(6)
		var resources []string
		if random.IntN(2) == 0 {
			resources = []string{[]string{items, orders, issuer, "https://evil.example"}[random.IntN(4)]}
		}
		target, err := s.Target(c, resources, asked)
		if err != nil {
			continue
		}
		for _, name := range target.Grantable(byRules) {
			granted++
			identity, owner := isIdentityScope(name), s.resourceOf[name]
			switch {
			case !slices.Contains(asked, name):
				t.Fatalf("%q was not asked for in %q", name, asked)
			case !slices.Contains(c.Scopes, name):
				t.Fatalf("%q is not a scope of client %s", name, c.ID)
			case !identity && !slices.Contains(byRules, name):
				t.Fatalf("%q was given by no rule of %q", name, byRules)
			case !identity && (owner != target.Resource || !slices.Contains(target.Audience, owner.ID)):
				t.Fatalf("%q is of %s, but the token is for %q", name, owner.ID, target.Audience)
			}
		}
	}
	if granted < 1000 {
		t.Errorf("the property was tried on %d scopes only", granted)
	}
}

func TestD17_ABombOfScopesCostsOnePass(t *testing.T) {
	s := compiled(t, acme())
	var bomb []string
	for i := range 50 { // more never pass oauth.ParseScope
		bomb = append(bomb, fmt.Sprint("s", i))
	}
	if target, err := s.Target(client(t, s, "web"), nil, bomb); err != nil || len(target.Scopes) != 0 {
		t.Errorf("got %v, %v", target, err)
	}
	if _, err := oauth.ParseScope(strings.Repeat("a ", 51)); err == nil {
		t.Error("51 scopes reach Target")
	}
}

func TestL16_WithoutARuleNoClaimBecomesAScope(t *testing.T) {
	d := acme()
	d.Rules = nil
	s := compiled(t, d)
	decision := s.Rules().Decide(mappingInput(map[string]any{"groups": []any{"items:write", "items:read"}, "scope": "items:write", "roles": []any{"items:write"}, "items:write": true}))
	target, err := s.Target(client(t, s, "web"), nil, []string{"openid", "items:read", "items:write"})
	if err != nil {
		t.Fatal(err)
	}
	if got := target.Grantable(decision.Scopes); !slices.Equal(got, []string{"openid"}) || len(decision.Roles) != 0 {
		t.Errorf("got %q and roles %q", got, decision.Roles)
	}
}

func TestAClientOfAnOlderSnapshotIsJudgedByTheNewOne(t *testing.T) {
	old := compiled(t, acme())
	d := acme()
	d.Clients[0].Scopes = []string{"openid", "offline_access", "email", "groups", "items:read"}
	now := compiled(t, d)
	target, err := now.Target(client(t, old, "web"), nil, []string{"openid", "items:read", "items:write"})
	if err != nil || !slices.Equal(target.Scopes, []string{"openid", "items:read"}) {
		t.Errorf("got %q, %v", target.Scopes, err)
	}
	d.Clients = d.Clients[1:]
	d.Rules = nil
	if _, err := compiled(t, d).Target(client(t, old, "web"), nil, []string{"openid"}); err == nil || err.Code != oauth.UnauthorizedClient {
		t.Errorf("a client that is gone got %v", err)
	}
}

func BenchmarkTarget(b *testing.B) {
	s := compiled(b, acme())
	c, scopes := client(b, s, "web"), []string{"openid", "profile", "email", "offline_access", "items:read"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Target(c, nil, scopes); err != nil {
			b.Fatal(err)
		}
	}
}
