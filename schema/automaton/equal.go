package automaton

import (
	"fmt"
	"strings"
)

// Difference is where two protocols diverge.
type Difference struct {
	// Path is the labels of the messages that lead there, in order; a condition that held appears as "if", one
	// that did not as "else".
	Path []string
	// A and B are what the first and the second protocol say there.
	A, B string
}

func (d *Difference) Error() string {
	way := "at the beginning"
	if len(d.Path) > 0 {
		way = "behind " + strings.Join(d.Path, ", ")
	}
	return fmt.Sprintf("%s: %s is not %s", way, d.A, d.B)
}

// Bisimilar returns nil if two protocols are the same to everyone who takes part: at each point that a run can
// reach both offer the same messages, with the same payloads, predicates and label numbers, and compute the
// same variables. How they are written does not matter, nor how often a recursion is unrolled. If they differ,
// it returns the first difference on a shortest path.
//
// At each place a label leads to only one place, so corresponding places are found by walking through both
// protocols in step: the resulting relation is the bisimulation.
func Bisimilar(a, b *Automaton) *Difference {
	wa, wb := canonical{shapes: shapesOf(a)}, canonical{shapes: shapesOf(b)}
	type pair struct{ a, b *Place }
	type step struct {
		pair
		path []string
	}
	seen := map[pair]bool{}
	var queue []step
	reach := func(ta, tb Target, path []string) *Difference {
		if x, y := wa.values(ta), wb.values(tb); x != y {
			return &Difference{path, orNothing(x), orNothing(y)}
		}
		if p := (pair{ta.To, tb.To}); !seen[p] {
			seen[p] = true
			queue = append(queue, step{p, path})
		}
		return nil
	}
	if d := reach(a.Enter, b.Enter, nil); d != nil {
		return d
	}
	for ; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		x, y := wa.offers(s.a), wb.offers(s.b)
		for i := range max(len(x), len(y)) {
			if i >= len(x) || i >= len(y) || x[i] != y[i] {
				return &Difference{s.path, entry(x, i), entry(y, i)}
			}
		}
		path := func(last string) []string { return append(s.path[:len(s.path):len(s.path)], last) }
		if s.a.Kind == Conditional {
			if d := reach(s.a.Then, s.b.Then, path("if")); d != nil {
				return d
			}
			if d := reach(s.a.Else, s.b.Else, path("else")); d != nil {
				return d
			}
		}
		for i, m := range s.a.Messages {
			if d := reach(m.Target, s.b.Messages[i].Target, path(m.Label)); d != nil {
				return d
			}
		}
	}
	return nil
}

// offers are what a place offers, without where it leads.
func (w *canonical) offers(p *Place) []string {
	switch p.Kind {
	case Final:
		return []string{"the end"}
	case Conditional:
		return []string{"if " + w.expr(p.Cond, p.frame)}
	}
	var all []string
	for _, m := range p.Messages {
		all = append(all, w.offer(m))
	}
	return all
}

func entry(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return orNothing("")
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return strings.TrimSpace(text)
}
