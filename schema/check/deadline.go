package check

import (
	goast "go/ast"
	"go/constant"
	"go/types"
	"time"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// within checks a deadline: a constant of type time.Duration that is longer than nothing.
func (w *walker) within(e *ast.Expr, sc scope) time.Duration {
	c := w.c
	if broken(e.Tree) || !c.allowed(e) {
		return 0
	}
	info, ok := w.scope(sc).check(e, e.Tree, diag.BadDuration)
	if !ok {
		return 0
	}
	tv := info.Types[e.Tree]
	refuse := func(format string, args ...any) {
		d := c.report(diag.BadDuration, e, format, args...)
		if id, isName := e.Tree.(*goast.Ident); isName {
			if n := c.names[id.Name]; n != nil {
				d.Relate(n.pos, id.Name+" is declared here")
			}
		}
	}
	switch {
	case tv.IsType():
		refuse("%s is a type, and a deadline is a duration, as in 500ms", e.Text)
	case tv.Value == nil:
		refuse("%s is not a constant: a deadline is the same in every run", e.Text)
	case !types.Identical(tv.Type, c.timeType("Duration")) && types.Identical(types.Default(tv.Type), types.Typ[types.Int]):
		refuse("%s has no unit, and a deadline is a duration, as in 500ms", e.Text)
	case !types.Identical(tv.Type, c.timeType("Duration")):
		refuse("%s is of type %s, and a deadline is a duration, as in 500ms", e.Text, typeName(tv.Type))
	default:
		n, _ := constant.Int64Val(tv.Value)
		if n > 0 {
			return time.Duration(n)
		}
		refuse("nothing arrives within %s; a deadline is longer than that", time.Duration(n))
	}
	return 0
}
