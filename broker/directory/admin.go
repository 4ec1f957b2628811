package directory

import "slices"

// AdminClient is the console as an app: the one client that may ask for the broker's
// own administration. No document can have it: its id has a character that theirs may not.
const AdminClient = "handstamp:admin"

// AdminResource is the audience of the administration API. No document can have it.
const AdminResource = "urn:handstamp:admin"

// own is how every audience of the broker itself begins.
const own = "urn:handstamp:"

// The scopes of the administration API. No rule gives them and no app can ask people for
// them: a person has those of their role, a machine those of its machine_scopes.
const (
	ReadDirectory  = reserved + "directory:read"
	WriteDirectory = reserved + "directory:write"
	ReadUsers      = reserved + "users:read"
	WriteUsers     = reserved + "users:write"
	ReadLogins     = reserved + "logins:read"
	ReadAudit      = reserved + "audit:read"
	WriteKeys      = reserved + "keys:write"
	WriteOwners    = reserved + "owners:write"
)

var adminScopes = []Scope{
	{ReadDirectory, "See providers, apps, resources and rules"},
	{WriteDirectory, "Change providers, apps, resources and rules"},
	{ReadUsers, "See people, their sessions and what they may do"},
	{WriteUsers, "Change people: disable, sign out, erase"},
	{ReadLogins, "See who signed in, and why or why not"},
	{ReadAudit, "See who changed what"},
	{WriteKeys, "Change signing keys"},
	{WriteOwners, "Say who administers, and what machines may administer"},
}

// AdminScopes lists what an administrator's role may do; any other word may do nothing.
func AdminScopes(role string) []string {
	list := []string{ReadDirectory, ReadUsers, ReadLogins, ReadAudit}
	switch role {
	case "viewer":
	case "editor":
		list = append(list, WriteDirectory, WriteUsers)
	case "owner":
		list = append(list, WriteDirectory, WriteUsers, WriteKeys, WriteOwners)
	default:
		return nil
	}
	return list
}

// isAdminScope tells whether the administration API has a scope.
func isAdminScope(name string) bool {
	return slices.ContainsFunc(adminScopes, func(s Scope) bool { return s.Name == name })
}

// Admin is the console's client: public, with PKCE, one's own, and signed in as long as
// the browser is. Client does not find it: only a broker that has a door for it lets it
// in, and where its redirect URI lies is known to that door.
func (s *Snapshot) Admin() *Client { return s.admin }

func adminClient(s *Snapshot) *Client {
	c := &Client{ID: AdminClient, Name: "Administration", Public: true, FirstParty: true, AuthMethod: AuthNone, PKCE: PKCERequired,
		GrantTypes: []string{GrantCode, GrantRefresh}, RefreshTokens: RefreshOnline,
		IDTokenAlg: "RS256", Scopes: []string{"openid", "profile", "email"}}
	c.compiled = compileClient(c, s)
	s.openAdministration(c.compiled.reach, adminScopes)
	for _, scope := range adminScopes {
		c.Scopes = append(c.Scopes, scope.Name)
	}
	return c
}

// openAdministration lets a reach have scopes of the administration API.
func (s *Snapshot) openAdministration(to reach, scopes []Scope) {
	for _, scope := range scopes {
		to.scopes[scope.Name] = s.administration
		to.resources[AdminResource] = s.administration
	}
}

// machineReach is reach for what a client does for itself, which may be administration.
func (s *Snapshot) machineReach(scopes []string) reach {
	to := s.reach(scopes)
	for _, scope := range adminScopes {
		if slices.Contains(scopes, scope.Name) {
			s.openAdministration(to, []Scope{scope})
		}
	}
	return to
}
