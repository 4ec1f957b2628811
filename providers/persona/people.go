package persona

// User is a person who can sign in at a persona. Fields that a vendor does not
// know are ignored there: groups at Google, roles at Okta.
type User struct {
	ID      string // short and stable: the value of the form field "user"
	Subject string // the sub claim, in the vendor's shape

	Name, GivenName, FamilyName string
	Email                       string
	EmailVerified               bool
	Locale                      string

	HostedDomain string   // Google: the hd claim; "" for a private account
	Groups       []string // Okta: the groups claim; absent when empty
	Roles        []string // Auth0: a namespaced claim; absent when empty
	Organization string   // Auth0: the organization the person is a member of

	Disabled bool           // the vendor refuses to sign them in
	Claims   map[string]any // further claims of this person, in ID token and userinfo
	Note     string         // one line on the sign-in page: why one would pick them
}

// RolesClaim is the namespaced claim in which the Auth0 persona puts roles: at
// Auth0 an Action adds custom claims under a URL of the customer's own.
const RolesClaim = "https://handstamp.example/roles"
