package automaton

import (
	"slices"

	"github.com/sessgen/sessgen/schema/check"
)

// A send may overtake a receive (spec.md, "Putting off"): what a role would have to
// receive first, it may put off, and go on.

// deferrals finds the messages that their receivers may put off: the one message of
// its place, of whose parameters nothing but a `where` makes use later, and behind which the receiver
// sends, or behind further such messages. An `if` on the way is passed: it needs none of the parameters.
func deferrals(a *Automaton) {
	computed, risky := a.Computed(), a.risky()
	fit := func(m *Message) bool {
		return len(m.From.Messages) == 1 &&
			!slices.ContainsFunc(m.Params, func(v *check.Var) bool { return computed[v] }) &&
			!mayPanic(m.Target) && !risky[m.To] // else it would have to be refused before it has come
	}
	for role := range a.Protocol.Roles {
		// Where the role sends, or will without waiting for anything but what it may put off.
		sends := a.grow(func(p *Place, sends map[*Place]bool) bool {
			switch {
			case p.Kind == Conditional:
				return sends[p.Then.To] || sends[p.Else.To]
			case p.Kind == Final || p.Sender == role:
				return p.Kind != Final
			}
			return fit(p.Messages[0]) && sends[p.Messages[0].To]
		})
		for _, p := range a.Places {
			for _, m := range p.Messages {
				if m.Sender != role {
					m.Deferrable = fit(m) && sends[m.To]
				}
			}
		}
	}
}

// risky are the places where something may panic before the next message: a condition,
// or what is computed on the way from it.
func (a *Automaton) risky() map[*Place]bool {
	return a.grow(func(p *Place, risky map[*Place]bool) bool {
		return p.Kind == Conditional &&
			(p.Cond.MayPanic || mayPanic(p.Then) || mayPanic(p.Else) || risky[p.Then.To] || risky[p.Else.To])
	})
}

func mayPanic(t Target) bool {
	return slices.ContainsFunc(t.Lets, func(l Let) bool {
		return slices.ContainsFunc(l.Exprs, func(e *check.Expr) bool { return e.MayPanic })
	})
}

// grow is the least set of places that holds those which belong says belong to it.
func (a *Automaton) grow(belong func(p *Place, set map[*Place]bool) bool) map[*Place]bool {
	set := map[*Place]bool{}
	for changed := true; changed; {
		changed = false
		for _, p := range slices.Backward(a.Places) {
			if !set[p] && belong(p, set) {
				set[p], changed = true, true
			}
		}
	}
	return set
}

// Computed returns the variables that are used by something other than a `where`: an `if`, an initialiser, an
// argument. They decide how a protocol continues.
func (a *Automaton) Computed() map[*check.Var]bool {
	used := variables{}
	lets := func(t Target) {
		for _, l := range t.Lets {
			for _, e := range l.Exprs {
				add(used, e)
			}
		}
	}
	lets(a.Enter)
	for _, p := range a.Places {
		for _, m := range p.Messages {
			lets(m.Target)
		}
		if p.Kind == Conditional {
			add(used, p.Cond)
			lets(p.Then)
			lets(p.Else)
		}
	}
	return used
}

// Late returns, for each place, the variables that are live there and may have no value yet when the role is
// there, because the message that brings them was deferred.
func (a *Automaton) Late(role int) map[*Place]map[*check.Var]bool {
	late := map[*Place]map[*check.Var]bool{}
	for _, p := range a.Places {
		late[p] = map[*check.Var]bool{}
	}
	changed := true
	bring := func(to *Place, v *check.Var) {
		if (slices.Contains(to.Vars, v) || slices.Contains(to.Outer, v)) && !late[to][v] {
			late[to][v], changed = true, true
		}
	}
	for changed {
		changed = false
		for _, p := range a.Places {
			for v := range late[p] {
				if p.Kind == Conditional {
					bring(p.Then.To, v)
					bring(p.Else.To, v)
				}
			}
			for _, m := range p.Messages {
				if m.Sender != role && !m.Deferrable {
					continue // everything is in when it has been received
				}
				for v := range late[p] {
					bound := slices.Contains(m.Params, v)
					needed := m.Sender == role && m.Where != nil && slices.Contains(m.Where.Vars, v)
					if !bound && !needed {
						bring(m.To, v)
					}
				}
				if m.Sender != role {
					for _, v := range m.Params {
						bring(m.To, v)
					}
				}
			}
		}
	}
	return late
}
