package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// This file tells why an expression came out as it did, in an administrator's words:
//
//	claims.groups is not there
//	'Engineering' in claims.groups was false: claims.groups is ["Everyone"]
//
// It walks the expression from the outside in. Of `a && b` that was false it speaks
// of the parts that were false, of `a || b` that was true of those that were true.

// why explains a condition with the values it saw.
func (p *program) why(v *view, matched bool, fault error) string {
	w := &witness{program: p, view: v}
	// The answer is already known; this second run only watches, with every branch
	// taken. Its own error is one of the things it watches.
	if _, details, _ := p.watch.Eval(v); details != nil {
		w.state = details.State()
	}
	root := p.ast.NativeRep().Expr()
	if fault != nil {
		var not *notBool
		facts := w.because(root, outcomeError, 0)
		if errors.As(fault, &not) || len(facts) == 0 || tooCostly(fault.Error()) {
			return p.faultWords(v, fault, true)
		}
		return join(facts)
	}
	facts := w.because(root, outcomeOf(types.Bool(matched)), 0)
	if len(facts) == 0 {
		return w.leaf(root, outcomeOf(types.Bool(matched)))
	}
	return join(facts)
}

// witness holds what one watched run saw.
type witness struct {
	*program
	view  *view
	state interpreter.EvalState
}

type outcome int

const (
	outcomeUnknown outcome = iota
	outcomeTrue
	outcomeFalse
	outcomeError
)

func outcomeOf(v ref.Val) outcome {
	switch {
	case v == nil:
		return outcomeUnknown
	case types.IsError(v):
		return outcomeError
	case v == types.True:
		return outcomeTrue
	case v == types.False:
		return outcomeFalse
	}
	return outcomeUnknown
}

func (w *witness) seen(e celast.Expr) outcome {
	if w.state == nil {
		return outcomeUnknown
	}
	v, _ := w.state.Value(e.ID())
	return outcomeOf(v)
}

// because lists the facts that made e come out so.
func (w *witness) because(e celast.Expr, came outcome, depth int) []string {
	if e.Kind() != celast.CallKind || depth > 64 {
		return []string{w.leaf(e, came)}
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalNot:
		inner := call.Args()[0]
		switch came {
		case outcomeTrue:
			return w.because(inner, outcomeFalse, depth+1)
		case outcomeFalse:
			return w.because(inner, outcomeTrue, depth+1)
		}
		return w.because(inner, came, depth+1)
	case operators.LogicalAnd, operators.LogicalOr:
		var facts []string
		for _, part := range flatten(e, call.FunctionName()) {
			if w.came(part) == came {
				facts = append(facts, w.because(part, came, depth+1)...)
			}
		}
		if len(facts) > 0 {
			return compact(facts)
		}
	case operators.Conditional:
		test := call.Args()[0]
		branch := call.Args()[2]
		switch w.came(test) {
		case outcomeTrue:
			branch = call.Args()[1]
		case outcomeError:
			return w.because(test, outcomeError, depth+1)
		case outcomeUnknown:
			return []string{w.leaf(test, outcomeUnknown) + ", and not true or false"}
		}
		return compact(append(w.because(test, w.came(test), depth+1), w.because(branch, came, depth+1)...))
	}
	return []string{w.leaf(e, came)}
}

// came is what a part came out as; inner && and || leave no value of their own, so
// it is worked out from their parts.
func (w *witness) came(e celast.Expr) outcome {
	if got := w.seen(e); got != outcomeUnknown || e.Kind() != celast.CallKind {
		return got
	}
	call := e.AsCall()
	name := call.FunctionName()
	switch name {
	case operators.LogicalNot:
		switch got := w.came(call.Args()[0]); got {
		case outcomeTrue:
			return outcomeFalse
		case outcomeFalse:
			return outcomeTrue
		default:
			return got
		}
	case operators.LogicalAnd, operators.LogicalOr:
		decides, otherwise := outcomeFalse, outcomeTrue
		if name == operators.LogicalOr {
			decides, otherwise = outcomeTrue, outcomeFalse
		}
		result := otherwise
		for _, part := range flatten(e, name) {
			switch got := w.came(part); got {
			case decides:
				return decides
			case otherwise:
			default:
				result = got
			}
		}
		return result
	}
	return outcomeUnknown
}

// flatten lists the operands of a chain of the same operator: a && (b && c).
func flatten(e celast.Expr, operator string) []celast.Expr {
	if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operator {
		var out []celast.Expr
		for _, a := range e.AsCall().Args() {
			out = append(out, flatten(a, operator)...)
		}
		return out
	}
	return []celast.Expr{e}
}

// leaf says one part and what it came out as, with the values of what it looks at.
func (w *witness) leaf(e celast.Expr, came outcome) string {
	sub := &program{ast: w.ast}
	sub.look(e, false)
	paths := uniquePaths(sub.paths)
	if came == outcomeError {
		return sub.partFault(w.view, w.text(e), paths)
	}
	if steps, ok := stepsOf(e); ok { // a bare claim, or has(claim)
		return w.fact(path{steps: steps, text: pathText(steps), asks: tests(e)})
	}
	if in := e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.In; in && len(paths) == 1 && paths[0].asks && isClaims(e.AsCall().Args()[1]) {
		return w.fact(paths[0])
	}
	said := map[outcome]string{outcomeTrue: " was true", outcomeFalse: " was false", outcomeUnknown: ""}[came]
	var facts []string
	for _, p := range paths {
		facts = append(facts, w.fact(p))
	}
	text := w.text(e) + said
	if len(facts) > 0 {
		text += ": " + join(facts)
	}
	return text
}

