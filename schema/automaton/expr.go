package automaton

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/sessgen/sessgen/schema/check"
)

// expr is an expression by what it means: constants by value, variables by their
// depth, imported names by their path, fields of payloads by their number on the wire, and no
// parentheses but those of the form.
func (w *canonical) expr(e *check.Expr, f *frame) string {
	return exprPrinter{e, f, w.shapes}.text(e.Tree)
}

type exprPrinter struct {
	*check.Expr
	frame  *frame
	shapes shapes
}

func (x exprPrinter) text(n ast.Expr) string {
	if n == nil {
		return ""
	}
	if tv, ok := x.Info.Types[n]; ok && tv.Value != nil {
		return tv.Value.ExactString() + ":" + types.TypeString(types.Default(tv.Type), short)
	}
	switch n := n.(type) {
	case *ast.Ident:
		return x.ident(n)
	case *ast.ParenExpr:
		return x.text(n.X)
	case *ast.BinaryExpr:
		return "(" + x.text(n.X) + " " + n.Op.String() + " " + x.text(n.Y) + ")"
	case *ast.UnaryExpr:
		return n.Op.String() + x.text(n.X)
	case *ast.StarExpr:
		return "*" + x.text(n.X)
	case *ast.SelectorExpr:
		if id, ok := n.X.(*ast.Ident); ok {
			if p, isPackage := x.Info.Uses[id].(*types.PkgName); isPackage {
				return p.Imported().Path() + "." + n.Sel.Name
			}
		}
		return x.text(n.X) + "." + x.field(x.Info.TypeOf(n.X), n.Sel.Name)
	case *ast.CallExpr:
		ellipsis := ""
		if n.Ellipsis.IsValid() {
			ellipsis = "..."
		}
		return x.text(n.Fun) + "(" + x.list(n.Args) + ellipsis + ")"
	case *ast.IndexExpr:
		return x.text(n.X) + "[" + x.text(n.Index) + "]"
	case *ast.IndexListExpr:
		return x.text(n.X) + "[" + x.list(n.Indices) + "]"
	case *ast.SliceExpr:
		text := x.text(n.X) + "[" + x.text(n.Low) + ":" + x.text(n.High)
		if n.Slice3 {
			text += ":" + x.text(n.Max)
		}
		return text + "]"
	case *ast.TypeAssertExpr:
		return x.text(n.X) + ".(" + x.text(n.Type) + ")"
	case *ast.CompositeLit:
		return x.text(n.Type) + "{" + x.elements(n) + "}"
	case *ast.KeyValueExpr:
		return x.text(n.Key) + ": " + x.text(n.Value)
	case *ast.ArrayType:
		return "[" + x.text(n.Len) + "]" + x.text(n.Elt)
	case *ast.MapType:
		return "map[" + x.text(n.Key) + "]" + x.text(n.Value)
	case *ast.Ellipsis:
		return "..."
	}
	// What is left are types that are written out, as in a conversion.
	if tv, ok := x.Info.Types[n]; ok && tv.Type != nil {
		return types.TypeString(tv.Type, short)
	}
	return fmt.Sprintf("%T", n)
}

func (x exprPrinter) list(list []ast.Expr) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = x.text(e)
	}
	return strings.Join(texts, ", ")
}

// elements are those of a composite literal; of a struct, each behind its field.
func (x exprPrinter) elements(n *ast.CompositeLit) string {
	t := x.Info.TypeOf(n)
	of := x.shapes.struc(t)
	if of == nil {
		return x.list(n.Elts)
	}
	texts := make([]string, len(n.Elts))
	for i, e := range n.Elts {
		name := of.Fields[i].Name
		if kv, keyed := e.(*ast.KeyValueExpr); keyed {
			name, e = kv.Key.(*ast.Ident).Name, kv.Value
		}
		texts[i] = x.field(t, name) + ": " + x.text(e)
	}
	return strings.Join(texts, ", ")
}

// field is the field or method of that name: what is on the wire has a number, and no name.
func (x exprPrinter) field(t types.Type, name string) string {
	if of := x.shapes.struc(t); of != nil {
		for _, f := range of.Fields {
			if f.Name == name {
				return fmt.Sprint("#", f.Number)
			}
		}
	}
	return name
}

// ident is a variable by its depth, and anything else by its name.
func (x exprPrinter) ident(id *ast.Ident) string {
	if o, isVar := x.Info.Uses[id].(*types.Var); isVar && !o.IsField() {
		for _, v := range x.Vars {
			if v.Name == id.Name {
				return fmt.Sprintf("$%d", x.frame.depth+v.Depth)
			}
		}
	}
	return id.Name
}

// short names the package of a type by its path, and the schema's own by nothing.
func short(p *types.Package) string {
	if strings.Contains(p.Path(), "/") || p.Path() == "time" {
		return p.Path()
	}
	return ""
}
