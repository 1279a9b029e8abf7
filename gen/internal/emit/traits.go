package emit

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/check"
)

// traits are what the generator must know of a declared type.
type traits struct {
	carried bool // it is part of a message's payload
	mutable bool // a copy of it may share memory with it
	plain   bool // what its encoding decodes to is itself
	needs   bool // it holds a union, which is always there
	endless bool // a value may hold another one of its type
	cloned  bool // some state needs copies of it
	checked bool // some decoder asks whether it is incomplete
}

func traitsOf(p *schema.Package) map[*check.Named]*traits {
	all := map[*check.Named]*traits{}
	for _, n := range p.Types {
		all[n] = &traits{}
	}
	for _, v := range payloads(p) {
		carry(v.Type, all)
	}
	for n, t := range all {
		self := &check.Type{Kind: n.Kind, Named: n}
		t.mutable = reaches(self, func(t *check.Type) bool {
			switch t.Kind {
			case check.Bytes, check.List, check.Map, check.Optional:
				return true
			case check.Extern:
				return t.Named.Proto
			}
			return false
		}, follow)
		t.plain = !reaches(self, func(t *check.Type) bool {
			switch t.Kind {
			case check.Bytes, check.List, check.Map, check.Optional, check.Time, check.Extern, check.Union:
				return true
			}
			return false
		}, follow)
		t.needs = reaches(self, func(t *check.Type) bool { return t.Kind == check.Union }, direct)
		for _, part := range parts(self) {
			t.endless = t.endless || reaches(part, func(t *check.Type) bool { return t.Named == n }, follow)
		}
	}
	for _, v := range payloads(p) {
		stands(v.Type, all)
	}
	for n, t := range all {
		if !t.carried {
			continue
		}
		for _, part := range parts(&check.Type{Kind: n.Kind, Named: n}) {
			if n.Kind == check.Union {
				stands(part, all)
			}
			alone(part, all)
		}
	}
	return all
}

// payloads are the parameters of all messages of protocols and rpcs.
func payloads(p *schema.Package) (all []*check.Var) {
	for _, a := range append(slices.Clip(p.Automata), p.Calls...) {
		for _, place := range a.Places {
			for _, m := range place.Messages {
				if !ofRuntime(m) {
					all = append(all, m.Params...)
				}
			}
		}
	}
	return all
}

// stands marks the type of a value that stands by itself, so that its decoder asks whether it is incomplete.
func stands(t *check.Type, all map[*check.Named]*traits) {
	if t.Kind == check.Struct && all[t.Named].needs {
		all[t.Named].checked = true
	}
	alone(t, all)
}

// alone marks the types of the values that stand by themselves in one of type t.
func alone(t *check.Type, all map[*check.Named]*traits) {
	if t.Elem != nil {
		stands(t.Elem, all)
	}
}

// carry marks what a payload is made of.
func carry(t *check.Type, all map[*check.Named]*traits) {
	if t == nil {
		return
	}
	if t.Named != nil {
		if all[t.Named].carried {
			return
		}
		all[t.Named].carried = true
	}
	for _, part := range parts(t) {
		carry(part, all)
	}
}

// parts are the types that a type is directly made of.
func parts(t *check.Type) []*check.Type {
	switch t.Kind {
	case check.List, check.Optional:
		return []*check.Type{t.Elem}
	case check.Map:
		return []*check.Type{t.Key, t.Elem}
	case check.Struct:
		var found []*check.Type
		for _, f := range t.Named.Fields {
			found = append(found, f.Type)
		}
		return found
	case check.Union:
		var found []*check.Type
		for _, m := range t.Named.Members {
			found = append(found, &check.Type{Kind: check.Struct, Named: m.Struct, Go: nil})
		}
		return found
	}
	return nil
}

// follow goes into every part, direct only into those that a value always has.
func follow(*check.Type) bool   { return true }
func direct(t *check.Type) bool { return t.Kind == check.Struct }

// reaches reports whether the type, or a part of it, however deep, is what is looked for.
func reaches(t *check.Type, is func(*check.Type) bool, into func(*check.Type) bool) bool {
	var seen []*check.Named
	var visit func(t *check.Type) bool
	visit = func(t *check.Type) bool {
		if t == nil {
			return false
		}
		if is(t) {
			return true
		}
		if t.Named != nil {
			if slices.Contains(seen, t.Named) {
				return false
			}
			seen = append(seen, t.Named)
		}
		return into(t) && slices.ContainsFunc(parts(t), visit)
	}
	return visit(t)
}

// mutable reports whether two copies of a value may share memory.
func (g *generator) mutable(t *check.Type) bool {
	switch t.Kind {
	case check.Bytes, check.List, check.Map, check.Optional:
		return true
	case check.Struct, check.Union, check.Extern:
		if t.Kind == check.Extern {
			return t.Named.Proto
		}
		return g.types[t.Named].mutable
	}
	return false
}

// plain reports whether what a value's encoding decodes to is the value itself.
func (g *generator) plain(t *check.Type) bool {
	switch t.Kind {
	case check.Bytes, check.List, check.Map, check.Optional, check.Time, check.Extern, check.Union:
		return false
	case check.Struct:
		return g.types[t.Named].plain
	}
	return true
}

// exact reports whether no expression can tell a value from what its encoding
// decodes to: that may be nil where the value is empty, which no expression may ask.
func (g *generator) exact(t *check.Type) bool {
	return !reaches(t, func(t *check.Type) bool {
		return t.Kind == check.Time || t.Kind == check.Extern || t.Kind == check.Union
	}, follow)
}

// goType is the type as generated code writes it.
func (g *generator) goType(t *check.Type) *jen.Statement {
	switch t.Kind {
	case check.Bytes:
		return jen.Index().Byte()
	case check.Time:
		return jen.Qual("time", "Time")
	case check.Duration:
		return jen.Qual("time", "Duration")
	case check.List:
		return jen.Index().Add(g.goType(t.Elem))
	case check.Map:
		return jen.Map(g.goType(t.Key)).Add(g.goType(t.Elem))
	case check.Optional:
		return jen.Op("*").Add(g.goType(t.Elem))
	case check.Struct, check.Enum, check.Union, check.Extern:
		if t.Named.Proto {
			return jen.Op("*").Id(t.Named.Name)
		}
		return jen.Id(t.Named.Name)
	}
	return jen.Id(scalar[t.Kind].name)
}

// scalar says how the types without parts are called in Go, and in the codec.
var scalar = map[check.Kind]struct{ name, method string }{
	check.Bool: {"bool", "Bool"}, check.Int: {"int", "Int"}, check.Int32: {"int32", "Int32"}, check.Int64: {"int64", "Int64"},
	check.Uint: {"uint", "Uint"}, check.Uint32: {"uint32", "Uint32"}, check.Uint64: {"uint64", "Uint64"},
	check.Float32: {"float32", "Float32"}, check.Float64: {"float64", "Float64"}, check.String: {"string", "Text"},
	check.Bytes: {"", "Bytes"}, check.Time: {"", "Time"}, check.Duration: {"", "Duration"},
}
