// Package reason finds faults of a protocol whose parts are all correct: predicates that never or always hold,
// branches that no run takes, places where nobody can go on. It computes with intervals of integers and
// lengths, and reports only what it is sure of: what it cannot decide it leaves alone, or says so.
package reason

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
)

// Check reports warnings about the protocols of a schema that has no errors.
func Check(automata []*automaton.Automaton, report diag.Reporter) {
	r := &reasoner{Reporter: report, seen: map[token.Position]bool{}, ways: map[token.Position]*way{}}
	for _, a := range automata {
		r.automaton(a)
	}
	for _, w := range r.order {
		if w.never == w.uses {
			w.report()
		}
	}
	for _, a := range automata {
		r.recursions(a.Protocol.Body)
	}
}

type reasoner struct {
	diag.Reporter
	seen map[token.Position]bool // what was reported
	// A protocol that others do is looked at in each of them: a way is never taken if
	// it is in none.
	ways  map[token.Position]*way
	order []*way
}

// way is a message, or a side of a condition, by its position.
type way struct {
	uses, never int
	report      func()
}

func (r *reasoner) automaton(a *automaton.Automaton) {
	at := flow(a)
	stuck, reached := search(a)
	for _, p := range a.Places {
		f := at[p.Index]
		if f == nil {
			continue // what leads here is reported
		}
		switch p.Kind {
		case automaton.Conditional:
			r.condition(p, f)
		case automaton.Communication:
			r.messages(a, p, f, reached[p])
		}
	}
	for _, s := range stuck {
		r.stuck(a, s)
	}
}

// way notes whether a run may go this way from a place.
func (r *reasoner) way(at token.Position, possible bool, report func()) {
	w := r.ways[at]
	if w == nil {
		w = &way{}
		r.ways[at] = w
		r.order = append(r.order, w)
	}
	w.uses++
	if !possible {
		w.never++
		w.report = report
	}
}

func (r *reasoner) condition(p *automaton.Place, f facts) {
	r.itself(p.Cond)
	says := func(value bool, side string) func() {
		return func() {
			r.warn(diag.NeverTaken, p.Cond.Pos, len(p.Cond.Text), "%s is always %v here%s: %s is never taken", p.Cond.Text, value, given(p.Cond, f), side)
		}
	}
	then, otherwise := p.Pos, p.Pos
	otherwise.Offset++
	r.way(then, may(p.Cond, f, true), says(false, "the first side"))
	r.way(otherwise, may(p.Cond, f, false), says(true, "the other side"))
}

func (r *reasoner) messages(a *automaton.Automaton, p *automaton.Place, f facts, reached bool) {
	all := len(p.Messages) > 1
	for _, m := range p.Messages {
		all = all && !may(m.Where, f.without(m.Params), true)
	}
	if all {
		role, doubt := a.Protocol.Roles[p.Sender], ""
		if !reached {
			doubt = "; could not decide whether a run gets here"
		}
		r.way(p.Pos, false, func() {
			r.warn(diag.Stuck, p.Pos, len("choice"), "%s can send nothing here: no where of the choice can hold%s", role, doubt)
		})
		return
	}
	for _, m := range p.Messages {
		if m.Where == nil {
			continue
		}
		r.itself(m.Where)
		without := f.without(m.Params)
		r.way(m.Where.Pos, may(m.Where, without, true), func() {
			r.warn(diag.NeverHolds, m.Where.Pos, len(m.Where.Text), "%s can never hold%s: %s is never sent", m.Where.Text, given(m.Where, without), m.Label)
		})
		if !m.Where.MayPanic && !may(m.Where, facts{}, false) {
			r.warn(diag.AlwaysHolds, m.Where.Pos, len(m.Where.Text), "%s always holds: it says nothing", m.Where.Text)
		}
	}
}

// given is what is known of the variables of an expression before it is looked at.
func given(e *check.Expr, f facts) string {
	var parts []string
	for t, a := range f {
		if whole, ok := t.whole(); slices.Contains(e.Vars, t.of) && !(ok && a.equal(whole)) {
			name := t.of.Name + strings.TrimSuffix(t.path, "#")
			if strings.HasSuffix(t.path, "#") {
				name = "len(" + name + ")"
			}
			parts = append(parts, fmt.Sprintf("%s is %s", name, t.text(a)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

func (r *reasoner) stuck(a *automaton.Automaton, s run) {
	if w := r.ways[s.place.Pos]; w != nil && s.place.Kind == automaton.Communication && w.never == w.uses {
		return // said already
	}
	if len(s.place.Messages) == 1 {
		if w := r.ways[s.place.Messages[0].Where.Pos]; w != nil && w.never == w.uses {
			return
		}
	}
	how := "from the beginning"
	if len(s.path) > 0 {
		how = "after " + strings.Join(s.path, ", ")
	}
	r.warn(diag.Stuck, s.place.Pos, 1, "%s can be stuck here: %s, no where can hold", a.Protocol.Roles[s.place.Sender], how)
}

// warn reports a place once.
func (r *reasoner) warn(code diag.Code, at token.Position, length int, format string, args ...any) {
	if r.seen[at] {
		return
	}
	r.seen[at] = true
	r.Warn(code, at, length, format, args...)
}

// itself warns of comparisons that have the same on both sides.
func (r *reasoner) itself(e *check.Expr) {
	ast.Inspect(e.Tree, func(n ast.Node) bool {
		if b, compares := n.(*ast.BinaryExpr); compares && opposite[b.Op] != 0 && (formula{e}).itself(b) {
			at := r.Fset.PositionFor(b.Pos(), false)
			r.warn(diag.SelfCompare, at, int(b.End()-b.Pos()), "this compares %s with itself", types.ExprString(b.X))
		}
		return true
	})
}
