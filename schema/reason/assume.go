package reason

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"github.com/sessgen/sessgen/schema/check"
)

// assume is what is known where the expression is want, and f held before; nil if it cannot be.
// A nil expression is always true.
func assume(e *check.Expr, f facts, want bool) facts {
	if e == nil {
		if want {
			return f
		}
		return nil
	}
	return formula{e}.assume(e.Tree, f, want)
}

// may reports whether the expression may be want. It errs towards true.
func may(e *check.Expr, f facts, want bool) bool { return assume(e, f, want) != nil }

// surely reports whether the expression certainly is true, also in that it does not panic.
func surely(e *check.Expr, f facts) bool {
	return f != nil && !may(e, f, false) && (e == nil || !e.MayPanic)
}

func (x formula) assume(n ast.Expr, f facts, want bool) facts {
	if f == nil {
		return nil
	}
	if v := x.Info.Types[n].Value; v != nil && v.Kind() == constant.Bool {
		if constant.BoolVal(v) == want {
			return f
		}
		return nil
	}
	switch n := n.(type) {
	case *ast.ParenExpr:
		return x.assume(n.X, f, want)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			return x.assume(n.X, f, !want)
		}
	case *ast.BinaryExpr:
		switch n.Op {
		case token.LAND, token.LOR:
			if (n.Op == token.LAND) == want {
				f = x.assume(n.Y, x.assume(n.X, f, want), want)
				return x.assume(n.X, f, want) // once more, with what the second has told
			}
			return x.assume(n.X, f, want).join(x.assume(n.Y, x.assume(n.X, f, !want), want))
		}
		return x.compare(n, f, want)
	default:
		if t, ok := x.term(n); ok {
			a := between(0, 0)
			if want {
				a = between(1, 1)
			}
			return f.narrow(t, a)
		}
	}
	return f
}

// narrow is f with what is known of a term narrowed to a, nil if nothing is left.
func (f facts) narrow(t term, a interval) facts {
	if old, known := f[t]; known {
		a = old.meet(a)
		if a.equal(old) {
			return f
		}
	}
	if a.empty() {
		return nil
	}
	return f.with(t, a)
}

// opposite is the comparison that holds where op does not.
var opposite = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
}

// mirrored is the comparison with its sides swapped.
var mirrored = map[token.Token]token.Token{
	token.EQL: token.EQL, token.NEQ: token.NEQ, token.LSS: token.GTR, token.GTR: token.LSS, token.LEQ: token.GEQ, token.GEQ: token.LEQ,
}

func (x formula) compare(n *ast.BinaryExpr, f facts, want bool) facts {
	op := n.Op
	if _, compares := opposite[op]; !compares {
		return f
	}
	if !want {
		op = opposite[op]
	}
	if x.itself(n) {
		if op == token.EQL || op == token.LEQ || op == token.GEQ {
			return f
		}
		return nil
	}
	a, ok := x.value(n.X, f)
	b, too := x.value(n.Y, f)
	if !ok || !too {
		return x.compareText(n, op, f)
	}
	f = x.bound(n.X, f, op, b)
	if f == nil {
		return nil
	}
	f = x.bound(n.Y, f, mirrored[op], a)
	if f == nil || below(a, op, b).empty() {
		return nil
	}
	return f
}

// below is what is left of a where each of it stands in the relation op to something of b.
func below(a interval, op token.Token, b interval) interval {
	switch op {
	case token.LSS:
		return interval{a.lo, smaller(a.hi, less1(b.hi))}
	case token.LEQ:
		return interval{a.lo, smaller(a.hi, b.hi)}
	case token.GTR:
		return interval{larger(a.lo, plus1(b.lo)), a.hi}
	case token.GEQ:
		return interval{larger(a.lo, b.lo), a.hi}
	case token.EQL:
		return a.meet(b)
	case token.NEQ:
		if b.isPoint() {
			if a.lo.Cmp(b.lo) == 0 {
				a.lo = plus1(a.lo)
			}
			if a.hi.Cmp(b.lo) == 0 {
				a.hi = less1(a.hi)
			}
		}
	}
	return a
}

// bound narrows what the side of a comparison is about, if that is a term or the length of one.
func (x formula) bound(n ast.Expr, f facts, op token.Token, by interval) facts {
	n = ast.Unparen(n)
	if x.Info.Types[n].Value != nil {
		return f
	}
	whole, ok := rangeOf(x.Info.TypeOf(n))
	if !ok {
		return f
	}
	if t, is := x.term(n); is {
		a, known := f[t]
		if !known {
			a = whole
		}
		return f.narrow(t, below(a, op, by))
	}
	if call, isCall := n.(*ast.CallExpr); isCall && x.builtin(call) == "len" {
		if t, is := x.length(call.Args[0]); is {
			a, known := f[t]
			if !known {
				a = lengths
			}
			return f.narrow(t, below(a, op, by))
		}
	}
	return f
}

// compareText knows of strings how long they must be.
func (x formula) compareText(n *ast.BinaryExpr, op token.Token, f facts) facts {
	value, side := x.Info.Types[n.Y].Value, n.X
	if value == nil {
		value, side = x.Info.Types[n.X].Value, n.Y
	}
	if value == nil || value.Kind() != constant.String {
		return f
	}
	t, is := x.length(side)
	if !is {
		return f
	}
	a, known := f[t]
	if !known {
		a = lengths
	}
	size := int64(len(constant.StringVal(value)))
	switch {
	case op == token.EQL:
		return f.narrow(t, a.meet(between(size, size)))
	case op == token.NEQ && size == 0:
		return f.narrow(t, below(a, token.GTR, between(0, 0)))
	}
	return f
}

// itself reports whether a comparison has the same on both sides. A float may differ from itself.
func (x formula) itself(n *ast.BinaryExpr) bool {
	if x.Info.Types[n.X].Value != nil || x.Info.TypeOf(n.X) == nil {
		return false
	}
	b, basic := x.Info.TypeOf(n.X).Underlying().(*types.Basic)
	if !basic || b.Info()&(types.IsInteger|types.IsString|types.IsBoolean) == 0 {
		return false
	}
	return types.ExprString(ast.Unparen(n.X)) == types.ExprString(ast.Unparen(n.Y))
}
