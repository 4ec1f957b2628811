package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/policy"
)

// explained is the whole answer: that of the administration API, with what telling it
// to people needs.
type explained struct {
	api.Explained
	rules []mapping.Rule
	what  policy.Counterfactual
	asOf  int64 // the revision that was asked for; 0: that of today
}

// print tells it to people: each rule with its mark, then the outcome; then what would
// be different.
func (e *explained) print(out io.Writer) error {
	p := &printer{out: out}
	first := e.Answer
	if e.Before != nil {
		first = e.Before
	}
	e.printAnswer(p, first)
	if e.Before != nil {
		p.line("")
		e.printDifference(p)
	}
	return p.err
}

func (e *explained) printAnswer(p *printer, a *policy.Answer) {
	p.line("%s at %s, for %s", cmp.Or(a.User.Name, a.User.Email, "Somebody"), a.Provider, a.Client)
	p.line("  user.email_verified is %t: %s", a.User.EmailVerified, a.User.Why)
	p.line("")
	if len(a.Decision.Trace) == 0 {
		p.line("There are no rules, so nobody gets a role or an API's scope.")
	}
	for i, step := range a.Decision.Trace {
		p.step(i, step, e.rules)
	}
	p.line("")
	p.outcome(a)
}

// printDifference tells the second answer by what is different in it.
func (e *explained) printDifference(p *printer) {
	p.line("WHAT IF  %s", strings.Join(e.changes(), "; "))
	d := e.Difference
	if d.Empty() {
		p.line("  nothing would be different")
		return
	}
	for _, turn := range d.Rules {
		p.line("  %s: %s instead of %s", turn.Rule, cmp.Or(turn.Is, "gone"), cmp.Or(turn.Was, "not there"))
		if turn.Why != "" {
			p.line("         why   %s", turn.Why)
		}
	}
	p.line("")
	p.outcome(e.Answer)
	for _, one := range []struct {
		sign, noun string
		names      []string
	}{{"+", "role", d.GainedRoles}, {"-", "role", d.LostRoles}, {"+", "scope", d.GainedScopes}, {"-", "scope", d.LostScopes}} {
		for _, name := range one.names {
			p.line("  %s %s %s", one.sign, one.noun, name)
		}
	}
}

// changes are the counterfactual in words.
func (e *explained) changes() (words []string) {
	if e.asOf != 0 {
		words = append(words, fmt.Sprintf("by revision %d", e.asOf))
	}
	for _, g := range e.what.AddGroups {
		words = append(words, fmt.Sprintf("%s has %q, too", cmp.Or(e.what.GroupClaim, "groups"), g))
	}
	for _, name := range slices.Sorted(maps.Keys(e.what.Set)) {
		if value := e.what.Set[name]; value == nil {
			words = append(words, name+" is not there")
		} else if b, err := json.Marshal(value); err == nil {
			words = append(words, name+" is "+string(b))
		}
	}
	return words
}

// step is one rule: mark, name, place; the expression; why; what it gave.
func (p *printer) step(i int, step mapping.Step, rules []mapping.Rule) {
	mark, gave := "no   ", ""
	switch {
	case step.Skipped:
		mark = "-    "
	case step.Deny && step.Errored:
		mark, gave = "DENY ", "it could not be worked out, and a deny rule then denies"
	case step.Deny:
		mark, gave = "DENY ", "it denies"
	case step.Errored:
		mark, gave = "error", "it could not be worked out, and a grant rule then gives nothing"
	case step.Matched:
		mark, gave = "yes  ", gives(step)
	}
	place := ""
	if step.Line > 0 {
		place = fmt.Sprintf("  (%s:%d)", step.File, step.Line)
	}
	p.line("%s  %s%s", mark, step.Rule, place)
	if i < len(rules) && rules[i].Name == step.Rule && rules[i].When != "" && !step.Skipped {
		p.line("         when  %s", strings.Join(strings.Fields(rules[i].When), " "))
	}
	if step.Why != "" {
		p.line("         why   %s", step.Why)
	}
	if gave != "" {
		p.line("         so    %s", gave)
	}
}

func gives(step mapping.Step) string {
	var parts []string
	for _, one := range []struct {
		noun string
		list []string
	}{{"role", step.Roles}, {"scope", step.Scopes}, {"claim", step.Claims}} {
		if len(one.list) > 0 {
			parts = append(parts, plural(one.noun, len(one.list))+" "+strings.Join(one.list, ", "))
		}
	}
	if len(parts) == 0 {
		return "it gives nothing: the claims that it writes have no value here"
	}
	return "it gives " + strings.Join(parts, "; ")
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func (p *printer) outcome(a *policy.Answer) {
	if !a.Admitted {
		p.line("NOT ADMITTED (%s): %s", a.Refusal.Code, a.Refusal.ForOperator)
		p.line("  the person reads: %s", a.Refusal.ForPerson)
		return
	}
	p.line("ADMITTED")
	p.line("  roles     %s", listOr(a.Decision.Roles, "none"))
	p.line("  scopes    %s", listOr(a.Scopes, "none"))
	for _, m := range a.Missing {
		p.line("  not given %s: %s", m.Scope, m.Why)
	}
	p.line("  audience  %s", listOr(a.Audience, "none"))
	for _, name := range slices.Sorted(maps.Keys(a.Decision.Claims)) {
		b, err := json.Marshal(a.Decision.Claims[name])
		if err != nil {
			b = []byte("a value that cannot be shown")
		}
		p.line("  claim     %s = %s", name, b)
	}
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, " ")
}
