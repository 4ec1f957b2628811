// Package mapping turns what an upstream said about a person into what that
// person may do here, and says why.
//
//	claims, user, provider, client ──▶ rules (CEL) ──▶ roles, scopes, claims
//	                                      │            or a denial with a reason
//	                                      └──▶ a trace: one step a rule
//
// Rules grant nothing by default and only the names that stand in them: no value
// that an upstream sends ever becomes a role or a scope by itself. A grant rule
// that fails grants nothing, a deny rule that fails denies; both are trace lines.
//
// The package is pure: no I/O, no clock. Where rules come from belongs to
// broker/directory, what a decision is worth for one client and one resource to
// broker/grant.
package mapping

// Rule is one line of the house rules, as it stands in the settings.
//
// A rule applies when the login came through one of Providers, for one of Clients
// (empty: any), and When is true (empty: always). It then either denies, with the
// reason in Deny, or gives Roles, Scopes and Claims.
type Rule struct {
	Name      string            `yaml:"name" json:"name"`
	Providers []string          `yaml:"providers" json:"providers,omitzero"` // slugs; empty: every provider
	Clients   []string          `yaml:"clients" json:"clients,omitzero"`     // client ids; empty: every client
	When      string            `yaml:"when" json:"when,omitzero"`           // a CEL expression giving true or false
	Deny      string            `yaml:"deny" json:"deny,omitzero"`           // the reason a person reads
	Roles     []string          `yaml:"roles" json:"roles,omitzero"`
	Scopes    []string          `yaml:"scopes" json:"scopes,omitzero"`
	Claims    map[string]string `yaml:"claims" json:"claims,omitzero"` // name → CEL expression for its value

	File string `yaml:"-" json:"-"` // where the rule stands, for people
	Line int    `yaml:"-" json:"-"`
}

// Input is everything that a rule can see of one login.
type Input struct {
	Claims       map[string]any // the whole upstream answer; never changed here
	ProviderSlug string
	ProviderKind string
	ClientID     string
	User         UserInput
}

// UserInput is the local user behind the login.
type UserInput struct {
	ID, Subject   string
	Name, Email   string
	EmailVerified bool
	New           bool // this login makes the user
}

// Decision is what the rules say about one login. A denial carries no roles, no
// scopes and no claims.
type Decision struct {
	Allow      bool           `json:"allow"`
	DenyReason string         `json:"deny_reason,omitempty"`
	Roles      []string       `json:"roles,omitempty"`  // sorted, no doubles
	Scopes     []string       `json:"scopes,omitempty"` // sorted, no doubles
	Claims     map[string]any `json:"claims,omitempty"`
	Trace      []Step         `json:"trace,omitempty"` // one step a rule, in the order of the settings
}

// Step is what one rule did. Roles, Scopes and Claims are those it gave; they are
// listed even when another rule denied.
type Step struct {
	Rule    string   `json:"rule"`
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`
	Matched bool     `json:"matched"`
	Errored bool     `json:"errored,omitempty"`
	Skipped bool     `json:"skipped,omitempty"` // not a rule for this provider or client
	Deny    bool     `json:"deny,omitempty"`    // this step denies
	Why     string   `json:"why,omitempty"`     // claim values only in Explain
	Roles   []string `json:"roles,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	Claims  []string `json:"claims,omitempty"` // names
}

// Problem is one fault of one rule, found while compiling.
type Problem struct {
	Rule    string // its name, or "" when that is what is missing
	Index   int    // its place in the list
	File    string
	Line    int
	Key     string // the part at fault: "when", "claims.department", "scopes[1]"
	Message string
	Hint    string // the likely fix, or ""
}
