package directory

// Change is one difference between two documents, in the words of the settings.
type Change struct {
	Kind  string `json:"kind"`            // provider, client, resource, scope, rule
	ID    string `json:"id"`              // slug, client id, audience, scope, name of the rule
	Op    string `json:"op"`              // added, removed, changed, moved
	Field string `json:"field,omitempty"` // the setting; "" where the whole thing was added, removed or moved
	Old   string `json:"old,omitempty"`   // never a secret
	New   string `json:"new,omitempty"`

	// Sensitive changes decide where people and codes go and who holds which secret.
	Sensitive bool `json:"sensitive,omitempty"`
}

// The words of Change.Kind and Change.Op.
const (
	KindProvider = "provider"
	KindClient   = "client"
	KindResource = "resource"
	KindScope    = "scope"
	KindRule     = "rule"

	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Moved   = "moved"
)

// Diff tells what changed from one document to another, in the order of the documents:
// providers, clients, resources with their scopes, rules. What says the same in other
// words (a default written out, another order of clients) is no change.
func Diff(old, new Document) []Change { return nil }
