package mapping

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// program is one compiled expression with what is known of it beforehand.
type program struct {
	ast       *cel.Ast
	run       cel.Program // Decide's: no state is kept
	watch     cel.Program // Explain's: every part evaluated and its value kept
	givesBool bool        // or a claim's value, which only the login knows
	gives     string      // its type, in words

	paths      []path // everything it looks at, in the order of the text
	claimNames []string
	dynamic    bool
}

// path is one thing an expression looks at: claims.realm.roles, user.email.
type path struct {
	id    int64
	steps []string // "claims", "realm", "roles"; or the variable's whole name
	text  string
	asks  bool // has(…) or .?name: not being there is an answer, not an error
	list  bool // `in` or exists looks through it: it must be a list
}

// expression compiles one, or notes what is wrong with it and gives nil.
func (c *compiler) expression(key, text string) *program {
	if strings.TrimSpace(text) == "" {
		c.problem(key, "write a CEL expression, as in claims.department or 'sales'", "the expression is empty")
		return nil
	}
	env, err := environment()
	if err != nil {
		c.problem(key, "", "the expression language could not be set up: %v", err)
		return nil
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			message, hint := compileWords(e.Message, text)
			c.problem(key, hint, "%s (line %d, character %d of the expression)", message, e.Location.Line(), e.Location.Column()+1)
			if strings.HasPrefix(e.Message, "Syntax error") {
				break // what follows a syntax error is its echo
			}
		}
		return nil
	}
	root := ast.NativeRep().Expr()
	if faults := lint(root); len(faults) > 0 {
		for _, f := range faults {
			c.problem(key, f.hint, "%s", f.message)
		}
		return nil
	}
	p := &program{ast: ast, gives: typeWords(ast.OutputType())}
	p.givesBool = ast.OutputType().IsExactType(cel.BoolType) || ast.OutputType().IsExactType(cel.DynType)
	if p.run, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit)); err == nil {
		p.watch, err = env.Program(ast, cel.EvalOptions(cel.OptTrackState|cel.OptExhaustiveEval), cel.CostLimit(10*costLimit))
	}
	if err != nil {
		c.problem(key, "", "the expression cannot run: %v", err)
		return nil
	}
	p.look(root, false)
	p.claimNames = slices.Compact(slices.Sorted(slices.Values(p.claimNames)))
	return p
}

// look gathers the paths of an expression, outermost first.
func (p *program) look(e celast.Expr, asks bool) {
	if steps, ok := stepsOf(e); ok {
		p.paths = append(p.paths, path{id: e.ID(), steps: steps, text: pathText(steps), asks: asks || tests(e)})
		switch {
		case steps[0] != "claims":
		case len(steps) > 1:
			p.claimNames = append(p.claimNames, steps[1])
		default:
			p.dynamic = true
		}
		return
	}
	switch e.Kind() {
	case celast.SelectKind:
		p.look(e.AsSelect().Operand(), asks)
	case celast.CallKind:
		call := e.AsCall()
		if call.FunctionName() == operators.In && isClaims(call.Args()[1]) { // 'hd' in claims
			if name, ok := literal(call.Args()[0]); ok {
				p.paths = append(p.paths, path{id: e.ID(), steps: []string{"claims", name}, text: pathText([]string{"claims", name}), asks: true})
				p.claimNames = append(p.claimNames, name)
				return
			}
		}
		if call.IsMemberFunction() {
			p.look(call.Target(), asks)
		}
		for _, a := range call.Args() {
			p.look(a, asks)
		}
		if call.FunctionName() == operators.In {
			p.mustBeList(call.Args()[1])
		}
	case celast.ListKind:
		for _, x := range e.AsList().Elements() {
			p.look(x, asks)
		}
	case celast.MapKind:
		for _, x := range e.AsMap().Entries() {
			p.look(x.AsMapEntry().Key(), asks)
			p.look(x.AsMapEntry().Value(), asks)
		}
	case celast.ComprehensionKind:
		f := e.AsComprehension()
		p.look(f.IterRange(), asks)
		p.mustBeList(f.IterRange())
		p.look(f.LoopCondition(), asks)
		p.look(f.LoopStep(), asks)
		p.look(f.Result(), asks)
	}
}

// mustBeList marks the path that e is, if it is one.
func (p *program) mustBeList(e celast.Expr) {
	for i := range p.paths {
		if p.paths[i].id == e.ID() && len(p.paths[i].steps) > 1 {
			p.paths[i].list = true
		}
	}
}

// stepsOf reads an expression that is a plain path: claims.a["b"].?c, user.email.
func stepsOf(e celast.Expr) ([]string, bool) {
	switch e.Kind() {
	case celast.IdentKind:
		if name := e.AsIdent(); slices.Contains(variables, name) {
			return []string{name}, true
		}
	case celast.SelectKind:
		s := e.AsSelect()
		if steps, ok := stepsOf(s.Operand()); ok {
			return append(slices.Clip(steps), s.FieldName()), true
		}
	case celast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			name, isText := literal(call.Args()[1])
			if steps, ok := stepsOf(call.Args()[0]); ok && isText {
				return append(slices.Clip(steps), name), true
			}
		}
	}
	return nil, false
}

// tests tells whether a path only asks if something is there.
func tests(e celast.Expr) bool {
	switch e.Kind() {
	case celast.SelectKind:
		return e.AsSelect().IsTestOnly() || tests(e.AsSelect().Operand())
	case celast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.OptIndex, operators.OptSelect:
			return true
		case operators.Index:
			return tests(call.Args()[0])
		}
	}
	return false
}

func isClaims(e celast.Expr) bool { return e.Kind() == celast.IdentKind && e.AsIdent() == "claims" }

func literal(e celast.Expr) (string, bool) {
	if e.Kind() != celast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

type lintFault struct{ message, hint string }

// lint refuses what CEL accepts and no rule should do.
func lint(root celast.Expr) []lintFault {
	var out []lintFault
	celast.PostOrderVisit(root, celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() == celast.StructKind {
			out = append(out, lintFault{"rules know no message types", "write a map: {'name': value}"})
		}
		if e.Kind() != celast.CallKind {
			return
		}
		call := e.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			args = append([]celast.Expr{call.Target()}, args...)
		}
		switch call.FunctionName() {
		case "matches":
			// A pattern that arrives with a login is compiled for every login, at the price its sender chooses.
			if _, ok := literal(args[len(args)-1]); !ok {
				out = append(out, lintFault{"the pattern of matches must stand in the rule itself", "write it as a text: claims.email.matches('^[a-z]+@acme\\\\.example$')"})
			}
		case "contains":
			// "not-admins,staff".contains("admin") is true: names are compared whole.
			if steps, ok := stepsOf(args[0]); ok && len(steps) > 1 && listName(steps[len(steps)-1]) {
				of := pathText(steps)
				out = append(out, lintFault{"contains finds a piece of a name, so that 'admin' is found in 'not-admin'",
					"write 'admin' in " + of + "; where it is one text with commas: 'admin' in " + of + ".split(',')"})
			}
		}
	}))
	return out
}

// listName tells whether a claim is by custom a list of names: groups,
// cognito:groups, https://acme.example/roles.
func listName(claim string) bool {
	if i := strings.LastIndexAny(claim, "/:"); i >= 0 {
		claim = claim[i+1:]
	}
	switch strings.ToLower(claim) {
	case "groups", "group", "roles", "role", "permissions", "entitlements", "memberof":
		return true
	}
	return false
}
