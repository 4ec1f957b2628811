package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/handstamp/handstamp/broker/mapping"
)

// Counterfactual is what would be different about a person.
type Counterfactual struct {
	AddGroups  []string       `json:"add_groups,omitzero"`
	GroupClaim string         `json:"group_claim,omitzero"` // where groups stand; "": groups
	Set        map[string]any `json:"set,omitzero"`         // claims; null takes one away
}

// Empty tells whether nothing would be different.
func (c Counterfactual) Empty() bool { return len(c.AddGroups) == 0 && len(c.Set) == 0 }

// Apply gives the question with the difference. The claims of q stay as they are. A
// group joins those that are there; where something else than a list stands in their
// place, the error says so, for a guess would answer another question.
func (c Counterfactual) Apply(q Question) (Question, error) {
	claims := maps.Clone(q.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	for name, value := range c.Set {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	if len(c.AddGroups) > 0 {
		name := cmp.Or(c.GroupClaim, "groups")
		var groups []any
		switch there := claims[name].(type) {
		case nil:
		case []any:
			groups = slices.Clone(there)
		case []string:
			for _, g := range there {
				groups = append(groups, g)
			}
		default:
			return q, fmt.Errorf("a group cannot be added: the claim %s is not a list", name)
		}
		for _, g := range c.AddGroups {
			if !slices.Contains(groups, any(g)) {
				groups = append(groups, g)
			}
		}
		claims[name] = groups
	}
	q.Claims = claims
	return q, nil
}

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

// Empty tells whether the answers come to the same.
func (d Difference) Empty() bool {
	return d.Admitted == d.WasAdmitted && len(d.GainedRoles)+len(d.LostRoles)+len(d.GainedScopes)+len(d.LostScopes)+len(d.Rules) == 0
}

// Compare tells what is different in the second answer.
func Compare(before, after *Answer) Difference {
	was, is := before.roles(), after.roles()
	d := Difference{Admitted: after.Admitted, WasAdmitted: before.Admitted, GainedRoles: minus(is, was), LostRoles: minus(was, is),
		GainedScopes: minus(after.Scopes, before.Scopes), LostScopes: minus(before.Scopes, after.Scopes)}
	said := map[string]string{}
	for _, step := range before.Decision.Trace {
		said[step.Rule] = word(step)
	}
	for _, step := range after.Decision.Trace {
		if word(step) != said[step.Rule] {
			d.Rules = append(d.Rules, Turn{step.Rule, said[step.Rule], word(step), step.Why})
		}
		delete(said, step.Rule)
	}
	for _, step := range before.Decision.Trace {
		if was, gone := said[step.Rule]; gone {
			d.Rules = append(d.Rules, Turn{Rule: step.Rule, Was: was})
		}
	}
	return d
}

// roles are those that the person has: none, if they are not let in.
func (a *Answer) roles() []string {
	if !a.Admitted {
		return nil
	}
	return a.Decision.Roles
}

// word is what one rule answered.
func word(s mapping.Step) string {
	switch {
	case s.Skipped:
		return "skipped"
	case s.Deny:
		return "denies"
	case s.Errored:
		return "error"
	case s.Matched:
		return "yes"
	}
	return "no"
}
