package automaton_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// author writes random protocols.
type author struct {
	t      *rapid.T
	b      strings.Builder
	labels int
	vars   int
	recs   []string
}

func (w *author) protocol() string {
	w.b.WriteString("package a\nprotocol P(A, B) {\n")
	w.message(w.role())
	w.block(3)
	w.b.WriteString("}\n")
	return w.b.String()
}

func (w *author) role() int { return rapid.IntRange(0, 1).Draw(w.t, "role") }

func (w *author) message(role int) {
	w.labels++
	w.vars++
	fmt.Fprintf(&w.b, "%c -> %c: L%d(v%d int)\n", "AB"[role], "BA"[role], w.labels, w.vars)
}

// block writes a few statements, and reports whether a run can get behind them.
func (w *author) block(depth int) bool {
	for range rapid.IntRange(0, 3).Draw(w.t, "statements") {
		switch kind := rapid.IntRange(0, 4).Draw(w.t, "kind"); {
		case kind == 0 && depth > 0:
			if !w.choice(depth - 1) {
				return false
			}
		case kind == 1 && depth > 0:
			if !w.rec(depth - 1) {
				return false
			}
		case kind == 2 && depth > 0:
			if !w.conditional(depth - 1) {
				return false
			}
		default:
			w.message(w.role())
		}
	}
	return true
}

func (w *author) choice(depth int) bool {
	role := w.role()
	falls := false
	fmt.Fprintf(&w.b, "choice at %c {\n", "AB"[role])
	for i := range rapid.IntRange(2, 3).Draw(w.t, "branches") {
		if i > 0 {
			w.b.WriteString("} or {\n")
		}
		w.message(role)
		falls = w.blockOrJump(depth) || falls
	}
	w.b.WriteString("}\n")
	return falls
}

// blockOrJump is a block that may end with a continue or an end.
func (w *author) blockOrJump(depth int) bool {
	if !w.block(depth) {
		return false
	}
	switch kind := rapid.IntRange(0, 3).Draw(w.t, "jump"); {
	case kind == 0 && len(w.recs) > 0:
		name := w.recs[rapid.IntRange(0, len(w.recs)-1).Draw(w.t, "rec")]
		fmt.Fprintf(&w.b, "continue %s\n", name)
		return false
	case kind == 1:
		w.b.WriteString("end\n")
		return false
	}
	return true
}

func (w *author) rec(depth int) bool {
	name := fmt.Sprintf("R%d", w.labels)
	fmt.Fprintf(&w.b, "rec %s {\n", name)
	w.recs = append(w.recs, name)
	w.message(w.role()) // guards what follows
	falls := w.blockOrJump(depth)
	w.recs = w.recs[:len(w.recs)-1]
	w.b.WriteString("}\n")
	return falls
}

func (w *author) conditional(depth int) bool {
	fmt.Fprintf(&w.b, "if %d > %d {\n", w.labels, rapid.IntRange(0, 5).Draw(w.t, "limit"))
	w.message(w.role())
	then := w.blockOrJump(depth)
	w.b.WriteString("} else {\n")
	w.message(w.role())
	otherwise := w.blockOrJump(depth)
	w.b.WriteString("}\n")
	return then || otherwise
}

// runner walks through the text of a protocol, not its automaton: the oracle.
type runner struct {
	t     *rapid.T
	steps []string // "+ label" for a message of the first role, "- label" for one of the second, "if", "else"
	fuel  int
}

// How a block was left.
type leaving struct {
	ended bool
	jump  *check.Rec
}

func (r *runner) run(stmts []check.Stmt) leaving {
	for _, st := range stmts {
		if r.fuel--; r.fuel < 0 {
			return leaving{ended: true}
		}
		var l leaving
		switch st := st.(type) {
		case *check.Message:
			r.steps = append(r.steps, string("+-"[st.Sender])+" "+st.Name)
		case *check.Choice:
			l = r.run(st.Branches[rapid.IntRange(0, len(st.Branches)-1).Draw(r.t, "branch")])
		case *check.Rec:
			for {
				l = r.run(st.Body)
				if l.jump != st {
					break
				}
				l = leaving{}
			}
		case *check.Continue:
			return leaving{jump: st.Rec}
		case *check.If:
			if rapid.Bool().Draw(r.t, "condition") {
				r.steps = append(r.steps, "if")
				l = r.run(st.Then)
			} else {
				r.steps = append(r.steps, "else")
				l = r.run(st.Else)
			}
		case *check.End:
			return leaving{ended: true}
		}
		if l.ended || l.jump != nil {
			return l
		}
	}
	return leaving{}
}

// follow takes a local automaton through the steps, and returns the state that it is in then.
func follow(l *automaton.Local, role int, steps []string) (automaton.LocalState, error) {
	at := l.States[l.Initial]
	for i, step := range steps {
		next := -1
		switch {
		case step == "if" && at.Kind == automaton.Deciding:
			next = at.Moves[0].To
		case step == "else" && at.Kind == automaton.Deciding:
			next = at.Moves[1].To
		default:
			want := automaton.Receiving
			if (step[0] == '+') == (role == 0) {
				want = automaton.Sending
			}
			for _, m := range at.Moves {
				if at.Kind == want && m.Label == step[2:] {
					next = m.To
				}
			}
		}
		if next < 0 {
			return at, fmt.Errorf("step %d, %s, is not one of %s", i, step, at.Name)
		}
		at = l.States[next]
	}
	return at, nil
}

// Every run of the text is a walk of both projections, one sending what the other
// receives; and every random walk of one projection is one of the other.
func TestRandomWalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := (&author{t: t}).protocol()
		p := loadQuietly(source)
		if p == nil {
			t.Skip("the author wrote what the language refuses")
		}
		a := p.Automata[0]
		first, second := a.Local(0), a.Local(1)
		require.NoError(t, first.Dual(second))
		require.NoError(t, second.Dual(first))
		require.Error(t, first.Dual(first))

		r := &runner{t: t, fuel: 60}
		r.run(a.Protocol.Body)
		for role, l := range []*automaton.Local{first, second} {
			at, err := follow(l, role, r.steps)
			require.NoError(t, err, "%s\n%v", source, r.steps)
			if r.fuel >= 0 {
				require.Equal(t, automaton.Ended, at.Kind, "%s\n%v", source, r.steps)
			}
		}

		var steps []string
		for at := first.States[first.Initial]; at.Kind != automaton.Ended && len(steps) < 60; {
			i := rapid.IntRange(0, len(at.Moves)-1).Draw(t, "move")
			m := at.Moves[i]
			steps = append(steps, map[automaton.LocalKind]string{
				automaton.Sending: "+ " + m.Label, automaton.Receiving: "- " + m.Label, automaton.Deciding: []string{"if", "else"}[i%2],
			}[at.Kind])
			at = first.States[m.To]
		}
		_, err := follow(second, 1, steps)
		require.NoError(t, err, "%s\n%v", source, steps)

		require.Nil(t, automaton.Bisimilar(a, a))
		again := loadQuietly(source)
		require.Nil(t, automaton.Bisimilar(a, again.Automata[0]))
		require.Equal(t, a.Fingerprint, again.Automata[0].Fingerprint)
	})
}
