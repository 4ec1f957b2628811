package api

import (
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/policy"
)

// Directory is the active document: what the settings file calls providers, clients,
// resources and rules. PUT takes Document alone.
type Directory struct {
	Revision int64              `json:"revision"`
	Hash     string             `json:"hash,omitempty"`
	At       time.Time          `json:"at"`
	Author   Actor              `json:"author"`
	Reason   string             `json:"reason,omitempty"`
	Source   string             `json:"source"`
	Document directory.Document `json:"document"`
}

// Plan is what a change would do.
type Plan struct {
	Base       int64              `json:"base"`
	Changes    []directory.Change `json:"changes"`
	Effects    []policy.Effect    `json:"effects"`  // on people who signed in lately, at most 200; empty for who may not see logins
	Gains      []policy.Gain      `json:"gains"`    // roles and scopes that it newly gives, by rule: what policy tests have to expect
	Replayed   int                `json:"replayed"` // logins that were looked at
	Affected   int                `json:"affected"` // of them
	Warnings   []Fault            `json:"warnings,omitempty"`
	Problems   []Fault            `json:"problems,omitempty"` // the change cannot be applied
	LocksOut   bool               `json:"locks_out,omitempty"`
	NeedsOwner bool               `json:"needs_owner,omitempty"`
	Sensitive  bool               `json:"sensitive,omitempty"` // people need a sign-in of the last five minutes
}

// Applied is the answer to a change of the directory.
type Applied struct {
	Revision int64 `json:"revision"` // the active one now; unchanged where nothing changed
	Plan     *Plan `json:"plan"`

	// Secrets that were drawn for this change: shown here and never again.
	Secrets []DrawnSecret `json:"secrets,omitempty"`
}

// DrawnSecret is a client's new secret.
type DrawnSecret struct {
	ClientID    string `json:"client_id"`
	Secret      string `json:"secret"`
	Fingerprint string `json:"fingerprint"` // names it from now on
}

// ChangeOptions accompany every change of the directory.
type ChangeOptions struct {
	IfMatch int64  // the revision that the change was made from
	Reason  string // why, for the history and the audit
	Force   bool   // also if nobody could administer afterwards; the shell alone may
}

// PlanRequest asks what a change would do: a whole document, or some edits of the
// active one.
type PlanRequest struct {
	Document *directory.Document `json:"document,omitempty"`
	Edits    []Edit              `json:"edits,omitempty"`
}

// Edit changes one thing of the directory.
type Edit struct {
	Op       string              `json:"op"`               // put or delete
	Kind     string              `json:"kind"`             // provider, client, resource, rule, brand
	ID       string              `json:"id,omitempty"`     // what is changed; "": a new one
	Before   string              `json:"before,omitempty"` // rules: stands before the one of this name
	Provider *directory.Provider `json:"provider,omitempty"`
	Client   *directory.Client   `json:"client,omitempty"`
	Resource *directory.Resource `json:"resource,omitempty"`
	Rule     *mapping.Rule       `json:"rule,omitempty"`
	Brand    *directory.Brand    `json:"brand,omitempty"` // is put, and never deleted: empty, it is as the settings say
}

// ProviderInfo is a provider with what follows from it. Its settings have the form in
// which they are written; PUT takes them back.
type ProviderInfo struct {
	directory.Provider
	HasSecret       bool   `json:"has_secret"`
	EffectiveIssuer string `json:"effective_issuer,omitempty"`
	RedirectURI     string `json:"redirect_uri,omitempty"` // what its console has to know
	Clients         int    `json:"clients"`                // that may use it
	State           string `json:"state"`                  // see ProviderHealth
}

// Settings is the part that can be sent back.
func (p *ProviderInfo) Settings() directory.Provider { return p.Provider }

// ClientInfo is a client with what follows from it.
type ClientInfo struct {
	directory.Client
	HasSecret bool     `json:"has_secret"`
	Effective *Implied `json:"effective,omitempty"` // one client only: what the defaults come to
}

// Implied is what a client's settings come to with their defaults.
type Implied struct {
	Name       string   `json:"name"`
	AuthMethod string   `json:"auth_method"`
	PKCE       string   `json:"pkce"`
	GrantTypes []string `json:"grant_types"`
	Scopes     []string `json:"scopes"`
	Providers  []string `json:"providers"` // that people may choose from
}

// Settings is the part that can be sent back.
func (c *ClientInfo) Settings() directory.Client { return c.Client }

// ResourceInfo is an API that accepts our tokens.
type ResourceInfo struct {
	directory.Resource
	Key     string `json:"key"` // of its address below resources
	Clients int    `json:"clients"`
	Rules   int    `json:"rules"`
}

// Settings is the part that can be sent back.
func (r *ResourceInfo) Settings() directory.Resource { return r.Resource }

// RuleInfo is one mapping rule and its place.
type RuleInfo struct {
	mapping.Rule
	Key   string `json:"key"`   // of its address below rules
	Place int    `json:"place"` // from 0
}

// Settings is the part that can be sent back.
func (r *RuleInfo) Settings() mapping.Rule { return r.Rule }

