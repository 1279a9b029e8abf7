package reason

import (
	"maps"

	"github.com/sessgen/sessgen/schema/check"
)

// term is what an interval is known of: an integer or boolean variable, a field of
// one, or the length of one of these.
type term struct {
	of   *check.Var
	path string // ".Cents", "#" for a length, ".Text#"
}

// text is what an interval of the term's values is to a reader.
func (t term) text(a interval) string {
	if t.path == "" && t.of.Type.Kind == check.Bool && a.isPoint() {
		return map[string]string{"0": "false", "1": "true"}[a.String()]
	}
	return a.String()
}

// facts are the intervals of terms. A term without one may have every value of its
// type. They are copied, not changed, once they are shared. nil facts: no run gets here.
type facts map[term]interval

func (f facts) with(t term, a interval) facts {
	f = maps.Clone(f)
	f[t] = a
	return f
}

// join holds where f holds or g does.
func (f facts) join(g facts) facts {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	joined := facts{}
	for t, a := range f {
		if b, both := g[t]; both {
			joined[t] = a.join(b)
		}
	}
	return joined
}

func (f facts) equal(g facts) bool {
	return (f == nil) == (g == nil) && maps.EqualFunc(f, g, interval.equal)
}

// keep are the facts about the variables.
func (f facts) keep(vars ...[]*check.Var) facts {
	if f == nil {
		return nil
	}
	kept := facts{}
	for t, a := range f {
		for _, list := range vars {
			for _, v := range list {
				if t.of == v {
					kept[t] = a
				}
			}
		}
	}
	return kept
}

// without are the facts but those about the variables.
func (f facts) without(vars []*check.Var) facts {
	if f == nil {
		return nil
	}
	kept := maps.Clone(f)
	maps.DeleteFunc(kept, func(t term, _ interval) bool {
		for _, v := range vars {
			if t.of == v {
				return true
			}
		}
		return false
	})
	return kept
}
