package automaton

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Canonical returns the text that says what two ends must agree on to understand each other, and nothing else:
// the automaton with every `do` inlined. Two protocols with the same text have the same fingerprint. It
// contains no comments, layout, names of parameters, states and roles, deadlines, or names of types that no
// predicate uses.
//
//	sessgen 1
//	bank.Bank
//	> 0
//	0 first: 0 Open(string) where (unicode/utf8.ValidString($0) && …) > 1 $0=0:int64
func (a *Automaton) Canonical() string {
	w := canonical{shapes: shapesOf(a)}
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
	shapes shapes
}

func (w *canonical) message(p *Place, m *Message) {
	fmt.Fprintf(w, "%d %s >%s\n", p.Index, w.offer(m), w.target(m.Target))
}

// offer is a message without the places that it stands between.
func (w *canonical) offer(m *Message) string {
	role := [2]string{"first", "second"}[m.Sender]
	params := make([]string, len(m.Params))
	for i, v := range m.Params {
		params[i] = w.shapes.text(v.Type)
	}
	text := fmt.Sprintf("%s: %d %s(%s)", role, m.Number, m.Label, strings.Join(params, ", "))
	if m.Where != nil {
		text += " where " + w.expr(m.Where, m.frame)
	}
	return text
}

// target is the place that a step leads to, with what is bound on the way.
func (w *canonical) target(t Target) string { return fmt.Sprintf(" %d%s", t.To.Index, w.values(t)) }

// values are the variables that are bound on the way to a place.
func (w *canonical) values(t Target) string {
	var text strings.Builder
	for _, let := range t.Lets {
		for i, v := range let.Vars {
			fmt.Fprintf(&text, " $%d=%s:%s", let.frame.depth+v.Depth, w.expr(let.Exprs[i], let.frame), w.shapes.text(v.Type))
		}
	}
	return text.String()
}
