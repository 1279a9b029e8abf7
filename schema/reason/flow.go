package reason

import (
	"go/constant"
	"strings"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// flow finds what holds in every place whenever a run stands there: intervals that
// grow along the messages until nothing new comes (abstract interpretation with widening).
func flow(a *automaton.Automaton) []facts {
	at := make([]facts, len(a.Places))
	visits := make([]int, len(a.Places))
	at[a.Enter.To.Index] = follow(a.Enter, facts{})
	queue := []*automaton.Place{a.Enter.To}
	for ; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		for _, step := range steps(p, at[p.Index]) {
			to := step.to.Index
			if step.facts == nil {
				continue
			}
			joined := at[to].join(step.facts)
			if joined.equal(at[to]) {
				continue
			}
			if visits[to]++; visits[to] > patience && at[to] != nil {
				joined = widen(at[to], joined)
			}
			at[to] = joined
			queue = append(queue, step.to)
		}
	}
	// What was widened too far comes back by going through everything again from there.
	for range 2 {
		next := make([]facts, len(a.Places))
		next[a.Enter.To.Index] = follow(a.Enter, facts{})
		for _, p := range a.Places {
			for _, step := range steps(p, at[p.Index]) {
				next[step.to.Index] = next[step.to.Index].join(step.facts)
			}
		}
		at = next
	}
	return at
}

// patience is how often the facts of a place may change before they are widened.
const patience = 3

// step is one way on from a place, and what holds behind it.
type step struct {
	to    *automaton.Place
	facts facts
}

func steps(p *automaton.Place, f facts) []step {
	if f == nil {
		return nil
	}
	if p.Kind == automaton.Conditional {
		return []step{
			{p.Then.To, follow(p.Then, assume(p.Cond, f, true))},
			{p.Else.To, follow(p.Else, assume(p.Cond, f, false))},
		}
	}
	var all []step
	for _, m := range p.Messages {
		all = append(all, step{m.To, follow(m.Target, assume(m.Where, f.without(m.Params), true))})
	}
	return all
}

// follow is what holds in the place that a step leads to.
func follow(t automaton.Target, f facts) facts {
	if f == nil {
		return nil
	}
	for _, let := range t.Lets {
		next := f.without(let.Vars)
		for i, v := range let.Vars {
			for path, a := range values(let.Exprs[i], f) {
				next[term{v, path}] = a
			}
		}
		f = next
	}
	return f.keep(t.To.Vars, t.To.Outer)
}

// values is what is known of an expression and its parts, by the paths of terms.
func values(e *check.Expr, f facts) map[string]interval {
	x := formula{e}
	known := map[string]interval{}
	if t, is := x.term(e.Tree); is {
		for u, a := range f {
			if rest, below := strings.CutPrefix(u.path, t.path); below && u.of == t.of {
				known[rest] = a
			}
		}
	}
	if a, ok := x.value(e.Tree, f); ok {
		known[""] = a
	}
	if v := e.Info.Types[e.Tree].Value; v != nil {
		switch v.Kind() {
		case constant.String:
			size := int64(len(constant.StringVal(v)))
			known["#"] = between(size, size)
		case constant.Bool:
			known[""] = between(0, 0)
			if constant.BoolVal(v) {
				known[""] = between(1, 1)
			}
		}
	}
	return known
}

// widen gives up a bound that keeps moving.
func widen(old, grown facts) facts {
	widened := facts{}
	for t, a := range grown {
		before := old[t]
		whole, ok := t.whole()
		if !ok && !before.equal(a) {
			continue
		}
		if a.lo.Cmp(before.lo) < 0 {
			a.lo = whole.lo
		}
		if a.hi.Cmp(before.hi) > 0 {
			a.hi = whole.hi
		}
		widened[t] = a
	}
	return widened
}

// whole is every value that the term may have, if that is at hand.
func (t term) whole() (interval, bool) {
	switch {
	case strings.HasSuffix(t.path, "#"):
		return lengths, true
	case t.path == "" && t.of.Type.Kind == check.Bool:
		return between(0, 1), true
	case t.path == "":
		return rangeOf(t.of.Type.Go)
	}
	return interval{}, false
}