// fact says what stands at a path.
func (w *witness) fact(p path) string {
	value, gone := w.view.at(p.steps)
	if gone != "" {
		return gone + " is not there"
	}
	if p.asks && len(p.steps) > 1 {
		return p.text + " is there: " + show(value)
	}
	return p.text + " is " + show(value)
}

// text is the part as the rule's author wrote it, near enough.
func (w *witness) text(e celast.Expr) string {
	s, err := cel.ExprToString(e, w.ast.NativeRep().SourceInfo())
	if err != nil {
		return "a part of the expression"
	}
	if !strings.ContainsAny(s, `'\`) {
		s = strings.ReplaceAll(s, `"`, `'`)
	}
	return cut(s, 300)
}

// faultWords tells why an expression could not be worked out. Values are shown only
// where asked for: the words without them are kept with every grant.
func (p *program) faultWords(v *view, fault error, values bool) string {
	if missing := p.missing(v); missing != "" && !tooCostly(fault.Error()) {
		return missing + " is not there"
	}
	if misshapen := p.misshapen(v, values); misshapen != "" {
		return misshapen
	}
	var not *notBool
	if errors.As(fault, &not) && len(p.paths) == 1 {
		text := p.paths[0].text + " is " + kindWords(not.value)
		if values {
			got, _ := v.at(p.paths[0].steps)
			text += ", " + show(got) + ","
		}
		return text + " and not true or false"
	}
	words := errorWords(fault.Error(), values)
	for _, q := range p.paths {
		if got, gone := v.at(q.steps); gone == "" && len(q.steps) > 1 {
			words += "; " + q.text + " is " + kindOf(got)
			if values {
				words += ": " + show(got)
			}
		}
	}
	return words
}

// partFault is faultWords for one part of an expression, under the eyes of a witness.
func (p *program) partFault(v *view, text string, paths []path) string {
	if missing := p.missing(v); missing != "" {
		return missing + " is not there"
	}
	if misshapen := p.misshapen(v, true); misshapen != "" {
		return misshapen
	}
	var facts []string
	for _, q := range paths {
		if got, gone := v.at(q.steps); gone == "" {
			facts = append(facts, q.text+" is "+kindOf(got)+": "+show(got))
		}
	}
	if len(facts) == 0 {
		return text + " could not be worked out"
	}
	return text + " could not be worked out: " + join(facts)
}

// missing names the first thing that an expression needs and that is not there.
func (p *program) missing(v *view) string {
	for _, q := range p.paths {
		needed := q.steps
		if q.asks && len(needed) > 1 {
			needed = needed[:len(needed)-1] // has(claims.a.b) still needs claims.a
		}
		if _, gone := v.at(needed); gone != "" {
			return gone
		}
	}
	return ""
}

// misshapen names the first thing that should be a list and is not.
func (p *program) misshapen(v *view, values bool) string {
	for _, q := range p.paths {
		if !q.list {
			continue
		}
		got, gone := v.at(q.steps)
		if kind := kindOf(got); gone == "" && kind != "a list" {
			text := q.text + " is " + kind + ", not a list"
			if kind == "an object" {
				text += "; for the names in it write keys(" + q.text + ")"
			}
			if values {
				text += ": " + show(got)
			}
			return text
		}
	}
	return ""
}

// at finds the value at a path, or the shortest part of the path that is not there.
func (v *view) at(steps []string) (value any, gone string) {
	if steps[0] != "claims" {
		value, _ := v.ResolveName(steps[0])
		return value, ""
	}
	value = v.in.Claims
	for i, step := range steps[1:] {
		m, ok := value.(map[string]any)
		if ok {
			value, ok = m[step]
		}
		if !ok {
			return nil, pathText(steps[:i+2])
		}
	}
	return value, ""
}

func uniquePaths(paths []path) []path {
	var out []path
	for _, p := range paths {
		if !slices.ContainsFunc(out, func(q path) bool { return q.text == p.text }) {
			out = append(out, p)
		}
	}
	return out
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// pathText writes a path as a rule would: claims.realm['a-b'].
func pathText(steps []string) string {
	text := steps[0]
	for _, s := range steps[1:] {
		if identifier.MatchString(s) {
			text += "." + s
		} else {
			text += "['" + strings.ReplaceAll(s, "'", `\'`) + "']"
		}
	}
	return text
}

func compact(facts []string) []string {
	var out []string
	for _, f := range facts {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

func join(facts []string) string { return strings.Join(compact(facts), "; ") }

func listWords(noun string, names []string) string {
	if len(names) == 1 {
		return noun + " " + names[0]
	}
	return fmt.Sprintf("%ss %s and %s", noun, strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}
