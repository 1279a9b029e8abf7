package reason

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math/big"

	"github.com/sessgen/sessgen/schema/check"
)

// formula is an expression, and how to look at it.
type formula struct{ *check.Expr }

// variable is the variable of the protocol that the identifier names, nil if it is something else.
func (x formula) variable(id *ast.Ident) *check.Var {
	if o, isVar := x.Info.Uses[id].(*types.Var); !isVar || o.IsField() {
		return nil
	}
	for _, v := range x.Vars {
		if v.Name == id.Name {
			return v
		}
	}
	return nil
}

// term is what the expression stands for, if that is a term: v, v.F, v.F.G, and, of
// what has a length, the same with # for that.
func (x formula) term(n ast.Expr) (term, bool) {
	switch n := n.(type) {
	case *ast.ParenExpr:
		return x.term(n.X)
	case *ast.Ident:
		v := x.variable(n)
		return term{of: v}, v != nil
	case *ast.SelectorExpr:
		if s := x.Info.Selections[n]; s == nil || s.Kind() != types.FieldVal || s.Indirect() {
			return term{}, false
		}
		t, ok := x.term(n.X)
		t.path += "." + n.Sel.Name
		return t, ok
	}
	return term{}, false
}

// length is the term of an expression's length.
func (x formula) length(n ast.Expr) (term, bool) {
	t, ok := x.term(n)
	t.path += "#"
	return t, ok
}

// builtin is the name of the builtin function that is called, empty if it is another one.
func (x formula) builtin(call *ast.CallExpr) string {
	if id, ok := ast.Unparen(call.Fun).(*ast.Ident); ok {
		if b, isBuiltin := x.Info.Uses[id].(*types.Builtin); isBuiltin {
			return b.Name()
		}
	}
	return ""
}

// value is the interval of an integer expression under the facts. It is the whole
// range of the type where nothing better is known, also where the value might wrap around.
func (x formula) value(n ast.Expr, f facts) (interval, bool) {
	tv := x.Info.Types[n]
	if tv.Value != nil {
		if c, ok := number(tv.Value); ok && tv.Value.Kind() != constant.Float {
			return point(c), true
		}
		return interval{}, false
	}
	if tv.Type == nil {
		return interval{}, false
	}
	whole, ok := rangeOf(tv.Type)
	if !ok {
		return interval{}, false
	}
	if a, known := x.compute(n, f); known && a.within(whole) {
		return a, true
	}
	return whole, true
}

// compute is the interval of an expression without the wrapping of its type.
func (x formula) compute(n ast.Expr, f facts) (interval, bool) {
	if t, ok := x.term(n); ok {
		a, known := f[t]
		return a, known
	}
	switch n := n.(type) {
	case *ast.ParenExpr:
		return x.value(n.X, f)
	case *ast.UnaryExpr:
		a, ok := x.value(n.X, f)
		if ok && n.Op == token.SUB {
			return interval{new(big.Int).Neg(a.hi), new(big.Int).Neg(a.lo)}, true
		}
		return a, ok && n.Op == token.ADD
	case *ast.BinaryExpr:
		a, ok := x.value(n.X, f)
		b, too := x.value(n.Y, f)
		if ok && too {
			return arithmetic(n.Op, a, b)
		}
	case *ast.CallExpr:
		return x.call(n, f)
	}
	return interval{}, false
}

func (x formula) call(n *ast.CallExpr, f facts) (interval, bool) {
	switch name := x.builtin(n); name {
	case "len":
		if t, ok := x.length(n.Args[0]); ok {
			if a, known := f[t]; known {
				return a, true
			}
		}
		return lengths, true
	case "min", "max":
		a, ok := x.value(n.Args[0], f)
		for _, arg := range n.Args[1:] {
			b, too := x.value(arg, f)
			if !ok || !too {
				return interval{}, false
			}
			if name == "min" {
				a = interval{smaller(a.lo, b.lo), smaller(a.hi, b.hi)}
			} else {
				a = interval{larger(a.lo, b.lo), larger(a.hi, b.hi)}
			}
		}
		return a, ok
	}
	if x.Info.Types[n.Fun].IsType() && len(n.Args) == 1 { // a conversion: value makes sure that it fits
		return x.value(n.Args[0], f)
	}
	return interval{}, false
}

func arithmetic(op token.Token, a, b interval) (interval, bool) {
	each := func(do func(z, x, y *big.Int) *big.Int) (interval, bool) {
		at := func(x, y *big.Int) *big.Int { return do(new(big.Int), x, y) }
		return span(at(a.lo, b.lo), at(a.lo, b.hi), at(a.hi, b.lo), at(a.hi, b.hi)), true
	}
	positive := b.lo.Sign() > 0
	switch op {
	case token.ADD:
		return interval{new(big.Int).Add(a.lo, b.lo), new(big.Int).Add(a.hi, b.hi)}, true
	case token.SUB:
		return interval{new(big.Int).Sub(a.lo, b.hi), new(big.Int).Sub(a.hi, b.lo)}, true
	case token.MUL:
		return each((*big.Int).Mul)
	case token.QUO:
		if positive {
			return each((*big.Int).Quo)
		}
	case token.REM:
		if positive {
			most := less1(b.hi)
			r := interval{new(big.Int).Neg(most), most}
			if a.lo.Sign() >= 0 {
				r = interval{new(big.Int), smaller(most, a.hi)}
			}
			return r, true
		}
	case token.SHL, token.SHR:
		if !b.isPoint() || b.lo.Sign() < 0 || b.lo.Cmp(big.NewInt(64)) > 0 {
			break
		}
		by := uint(b.lo.Uint64())
		if op == token.SHL {
			return interval{new(big.Int).Lsh(a.lo, by), new(big.Int).Lsh(a.hi, by)}, true
		}
		return interval{new(big.Int).Rsh(a.lo, by), new(big.Int).Rsh(a.hi, by)}, true
	case token.AND:
		// What is not negative bounds the result, whatever the other is.
		switch {
		case a.lo.Sign() >= 0 && b.lo.Sign() >= 0:
			return interval{new(big.Int), smaller(a.hi, b.hi)}, true
		case a.lo.Sign() >= 0:
			return interval{new(big.Int), a.hi}, true
		case b.lo.Sign() >= 0:
			return interval{new(big.Int), b.hi}, true
		}
	}
	return interval{}, false
}
