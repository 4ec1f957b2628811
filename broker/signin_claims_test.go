package broker_test

import (
	"slices"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/providers/persona"
)

// How a person was recognised belongs to one sign-in. Rules about amr and acr must not
// give a weak session what a strong one elsewhere has earned, nor take that away.
func TestD35_S17_AStrongSignInElsewhereMakesNoWeakSessionStrong(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Rules = append(d.Rules, mapping.Rule{Name: "strong", When: "has(claims.amr) && 'mfa' in claims.amr || has(claims.acr) && claims.acr == 'phr'",
			Providers: []string{"okta"}, Roles: []string{"strong"}})
	})
	isStrong := func(token map[string]any) bool {
		t.Helper()
		return slices.Contains(k.verify(token["access_token"].(string), apiURL).Roles, "strong")
	}
	says := func(claims persona.Claims) { k.okta.Faults().Set(persona.Fault{Claims: claims}) }
	ssoOf := func(b *browser) map[string]any {
		t.Helper()
		l := k.login("other")
		return l.redeem(l.code(b.get(l.url()).to(t))).json(t)
	}
	for why, strongClaims := range map[string]persona.Claims{"amr": {"amr": []string{"pwd", "mfa"}, "acr": persona.Absent}, "acr": {"acr": "phr", "amr": persona.Absent}} {
		weak, strong := k.browser(), k.browser()
		one, two := k.login("web"), k.login("web")
		says(persona.Claims{"amr": []string{"pwd"}, "acr": persona.Absent})
		first := one.done(weak, "okta", "bob")
		says(strongClaims)
		second := two.done(strong, "okta", "bob")
		if isStrong(first) || !isStrong(second) {
			t.Fatalf("%s: to begin with: %v, %v", why, isStrong(first), isStrong(second))
		}
		if isStrong(ssoOf(weak)) {
			t.Errorf("%s: single sign-on of the weak session is strong", why)
		}
		if first = one.refresh(first["refresh_token"].(string)).json(t); isStrong(first) {
			t.Errorf("%s: the weak session's refresh is strong", why)
		}
		says(persona.Claims{"amr": []string{"pwd"}, "acr": persona.Absent})
		k.login("web").done(k.browser(), "okta", "bob")
		if !isStrong(ssoOf(strong)) || !isStrong(two.refresh(second["refresh_token"].(string)).json(t)) {
			t.Errorf("%s: a weak sign-in elsewhere took something from the strong one", why)
		}
	}
}
