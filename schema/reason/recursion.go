package reason

import (
	"go/ast"
	"slices"

	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
)

// recursions warns of recursions that nothing continues, and of parameters that could be left out.
func (r *reasoner) recursions(body []check.Stmt) {
	each(body, func(st check.Stmt) {
		rec, ok := st.(*check.Rec)
		if !ok {
			return
		}
		once := !continued(rec)
		if once && len(rec.Vars) == 0 { // with variables it gives values names
			r.warn(diag.NeverContinued, rec.Pos, len(rec.Name), "nothing continues %s: it runs once; only to name the state, write state %s", rec.Name, rec.Name)
		}
		for i, v := range rec.Vars {
			switch u := use(rec, i); {
			case u.changed: // even if nothing uses it, the program may read it
			case !u.used:
				r.warn(diag.UnusedParameter, v.Pos, len(v.Name), "%s is never used, and never changes", v.Name)
			case !once:
				r.warn(diag.ConstantParameter, v.Pos, len(v.Name), "%s never changes: each continue hands it on as it is", v.Name)
			}
		}
	})
}

// continued reports whether a continue goes back to the head of the recursion.
func continued(rec *check.Rec) (found bool) {
	each(rec.Body, func(st check.Stmt) {
		c, ok := st.(*check.Continue)
		found = found || ok && c.Rec == rec
	})
	return found
}

// usage is what becomes of a parameter of a recursion.
type usage struct {
	used    bool // by anything but the argument that hands it on
	changed bool // a continue gives it another value
}

func use(rec *check.Rec, i int) (u usage) {
	v := rec.Vars[i]
	each(rec.Body, func(st check.Stmt) {
		exprs := expressions(st)
		if c, ok := st.(*check.Continue); ok && c.Rec == rec {
			if !isVar(c.Args[i], v) {
				u.changed = true
			}
			exprs = append(slices.Clone(c.Args[:i]), c.Args[i+1:]...)
		}
		for _, e := range exprs {
			u.used = u.used || e != nil && slices.Contains(e.Vars, v)
		}
	})
	return u
}

// isVar reports whether the expression is the variable and nothing else.
func isVar(e *check.Expr, v *check.Var) bool {
	id, ok := ast.Unparen(e.Tree).(*ast.Ident)
	return ok && id.Name == v.Name && slices.Contains(e.Vars, v)
}

func expressions(st check.Stmt) []*check.Expr {
	switch st := st.(type) {
	case *check.Message:
		return []*check.Expr{st.Where}
	case *check.Rec:
		return st.Init
	case *check.Continue:
		return st.Args
	case *check.If:
		return []*check.Expr{st.Cond}
	}
	return nil
}

// each visits the statements and those inside them, not those of protocols that they do.
func each(body []check.Stmt, visit func(check.Stmt)) {
	for _, st := range body {
		visit(st)
		switch st := st.(type) {
		case *check.Choice:
			for _, b := range st.Branches {
				each(b, visit)
			}
		case *check.Rec:
			each(st.Body, visit)
		case *check.If:
			each(st.Then, visit)
			each(st.Else, visit)
		}
	}
}
