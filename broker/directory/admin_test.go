package directory

import (
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
)

func TestTheConsoleIsAClientThatOnlyItsDoorFinds(t *testing.T) {
	s := compiled(t, acme())
	if _, ok := s.Client(AdminClient); ok {
		t.Error("Client finds the console")
	}
	if slices.ContainsFunc(s.Clients(), func(c *Client) bool { return c.ID == AdminClient }) || slices.ContainsFunc(s.ScopesSupported(), isAdminScope) {
		t.Error("the console or its scopes are listed")
	}
	if _, ok := s.Resource(AdminResource); ok {
		t.Error("Resource finds the administration")
	}
	a := s.Admin()
	if !a.Public || !a.FirstParty || !a.RequiresPKCE() || a.RefreshTokens != RefreshOnline || len(a.RedirectURIs) > 0 || a.AllowsGrant(GrantClient) {
		t.Errorf("the console is %+v", a)
	}
	if refusal := s.AdmitMachine(a); refusal == nil {
		t.Error("the console may act for itself")
	}
	got, err := s.Target(a, nil, []string{"openid", ReadUsers, WriteOwners, "handstamp:everything", "items:read"})
	if err == nil {
		t.Errorf("a scope that the administration does not have: %v", got)
	}
	got, err = s.Target(a, []string{AdminResource}, append([]string{"openid"}, AdminScopes("owner")...))
	if err != nil || len(got.Scopes) != 9 || !slices.Equal(got.Audience, []string{AdminResource, s.Issuer()}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAdminScopesGrowWithTheRole(t *testing.T) {
	before := 0
	for _, role := range []string{"", "viewer", "editor", "owner"} {
		list := AdminScopes(role)
		if len(list) < before || role != "" && len(list) == before {
			t.Errorf("%s may do %v", role, list)
		}
		before = len(list)
		for _, scope := range list {
			if !isAdminScope(scope) || role == "viewer" && !strings.HasSuffix(scope, ":read") {
				t.Errorf("%s has %s", role, scope)
			}
		}
	}
	if before != len(adminScopes) || AdminScopes("Owner") != nil || AdminScopes("root") != nil {
		t.Errorf("an owner has %d scopes, and only three words are roles", before)
	}
}

// What no document can say: that an app, a rule or an API has something of the administration.
func TestL17_A10_A11_NoDocumentGivesTheAdministrationAway(t *testing.T) {
	for why, change := range map[string]func(*Document){
		"an app asks people for it":    func(d *Document) { d.Clients[0].Scopes = []string{"openid", ReadUsers} },
		"a rule gives it":              func(d *Document) { d.Rules = []mapping.Rule{{Name: "x", Scopes: []string{WriteOwners}}} },
		"an API has the scope":         func(d *Document) { d.Resources[0].Scopes[0].Name = ReadUsers },
		"an API has the audience":      func(d *Document) { d.Resources[0].ID = AdminResource },
		"an API has a like audience":   func(d *Document) { d.Resources[0].ID = own + "account" },
		"an app has the id":            func(d *Document) { d.Clients[0].ID = AdminClient },
		"an app defaults to it":        func(d *Document) { d.Clients[0].DefaultResource = AdminResource },
		"an app asks about its tokens": func(d *Document) { d.Clients[0].Introspects = []string{AdminResource} },
		"a machine has a like scope":   func(d *Document) { machineOf(d).MachineScopes = []string{"handstamp:everything"} },
		"a machine has it twice":       func(d *Document) { machineOf(d).MachineScopes = []string{ReadUsers, ReadUsers} },
	} {
		d := acme()
		change(&d)
		if _, problems := Compile(issuer, d); len(problems) == 0 {
			t.Errorf("%s: it compiles", why)
		}
	}
}

func machineOf(d *Document) *Client {
	d.Clients = append(d.Clients, Client{ID: "robot", Secrets: d.Clients[0].Secrets, GrantTypes: []string{GrantClient}})
	return &d.Clients[len(d.Clients)-1]
}

func TestAMachineAdministersOnlyWhatItsSettingSays(t *testing.T) {
	d := acme()
	machineOf(&d).MachineScopes = []string{ReadUsers, ReadAudit, "items:read"}
	s := compiled(t, d)
	robot, _ := s.Client("robot")
	got, err := s.MachineTarget(robot, []string{AdminResource}, nil)
	if err != nil || !slices.Equal(got.Scopes, []string{ReadUsers, ReadAudit}) || !slices.Equal(got.Audience, []string{AdminResource}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.MachineTarget(robot, nil, []string{ReadUsers}); err != nil || !slices.Equal(got.Audience, []string{AdminResource}) {
		t.Errorf("by scope: %+v, %v", got, err)
	}
	if _, err := s.MachineTarget(robot, nil, nil); err == nil || err.Code != oauth.InvalidTarget {
		t.Errorf("two APIs without a name: %v", err)
	}
	if _, err := s.MachineTarget(robot, nil, []string{WriteUsers}); err == nil || err.Code != oauth.InvalidScope {
		t.Errorf("more than its setting: %v", err)
	}
	if _, err := s.Target(robot, []string{AdminResource}, []string{ReadUsers}); err == nil {
		t.Error("it may ask people for what it has for itself")
	}
}