// Revision is one version of the directory.
type Revision struct {
	Number   int64               `json:"number"`
	At       time.Time           `json:"at"`
	Author   Actor               `json:"author"`
	Reason   string              `json:"reason,omitempty"`
	Source   string              `json:"source"` // console, api, shell, file:<hash>, rollback:<number>
	Changes  int                 `json:"changes"`
	Hash     string              `json:"hash,omitempty"`
	Active   bool                `json:"active,omitempty"`
	Document *directory.Document `json:"document,omitempty"` // one revision only
}

// RevisionDiff is what changed between two revisions.
type RevisionDiff struct {
	From    int64              `json:"from"`
	To      int64              `json:"to"`
	Changes []directory.Change `json:"changes"`
}

// Kind is a sort of provider: what its form asks and where to click at the vendor's.
type Kind struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Summary     string   `json:"summary"`
	Fields      []Field  `json:"fields"`
	Steps       []string `json:"steps"`                  // at the vendor's console
	RedirectURI string   `json:"redirect_uri,omitempty"` // with {slug}, to paste there
	LogoutURI   string   `json:"logout_uri,omitempty"`   // with {slug}, where the vendor can tell that people signed out
	Console     string   `json:"console,omitempty"`      // where the vendor's console is
	Docs        string   `json:"docs,omitempty"`
	OwnBook     bool     `json:"own_book,omitempty"` // there is no vendor: people have a password here
}

// Field is one setting of a kind's form.
type Field struct {
	Name     string   `json:"name"` // as in the settings
	Label    string   `json:"label"`
	Type     string   `json:"type"` // text, url, secret, list, choice, switch
	Required bool     `json:"required,omitempty"`
	Help     string   `json:"help,omitempty"`
	Example  string   `json:"example,omitempty"`
	Options  []string `json:"options,omitempty"` // of a choice; the first is the default
	Advanced bool     `json:"advanced,omitempty"`
}

// CheckRequest asks a provider whether it would work. Provider is what to try instead
// of the active settings, such as a form that is not saved yet.
type CheckRequest struct {
	Provider *directory.Provider `json:"provider,omitempty"`
}

// CheckResult is what came of it.
type CheckResult struct {
	Slug        string `json:"slug"`
	State       string `json:"state"` // answers, silent, own
	Reason      string `json:"reason,omitempty"`
	Millis      int64  `json:"ms"`
	Issuer      string `json:"issuer,omitempty"`
	RedirectURI string `json:"redirect_uri,omitempty"`
}

// TestRequest begins a test sign-in. Back is an address of the console.
type TestRequest struct {
	Back string `json:"back"`
}

// TestStarted is where to go, and what to look up afterwards.
type TestStarted struct {
	URL       string `json:"url"`
	Reference string `json:"reference"`
}

// ExplainRequest asks what a login comes to. Reference takes provider, client, claims
// and scopes from a recorded login; what else is given replaces them.
type ExplainRequest struct {
	Reference string `json:"reference,omitempty"`
	Provider  string `json:"provider,omitempty"`
	Client    string `json:"client,omitempty"`

	Claims        map[string]any `json:"claims,omitempty"`
	Scopes        []string       `json:"scopes,omitempty"`
	Resource      string         `json:"resource,omitempty"`
	New           *bool          `json:"new,omitempty"`
	EmailVerified *bool          `json:"email_verified,omitempty"`

	AddGroups  []string       `json:"add_groups,omitempty"`
	GroupClaim string         `json:"group_claim,omitempty"`
	Set        map[string]any `json:"set,omitempty"`
	AsOf       int64          `json:"as_of,omitempty"` // the revision to judge by; 0: the active one

	// Rules are judged instead of the active ones: a draft.
	Rules []mapping.Rule `json:"rules,omitempty"`
}

// Explained is the answer. Where something was to be different (add_groups, set, as_of
// or rules), Before is the answer without that, and Difference what it changes.
type Explained struct {
	Revision   int64              `json:"revision"`
	Reference  string             `json:"reference,omitempty"`
	Answer     *policy.Answer     `json:"answer"`
	Before     *policy.Answer     `json:"before,omitempty"`
	Difference *policy.Difference `json:"difference,omitempty"`
}

// SigningKey is a key that signs tokens, without its private half.
type SigningKey struct {
	ID        string     `json:"id"`
	Alg       string     `json:"alg"`
	State     string     `json:"state"` // next, active, retiring
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  *time.Time `json:"active_at,omitempty"`
	RetireAt  *time.Time `json:"retire_at,omitempty"`
	GoneAt    *time.Time `json:"gone_at,omitempty"`
}

// RotateRequest moves signing keys on. At once is for a key that leaked: the new one
// signs before everybody knows it, and the old one goes with all that it signed.
type RotateRequest struct {
	Alg string `json:"alg,omitempty"` // "": every algorithm
	Now bool   `json:"now,omitempty"` // at once
}

// Restored counts what ended because the database came from a backup, and has the new
// signing keys.
type Restored struct {
	Sessions      int64        `json:"sessions"`
	Grants        int64        `json:"grants"`
	RefreshTokens int64        `json:"refresh_tokens"`
	Codes         int64        `json:"codes"`
	Invitations   int64        `json:"invitations"`
	LinkOffers    int64        `json:"link_offers"`
	AdminLinks    int64        `json:"admin_links"`
	Keys          []SigningKey `json:"keys"`
	Newest        *time.Time   `json:"newest,omitempty"` // of the audit's rows before
}
