package directory

import (
	"slices"
	"strings"
	"testing"
)

func TestAGrantTypeThatRegistersItselfCanBeListed(t *testing.T) {
	const badge = "urn:example:badge"
	before := slices.Clone(grantTypes)
	t.Cleanup(func() { grantTypes = before })
	d := acme()
	d.Clients[0].GrantTypes = []string{GrantCode, GrantRefresh, badge}
	if _, problems := Compile(issuer, d); len(problems) != 1 || !strings.Contains(problems[0].Message, badge) {
		t.Errorf("a grant type that nobody knows: %v", problems)
	}
	KnowGrantType(badge)
	KnowGrantType(badge)
	if !client(t, compiled(t, d), "web").AllowsGrant(badge) || len(grantTypes) != len(before)+1 {
		t.Errorf("known now: %v", grantTypes)
	}
	KnowGrantType(GrantPassword)
	d.Clients[0].GrantTypes = []string{GrantCode, GrantRefresh, GrantPassword}
	if _, problems := Compile(issuer, d); len(problems) == 0 {
		t.Error("the password grant has a setting of its own, and is not listed")
	}
}
