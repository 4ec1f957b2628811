package policy

// Suite is all policy tests of a directory.
type Suite struct {
	Cases []Case `json:"cases"`
}

// Case is one login and what it has to come to.
type Case struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Question Question `json:"-"`
	Want     Want     `json:"-"`
}

// Want is what a case expects. What is nil or empty is not looked at.
type Want struct {
	Admitted *bool
	Roles    []string       // exactly these
	Scopes   []string       // exactly these; scopes of OpenID Connect only if one of them is listed
	Claims   map[string]any // these, among others
	Denied   string         // the person reads exactly this
	Reason   string         // the operator's reason contains this
	Rule     string         // the rule that denies
}

// Results is one run of a Suite.
type Results struct {
	Cases    []Result       `json:"cases"`
	Passed   int            `json:"passed"`
	Failed   int            `json:"failed"`
	Coverage []RuleCoverage `json:"coverage"` // in the order of the rules
}

// Result is what became of one case.
type Result struct {
	Case
	Passed bool    `json:"passed"`
	Faults []Fault `json:"faults,omitzero"`
	Answer *Answer `json:"answer,omitzero"`
}

// Fault is one expectation that was not met.
type Fault struct {
	What string   `json:"what"` // roles, scopes, admitted, …
	Want string   `json:"want"`
	Got  string   `json:"got"`
	Why  []string `json:"why,omitzero"` // from the trace
}

// RuleCoverage tells in how many passing cases a rule did what.
type RuleCoverage struct {
	Rule    string `json:"rule"`
	File    string `json:"file,omitzero"`
	Line    int    `json:"line,omitzero"`
	Fired   int    `json:"fired"`
	Silent  int    `json:"silent"`          // looked at, and not true
	Errored int    `json:"errored"`         // could not be worked out
	Skipped int    `json:"skipped"`         // for another provider or client
	Always  bool   `json:"always,omitzero"` // it has no condition that could be false
}

// Gain is a privilege that a change gives: one role or one scope, by one rule.
type Gain struct {
	Rule  string `json:"rule"`
	Role  string `json:"role,omitzero"`
	Scope string `json:"scope,omitzero"`
}
