package emit

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// encoder, decoder and cloner are the functions of a union: an interface has no methods of ours.
func (g *generator) encoder(u *check.Named) string { return g.ofUnion("encode", u) }
func (g *generator) decoder(u *check.Named) string { return g.ofUnion("decode", u) }
func (g *generator) cloner(u *check.Named) string  { return g.ofUnion("clone", u) }

// ofUnion gives way to a variable of the schema, which would hide it.
func (g *generator) ofUnion(verb string, u *check.Named) string {
	name := verb + u.Name
	for g.variables[name] {
		name += "_"
	}
	return name
}

// constant writes a constant as the schema has it.
func (g *generator) constant(c *check.Const) {
	f := g.files[c.File]
	f.Line()
	if c.Doc != "" {
		f.Add(docOf(c.Doc, ""))
	}
	decl := jen.Const().Id(c.Name)
	if c.Type != nil {
		decl.Add(g.raw(c.Type))
	}
	f.Add(decl.Op("=").Add(g.raw(c.Expr)))
}

// payload writes a declared type and its codec.
func (g *generator) payload(n *check.Named) {
	f := g.files[n.File]
	switch n.Kind {
	case check.Struct:
		g.structType(f, n)
	case check.Enum:
		g.enumType(f, n)
	case check.Union:
		g.unionType(f, n)
	case check.Extern:
		f.Line().Add(docOf(n.Doc, n.Name+" is a Go type that the schema names ("+at(n.Pos)+")."))
		f.Type().Id(n.Name).Op("=").Qual(n.Path, n.GoName)
	}
}

func (g *generator) structType(f *file, n *check.Named) {
	f.Line().Add(docOf(n.Doc, n.Name+" is a payload type of the schema ("+at(n.Pos)+")."))
	var fields []jen.Code
	for _, field := range n.Fields {
		if field.Doc != "" {
			fields = append(fields, docOf(field.Doc, ""))
		}
		fields = append(fields, jen.Id(field.Name).Add(g.goType(field.Type)))
	}
	f.Type().Id(n.Name).Struct(fields...)
	traits := g.types[n]
	if !traits.carried {
		return
	}
	byNumber := slices.Clone(n.Fields)
	slices.SortFunc(byNumber, func(a, b *check.Field) int { return a.Number - b.Number })

	var numbers []int
	var decode [][]jen.Code
	encode := g.fields(func() (all []jen.Code) {
		for _, field := range byNumber {
			all = append(all, g.encode("e", "v."+field.Name, field.Number, field.Type, false)...)
		}
		return all
	})
	for _, field := range byNumber {
		numbers = append(numbers, field.Number)
		decode = append(decode, g.decode("d", "v."+field.Name, field.Type))
	}
	e, d := jen.Id("e").Op("*").Qual(sessionPath, "Encoder"), jen.Id("d").Op("*").Qual(sessionPath, "Decoder")
	receiver := jen.Id("v").Op("*").Id(n.Name)
	if len(n.Fields) == 0 {
		f.Line().Func().Params(jen.Op("*").Id(n.Name)).Id("encode").Params(jen.Op("*").Qual(sessionPath, "Encoder")).Block()
		f.Line().Func().Params(jen.Op("*").Id(n.Name)).Id("decode").Params(d).Block(jen.Id("d").Dot("Leave").Call(jen.Id("d").Dot("Enter").Call()))
		return
	}
	f.Line().Func().Params(receiver).Id("encode").Params(e).Block(encode...)
	f.Line().Func().Params(receiver).Id("decode").Params(d).Block(
		jen.Id("outer").Op(":=").Qual(sessionPath, "EnterStruct").Call(jen.Id("d"), jen.Id("v")),
		g.decodeFields("d", numbers, decode),
		jen.Id("d").Dot("Leave").Call(jen.Id("outer")),
	)
	if traits.needs && g.asksFor(n) {
		g.incomplete(f, n)
	}
	if traits.cloned {
		var body []jen.Code
		for _, field := range n.Fields {
			body = append(body, g.unshare("v."+field.Name, field.Type)...)
		}
		f.Line().Func().Params(jen.Id("v").Id(n.Name)).Id("clone").Params().Id(n.Name).Block(append(body, jen.Return(jen.Id("v")))...)
	}
}

// asksFor reports whether some decoder asks whether a value of the type is
// incomplete: because it stands by itself, or in another such value.
func (g *generator) asksFor(n *check.Named) bool {
	for _, other := range g.p.Types {
		asks := g.types[other].checked
		if other.Kind != check.Struct || !g.types[other].carried {
			continue
		}
		if asks && (other == n || reaches(&check.Type{Kind: check.Struct, Named: other}, func(t *check.Type) bool { return t.Named == n }, direct)) {
			return true
		}
	}
	return false
}

