package check

import (
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// scalars are the types that have no parts, by the name that a schema gives them.
var scalars = map[string]struct {
	kind Kind
	of   types.Type
}{
	"bool":    {Bool, types.Typ[types.Bool]},
	"int":     {Int, types.Typ[types.Int]},
	"int32":   {Int32, types.Typ[types.Int32]},
	"int64":   {Int64, types.Typ[types.Int64]},
	"uint":    {Uint, types.Typ[types.Uint]},
	"uint32":  {Uint32, types.Typ[types.Uint32]},
	"uint64":  {Uint64, types.Typ[types.Uint64]},
	"float32": {Float32, types.Typ[types.Float32]},
	"float64": {Float64, types.Typ[types.Float64]},
	"string":  {String, types.Typ[types.String]},
}

// unresolved is the type of what has none. go/types says nothing about what is made of it.
func unresolved() *Type { return &Type{Go: types.Typ[types.Invalid]} }

// typ resolves a type as it is written; Invalid if it is none, which has been reported.
func (c *checker) typ(t ast.Type) *Type {
	switch t := t.(type) {
	case *ast.Named:
		return c.namedType(t)
	case *ast.List:
		if elem, ok := t.Elem.(*ast.Named); ok && elem.String() == "byte" {
			return &Type{Kind: Bytes, Go: types.NewSlice(types.Typ[types.Byte])}
		}
		elem := c.typ(t.Elem)
		switch elem.Kind {
		case Invalid:
			return elem
		case List, Map, Optional:
			return c.wrap(t, "a list of", elem)
		}
		return &Type{Kind: List, Elem: elem, Go: types.NewSlice(elem.Go)}
	case *ast.Map:
		return c.mapType(t)
	case *ast.Optional:
		elem := c.typ(t.Elem)
		switch elem.Kind {
		case Invalid:
			return elem
		case List, Map, Optional, Union:
			return c.wrap(t, "a pointer to", elem)
		case Extern:
			if elem.Named.Proto {
				c.report(diag.BadType, t, "%s is a proto.Message, which is absent when it is nil: leave the * out", elem.Named.Name)
				return unresolved()
			}
		}
		return &Type{Kind: Optional, Elem: elem, Go: types.NewPointer(elem.Go)}
	}
	return unresolved()
}

func (c *checker) mapType(t *ast.Map) *Type {
	key, elem := c.typ(t.Key), c.typ(t.Elem)
	if key.Kind == Invalid || elem.Kind == Invalid {
		return unresolved()
	}
	switch key.Kind {
	case Bool, Int, Int32, Int64, Uint, Uint32, Uint64, String:
	default:
		c.report(diag.BadType, t.Key, "a map's keys are bool, integers or strings")
		return unresolved()
	}
	switch elem.Kind {
	case List, Map, Optional:
		return c.wrap(t, "a map of", elem)
	}
	return &Type{Kind: Map, Key: key, Elem: elem, Go: types.NewMap(key.Go, elem.Go)}
}

// wrap refuses what protobuf has no direct form for.
func (c *checker) wrap(t ast.Type, outer string, inner *Type) *Type {
	what := map[Kind]string{List: "a list", Map: "a map", Optional: "a pointer", Union: "a union"}[inner.Kind]
	if outer != "a pointer to" {
		what = strings.TrimPrefix(what, "a ") + "s"
	}
	c.report(diag.WrapType, t, "%s %s has no form on the wire", outer, what).Suggestion = "wrap it in a struct"
	return unresolved()
}

func (c *checker) namedType(t *ast.Named) *Type {
	name := t.String()
	if t.Package != nil {
		switch name {
		case "time.Time":
			return &Type{Kind: Time, Go: c.timeType("Time")}
		case "time.Duration":
			return &Type{Kind: Duration, Go: c.timeType("Duration")}
		}
		d := c.report(diag.BadType, t, "%s cannot be carried", name)
		if t.Package.Name == "time" {
			d.Suggestion = "did you mean time.Time or time.Duration?"
		} else {
			d.Suggestion = "declare it: extern Name = \"import/path\"." + t.Name.Name
		}
		return unresolved()
	}
	if s, ok := scalars[name]; ok {
		return &Type{Kind: s.kind, Go: s.of}
	}
	if n := c.named[name]; n != nil {
		made := &Type{Kind: n.Kind, Named: n, Go: n.goType}
		if n.Proto {
			made.Go = types.NewPointer(n.goType)
		}
		return made
	}
	if n, declared := c.names[name]; declared {
		c.report(diag.BadType, t, "%s is %s, and not a type", name, article(n.what)).Relate(n.pos, name+" is declared here")
		return unresolved()
	}
	if what := types.Universe.Lookup(name); what != nil {
		if _, isType := what.(*types.TypeName); isType {
			d := c.report(diag.BadType, t, "a protocol carries no %s", name)
			d.Suggestion = map[string]string{
				"byte": "use []byte or uint32", "uint8": "use uint32", "int8": "use int32", "int16": "use int32",
				"uint16": "use uint32", "rune": "use int32",
			}[name]
			return unresolved()
		}
	}
	c.unknown(t, "type", name, c.typeNames())
	return unresolved()
}

func (c *checker) typeNames() []string {
	var names []string
	for _, n := range c.schema.Types {
		names = append(names, n.Name)
	}
	for name := range scalars {
		names = append(names, name)
	}
	return names
}

func (c *checker) timeType(name string) types.Type {
	return c.packages["time"].Scope().Lookup(name).Type()
}

// payloads gives the declared types their parts.
func (c *checker) payloads() {
	for _, s := range c.structs {
		c.fields(s)
	}
	for _, u := range c.unions {
		c.members(u)
	}
	c.endless()
	for _, u := range c.unions {
		c.sealed(u.made)
	}
	for _, s := range c.structs {
		c.structType(s.made)
	}
}

// maxField is protobuf's highest field number; from reservedFirst to reservedLast it keeps them for itself.
const (
	maxField      = 1<<29 - 1
	reservedFirst = 19000
	reservedLast  = 19999
)

// numbering hands out the numbers of fields or members.
type numbering struct {
	c        *checker
	last     int
	taken    map[int]token.Pos
	reserved map[int]bool
}

// reservedNumbers are those that are kept free, in order.
func (n *numbering) reservedNumbers() []int { return slices.Sorted(maps.Keys(n.reserved)) }

func (c *checker) numbering(reserved []*ast.Number) *numbering {
	n := &numbering{c: c, taken: map[int]token.Pos{}, reserved: map[int]bool{}}
	for _, r := range reserved {
		if value, ok := c.fieldNumber(r); ok {
			n.reserved[value] = true
		}
	}
	return n
}

// next is the number of the next field: the one that is written, or the one
// after the last, without those that are reserved.
func (n *numbering) next(name *ast.Ident, written *ast.Number) int {
	if written == nil {
		number := n.last + 1
		for n.reserved[number] || number >= reservedFirst && number <= reservedLast {
			number++
		}
		return n.take(number, name)
	}
	number, ok := n.c.fieldNumber(written)
	switch {
	case !ok:
		return 0
	case n.reserved[number]:
		n.c.report(diag.FieldNumber, written, "number %d is reserved", number)
		return 0
	}
	return n.take(number, written)
}

func (n *numbering) take(number int, at ast.Node) int {
	n.last = number
	if number > maxField {
		n.c.report(diag.FieldNumber, at, "there is no number left behind %d", maxField)
		return 0
	}
	if before, taken := n.taken[number]; taken {
		n.c.report(diag.FieldNumber, at, "number %d is taken", number).Relate(before, "it is taken here")
		return 0
	}
	n.taken[number] = at.Pos()
	return number
}

func (c *checker) fields(s *structSource) {
	numbers := c.numbering(s.decl.Reserved)
	s.made.Reserved = numbers.reservedNumbers()
	seen := map[string]token.Pos{}
	for _, f := range s.decl.Fields {
		t := c.typ(f.Type)
		for i, id := range f.Names {
			c.wellFormed(id, "field", false, true)
			if before, taken := seen[id.Name]; taken {
				c.report(diag.Repeated, id, "field %s is there twice", id.Name).Relate(before, "the first")
				continue
			}
			seen[id.Name] = id.Pos()
			written := f.Number
			if i > 0 {
				written = nil
			}
			s.made.Fields = append(s.made.Fields, &Field{
				Decl: c.decl(id, f.Doc, s.file), Type: t, Number: numbers.next(id, written),
			})
		}
	}
}

func (c *checker) members(u *unionSource) {
	numbers := c.numbering(u.decl.Reserved)
	u.made.Reserved = numbers.reservedNumbers()
	seen := map[string]token.Pos{}
	for _, m := range u.decl.Members {
		n := c.named[m.Name.Name]
		switch before, taken := seen[m.Name.Name]; {
		case taken:
			c.report(diag.Repeated, m.Name, "%s is there twice", m.Name.Name).Relate(before, "the first")
			continue
		case n == nil && c.names[m.Name.Name] == nil && types.Universe.Lookup(m.Name.Name) != nil:
			c.report(diag.BadType, m.Name, "a union's members are structs of the schema, and %s is none", m.Name.Name)
			continue
		case n == nil && c.names[m.Name.Name] == nil:
			c.unknown(m.Name, "struct", m.Name.Name, c.structNames())
			continue
		case n == nil || n.Kind != Struct:
			c.report(diag.BadType, m.Name, "a union's members are structs of the schema, and %s is %s", m.Name.Name, article(c.names[m.Name.Name].what))
			continue
		}
		seen[m.Name.Name] = m.Name.Pos()
		u.made.Members = append(u.made.Members, &Member{
			Decl: c.decl(m.Name, m.Doc, u.file), Number: numbers.next(m.Name, m.Number), Struct: n,
		})
	}
	if len(u.decl.Members) == 0 && !u.decl.Partial {
		c.report(diag.EmptyType, u.decl.Name, "union %s has no members", u.decl.Name.Name)
	}
}

func (c *checker) structNames() []string {
	var names []string
	for _, s := range c.structs {
		names = append(names, s.made.Name)
	}
	return names
}

// fieldNumber is the number that is written, if it is one that a field can have.
func (c *checker) fieldNumber(n *ast.Number) (int, bool) {
	value := 0
	for i, digit := range n.Text {
		if digit < '0' || digit > '9' || value > maxField || i > 0 && n.Text[0] == '0' { // 010 is 8, to a reader of Go
			value = maxField + 1
			break
		}
		value = 10*value + int(digit-'0')
	}
	if value < 1 || value > maxField || value >= reservedFirst && value <= reservedLast {
		c.report(diag.FieldNumber, n, "a field's number is decimal, from 1 to %d, and not from %d to %d", maxField, reservedFirst, reservedLast)
		return 0, false
	}
	return value, true
}

// endless finds the structs that contain themselves, and takes the field that closes the ring out of the type.
func (c *checker) endless() {
	const underWay, done = 1, 2
	state := map[*Named]int{}
	var visit func(n *Named)
	visit = func(n *Named) {
		state[n] = underWay
		for _, f := range n.Fields {
			if f.Type.Kind != Struct {
				continue
			}
			switch state[f.Type.Named] {
			case underWay:
				inner := f.Type.Named
				at := c.fieldPos(n, f)
				d := c.reportSpan(diag.Endless, at, at+token.Pos(len(f.Name)), "struct %s contains itself: it would never end", inner.Name)
				d.Suggestion = "make the field *" + inner.Name + " or []" + inner.Name
				f.Type = unresolved()
			case done:
			default:
				visit(f.Type.Named)
			}
		}
		state[n] = done
	}
	for _, s := range c.structs {
		if state[s.made] == 0 {
			visit(s.made)
		}
	}
}

// fieldPos finds where a field stands in its source.
func (c *checker) fieldPos(n *Named, f *Field) token.Pos {
	for _, s := range c.structs {
		if s.made != n {
			continue
		}
		for _, field := range s.decl.Fields {
			for _, id := range field.Names {
				if c.position(id.Pos()) == f.Pos {
					return id.Pos()
				}
			}
		}
	}
	return token.NoPos
}

// sealed makes the Go type of a union: an interface with a method that only its members have.
func (c *checker) sealed(u *Named) {
	signature := types.NewSignatureType(nil, nil, nil, nil, nil, false)
	marker := types.NewFunc(token.NoPos, c.schema.Go, "is"+u.Name, signature)
	u.goType.(*types.Named).SetUnderlying(types.NewInterfaceType([]*types.Func{marker}, nil).Complete())
	for _, m := range u.Members {
		member := m.Struct.goType.(*types.Named)
		receiver := types.NewVar(token.NoPos, c.schema.Go, "", member)
		method := types.NewSignatureType(receiver, nil, nil, nil, nil, false)
		member.AddMethod(types.NewFunc(token.NoPos, c.schema.Go, "is"+u.Name, method))
	}
}

func (c *checker) structType(n *Named) {
	var fields []*types.Var
	for _, f := range n.Fields {
		fields = append(fields, types.NewField(token.NoPos, c.schema.Go, f.Name, f.Type.Go, false))
	}
	n.goType.(*types.Named).SetUnderlying(types.NewStruct(fields, nil))
}
