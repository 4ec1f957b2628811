package directory

import (
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
)

// Visit is a person at an app with a request: all that a decision looks at.
type Visit struct {
	Admission               // without Decision, which Decide makes
	Asks      mapping.Input // what rules are asked about the person
	Resources []string      // of the request
	Scopes    []string
}

// Verdict is what becomes of a Visit. With a Refusal there is nothing to give.
type Verdict struct {
	Target   Target
	Decision mapping.Decision
	Refusal  *Refusal
	Scopes   []string
}

// Decide is the one path from a person to scopes: the request finds its target, the
// rules speak, Admit judges, and what remains is requested ∩ client ∩ person. A login
// takes it and so does whoever asks what a login would come to.
func (s *Snapshot) Decide(v Visit) (*Verdict, *oauth.Error) {
	return s.decide(v, (*mapping.Rules).Decide)
}

// Explain is Decide, with the values of claims in the words of the trace.
func (s *Snapshot) Explain(v Visit) (*Verdict, *oauth.Error) {
	return s.decide(v, (*mapping.Rules).Explain)
}

func (s *Snapshot) decide(v Visit, ask func(*mapping.Rules, mapping.Input) mapping.Decision) (*Verdict, *oauth.Error) {
	target, err := s.Target(v.Client, v.Resources, v.Scopes)
	if err != nil {
		return nil, err
	}
	out := &Verdict{Target: target, Decision: ask(s.rules, v.Asks)}
	v.Admission.Decision = &out.Decision
	if out.Refusal = s.Admit(v.Admission); out.Refusal != nil {
		return out, nil
	}
	if v.Client.ID == AdminClient { // a role opens the administration, and rules say nothing about it (A11)
		out.Decision.Scopes, out.Decision.Roles, out.Decision.Claims = AdminScopes(v.AdminRole), nil, nil
	}
	out.Scopes = target.Grantable(out.Decision.Scopes)
	return out, nil
}