// incomplete writes the method that finds a union missing in a value.
func (g *generator) incomplete(f *file, n *check.Named) {
	var test *jen.Statement
	add := func(c *jen.Statement) {
		if test == nil {
			test = c
			return
		}
		test.Op("||").Add(c)
	}
	for _, field := range n.Fields {
		switch {
		case field.Type.Kind == check.Union:
			add(jen.Id("v").Dot(field.Name).Op("==").Nil())
		case field.Type.Kind == check.Struct && g.types[field.Type.Named].needs:
			add(jen.Id("v").Dot(field.Name).Dot("incomplete").Call())
		}
	}
	f.Line().Comment("// incomplete reports whether a union is missing.")
	f.Func().Params(jen.Id("v").Op("*").Id(n.Name)).Id("incomplete").Params().Bool().Block(jen.Return(test))
}

func (g *generator) enumType(f *file, n *check.Named) {
	f.Line().Add(docOf(n.Doc, n.Name+" is an enumeration of the schema ("+at(n.Pos)+")."))
	f.Type().Id(n.Name).Int32()
	var members, cases []jen.Code
	for i, m := range n.Members {
		if m.Doc != "" {
			members = append(members, docOf(m.Doc, ""))
		}
		name := jen.Id(n.Name + m.Name)
		if i == 0 {
			name.Id(n.Name).Op("=").Iota()
		}
		members = append(members, name)
		cases = append(cases, jen.Case(jen.Id(n.Name+m.Name)).Block(jen.Return(jen.Lit(m.Name))))
	}
	f.Line().Comment("// The members of " + n.Name + ".")
	f.Const().Defs(members...)
	f.Line().Comment("// String is the member's name in the schema.")
	f.Func().Params(jen.Id("v").Id(n.Name)).Id("String").Params().String().Block(
		jen.Switch(jen.Id("v")).Block(cases...),
		jen.Return(jen.Lit(n.Name+"(").Op("+").Qual("strconv", "Itoa").Call(jen.Int().Call(jen.Id("v"))).Op("+").Lit(")")),
	)
}

func (g *generator) unionType(f *file, n *check.Named) {
	marker := "is" + n.Name
	var memberNames []string
	for _, m := range n.Members {
		memberNames = append(memberNames, m.Name)
	}
	f.Line().Add(docOf(n.Doc, n.Name+" is one of the structs "+series(memberNames, "and")+", by value: a pointer to one has no encoding ("+at(n.Pos)+")."))
	f.Type().Id(n.Name).Interface(jen.Id(marker).Params())
	f.Line()
	for _, m := range n.Members {
		f.Func().Params(jen.Id(m.Struct.Name)).Id(marker).Params().Block()
	}
	if !g.types[n].carried {
		return
	}
	var encode, decode, clone []jen.Code
	for _, m := range n.Members {
		member := &check.Type{Kind: check.Struct, Named: m.Struct}
		encode = append(encode, jen.Case(jen.Id(m.Struct.Name)).Block(g.encode("e", "v", m.Number, member, true)...))
		body := append([]jen.Code{
			jen.List(jen.Id("member"), jen.Id("_")).Op(":=").Id("v").Assert(jen.Id(m.Struct.Name)),
			jen.Id("member").Dot("decode").Call(jen.Id("d")),
		}, g.demand("d", "member", member)...)
		decode = append(decode, jen.Case(jen.Lit(m.Number)).Block(append(body, jen.Id("v").Op("=").Id("member"))...))
		if g.types[m.Struct].mutable {
			clone = append(clone, jen.Case(jen.Id(m.Struct.Name)).Block(jen.Return(jen.Id("v").Dot("clone").Call())))
		}
	}
	encode = append(encode, jen.Default().Block(jen.Id("e").Dot("Fail").Call(jen.Qual("errors", "New").Call(jen.Lit("no "+n.Name+": neither nil nor a pointer is one, a value of "+series(memberNames, "or")+" is")))))
	f.Line().Func().Id(g.encoder(n)).Params(jen.Id("e").Op("*").Qual(sessionPath, "Encoder"), jen.Id("v").Id(n.Name)).Block(
		jen.Switch(jen.Id("v").Op(":=").Id("v").Assert(jen.Type())).Block(encode...),
	)
	f.Line().Func().Id(g.decoder(n)).Params(jen.Id("d").Op("*").Qual(sessionPath, "Decoder"), jen.Id("v").Id(n.Name)).Id(n.Name).Block(
		jen.Id("outer").Op(":=").Id("d").Dot("Enter").Call(),
		jen.For(jen.Id("d").Dot("Next").Call()).Block(jen.Switch(jen.Id("d").Dot("Field").Call()).Block(decode...)),
		jen.Id("d").Dot("Leave").Call(jen.Id("outer")),
		jen.If(jen.Id("v").Op("==").Nil()).Block(jen.Id("d").Dot("Fail").Call(jen.Lit("no "+n.Name))),
		jen.Return(jen.Id("v")),
	)
	if g.types[n].cloned {
		f.Line().Func().Id(g.cloner(n)).Params(jen.Id("v").Id(n.Name)).Id(n.Name).Block(
			jen.Switch(jen.Id("v").Op(":=").Id("v").Assert(jen.Type())).Block(clone...),
			jen.Return(jen.Id("v")),
		)
	}
}
