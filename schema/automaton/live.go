package automaton

import (
	"slices"

	"github.com/sessgen/sessgen/schema/check"
)

// variables is a set of variables.
type variables map[*check.Var]bool

// live finds the variables that live in each place: backwards from where they are
// used, until nothing is added any more.
func live(a *Automaton) {
	at := make([]variables, len(a.Places))
	for i, p := range a.Places {
		at[i] = variables{}
		for _, h := range p.heads {
			for _, v := range h.rec.Vars {
				at[i][v] = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i := len(a.Places) - 1; i >= 0; i-- {
			before := len(at[i])
			a.Places[i].uses(at)
			changed = changed || len(at[i]) != before
		}
	}
	order := bindings{}
	for i, p := range a.Places {
		p.settleVars(at[i], order)
	}
}

// uses adds to the place's variables those that its steps use.
func (p *Place) uses(at []variables) {
	here := at[p.Index]
	switch p.Kind {
	case Communication:
		for _, m := range p.Messages {
			needed := m.Target.needs(at)
			add(needed, m.Where)
			for v := range needed {
				if !slices.Contains(m.Params, v) {
					here[v] = true
				}
			}
		}
	case Conditional:
		add(here, p.Cond)
		for v := range p.Then.needs(at) {
			here[v] = true
		}
		for v := range p.Else.needs(at) {
			here[v] = true
		}
	}
}

// needs is what must have a value where a step has been taken, for its target to have what lives there.
func (t Target) needs(at []variables) variables {
	needed := variables{}
	for v := range at[t.To.Index] {
		needed[v] = true
	}
	for i := len(t.Lets) - 1; i >= 0; i-- {
		for _, v := range t.Lets[i].Vars {
			delete(needed, v)
		}
		for _, e := range t.Lets[i].Exprs {
			add(needed, e)
		}
	}
	return needed
}

func add(to variables, e *check.Expr) {
	if e == nil {
		return
	}
	for _, v := range e.Vars {
		to[v] = true
	}
}

// settleVars puts the living variables in order, those of the place's own protocol apart.
func (p *Place) settleVars(living variables, order bindings) {
	if p.frame == nil {
		return // the end
	}
	var chain []*frame
	for f := p.frame; f != nil; f = f.around {
		chain = append(chain, f)
	}
	slices.Reverse(chain)
	for _, f := range chain {
		bound := order.of(f.protocol)
		var vars []*check.Var
		for v := range living {
			if _, is := bound[v]; is {
				vars = append(vars, v)
			}
		}
		slices.SortFunc(vars, func(v, w *check.Var) int { return bound[v] - bound[w] })
		if f == p.frame {
			p.Vars = vars
		} else {
			p.Outer = append(p.Outer, vars...)
		}
	}
}

// bindings say which variables a protocol binds, and in which order.
type bindings map[*check.Protocol]map[*check.Var]int

func (b bindings) of(p *check.Protocol) map[*check.Var]int {
	if b[p] == nil {
		b[p] = map[*check.Var]int{}
		for i, v := range variablesOf(p.Body) {
			b[p][v] = i
		}
	}
	return b[p]
}

func variablesOf(stmts []check.Stmt) (vars []*check.Var) {
	for _, st := range stmts {
		switch st := st.(type) {
		case *check.Message:
			vars = append(vars, st.Params...)
		case *check.Choice:
			for _, b := range st.Branches {
				vars = append(vars, variablesOf(b)...)
			}
		case *check.Rec:
			vars = append(append(vars, st.Vars...), variablesOf(st.Body)...)
		case *check.If:
			vars = append(append(vars, variablesOf(st.Then)...), variablesOf(st.Else)...)
		}
	}
	return vars
}
