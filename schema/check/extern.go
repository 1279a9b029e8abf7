package check

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/sessgen/sessgen/schema/diag"
)

// externs looks up the Go types of the user's, and how they are encoded. A
// proto.Message is embedded as one; the others encode themselves.
func (c *checker) externs() {
	for _, x := range c.exts {
		p := c.packages[x.made.Path]
		if p == nil {
			continue // reported with the import
		}
		o, ok := p.Scope().Lookup(x.made.GoName).(*types.TypeName)
		if !ok || !o.Exported() {
			d := c.report(diag.BadExtern, x.decl.GoName, "package %s has no type %s", p.Path(), x.made.GoName)
			suggest(d, x.made.GoName, typesOf(p))
			continue
		}
		if t, isNamed := o.Type().(*types.Named); isNamed && t.TypeParams().Len() > 0 {
			c.report(diag.BadExtern, x.decl.GoName, "%s has type parameters", x.made.GoName)
			continue
		}
		switch t := o.Type(); {
		case isProto(t):
			x.made.Proto = true
		case !encodes(t):
			c.report(diag.BadExtern, x.decl.GoName, "%s cannot be carried: it needs AppendBinary([]byte) ([]byte, error)", x.made.GoName)
			continue
		case !hasMethod(types.NewPointer(t), "UnmarshalBinary", "[]byte", "error"):
			c.report(diag.BadExtern, x.decl.GoName, "%s cannot be carried: *%s needs UnmarshalBinary([]byte) error", x.made.GoName, x.made.GoName)
			continue
		}
		// In expressions the type is known by its name in the schema, which is an alias of the real one.
		x.made.goType = o.Type()
		alias := types.NewTypeName(token.NoPos, c.schema.Go, x.made.Name, nil)
		types.NewAlias(alias, o.Type())
		c.schema.Go.Scope().Insert(alias)
	}
}

// encodes reports whether values, and not only pointers, append themselves to bytes.
func encodes(t types.Type) bool {
	return hasMethod(t, "AppendBinary", "[]byte", "[]byte, error")
}

// isProto reports whether *t is a proto.Message.
func isProto(t types.Type) bool {
	return hasMethod(types.NewPointer(t), "ProtoReflect", "", "google.golang.org/protobuf/reflect/protoreflect.Message")
}

// hasMethod reports whether values of t have the method, of which the parameters and results are these.
func hasMethod(t types.Type, name, params, results string) bool {
	m := types.NewMethodSet(t).Lookup(nil, name)
	if m == nil {
		return false
	}
	s := m.Type().(*types.Signature)
	return !s.Variadic() && typesIn(s.Params()) == params && typesIn(s.Results()) == results
}

func typesIn(vars *types.Tuple) string {
	var all []string
	for v := range vars.Variables() {
		all = append(all, v.Type().String())
	}
	return strings.Join(all, ", ")
}

func typesOf(p *types.Package) []string {
	var names []string
	for _, name := range p.Scope().Names() {
		if o, ok := p.Scope().Lookup(name).(*types.TypeName); ok && o.Exported() {
			names = append(names, name)
		}
	}
	return names
}
