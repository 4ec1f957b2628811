package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

const (
	maxEntries   = 500      // in a list or object that rules look at
	maxEntry     = 256      // bytes of one name in a list
	maxText      = 16 << 10 // bytes of one text that rules look at
	maxClaims    = 4 << 10  // bytes of JSON that one decision adds to tokens
	tooManyNames = "your account carries more groups or longer names than this service accepts"
)

// Decide answers for one login.
func (r *Rules) Decide(in Input) Decision { return r.decide(in, false) }

// Explain gives the same answer as Decide, and tells in each step which part of
// the expression was true, false or impossible, with the values it saw.
func (r *Rules) Explain(in Input) Decision { return r.decide(in, true) }

func (r *Rules) decide(in Input, explain bool) Decision {
	if fault := r.oversize(in.Claims); fault != "" {
		return Decision{DenyReason: tooManyNames, Trace: []Step{{Rule: "(limits)", Errored: true, Deny: true, Why: fault}}}
	}
	d := Decision{Allow: true, Trace: make([]Step, 0, len(r.rules))}
	v, size := newView(&in), 0
	for i := range r.rules {
		rule := &r.rules[i]
		step, claims := rule.take(v, explain)
		if len(claims) > 0 {
			// One decision's claims travel in every token; a rule that would make them too large gives nothing.
			if b, err := json.Marshal(claims); err != nil || size+len(b) > maxClaims {
				step, claims = rule.failed(fmt.Sprintf("with its claims the decision would exceed %d bytes", maxClaims)), nil
			} else {
				size += len(b)
			}
		}
		d.add(step, claims, rule.Deny)
	}
	if !d.Allow {
		d.Roles, d.Scopes, d.Claims = nil, nil, nil
		return d
	}
	d.Roles, d.Scopes = unique(d.Roles), unique(d.Scopes)
	return d
}

// add joins one step. The first denial's reason is the one that is told; of two
// rules that write the same claim the later one holds.
func (d *Decision) add(step Step, claims map[string]any, reason string) {
	d.Trace = append(d.Trace, step)
	if step.Deny {
		if d.Allow {
			d.Allow, d.DenyReason = false, reason
		}
		return
	}
	d.Roles, d.Scopes = append(d.Roles, step.Roles...), append(d.Scopes, step.Scopes...)
	for name, value := range claims {
		if d.Claims == nil {
			d.Claims = map[string]any{}
		}
		d.Claims[name] = value
	}
}

// take applies one rule.
func (c *compiled) take(v *view, explain bool) (Step, map[string]any) {
	if why := c.notFor(v.in); why != "" {
		return Step{Rule: c.Name, File: c.File, Line: c.Line, Skipped: true, Why: why}, nil
	}
	why := ""
	if c.when != nil {
		matched, fault := c.when.holds(v)
		if explain {
			why = c.when.why(v, matched, fault)
		} else if fault != nil {
			why = c.when.faultWords(v, fault, false)
		}
		if fault != nil {
			return c.failed(why), nil
		}
		if !matched {
			return Step{Rule: c.Name, File: c.File, Line: c.Line, Why: why}, nil
		}
	} else if explain {
		why = "the rule has no condition"
	}
	claims, fault := c.values(v, explain)
	if fault != "" {
		return c.failed(fault), nil
	}
	step := c.step
	step.Matched, step.Deny, step.Why = true, c.Deny != "", why
	if len(claims) != len(c.claims) {
		step.Claims = slices.DeleteFunc(slices.Clone(step.Claims), func(n string) bool { _, ok := claims[n]; return !ok })
	}
	return step, claims
}

// failed is the step of a rule that could not be worked out: a grant rule grants
// nothing, a deny rule denies.
func (c *compiled) failed(why string) Step {
	return Step{Rule: c.Name, File: c.File, Line: c.Line, Errored: true, Deny: c.Deny != "", Why: why}
}

