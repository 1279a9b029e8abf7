package emit

import (
	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// decode is the statements that read the field at hand of the decoder d into target.
func (g *generator) decode(d, target string, t *check.Type) []jen.Code {
	into := func(value jen.Code) []jen.Code { return one(jen.Id(target).Op("=").Add(value)) }
	switch t.Kind {
	case check.Enum:
		return into(jen.Id(t.Named.Name).Call(jen.Id(d).Dot("Enum").Call(jen.Lit(len(t.Named.Members)))))
	case check.Struct:
		return one(jen.Id(target).Dot("decode").Call(jen.Id(d)))
	case check.Union:
		return into(jen.Id(g.decoder(t.Named)).Call(jen.Id(d), jen.Id(target)))
	case check.Extern:
		if t.Named.Proto {
			return []jen.Code{
				jen.If(jen.Id(target).Op("==").Nil()).Block(jen.Id(target).Op("=").New(jen.Id(t.Named.Name))),
				jen.Id(d).Dot("Unmarshal").Call(jen.Func().Params(jen.Id("b").Index().Byte()).Error().Block(
					jen.Return(jen.Qual(protoPath, "UnmarshalOptions").Values(jen.Id("Merge").Op(":").True()).Dot("Unmarshal").Call(jen.Id("b"), jen.Id(target))),
				)),
			}
		}
		return one(jen.Id(d).Dot("Unmarshal").Call(jen.Id(target).Dot("UnmarshalBinary")))
	case check.Optional:
		if t.Elem.Kind == check.Struct || t.Elem.Kind == check.Extern {
			body := append(one(jen.If(jen.Id(target).Op("==").Nil()).Block(jen.Id(target).Op("=").New(g.goType(t.Elem)))), g.decode(d, target, t.Elem)...)
			return append(body, g.demand(d, target, t.Elem)...)
		}
		return []jen.Code{
			jen.Id(target).Op("=").New(g.goType(t.Elem)),
			g.decode(d, "*"+target, t.Elem)[0],
		}
	case check.List:
		return g.decodeList(d, target, t)
	case check.Map:
		return g.decodeMap(d, target, t)
	}
	return into(jen.Id(d).Dot(scalar[t.Kind].method).Call())
}

func (g *generator) decodeList(d, target string, t *check.Type) []jen.Code {
	if packer, packed := packers[t.Elem.Kind]; packed {
		args := []jen.Code{jen.Id(d), jen.Id(target)}
		if t.Elem.Kind == check.Enum {
			args = append(args, jen.Lit(len(t.Elem.Named.Members)))
		}
		return one(jen.Id(target).Op("=").Qual(sessionPath, packer[1]).Call(args...))
	}
	grow := func(value jen.Code) jen.Code {
		return jen.Id(target).Op("=").Append(jen.Qual(sessionPath, "Room").Call(jen.Id(d), jen.Id(target)), value)
	}
	switch t.Elem.Kind {
	case check.Union:
		return one(grow(jen.Id(g.decoder(t.Elem.Named)).Call(jen.Id(d), jen.Nil())))
	case check.Struct, check.Extern:
		zero := jen.Id(t.Elem.Named.Name).Values()
		if t.Elem.Kind == check.Struct && !g.types[t.Elem.Named].needs {
			return append(one(grow(zero)), g.decode(d, target+"[len("+target+")-1]", t.Elem)...)
		}
		if t.Elem.Kind == check.Extern {
			zero = jen.Op("*").New(jen.Id(t.Elem.Named.Name))
		}
		if t.Elem.Named.Proto {
			zero = jen.New(jen.Id(t.Elem.Named.Name))
		}
		element := g.local("last")
		last := jen.Id(element).Op(":=").Op("&").Id(target).Index(jen.Len(jen.Id(target)).Op("-").Lit(1))
		if t.Elem.Named.Proto {
			last = jen.Id(element).Op(":=").Id(target).Index(jen.Len(jen.Id(target)).Op("-").Lit(1))
		}
		body := append([]jen.Code{grow(zero), last}, g.decode(d, element, t.Elem)...)
		return append(body, g.demand(d, element, t.Elem)...)
	}
	return one(grow(jen.Id(d).Dot(scalar[t.Elem.Kind].method).Call()))
}

func (g *generator) decodeMap(d, target string, t *check.Type) []jen.Code {
	outer, key, element := g.local("outer"), g.local("key"), g.local("element")
	body := []jen.Code{
		jen.Id(target).Op("=").Qual(sessionPath, "RoomForEntry").Call(jen.Id(d), jen.Id(target)),
		jen.Id(outer).Op(":=").Id(d).Dot("Enter").Call(),
		jen.Var().Id(key).Add(g.goType(t.Key)),
		jen.Var().Id(element).Add(g.goType(t.Elem)),
		jen.For(jen.Id(d).Dot("Next").Call()).Block(jen.Switch(jen.Id(d).Dot("Field").Call()).Block(
			jen.Case(jen.Lit(1)).Block(g.decode(d, key, t.Key)...),
			jen.Case(jen.Lit(2)).Block(g.decode(d, element, t.Elem)...),
		)),
		jen.Id(d).Dot("Leave").Call(jen.Id(outer)),
	}
	if t.Elem.Kind == check.Union {
		body = append(body, jen.If(jen.Id(element).Op("==").Nil()).Block(jen.Id(d).Dot("Fail").Call(jen.Lit("no "+t.Elem.Named.Name))))
	}
	body = append(body, g.demand(d, element, t.Elem)...)
	return append(body,
		jen.Id(target).Index(jen.Id(key)).Op("=").Id(element),
	)
}

// demand makes the message malformed where a union is missing in a value that stands
// by itself: an element, an optional, a member of a union.
func (g *generator) demand(d, value string, t *check.Type) []jen.Code {
	if t.Kind != check.Struct || !g.types[t.Named].needs {
		return nil
	}
	return one(jen.If(jen.Id(value).Dot("incomplete").Call()).Block(jen.Id(d).Dot("Fail").Call(jen.Lit("a union is missing"))))
}

// decodeFields is the walk over the fields of a message.
func (g *generator) decodeFields(d string, numbers []int, bodies [][]jen.Code) jen.Code {
	var inner jen.Code
	if len(numbers) == 1 {
		inner = jen.If(jen.Id(d).Dot("Field").Call().Op("==").Lit(numbers[0])).Block(bodies[0]...)
	} else {
		var cases []jen.Code
		for i, n := range numbers {
			cases = append(cases, jen.Case(jen.Lit(n)).Block(bodies[i]...))
		}
		inner = jen.Switch(jen.Id(d).Dot("Field").Call()).Block(cases...)
	}
	return jen.For(jen.Id(d).Dot("Next").Call()).Block(inner)
}
