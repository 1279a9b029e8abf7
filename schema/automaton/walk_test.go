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

// author writes random protocols, with every construct that says who goes on and how.
type author struct {
	t     *rapid.T
	b     strings.Builder
	count int      // of names
	vars  []string // that are visible
	recs  []loop   // that are around
	done  []string // protocols that are finished, and may be done
}

// loop is a recursion, and how many variables it has.
type loop struct {
	name string
	vars int
}

// protocols are some that later ones do, and P, the last.
func (w *author) protocols() string {
	w.b.WriteString("package a\n")
	for i := range rapid.IntRange(0, 2).Draw(w.t, "others") {
		w.protocol(fmt.Sprintf("Q%d", i))
	}
	w.protocol("P")
	return w.b.String()
}

func (w *author) protocol(name string) {
	fmt.Fprintf(&w.b, "protocol %s(A, B) {\n", name)
	w.message(w.role())
	w.block(3)
	w.b.WriteString("}\n")
	w.vars = nil
	w.done = append(w.done, name)
}

func (w *author) role() int { return rapid.IntRange(0, 1).Draw(w.t, "role") }

// name is one that nothing else has.
func (w *author) name(prefix string) string {
	w.count++
	return fmt.Sprintf("%s%d", prefix, w.count)
}

func (w *author) message(role int) {
	v := w.name("v")
	fmt.Fprintf(&w.b, "%c -> %c: %s(%s int)\n", "AB"[role], "BA"[role], w.name("L"), v)
	w.vars = append(w.vars, v)
}

// value is an expression over what is visible.
func (w *author) value() string {
	known := append([]string{"1"}, w.vars...)
	return rapid.SampledFrom(known).Draw(w.t, "value") + rapid.SampledFrom([]string{"", " + 1"}).Draw(w.t, "more")
}

func (w *author) values(n int) string {
	var all []string
	for range n {
		all = append(all, w.value())
	}
	return strings.Join(all, ", ")
}

// block writes a few statements, and reports whether a run can get behind them. What they bind is bound to its end.
func (w *author) block(depth int) bool {
	for range rapid.IntRange(0, 3).Draw(w.t, "statements") {
		falls := true
		switch kind := rapid.IntRange(0, 5).Draw(w.t, "kind"); {
		case kind == 1 && depth > 0:
			falls = w.choice(depth - 1)
		case kind == 2 && depth > 0:
			falls = w.rec(depth - 1)
		case kind == 3 && depth > 0:
			falls = w.conditional(depth - 1)
		case kind == 4 && len(w.done) > 0:
			roles := rapid.SampledFrom([]string{"A, B", "B, A"}).Draw(w.t, "roles")
			fmt.Fprintf(&w.b, "do %s(%s) as %s\n", rapid.SampledFrom(w.done).Draw(w.t, "protocol"), roles, w.name("D"))
		default:
			w.message(w.role())
		}
		if !falls {
			return false
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
		falls = w.spoken(role, depth) || falls
	}
	w.b.WriteString("}\n")
	return falls
}

// spoken is a block that begins with a message, and may end with a continue or an end.
func (w *author) spoken(role, depth int) bool {
	visible := len(w.vars)
	defer func() { w.vars = w.vars[:visible] }()
	w.message(role)
	if !w.block(depth) {
		return false
	}
	switch kind := rapid.IntRange(0, 3).Draw(w.t, "jump"); {
	case kind == 1 && len(w.recs) > 0:
		to := rapid.SampledFrom(w.recs).Draw(w.t, "rec")
		fmt.Fprintf(&w.b, "continue %s(%s)\n", to.name, w.values(to.vars))
		return false
	case kind == 2:
		w.b.WriteString("end\n")
		return false
	}
	return true
}

func (w *author) rec(depth int) bool {
	visible := len(w.vars)
	to := loop{w.name("R"), rapid.IntRange(0, 2).Draw(w.t, "variables")}
	var params []string
	var names []string
	for range to.vars {
		v := w.name("r")
		params, names = append(params, v+" int = "+w.value()), append(names, v)
	}
	fmt.Fprintf(&w.b, "rec %s(%s) {\n", to.name, strings.Join(params, ", "))
	w.vars = append(w.vars, names...)
	w.recs = append(w.recs, to)
	falls := w.spoken(w.role(), depth)
	w.recs = w.recs[:len(w.recs)-1]
	w.vars = w.vars[:visible]
	w.b.WriteString("}\n")
	return falls
}

func (w *author) conditional(depth int) bool {
	fmt.Fprintf(&w.b, "if %s > %s {\n", w.value(), w.value())
	then := w.spoken(w.role(), depth)
	if rapid.Bool().Draw(w.t, "no else") {
		w.b.WriteString("}\n")
		return true
	}
	w.b.WriteString("} else {\n")
	otherwise := w.spoken(w.role(), depth)
	w.b.WriteString("}\n")
	return then || otherwise
}

// runner walks through the text of a protocol, not its automaton: the oracle.
type runner struct {
	t     *rapid.T
	steps []string // "+ label" for a message of the first role, "- label" for one of the second, "if", "else"
	fuel  int
	// swapped: the roles of what is being done are the other way round.
	swapped bool
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
			sender := st.Sender
			if r.swapped {
				sender = 1 - sender
			}
			r.steps = append(r.steps, string("+-"[sender])+" "+st.Name)
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
		case *check.Do:
			r.swapped = r.swapped != st.Swapped
			r.run(st.Protocol.Body) // its end is that of what is done
			r.swapped = r.swapped != st.Swapped
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
	written, accepted := 0, 0
	used := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		source := (&author{t: t}).protocols()
		written++
		p := loadQuietly(source)
		if p == nil {
			t.Skip("the author wrote what the language refuses")
		}
		accepted++
		for _, word := range strings.Fields(source) {
			used[word] = true
		}
		a := p.Automata[len(p.Automata)-1]
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
		require.Nil(t, automaton.Bisimilar(a, again.Automata[len(p.Automata)-1]))
		require.Equal(t, a.Fingerprint, again.Automata[len(p.Automata)-1].Fingerprint)
	})
	require.Greater(t, accepted, written/2, "the author writes too much that is refused")
	for _, word := range []string{"choice", "or", "rec", "continue", "if", "else", "do", "end"} {
		require.Contains(t, used, word, "the author never wrote it")
	}
}
