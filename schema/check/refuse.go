package check

import (
	goast "go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// refusedCalls are builtins that change things, or end them.
var refusedCalls = []string{"append", "copy", "clear", "delete", "print", "println", "panic", "recover", "close", "make", "new"}

// allowed reports whether the expression holds only what a pure one may hold.
func (c *checker) allowed(e *ast.Expr) bool {
	ok := true
	refuse := func(n goast.Node, what string) {
		ok = false
		c.reportSpan(diag.Refused, n.Pos(), n.End(), "%s cannot stand in an expression of a schema", what)
	}
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		switch n := n.(type) {
		case *goast.FuncLit:
			refuse(n, "a function literal")
			return false
		case *goast.UnaryExpr:
			switch n.Op {
			case token.ARROW:
				refuse(n, "a receive")
			case token.AND:
				refuse(n, "&")
			}
		case *goast.CallExpr:
			if id, isIdent := n.Fun.(*goast.Ident); isIdent && slices.Contains(refusedCalls, id.Name) {
				refuse(id, "a call of "+id.Name)
			}
		}
		return true
	})
	return ok
}

// ofOneEnd are packages of which every function gives each end an answer of its own.
var ofOneEnd = []string{"math/rand", "math/rand/v2", "crypto/rand", "os"}

// clockCalls are the functions of package time that look at a clock, or wait for one.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// sameAtBothEnds refuses calls that certainly have another answer at the other end, or the next time.
func (c *checker) sameAtBothEnds(e *ast.Expr, info *types.Info) {
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		call, ok := n.(*goast.CallExpr)
		if !ok {
			return true
		}
		callee, ok := goast.Unparen(call.Fun).(*goast.SelectorExpr)
		if !ok {
			return true
		}
		f, ok := info.Uses[callee.Sel].(*types.Func)
		if !ok || f.Signature().Recv() != nil || f.Pkg() == nil {
			return true
		}
		if path := f.Pkg().Path(); slices.Contains(ofOneEnd, path) || path == "time" && slices.Contains(clockCalls, f.Name()) {
			c.reportSpan(diag.Refused, callee.Pos(), callee.End(), "%s.%s does not give both ends the same answer: send what it gave as a parameter", f.Pkg().Name(), f.Name())
		}
		return true
	})
}

// comparisons refuses == where what is compared differs between two ends.
func (c *checker) comparisons(e *ast.Expr, info *types.Info) {
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		b, ok := n.(*goast.BinaryExpr)
		if !ok || b.Op != token.EQL && b.Op != token.NEQ {
			return true
		}
		x, y := info.TypeOf(b.X), info.TypeOf(b.Y)
		if x == nil || y == nil {
			return true
		}
		withNil := isNil(x) || isNil(y)
		t := x
		if isNil(x) {
			t = y
		}
		refuse := func(why string) {
			c.reportSpan(diag.BadCompare, b.Pos(), b.End(), "%s", why)
		}
		switch t.Underlying().(type) {
		case *types.Slice, *types.Map:
			refuse("an empty list, map or []byte is nil on the wire: compare its len with 0")
		case *types.Pointer:
			if !withNil {
				refuse("two ends have different pointers: compare what they point to")
			}
		case *types.Interface:
			refuse("values of a union or an interface are not compared")
		default:
			if c.isExtern(t) {
				refuse("values of an extern type are not compared with ==: use a function of its package")
			} else if c.holdsIdentity(t) {
				refuse("these structs hold pointers, unions or externs, which two ends cannot compare: compare the fields that count")
			}
		}
		return true
	})
}

// holdsIdentity reports whether == on values of t would compare what two ends have each of their own.
func (c *checker) holdsIdentity(t types.Type) bool {
	if types.Identical(t, c.timeType("Time")) {
		return false // it is UTC, and has no monotonic reading
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Interface:
		return true
	case *types.Struct:
		return c.isExtern(t) || slices.ContainsFunc(slices.Collect(u.Fields()), func(f *types.Var) bool { return c.holdsIdentity(f.Type()) })
	}
	return c.isExtern(t)
}

func isNil(t types.Type) bool {
	b, ok := t.(*types.Basic)
	return ok && b.Kind() == types.UntypedNil
}

func (c *checker) isExtern(t types.Type) bool {
	for _, s := range c.exts {
		if s.made.goType != nil && types.Identical(s.made.goType, t) {
			return true
		}
	}
	return false
}

// noFloats refuses float arithmetic where both ends must get the same bits:
// compilers may fuse operations.
func (c *checker) noFloats(e *ast.Expr, info *types.Info) {
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		b, ok := n.(*goast.BinaryExpr)
		if !ok {
			return true
		}
		switch b.Op {
		case token.ADD, token.SUB, token.MUL, token.QUO:
			tv := info.Types[b]
			if basic, is := under(tv.Type).(*types.Basic); is && tv.Value == nil && basic.Info()&types.IsFloat != 0 {
				c.reportSpan(diag.FloatState, b.Pos(), b.End(), "float arithmetic may differ between two machines: it cannot decide where the protocol goes")
				return false
			}
		}
		return true
	})
}

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// mayPanic reports whether the evaluation of the tree might panic, on the safe side.
func mayPanic(tree goast.Expr, info *types.Info) bool {
	may := false
	goast.Inspect(tree, func(n goast.Node) bool {
		switch n := n.(type) {
		case *goast.IndexExpr:
			if _, isMap := under(info.TypeOf(n.X)).(*types.Map); !isMap {
				may = true
			}
		case *goast.SliceExpr, *goast.TypeAssertExpr, *goast.StarExpr:
			may = true
		case *goast.SelectorExpr:
			if s := info.Selections[n]; s != nil {
				if _, pointer := under(s.Recv()).(*types.Pointer); pointer || s.Indirect() {
					may = true
				}
			}
		case *goast.BinaryExpr:
			may = may || binaryMayPanic(n, info)
		case *goast.CallExpr:
			may = may || callMayPanic(n, info)
		}
		return !may
	})
	return may
}

func binaryMayPanic(b *goast.BinaryExpr, info *types.Info) bool {
	right := info.Types[b.Y]
	switch b.Op {
	case token.QUO, token.REM:
		basic, is := under(info.TypeOf(b)).(*types.Basic)
		return right.Value == nil && (!is || basic.Info()&types.IsInteger != 0)
	case token.SHL, token.SHR:
		basic, is := under(right.Type).(*types.Basic)
		return right.Value == nil && (!is || basic.Info()&types.IsUnsigned == 0)
	case token.EQL, token.NEQ:
		_, dynamic := under(info.TypeOf(b.X)).(*types.Interface)
		return dynamic
	}
	return false
}

func callMayPanic(call *goast.CallExpr, info *types.Info) bool {
	if info.Types[call.Fun].IsType() { // a conversion; that of a slice to an array panics
		_, array := under(info.TypeOf(call)).(*types.Array)
		return array
	}
	id, ok := call.Fun.(*goast.Ident)
	if !ok {
		return true
	}
	_, builtin := info.Uses[id].(*types.Builtin)
	return !builtin || !slices.Contains([]string{"len", "cap", "min", "max"}, id.Name)
}
