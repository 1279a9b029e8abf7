package reason

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// A run is a run of a protocol with values that were chosen for it, up to some place.
type run struct {
	place *automaton.Place
	facts facts // values: what is not there may have any
	path  []string
}

// runsMax bounds the runs that are tried for one protocol.
const runsMax = 500

// search tries runs, the shortest first, with values from the edges of what the predicates
// allow. It returns those that end where nothing can be sent, one for a place, and which places runs got to.
func search(a *automaton.Automaton) (stuck []run, reached map[*automaton.Place]bool) {
	reached = map[*automaton.Place]bool{}
	seen := map[string]bool{}
	var queue []run
	reach := func(t automaton.Target, f facts, path []string) {
		for _, let := range t.Lets {
			if slices.ContainsFunc(let.Exprs, func(e *check.Expr) bool { return e.MayPanic }) {
				return
			}
		}
		r := run{t.To, follow(t, f), path}
		if key := r.key(); !seen[key] && len(seen) < runsMax {
			seen[key] = true
			queue = append(queue, r)
		}
	}
	reach(a.Enter, facts{}, nil)
	for ; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		first := !reached[r.place]
		reached[r.place] = true
		switch r.place.Kind {
		case automaton.Conditional:
			if surely(r.place.Cond, r.facts) {
				reach(r.place.Then, r.facts, r.path)
			} else if !r.place.Cond.MayPanic && !may(r.place.Cond, r.facts, true) {
				reach(r.place.Else, r.facts, r.path)
			}
		case automaton.Communication:
			silent := true
			for _, m := range r.place.Messages {
				silent = silent && !may(m.Where, r.facts.without(m.Params), true)
				for _, f := range choices(m, r.facts) {
					reach(m.Target, f, append(slices.Clip(r.path), said(m, f)))
				}
			}
			if silent && (first || !slices.ContainsFunc(stuck, func(s run) bool { return s.place == r.place })) {
				stuck = append(stuck, r)
			}
		}
	}
	return stuck, reached
}

func (r run) key() string {
	var parts []string
	for t, a := range r.facts {
		parts = append(parts, fmt.Sprintf("%d %s%s=%v", t.of.Depth, t.of.Name, t.path, a))
	}
	slices.Sort(parts)
	return fmt.Sprint(r.place.Index, parts)
}

// choices are values for the parameters of a message under which its predicate surely holds.
func choices(m *automaton.Message, f facts) []facts {
	f = f.without(m.Params)
	if m.Where != nil && m.Where.MayPanic {
		return nil
	}
	targets := []int64{0, 1, 2, -1 << 62, 1 << 62}
	if len(m.Params) == 0 {
		targets = targets[:1] // nothing is chosen
	}
	if !may(m.Where, f, true) {
		return nil
	}
	var all []facts
	for _, target := range targets {
		chosen := f
		for _, v := range m.Params {
			chosen = fix(assume(m.Where, chosen, true), chosen, v, big.NewInt(target))
		}
		if chosen == nil || !surely(m.Where, chosen) {
			continue
		}
		if !slices.ContainsFunc(all, chosen.equal) {
			all = append(all, chosen)
		}
	}
	return all
}

// fix gives a variable, and what is known of its parts, the values nearest to the target that are allowed.
func fix(allowed, f facts, v *check.Var, target *big.Int) facts {
	if allowed == nil || f == nil {
		return nil
	}
	f = maps.Clone(f)
	near := func(a interval) interval { return point(smaller(larger(target, a.lo), a.hi)) }
	for t, a := range allowed {
		if t.of != v {
			continue
		}
		if strings.HasSuffix(t.path, "#") && a.lo.Cmp(big.NewInt(1<<20)) < 0 {
			a.hi = smaller(a.hi, big.NewInt(1<<20)) // a value that there may really be
		}
		f[t] = near(a)
	}
	t := term{of: v}
	if _, known := f[t]; !known {
		if whole, ok := t.whole(); ok {
			f[t] = near(whole)
		}
	}
	return f
}

// said is a message with the values that were chosen.
func said(m *automaton.Message, f facts) string {
	var params []string
	for _, v := range m.Params {
		t := term{of: v}
		if a, known := f[t]; known && a.isPoint() {
			params = append(params, v.Name+" = "+t.text(a))
		} else if a, known := f[term{v, "#"}]; known && a.isPoint() {
			params = append(params, fmt.Sprintf("len(%s) = %s", v.Name, a))
		}
	}
	return m.Label + "(" + strings.Join(params, ", ") + ")"
}
