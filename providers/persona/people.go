package persona

import "slices"

// User is a person who can sign in at a persona. Fields that a vendor does not
// know are ignored there: groups at Google, roles at Okta.
type User struct {
	ID      string // short and stable: the value of the form field "user"
	Subject string // the sub claim, in the vendor's shape

	Name, GivenName, FamilyName string
	Email                       string
	EmailVerified               bool

	HostedDomain string   // Google: the hd claim; "" for a private account
	Groups       []string // Okta: the groups claim; absent when empty
	Roles        []string // Auth0: RolesClaim; absent when empty
	Organization string   // Auth0: the organization that the person is a member of

	OneFactor bool // has a password only: a request for more ends in unmet_authentication_requirements

	Disabled bool   // the vendor refuses to sign them in
	Claims   Claims // further claims of this person, in ID token and userinfo
	Note     string // a line on the sign-in page; default: what the vendor knows that rules may ask for
}

// RolesClaim is the namespaced claim in which the Auth0 persona puts roles: at
// Auth0 an Action adds custom claims under a URL of the customer's own.
const RolesClaim = "https://handstamp.example/roles"

// folk are the same people at every vendor, under another subject at each: the
// e-mail address is all that they have in common, and no proof of anything.
var folk = []struct {
	User
	subjects map[string]string
}{
	{User{
		ID: "alice", Name: "Alice Acme", GivenName: "Alice", FamilyName: "Acme",
		Email: "alice@acme.example", EmailVerified: true, HostedDomain: "acme.example",
		Groups: []string{"Everyone", "Engineering"}, Roles: []string{"editor"}, Organization: "org_acme",
	}, subjects("110248495921238986420", "00u1a11ceacme0X5d697", "auth0|66f1a11ce0ac3e0000000001")},
	{User{
		ID: "bob", Name: "Bob Private", GivenName: "Bob", FamilyName: "Private",
		Email: "bob@gmail.example", EmailVerified: true,
	}, subjects("104977610022831745306", "00u1b0bprivate0K5d69", "auth0|66f1b0b0c0ffee0000000002")},
	{User{
		ID: "carol", Name: "Carol Closed", GivenName: "Carol", FamilyName: "Closed",
		Email: "carol@acme.example", EmailVerified: true, HostedDomain: "acme.example", Disabled: true,
		Groups: []string{"Everyone"}, Organization: "org_acme",
	}, subjects("116530028841907725513", "00u1car01c105ed0M5d6", "auth0|66f1ca2010ced00000000003")},
	{User{
		ID: "dave", Name: "Dave Newcomer", GivenName: "Dave", FamilyName: "Newcomer",
		Email: "dave@acme.example", EmailVerified: true, HostedDomain: "acme.example", Organization: "org_acme",
	}, subjects("101876203345560981274", "00u1davenewc0mer5d69", "auth0|66f1da5e0fee1d0000000004")},
	{User{
		ID: "erin", Name: "Erin Admin", GivenName: "Erin", FamilyName: "Admin",
		Email: "erin@acme.example", EmailVerified: true, HostedDomain: "acme.example",
		Groups: []string{"Everyone", "Engineering", "Admins"}, Roles: []string{"editor", "admin"}, Organization: "org_acme",
	}, subjects("113402958867120049935", "00u1er1nadm1n0Q5d697", "auth0|66f1e210ad0a1f0000000005")},
	{User{
		ID: "mallory", Name: "Mallory Guess", GivenName: "Mallory", FamilyName: "Guess",
		Email: "mallory@acme.example",
	}, subjects("118034479926630175842", "00u1ma110ryguess5d69", "auth0|66f1a1101ebadd0000000006")},
}

// People are the people that a persona of this kind starts with.
func People(kind string) []User {
	var out []User
	for _, f := range folk {
		u := f.User
		u.Subject = f.subjects[kind]
		switch kind {
		case KindGoogle:
			u.Groups, u.Roles, u.Organization = nil, nil, ""
		case KindOkta, KindOktaOrg:
			u.HostedDomain, u.Roles, u.Organization = "", nil, ""
		case KindAuth0:
			u.HostedDomain, u.Groups = "", nil
		}
		u.Groups, u.Roles = slices.Clone(u.Groups), slices.Clone(u.Roles)
		out = append(out, u)
	}
	return out
}

func subjects(google, okta, auth0 string) map[string]string {
	return map[string]string{KindGoogle: google, KindOkta: okta, KindOktaOrg: okta, KindAuth0: auth0}
}

// hinted tells how likely the request means this person: 2 by name, 1 by
// company. Hints order the page and nothing else.
func (u User) hinted(r *authRequest) int {
	switch {
	case r.loginHint != "" && u.answersTo(r.loginHint):
		return 2
	case r.hd != "" && u.HostedDomain != "" && (r.hd == u.HostedDomain || r.hd == "*"):
		return 1
	}
	return 0
}

// inOrder is the people as the sign-in page shows them: the likely ones first.
func inOrder(users []User, likely func(User) int) []User {
	out := slices.Clone(users)
	slices.SortStableFunc(out, func(a, b User) int { return likely(b) - likely(a) })
	return out
}
