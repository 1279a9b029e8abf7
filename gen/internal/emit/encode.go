package emit

import (
	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// encode is the statements that append value as the field number to the encoder e. With
// present set it is written even if it is the zero value: an element, or an optional that is there.
func (g *generator) encode(e, value string, number int, t *check.Type, present bool) []jen.Code {
	to := jen.Id(e)
	if present {
		to = jen.Id(e).Dot("Present").Call()
	}
	field := jen.Lit(number)
	switch t.Kind {
	case check.Enum:
		return one(to.Dot("Enum").Call(field, jen.Int32().Call(jen.Id(value)), jen.Lit(len(t.Named.Members))))
	case check.Struct:
		return g.embed(e, number, present, jen.Id(value).Dot("encode").Call(g.argument(e)))
	case check.Union:
		return g.embed(e, number, true, jen.Id(g.encoder(t.Named)).Call(g.argument(e), jen.Id(value)))
	case check.Extern:
		if t.Named.Proto {
			return g.encodeProto(e, value, number, present)
		}
		zero := jen.Op("*").New(jen.Id(t.Named.Name))
		return one(to.Dot("Extern").Call(field, jen.Id(value), zero))
	case check.Optional:
		return g.encodeOptional(e, value, number, t)
	case check.List:
		return g.encodeList(e, value, number, t)
	case check.Map:
		return g.encodeMap(e, value, number, t)
	}
	return one(to.Dot(scalar[t.Kind].method).Call(field, jen.Id(value)))
}

// argument is the encoder e as an argument: an Outbound holds one.
func (g *generator) argument(e string) jen.Code {
	if e == g.outbound {
		return jen.Op("&").Id(e).Dot("Encoder")
	}
	return jen.Id(e)
}

func one(c jen.Code) []jen.Code { return []jen.Code{c} }

// embed wraps the content of an embedded message.
func (g *generator) embed(e string, number int, present bool, content jen.Code) []jen.Code {
	end := "EndField"
	if present {
		end = "EndElement"
	}
	assign := ":="
	if g.begun != nil {
		if *g.begun {
			assign = "="
		}
		*g.begun = true
	}
	begin := g.local("begin")
	return []jen.Code{
		jen.Id(begin).Op(assign).Id(e).Dot("Begin").Call(jen.Lit(number)),
		content,
		jen.Id(e).Dot(end).Call(jen.Id(begin)),
	}
}

// nested is what write makes for a block inside a function, with variables of its own.
func (g *generator) nested(write func() []jen.Code) []jen.Code {
	begun := g.begun
	g.begun = nil
	defer func() { g.begun = begun }()
	return write()
}

// fields is what write makes for the body of a function, where begin is declared once.
func (g *generator) fields(write func() []jen.Code) []jen.Code {
	g.begun = new(bool)
	defer func() { g.begun = nil }()
	return write()
}

// encodeProto embeds a proto.Message; nil is absent, or empty where an element must be.
func (g *generator) encodeProto(e, value string, number int, present bool) []jen.Code {
	marshal := jen.Id(e).Dot("Marshal").Call(jen.Func().Params(jen.Id("b").Index().Byte()).Params(jen.Index().Byte(), jen.Error()).Block(
		jen.Return(jen.Qual(protoPath, "MarshalOptions").Values(jen.Id("Deterministic").Op(":").True()).Dot("MarshalAppend").Call(jen.Id("b"), jen.Id(value))),
	))
	if present {
		return g.embed(e, number, true, marshal)
	}
	body := g.nested(func() []jen.Code { return g.embed(e, number, true, marshal) })
	return one(jen.If(jen.Id(value).Op("!=").Nil()).Block(body...))
}

func (g *generator) encodeOptional(e, value string, number int, t *check.Type) []jen.Code {
	there, inner := jen.Id(value).Op("!=").Nil(), "*"+value
	if t.Elem.Kind == check.Struct {
		inner = value // a method is called on the pointer
		if g.types[t.Elem.Named].endless {
			there.Op("&&").Op("!").Id(e).Dot("Failed").Call()
		}
	}
	body := g.nested(func() []jen.Code { return g.encode(e, inner, number, t.Elem, true) })
	return one(jen.If(there).Block(body...))
}

// packers are the functions of the runtime that write lists of numbers, packed, and that read them.
var packers = map[check.Kind][2]string{
	check.Bool: {"PackBools", "UnpackBools"},
	check.Int:  {"PackInts", "UnpackInts"}, check.Int32: {"PackInts", "UnpackInts"}, check.Int64: {"PackInts", "UnpackInts"},
	check.Uint: {"PackInts", "UnpackInts"}, check.Uint32: {"PackInts", "UnpackInts"}, check.Uint64: {"PackInts", "UnpackInts"},
	check.Float32: {"PackFloats32", "UnpackFloats32"}, check.Float64: {"PackFloats64", "UnpackFloats64"},
	check.Enum: {"PackEnums", "UnpackEnums"},
}

func (g *generator) encodeList(e, value string, number int, t *check.Type) []jen.Code {
	if packer, packed := packers[t.Elem.Kind]; packed {
		args := []jen.Code{g.argument(e), jen.Lit(number), jen.Id(value)}
		if t.Elem.Kind == check.Enum {
			args = append(args, jen.Lit(len(t.Elem.Named.Members)))
		}
		return one(jen.Qual(sessionPath, packer[0]).Call(args...))
	}
	element, i := g.local("element"), g.local("i")
	loop := jen.For(jen.List(jen.Id("_"), jen.Id(element)).Op(":=").Range().Id(value))
	if t.Elem.Kind == check.Struct {
		loop = jen.For(jen.Id(i).Op(":=").Range().Id(value))
		element = value + "[" + i + "]"
	}
	body := g.nested(func() []jen.Code { return g.encode(e, element, number, t.Elem, true) })
	return one(loop.Block(body...))
}

// encodeMap writes the entries in the order of their keys.
func (g *generator) encodeMap(e, value string, number int, t *check.Type) []jen.Code {
	entry, key, element, has := g.local("entry"), g.local("key"), g.local("element"), g.local("has")
	content := g.nested(func() []jen.Code {
		return append(g.encode(e, key, 1, t.Key, true), g.encode(e, element, 2, t.Elem, true)...)
	})
	var body []jen.Code
	begin := jen.Id(entry).Op(":=").Id(e).Dot("Begin").Call(jen.Lit(number))
	body = append(append(append(body, begin), content...), jen.Id(e).Dot("EndElement").Call(jen.Id(entry)))
	if t.Key.Kind == check.Bool {
		return one(jen.For(jen.List(jen.Id("_"), jen.Id(key)).Op(":=").Range().Index().Bool().Values(jen.False(), jen.True())).Block(
			jen.If(jen.List(jen.Id(element), jen.Id(has)).Op(":=").Id(value).Index(jen.Id(key)), jen.Id(has)).Block(body...),
		))
	}
	keys := jen.Qual(sessionPath, "SortedKeys").Call(jen.Id(value))
	return one(jen.For(jen.List(jen.Id("_"), jen.Id(key)).Op(":=").Range().Add(keys)).Block(
		append([]jen.Code{jen.Id(element).Op(":=").Id(value).Index(jen.Id(key))}, body...)...,
	))
}
