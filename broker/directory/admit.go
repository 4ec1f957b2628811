package directory

import "github.com/handstamp/handstamp/broker/mapping"

// Admission is the question: may this person, known through this provider, use
// this client now?
type Admission struct {
	UserID        string // empty: the login would make a new user
	UserDisabled  bool
	Provider      *Provider
	Client        *Client
	Claims        map[string]any // the whole upstream answer; nil where the path has none and nothing changed since the last decision
	Email         string
	EmailVerified bool
	Decision      *mapping.Decision // nil where the rules were not asked again
}

// Refusal tells three audiences why: the code for the app, a sentence for the
// person, a reason for the operator.
type Refusal struct {
	Code        string
	ForPerson   string
	ForOperator string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.ForOperator }

// Admit is the one gate: nil means come in.
func (s *Snapshot) Admit(a Admission) *Refusal { return &Refusal{Code: "access_denied"} }
