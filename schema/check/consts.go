package check

import (
	goast "go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// constants evaluates the constants, each after those that it uses.
func (c *checker) constants() {
	byName := map[string]*constSource{}
	for _, s := range c.consts {
		byName[s.made.Name] = s
	}
	for _, s := range c.consts {
		c.constant(s, byName)
	}
}

func (c *checker) constant(s *constSource, byName map[string]*constSource) {
	switch s.state {
	case checked:
		return
	case underWay:
		c.report(diag.BadConst, s.decl.Name, "constant %s is made of itself", s.made.Name)
		c.noValue(s)
		return
	}
	s.state = underWay
	defer func() {
		if s.made.Value == nil {
			c.noValue(s)
		}
	}()
	goast.Inspect(s.decl.Value.Tree, func(n goast.Node) bool {
		if id, ok := n.(*goast.Ident); ok {
			if other := byName[id.Name]; other != nil {
				c.constant(other, byName)
			}
		}
		return true
	})
	s.state = checked

	value := s.decl.Value
	if broken(value.Tree) || !c.allowed(value) {
		return
	}
	sc := c.scope(s.file, nil)
	want := types.Type(nil)
	if s.decl.Type != nil {
		if broken(s.decl.Type.Tree) {
			return
		}
		info, ok := sc.check(s.decl.Type, s.decl.Type.Tree, diag.BadConst)
		if !ok {
			return
		}
		if tv := info.Types[s.decl.Type.Tree]; !tv.IsType() {
			c.report(diag.BadConst, s.decl.Type, "%s is not a type", s.decl.Type.Text)
			return
		}
		s.made.Type = sc.made(s.decl.Type, info)
		want = info.TypeOf(s.decl.Type.Tree)
		if b, basic := want.Underlying().(*types.Basic); !basic || b.Info()&types.IsConstType == 0 {
			c.report(diag.BadConst, s.decl.Type, "there are no constants of type %s", s.decl.Type.Text)
			return
		}
	}
	info, ok := sc.check(value, value.Tree, diag.BadConst)
	if !ok {
		return
	}
	tv := info.Types[value.Tree]
	if tv.Value == nil {
		c.report(diag.BadConst, value, "%s is not a constant", value.Text)
		return
	}
	if tv.Value.Kind() == constant.String && len(constant.StringVal(tv.Value)) > maxString {
		c.report(diag.BadConst, value, "a string of more than %d bytes", maxString)
		return
	}
	s.made.Expr = sc.made(value, info)
	typ, val := tv.Type, tv.Value
	if want != nil {
		if _, ok := sc.assign(value, want, diag.BadConst); !ok {
			return
		}
		typ, val = want, converted(val, want)
	}
	if b, basic := typ.Underlying().(*types.Basic); basic && b.Kind() == types.UntypedNil || val.Kind() == constant.Complex {
		c.report(diag.BadConst, value, "%s is no constant that a protocol can use", value.Text)
		return
	}
	s.made.Value = types.NewConst(s.decl.Name.Pos(), c.schema.Go, s.made.Name, typ, val)
	c.schema.Go.Scope().Insert(s.made.Value)
}

// noValue lets go/types know a constant of which all has been said.
func (c *checker) noValue(s *constSource) {
	c.schema.Go.Scope().Insert(types.NewConst(s.decl.Name.Pos(), c.schema.Go, s.made.Name, types.Typ[types.Invalid], constant.MakeUnknown()))
}

// maxString is how long a constant may be: those made of others that are made of others would grow without bound.
const maxString = 1 << 16

// converted is a constant's value as its type holds it.
func converted(v constant.Value, t types.Type) constant.Value {
	switch info := t.Underlying().(*types.Basic).Info(); {
	case info&types.IsInteger != 0:
		return constant.ToInt(v)
	case info&types.IsFloat != 0:
		return constant.ToFloat(v)
	}
	return v
}

// broken reports whether the parser found no Go expression.
func broken(tree goast.Expr) bool {
	_, bad := tree.(*goast.BadExpr)
	return bad || tree == nil
}

// enum declares the members of an enumeration, which are constants called <Enum><Member>.
func (c *checker) enum(d *ast.Enum, f *ast.File, n *Named) {
	n.goType.(*types.Named).SetUnderlying(types.Typ[types.Int32])
	seen := map[string]token.Pos{}
	for i, m := range d.Members {
		c.wellFormed(m.Name, "member", false, true)
		if before, taken := seen[m.Name.Name]; taken {
			c.report(diag.Repeated, m.Name, "member %s is there twice", m.Name.Name).Relate(before, "the first")
			continue
		}
		seen[m.Name.Name] = m.Name.Pos()
		n.Members = append(n.Members, &Member{Decl: c.decl(m.Name, m.Doc, f), Number: i})
		goName := n.Name + m.Name.Name
		c.schema.Go.Scope().Insert(types.NewConst(m.Name.Pos(), c.schema.Go, goName, n.goType, constant.MakeInt64(int64(i))))
	}
	if len(d.Members) == 0 && !d.Partial {
		c.report(diag.EmptyType, d.Name, "enum %s has no members", d.Name.Name)
	}
}
