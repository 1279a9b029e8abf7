package automaton

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/check"
)

// Canonical is the text that says what a protocol is for two ends that are to
// understand each other, and nothing else: the automaton with every `do` inlined. Two protocols with
// the same text have the same fingerprint. Comments, layout, the names of
// parameters, states and roles, deadlines, and the names of types that no predicate uses are not in it.
//
//	sessgen 1
//	bank.Bank
//	> 0
//	0 first: 0 Open(string) where (unicode/utf8.ValidString($0) && …) > 1 $0=0:int64
func (a *Automaton) Canonical() string {
	var w canonical
	fmt.Fprintf(&w, "sessgen 1\n%s\n>%s\n", a.Name, w.target(a.Enter))
	for _, p := range a.Places {
		switch p.Kind {
		case Final:
			fmt.Fprintf(&w, "%d end\n", p.Index)
		case Conditional:
			fmt.Fprintf(&w, "%d if %s >%s >%s\n", p.Index, w.expr(p.Cond, p.frame), w.target(p.Then), w.target(p.Else))
		case Communication:
			for _, m := range p.Messages {
				w.message(p, m)
			}
		}
	}
	return w.String()
}

func fingerprint(a *Automaton) string {
	sum := sha256.Sum256([]byte(a.Canonical()))
	return hex.EncodeToString(sum[:])
}

// canonical writes the canonical text.
type canonical struct {
	strings.Builder
	within []*check.Named // the types around the one that is written
}

func (w *canonical) message(p *Place, m *Message) {
	role := [2]string{"first", "second"}[m.Sender]
	fmt.Fprintf(w, "%d %s: %d %s(", p.Index, role, m.Number, m.Label)
	for i, v := range m.Params {
		if i > 0 {
			w.WriteString(", ")
		}
		w.WriteString(w.shape(v.Type))
	}
	w.WriteString(")")
	if m.Where != nil {
		w.WriteString(" where " + w.expr(m.Where, m.frame))
	}
	fmt.Fprintf(w, " >%s\n", w.target(m.Target))
}

// target is the place that a step leads to, with what is bound on the way.
func (w *canonical) target(t Target) string {
	text := fmt.Sprintf(" %d", t.To.Index)
	for _, let := range t.Lets {
		for i, v := range let.Vars {
			text += fmt.Sprintf(" $%d=%s:%s", let.frame.depth+v.Depth, w.expr(let.Exprs[i], let.frame), w.shape(v.Type))
		}
	}
	return text
}

// kinds are the names of the types without parts.
var kinds = map[check.Kind]string{
	check.Bool: "bool", check.Int: "int", check.Int32: "int32", check.Int64: "int64",
	check.Uint: "uint", check.Uint32: "uint32", check.Uint64: "uint64",
	check.Float32: "float32", check.Float64: "float64", check.String: "string", check.Bytes: "bytes",
	check.Time: "time", check.Duration: "duration",
}

// shape is what a type is on the wire. A struct inside itself is written as ^n, the
// n-th type around it.
func (w *canonical) shape(t *check.Type) string {
	switch t.Kind {
	case check.List:
		return "[]" + w.shape(t.Elem)
	case check.Map:
		return "map[" + w.shape(t.Key) + "]" + w.shape(t.Elem)
	case check.Optional:
		return "*" + w.shape(t.Elem)
	case check.Struct, check.Enum, check.Union, check.Extern:
		return w.named(t.Named)
	}
	return kinds[t.Kind]
}

func (w *canonical) named(n *check.Named) string {
	if i := slices.Index(w.within, n); i >= 0 {
		return fmt.Sprintf("^%d", len(w.within)-i)
	}
	w.within = append(w.within, n)
	defer func() { w.within = w.within[:len(w.within)-1] }()
	var parts []string
	switch n.Kind {
	case check.Enum:
		return fmt.Sprintf("enum{%d}", len(n.Members))
	case check.Struct:
		for _, f := range n.Fields {
			parts = append(parts, fmt.Sprintf("%d %s", f.Number, w.shape(f.Type)))
		}
		// The order of fields on the wire says nothing.
		slices.Sort(parts)
		return "struct{" + strings.Join(parts, "; ") + "}"
	case check.Union:
		for _, m := range n.Members {
			parts = append(parts, fmt.Sprintf("%d %s", m.Number, w.named(m.Struct)))
		}
		slices.Sort(parts)
		return "union{" + strings.Join(parts, "; ") + "}"
	}
	if n.Proto {
		return "proto " + n.Path + "." + n.GoName
	}
	return "extern " + n.Path + "." + n.GoName
}