func (c *compiled) notFor(in *Input) string {
	if len(c.Providers) > 0 && !slices.Contains(c.Providers, in.ProviderSlug) {
		return fmt.Sprintf("the rule is for %s; this login came through %s", listWords("provider", c.Providers), in.ProviderSlug)
	}
	if len(c.Clients) > 0 && !slices.Contains(c.Clients, in.ClientID) {
		return fmt.Sprintf("the rule is for %s; this login is for %s", listWords("client", c.Clients), in.ClientID)
	}
	return ""
}

// holds evaluates a condition.
func (p *program) holds(v *view) (bool, error) {
	out, err := p.value(v)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, &notBool{out}
	}
	return bool(b), nil
}

func (p *program) value(v *view) (ref.Val, error) {
	out, _, err := p.run.Eval(v)
	if err == nil && out == nil {
		err = errors.New("no result")
	}
	return out, err
}

// notBool is a condition whose value is a claim that is not true or false: the
// text "true" is not true.
type notBool struct{ value ref.Val }

func (n *notBool) Error() string { return "it gives " + kindWords(n.value) + ", not true or false" }

// values works out the claims that a rule writes. If one fails, the rule fails.
func (c *compiled) values(v *view, explain bool) (map[string]any, string) {
	if len(c.claims) == 0 {
		return nil, ""
	}
	out := make(map[string]any, len(c.claims))
	for _, p := range c.claims {
		got, err := p.value(v)
		if err == nil {
			var plain any
			if plain, err = native(got, 0); err == nil {
				out[p.name] = plain
			}
		}
		if err != nil && !errors.Is(err, errNoValue) {
			return nil, "the claim " + p.name + " could not be made: " + p.faultWords(v, err, explain)
		}
	}
	return out, ""
}

// oversize looks at the claims that rules look at, and at those that pass through
// by themselves. Names beyond the limits are refused rather than cut: half of
// somebody's groups is a wrong answer.
func (r *Rules) oversize(claims map[string]any) string {
	if r.dynamic {
		for name, value := range claims {
			if fault := oversize("claims."+name, value, 0); fault != "" {
				return fault
			}
		}
		return ""
	}
	for _, name := range r.watched {
		if value, ok := claims[name]; ok {
			if fault := oversize("claims."+name, value, 0); fault != "" {
				return fault
			}
		}
	}
	return ""
}

func oversize(where string, value any, depth int) string {
	if depth > 8 {
		return where + " is nested more than 8 deep"
	}
	switch v := value.(type) {
	case string:
		if len(v) > maxText || depth > 0 && len(v) > maxText/4 {
			return fmt.Sprintf("%s is a text of %d bytes", where, len(v))
		}
	case []any:
		if len(v) > maxEntries {
			return fmt.Sprintf("%s has %d entries; at most %d are accepted", where, len(v), maxEntries)
		}
		for _, e := range v {
			if s, ok := e.(string); ok && len(s) > maxEntry {
				return fmt.Sprintf("%s has an entry of %d bytes; at most %d are accepted", where, len(s), maxEntry)
			}
			if fault := oversize(where, e, depth+1); fault != "" {
				return fault
			}
		}
	case []string:
		if len(v) > maxEntries {
			return fmt.Sprintf("%s has %d entries; at most %d are accepted", where, len(v), maxEntries)
		}
		for _, s := range v {
			if len(s) > maxEntry {
				return fmt.Sprintf("%s has an entry of %d bytes; at most %d are accepted", where, len(s), maxEntry)
			}
		}
	case map[string]any:
		if len(v) > maxEntries {
			return fmt.Sprintf("%s has %d entries; at most %d are accepted", where, len(v), maxEntries)
		}
		for k, e := range v {
			if len(k) > maxEntry {
				return fmt.Sprintf("%s has a name of %d bytes; at most %d are accepted", where, len(k), maxEntry)
			}
			if fault := oversize(where, e, depth+1); fault != "" {
				return fault
			}
		}
	}
	return ""
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
