package policy

import (
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// Gains lists what a change newly gives: what rules give that did not, or to whom they
// did not, and what somebody gains in a replay. Each is told once.
func Gains(old, new directory.Document, effects []Effect) []Gain {
	var gains []Gain
	add := func(g Gain) {
		if !slices.Contains(gains, g) {
			gains = append(gains, g)
		}
	}
	was := map[string]mapping.Rule{}
	for _, r := range old.Rules {
		was[r.Name] = r
	}
	for _, r := range new.Rules {
		before, known := was[r.Name]
		switch {
		case r.Deny != "":
			continue
		case !known || before.Deny != "" || before.When != r.When || wider(before.Providers, r.Providers) || wider(before.Clients, r.Clients):
			before.Roles, before.Scopes = nil, nil // to whom it gives cannot be told from its text
		}
		for _, role := range minus(r.Roles, before.Roles) {
			add(Gain{Rule: r.Name, Role: role})
		}
		for _, scope := range minus(r.Scopes, before.Scopes) {
			add(Gain{Rule: r.Name, Scope: scope})
		}
	}
	for _, e := range effects {
		for _, role := range e.GainedRoles {
			add(Gain{Rule: e.ByRule["role "+role], Role: role})
		}
		for _, scope := range e.GainedScopes {
			if rule, byRule := e.ByRule["scope "+scope]; byRule { // a sign-in gives the others
				add(Gain{Rule: rule, Scope: scope})
			}
		}
	}
	return gains
}

// wider tells whether a list admits what it did not; an empty one admits all.
func wider(old, new []string) bool {
	return len(old) > 0 && (len(new) == 0 || len(minus(new, old)) > 0)
}

// Uncovered lists the gains that no passing case expects by name, with the rule that
// gives them having fired.
func (r *Results) Uncovered(gains []Gain) []Gain {
	covered := map[Gain]bool{}
	for _, c := range r.Cases {
		if !c.Passed || c.Answer == nil || !c.Answer.Admitted {
			continue
		}
		for _, step := range c.Answer.Decision.Trace {
			for _, role := range step.Roles {
				if slices.Contains(c.Want.Roles, role) {
					covered[Gain{Rule: step.Rule, Role: role}] = true
				}
			}
			for _, scope := range step.Scopes {
				if slices.Contains(c.Want.Scopes, scope) {
					covered[Gain{Rule: step.Rule, Scope: scope}] = true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(gains), func(g Gain) bool { return covered[g] })
}
