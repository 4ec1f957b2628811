package storage_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// statementArg is which argument of a call is SQL, by the call's last name.
var statementArg = map[string]int{"ExecContext": 1, "QueryContext": 1, "QueryRowContext": 1, "read": 1, "exec": 2, "each": 3, "admins": 2, "identities": 1,
	"auditRows": 1, "wholeLogins": 1, "endAll": 2, "losingAdmin": 2, "insertMany": 2, "nextPlace": 3}

func TestA07_NoStatementIsBuiltFromWhatCameFromOutside(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	s := &statements{t: t, set: set, constants: map[string]bool{}}
	var parsed []*ast.File
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						s.constants[name.Name] = true
					}
				}
			}
		}
	}
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			s.fn = fn
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if i, ok := statementArg[lastName(call.Fun)]; ok && i < len(call.Args) {
						s.count++
						s.constant(call.Args[i], 0)
					}
				}
				return true
			})
		}
	}
	if s.count < 150 {
		t.Errorf("only %d statements were found: does this test still know them?", s.count)
	}
	// It can fail: these are what it must see.
	for _, body := range []string{"d.read(ctx, `SELECT ` + f.Q)", "d.read(ctx, `SELECT ` + q)", "d.read(ctx, fmt.Sprintf(`SELECT %s`, q))", "where := `WHERE ` + q; d.read(ctx, where)", "d.read(ctx, strings.Join(f.List, q))"} {
		f, err := parser.ParseFile(set, "bad.go", "package p\nfunc (d *DB) Find(ctx C, q string, f Filter) {"+body+"}", 0)
		if err != nil {
			t.Fatal(err)
		}
		bad := &statements{set: set, constants: map[string]bool{}, fn: f.Decls[0].(*ast.FuncDecl)}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && lastName(call.Fun) == "read" {
				bad.constant(call.Args[1], 0)
			}
			return true
		})
		if bad.bad == 0 {
			t.Errorf("not seen: %s", body)
		}
	}
}

// statements looks at one function after the other.
type statements struct {
	t          *testing.T
	set        *token.FileSet
	constants  map[string]bool
	fn         *ast.FuncDecl
	count, bad int
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// reachable tells whether another package can call a function.
func reachable(fn *ast.FuncDecl) bool {
	if fn.Recv != nil {
		receiver := fn.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		return fn.Name.IsExported() && ast.IsExported(lastName(receiver))
	}
	return fn.Name.IsExported()
}

// constant wants text of this program: literals, constants, tables of literals, and what
// a function that no other package can call was given by the rest of this one.
func (s *statements) constant(e ast.Expr, depth int) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return
	case *ast.ParenExpr:
		s.constant(e.X, depth)
		return
	case *ast.BinaryExpr:
		s.constant(e.X, depth)
		s.constant(e.Y, depth)
		return
	case *ast.CallExpr:
		if lastName(e.Fun) == "placeholders" { // of numbers
			return
		}
	case *ast.SelectorExpr:
		if base, ok := e.X.(*ast.Ident); ok && base.Obj != nil {
			if _, param := base.Obj.Decl.(*ast.Field); !param { // a row of a table in this function, or of the package
				return
			}
		}
	case *ast.Ident:
		if s.constants[e.Name] {
			return
		}
		if e.Obj != nil && depth < 5 {
			switch decl := e.Obj.Decl.(type) {
			case *ast.Field:
				if !reachable(s.fn) {
					return
				}
			case *ast.AssignStmt:
				for i, left := range decl.Lhs {
					if id, ok := left.(*ast.Ident); ok && id.Name == e.Name && i < len(decl.Rhs) {
						s.constant(decl.Rhs[i], depth+1)
						return
					}
				}
			}
		}
	}
	s.bad++
	if s.t != nil {
		s.t.Errorf("%s: part of a statement is not text of this program", s.set.Position(e.Pos()))
	}
}
