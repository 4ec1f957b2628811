package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// Run runs every case. It takes nothing from one case into the next.
func (s *Suite) Run(snap *directory.Snapshot) *Results {
	out := &Results{Cases: make([]Result, 0, len(s.Cases))}
	for _, rule := range snap.Rules().All() {
		out.Coverage = append(out.Coverage, RuleCoverage{Rule: rule.Name, File: rule.File, Line: rule.Line, Always: rule.When == ""})
	}
	for _, c := range s.Cases {
		r := c.run(snap)
		if r.Passed = len(r.Faults) == 0; r.Passed {
			out.Passed++
			out.count(r.Answer)
		} else {
			out.Failed++
		}
		out.Cases = append(out.Cases, r)
	}
	return out
}

// count adds what each rule did in a passing case.
func (r *Results) count(a *Answer) {
	for i, step := range a.Decision.Trace {
		if i >= len(r.Coverage) || r.Coverage[i].Rule != step.Rule {
			return // the claims were too large to be looked at: no rule was asked
		}
		c := &r.Coverage[i]
		switch word(step) {
		case "skipped":
			c.Skipped++
		case "no":
			c.Silent++
		case "error":
			c.Errored++
		default:
			if step.Errored {
				c.Errored++
			} else {
				c.Fired++
			}
		}
	}
}

func (c Case) run(snap *directory.Snapshot) Result {
	r := Result{Case: c}
	answer, err := Judge(snap, c.Question)
	if err != nil {
		r.fault("question", "one that can be answered", err.Error(), nil)
		return r
	}
	r.Answer = answer
	w := witness{snap, answer}
	r.admission(w)
	if c.Want.Roles != nil {
		r.names("roles", c.Want.Roles, answer.roles(), w.role)
	}
	if c.Want.Scopes != nil {
		r.names("scopes", c.Want.Scopes, alike(answer.Scopes, c.Want.Scopes), w.scope)
	}
	r.claims(w)
	return r
}

func (r *Result) fault(what, want, got string, why []string) {
	r.Faults = append(r.Faults, Fault{what, want, got, why})
}

// admission compares whether the person comes in, and if not, why.
func (r *Result) admission(w witness) {
	want, a := r.Want, w.answer
	denied := want.Denied != "" || want.Reason != "" || want.Rule != ""
	if want.Admitted != nil && *want.Admitted != a.Admitted || denied && a.Admitted {
		r.fault("admitted", fmt.Sprint(!denied && *want.Admitted), fmt.Sprint(a.Admitted), w.admitted(want.Rule))
		return
	}
	if a.Admitted {
		return
	}
	if want.Denied != "" && want.Denied != a.Refusal.ForPerson {
		r.fault("denied", want.Denied, a.Refusal.ForPerson, w.admitted(""))
	}
	if want.Reason != "" && !strings.Contains(a.Refusal.ForOperator, want.Reason) {
		r.fault("reason", want.Reason, a.Refusal.ForOperator, nil)
	}
	if want.Rule != "" {
		if by := w.denying(); !slices.Contains(by, want.Rule) {
			r.fault("rule", want.Rule, listOr(by), w.rules([]string{want.Rule}))
		}
	}
}

// names compares a list as a set. why tells, of one name that is missing or too much,
// what the rules said about it.
func (r *Result) names(what string, want, got []string, why func(string) []string) {
	missing, surplus := minus(want, got), minus(got, want)
	if len(missing)+len(surplus) == 0 {
		return
	}
	var reasons []string
	for _, name := range missing {
		for _, line := range why(name) {
			reasons = append(reasons, name+" is missing: "+line)
		}
	}
	for _, name := range surplus {
		for _, line := range why(name) {
			reasons = append(reasons, name+" is too much: "+line)
		}
	}
	r.fault(what, listOr(minus(want, nil)), listOr(minus(got, nil)), reasons)
}

// claims compares those that the case names; null wants it not to be there.
func (r *Result) claims(w witness) {
	for _, name := range slices.Sorted(maps.Keys(r.Want.Claims)) {
		want, got := plain(r.Want.Claims[name]), plain(w.answer.Decision.Claims[name])
		if !reflect.DeepEqual(want, got) {
			var why []string
			for _, step := range w.answer.Decision.Trace {
				if slices.Contains(step.Claims, name) {
					why = append(why, told(step))
				}
			}
			if !w.answer.Admitted {
				why = w.admitted("")
			}
			r.fault("claim "+name, jsonWords(want), jsonWords(got), why)
		}
	}
}

// plain is a value as JSON carries it: every number a float64, every list an []any.
func plain(v any) any {
	var out any
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return v
	}
	return out
}

func jsonWords(v any) string {
	b, err := json.Marshal(v)
	switch {
	case err != nil:
		return "a value that cannot be shown"
	case v == nil:
		return "not there"
	}
	return string(b)
}

// alike leaves the scopes of OpenID Connect out, unless the case speaks of one.
func alike(got, want []string) []string {
	if slices.ContainsFunc(want, directory.IsIdentityScope) {
		return got
	}
	return slices.DeleteFunc(slices.Clone(got), directory.IsIdentityScope)
}

func listOr(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, " ")
}

// witness tells from an answer's trace why something is as it is.
type witness struct {
	snap   *directory.Snapshot
	answer *Answer
}

func (w witness) role(name string) []string {
	return w.granted(w.snap.Rules().GivingRole(name), "no rule gives this role to anybody")
}

func (w witness) scope(name string) []string {
	if w.answer.Admitted {
		for _, m := range w.answer.Missing {
			if m.Scope == name && len(m.Rules) == 0 {
				return []string{m.Why}
			}
		}
		if !slices.Contains(w.answer.Asked, name) {
			return []string{"the client does not ask for it"}
		}
	}
	return w.granted(w.snap.Rules().Giving(name), "no rule gives this scope to anybody")
}

func (w witness) granted(rules []string, nobody string) []string {
	switch {
	case !w.answer.Admitted:
		return w.admitted("")
	case len(rules) == 0:
		return []string{nobody}
	}
	return w.rules(rules)
}

// rules says what some rules answered.
func (w witness) rules(names []string) (lines []string) {
	for _, step := range w.answer.Decision.Trace {
		if slices.Contains(names, step.Rule) {
			lines = append(lines, told(step))
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(w.answer.Decision.Trace, func(s mapping.Step) bool { return s.Rule == name }) {
			lines = append(lines, fmt.Sprintf("there is no rule %q", name))
		}
	}
	return lines
}

// admitted says why the person comes in, or does not.
func (w witness) admitted(rule string) []string {
	switch by := w.denying(); {
	case rule != "":
		return w.rules([]string{rule})
	case len(by) > 0:
		return w.rules(by)
	case w.answer.Refusal != nil:
		return []string{w.answer.Refusal.ForOperator}
	}
	return []string{"no rule denies"}
}

func (w witness) denying() (names []string) {
	for _, step := range w.answer.Decision.Trace {
		if step.Deny {
			names = append(names, step.Rule)
		}
	}
	return names
}

// told is one rule's answer in a line.
func told(step mapping.Step) string {
	says := map[string]string{"skipped": "does not apply", "no": "says no", "yes": "says yes", "denies": "denies", "error": "could not be worked out"}[word(step)]
	text := fmt.Sprintf("rule %q %s", step.Rule, says)
	if step.Why != "" {
		text += ": " + step.Why
	}
	return text
}
