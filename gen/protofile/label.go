package protofile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// variant is the messages of one label that have the same parameters: most labels have one. want is the
// name that it should have, and name what it got.
type variant struct {
	want, name string
	of         []*automaton.Message
}

// variants are the messages of a protocol, in the order of their numbers. A label that has
// different parameters in different places has a variant for each, named for the first of them.
func variants(a *automaton.Automaton) []*variant {
	var all []*variant
	count := map[string]int{}
	for _, place := range a.Places {
		for _, m := range place.Messages {
			i := slices.IndexFunc(all, func(v *variant) bool { return v.of[0].Label == m.Label && params(v.of[0]) == params(m) })
			if i < 0 {
				all = append(all, &variant{of: []*automaton.Message{m}})
				count[m.Label]++
				continue
			}
			all[i].of = append(all[i].of, m)
		}
	}
	for _, v := range all {
		v.want = v.of[0].Label
		if count[v.want] > 1 {
			v.want += "In" + v.of[0].From.Name
		}
	}
	slices.SortStableFunc(all, func(a, b *variant) int { return a.of[0].Number - b.of[0].Number })
	return all
}

// params are the parameters of a message as the schema writes them, each with its type.
func params(m *automaton.Message) string {
	var all []string
	for _, v := range m.Params {
		all = append(all, v.Name+" "+v.Type.String())
	}
	return strings.Join(all, ", ")
}

// label writes the message of a label.
func (f *file) label(a *automaton.Automaton, v *variant) {
	m := v.of[0]
	roles := a.Protocol.Roles
	says := fmt.Sprintf("Label %d of %s: %s -> %s: %s(%s)", m.Number, a.Name, roles[m.Sender], roles[1-m.Sender], m.Label, params(m))
	if len(v.of) == 1 && m.Where != nil {
		says += "\n    where " + m.Where.Text
	}
	f.comment(says, m.Source.Doc)
	var fields []field
	for i, param := range m.Params {
		fields = append(fields, field{name: param.Name, number: i + 1, typ: param.Type})
	}
	f.message(v.name, fields, nil)
}

// declaration writes a declared type.
func (f *file) declaration(n *check.Named) {
	switch n.Kind {
	case check.Struct:
		f.gap()
		f.comment(n.Doc)
		f.structure(f.named[n], n)
	case check.Enum:
		f.gap()
		f.comment(n.Doc)
		f.enumeration(n)
	case check.Union:
		f.gap()
		f.comment(n.Doc)
		f.union(n)
	}
}

func (f *file) structure(name string, n *check.Named) {
	var fields []field
	for _, of := range n.Fields {
		fields = append(fields, field{doc: of.Doc, name: of.Name, number: of.Number, typ: of.Type})
	}
	f.message(name, fields, n.Reserved)
}

// reserved writes the numbers that no field may have: runs of them as protobuf writes them.
func (f *file) reserved(numbers []int) {
	var runs []string
	for i := 0; i < len(numbers); i++ {
		first := numbers[i]
		for i+1 < len(numbers) && numbers[i+1] == numbers[i]+1 {
			i++
		}
		run := strconv.Itoa(first)
		if last := numbers[i]; last > first {
			run += " to " + strconv.Itoa(last)
		}
		runs = append(runs, run)
	}
	if len(runs) > 0 {
		f.line("reserved %s;", strings.Join(runs, ", "))
	}
}

// enumeration writes an enum. In protobuf a member's name is known beside the enum, and not in it.
func (f *file) enumeration(n *check.Named) {
	f.open("enum %s", f.named[n])
	own := fieldNames{}
	for _, m := range n.Members {
		f.comment(m.Doc)
		// Names that differ in case only count as one, too.
		member := own.pick(m.Name, m.Number)
		f.line("%s = %d;", f.top.Pick(screaming(n.Name)+"_"+strings.ToUpper(member)), m.Number)
	}
	f.shut()
}

// union writes a union: a message of which one field is there.
func (f *file) union(n *check.Named) {
	f.open("message %s", f.named[n])
	f.reserved(n.Reserved)
	own := fieldNames{}
	members := make([]string, len(n.Members))
	for i, m := range n.Members {
		members[i] = own.pick(m.Name, m.Number)
	}
	f.open("oneof %s", own.pick("is", 0))
	for i, m := range n.Members {
		f.comment(m.Doc)
		f.line("%s %s = %d;", f.reference(m.Struct, nil), members[i], m.Number)
	}
	f.shut()
	f.shut()
}

// field is a field of a message: of a struct's, or a label's parameter.
type field struct {
	doc, name string
	number    int
	typ       *check.Type
}

// message writes a message.
func (f *file) message(name string, fields []field, reserved []int) {
	if len(fields)+len(reserved) == 0 {
		f.line("message %s {}", name)
		return
	}
	f.open("message %s", name)
	f.reserved(reserved)
	own := fieldNames{}
	fieldName := make([]string, len(fields))
	var entries []string // protobuf makes a message of each map field
	for i, of := range fields {
		fieldName[i] = own.pick(of.name, of.number)
		if of.typ.Kind == check.Map {
			entries = append(entries, entry(fieldName[i]))
		}
	}
	for i, of := range fields {
		f.comment(of.doc)
		note := ""
		if n := externOf(of.typ); n != nil {
			note = fmt.Sprintf(" // as %s.%s encodes itself", n.Path, n.GoName)
		}
		f.line("%s %s = %d;%s", f.typ(of.typ, entries), fieldName[i], of.number, note)
	}
	f.shut()
}

// externOf is the Go type that fields of the type hold as bytes, nil if there is none.
func externOf(t *check.Type) *check.Named {
	for t.Elem != nil {
		t = t.Elem
	}
	if t.Kind != check.Extern || t.Named.Proto && wellKnown[goName{t.Named.Path, t.Named.GoName}] != "" {
		return nil
	}
	return t.Named
}
