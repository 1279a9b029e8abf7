package emit

import (
	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// unshare is the statements that make the variable share no memory with what it was
// a copy of; none if it cannot.
func (g *generator) unshare(variable string, t *check.Type) []jen.Code {
	if !g.mutable(t) {
		return nil
	}
	v := jen.Id(variable)
	set := func(value jen.Code) []jen.Code { return one(v.Clone().Op("=").Add(value)) }
	switch t.Kind {
	case check.Bytes:
		return set(jen.Qual("slices", "Clone").Call(v))
	case check.List:
		body := set(jen.Qual("slices", "Clone").Call(v))
		if g.mutable(t.Elem) {
			body = append(body, jen.For(jen.Id("i").Op(":=").Range().Add(v)).Block(g.unshare(variable+"[i]", t.Elem)...))
		}
		return body
	case check.Map:
		body := set(jen.Qual("maps", "Clone").Call(v))
		if g.mutable(t.Elem) {
			each := append(g.unshare("element", t.Elem), v.Clone().Index(jen.Id("key")).Op("=").Id("element"))
			body = append(body, jen.For(jen.List(jen.Id("key"), jen.Id("element")).Op(":=").Range().Add(v)).Block(each...))
		}
		return body
	case check.Optional:
		copied := g.local("copied")
		body := append(one(jen.Id(copied).Op(":=").Op("*").Add(v)), g.unshare(copied, t.Elem)...)
		body = append(body, v.Clone().Op("=").Op("&").Id(copied))
		return one(jen.If(v.Clone().Op("!=").Nil()).Block(body...))
	case check.Struct:
		g.clones(t.Named)
		return set(v.Clone().Dot("clone").Call())
	case check.Union:
		g.clones(t.Named)
		return set(jen.Id(g.cloner(t.Named)).Call(v))
	}
	return set(jen.Qual(protoPath, "CloneOf").Call(v))
}

// clones notes that copies of the type are made, and of those that it is made of.
func (g *generator) clones(n *check.Named) {
	if g.types[n].cloned {
		return
	}
	g.types[n].cloned = true
	var note func(t *check.Type)
	note = func(t *check.Type) {
		if t.Named != nil && (t.Kind == check.Struct || t.Kind == check.Union) && g.types[t.Named].mutable {
			g.clones(t.Named)
		}
		if t.Named == nil {
			for _, part := range parts(t) {
				note(part)
			}
		}
	}
	for _, part := range parts(&check.Type{Kind: n.Kind, Named: n}) {
		note(part)
	}
}
