package emit

import (
	"go/ast"
	"go/parser"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// raw is an expression of the schema as it stands there, its imports bound to those of the file.
func (g *generator) raw(e *check.Expr) *jen.Statement {
	tree, err := parser.ParseExpr(e.Text)
	if err != nil {
		return jen.Id(e.Text) // the formatter will say so
	}
	code, done := jen.Null(), 0
	ast.Inspect(tree, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := s.X.(*ast.Ident)
		if !ok {
			return true
		}
		i := slices.IndexFunc(e.Imports, func(im *check.Import) bool { return im.Name == id.Name })
		if i < 0 {
			return true
		}
		// Positions of ParseExpr count from 1.
		code.Id(e.Text[done:s.Pos()-1]).Qual(e.Imports[i].Path, s.Sel.Name)
		done = int(s.End()) - 1
		return false
	})
	return code.Id(e.Text[done:])
}
