package automaton

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/check"
)

// shapes says what types are on the wire, whatever they are called. Two types are one
// if no payload can tell them apart, also where they contain themselves.
type shapes struct {
	class   map[*check.Named]int
	written map[int]int // by class: in which place it was written
	structs map[types.Type]*check.Named
}

// shapesOf puts the types of an automaton's payloads into classes: they start out
// as one, and are parted as long as their parts differ.
func shapesOf(a *Automaton) shapes {
	s := shapes{class: map[*check.Named]int{}, written: map[int]int{}, structs: map[types.Type]*check.Named{}}
	var named []*check.Named
	var visit func(t *check.Type)
	visit = func(t *check.Type) {
		for ; t.Elem != nil; t = t.Elem {
			if t.Key != nil {
				visit(t.Key)
			}
		}
		n := t.Named
		if _, seen := s.class[n]; n == nil || seen {
			return
		}
		s.class[n] = 0
		named = append(named, n)
		if n.Kind == check.Struct {
			s.structs[n.Go()] = n
		}
		for _, f := range n.Fields {
			visit(f.Type)
		}
		for _, m := range n.Members {
			if m.Struct != nil {
				visit(&check.Type{Kind: check.Struct, Named: m.Struct})
			}
		}
	}
	for _, v := range a.variables() {
		visit(v.Type)
	}
	for parts := 1; ; {
		numbers := map[string]int{}
		next := make([]int, len(named))
		for i, n := range named {
			text := fmt.Sprint(s.class[n], s.local(n, func(n *check.Named) string { return fmt.Sprint("#", s.class[n]) }))
			if _, seen := numbers[text]; !seen {
				numbers[text] = len(numbers)
			}
			next[i] = numbers[text]
		}
		for i, n := range named {
			s.class[n] = next[i]
		}
		if len(numbers) <= parts {
			return s
		}
		parts = len(numbers)
	}
}

// struc is the struct of payloads that the Go type is, or points to; nil if it is none.
func (s shapes) struc(t types.Type) *check.Named {
	if p, isPointer := t.(*types.Pointer); isPointer {
		t = p.Elem()
	}
	return s.structs[t]
}

// variables are the parameters of all messages and recs.
func (a *Automaton) variables() []*check.Var {
	var vars []*check.Var
	add := func(t Target) {
		for _, let := range t.Lets {
			vars = append(vars, let.Vars...)
		}
	}
	add(a.Enter)
	for _, p := range a.Places {
		for _, m := range p.Messages {
			vars = append(vars, m.Params...)
			add(m.Target)
		}
		if p.Kind == Conditional {
			add(p.Then)
			add(p.Else)
		}
	}
	return vars
}

// kinds are the names of the types without parts.
var kinds = map[check.Kind]string{
	check.Bool: "bool", check.Int: "int", check.Int32: "int32", check.Int64: "int64",
	check.Uint: "uint", check.Uint32: "uint32", check.Uint64: "uint64",
	check.Float32: "float32", check.Float64: "float64", check.String: "string", check.Bytes: "bytes",
	check.Time: "time", check.Duration: "duration",
}

// text is what a type is on the wire. A declared one is written out where it comes
// first, and is #n from then on, if it was the n-th.
func (s shapes) text(t *check.Type) string {
	return s.typ(t, func(n *check.Named) string {
		if at, again := s.written[s.class[n]]; again {
			return fmt.Sprint("#", at)
		}
		s.written[s.class[n]] = len(s.written)
		return s.local(n, func(n *check.Named) string { return s.text(&check.Type{Kind: n.Kind, Named: n}) })
	})
}

func (s shapes) typ(t *check.Type, named func(*check.Named) string) string {
	switch t.Kind {
	case check.List:
		return "[]" + s.typ(t.Elem, named)
	case check.Map:
		return "map[" + s.typ(t.Key, named) + "]" + s.typ(t.Elem, named)
	case check.Optional:
		return "*" + s.typ(t.Elem, named)
	case check.Struct, check.Enum, check.Union, check.Extern:
		return named(t.Named)
	}
	return kinds[t.Kind]
}

// local is a declared type, with the declared types that it is made of as named says.
// The order of fields says nothing on the wire: they stand by number.
func (s shapes) local(n *check.Named, named func(*check.Named) string) string {
	var parts []string
	switch n.Kind {
	case check.Enum:
		return fmt.Sprintf("enum{%d}", len(n.Members))
	case check.Struct:
		fields := slices.Clone(n.Fields)
		slices.SortFunc(fields, func(a, b *check.Field) int { return a.Number - b.Number })
		for _, f := range fields {
			parts = append(parts, fmt.Sprintf("%d %s", f.Number, s.typ(f.Type, named)))
		}
		return "struct{" + strings.Join(parts, "; ") + "}"
	case check.Union:
		members := slices.Clone(n.Members)
		slices.SortFunc(members, func(a, b *check.Member) int { return a.Number - b.Number })
		for _, m := range members {
			parts = append(parts, fmt.Sprintf("%d %s", m.Number, named(m.Struct)))
		}
		return "union{" + strings.Join(parts, "; ") + "}"
	}
	if n.Proto {
		return "proto " + n.Path + "." + n.GoName
	}
	return "extern " + n.Path + "." + n.GoName
}
