package automaton

import (
	"fmt"
	"strings"
	"time"
)

// Local is the automaton as one role sees it: the projection of the protocol on the role.
type Local struct {
	Protocol, Role string
	// States are those of Automaton.Places, with the same indices.
	States []LocalState
	// Initial is the index of the first state.
	Initial int
}

// LocalKind says what a role does in a state.
type LocalKind uint8

// The kinds of state.
const (
	// Ended: nothing; the protocol is complete.
	Ended LocalKind = iota
	// Sending: the role sends one of the moves' messages, of its own choice.
	Sending
	// Receiving: it receives one of them, whichever the other role chose.
	Receiving
	// Deciding: it takes the first move if the condition holds, and the second otherwise; so does the other
	// role.
	Deciding
)

// LocalState is one state of a role.
type LocalState struct {
	Name string
	Kind LocalKind
	// Vars are the variables live in it, each as "name type".
	Vars []string
	// Cond is the condition of a Deciding state.
	Cond  string
	Moves []Move
}

// Move leads from one state to the next. The moves of a Deciding state have only a target.
type Move struct {
	Label string
	// Payload is the message as declared: "Deposit(amount int64)". Where is its predicate; empty if it has
	// none.
	Payload, Where string
	// Within is the time that the receiver allows for the message; zero means no limit.
	Within time.Duration
	// Updates are the variables that get new values, each as "name = expression".
	Updates []string
	To      int
}

// Local returns the projection on a role, 0 or 1.
func (a *Automaton) Local(role int) *Local {
	l := &Local{Protocol: a.Name, Role: a.Protocol.Roles[role], Initial: a.Enter.To.Index}
	for _, p := range a.Places {
		s := LocalState{Name: p.Name}
		for _, v := range p.Vars {
			s.Vars = append(s.Vars, v.Name+" "+v.Type.String())
		}
		switch p.Kind {
		case Communication:
			s.Kind = Receiving
			if p.Sender == role {
				s.Kind = Sending
			}
			for _, m := range p.Messages {
				s.Moves = append(s.Moves, m.move())
			}
		case Conditional:
			s.Kind, s.Cond = Deciding, p.Cond.Text
			s.Moves = []Move{p.Then.move(), p.Else.move()}
		}
		l.States = append(l.States, s)
	}
	return l
}

func (m *Message) move() Move {
	v := m.Target.move()
	v.Label, v.Within = m.Label, m.Source.Within
	var params []string
	for _, p := range m.Params {
		params = append(params, p.Name+" "+p.Type.String())
	}
	v.Payload = m.Label + "(" + strings.Join(params, ", ") + ")"
	if m.Where != nil {
		v.Where = m.Where.Text
	}
	return v
}

func (t Target) move() Move {
	v := Move{To: t.To.Index}
	for _, let := range t.Lets {
		for i, x := range let.Vars {
			if text := let.Exprs[i].Text; text != x.Name {
				v.Updates = append(v.Updates, x.Name+" = "+text)
			}
		}
	}
	return v
}

// Dual returns how m differs from the dual of l, nil if it does not: the two must take the same steps, one
// sending what the other receives, and decide alike.
func (l *Local) Dual(m *Local) error {
	if l.Protocol != m.Protocol || len(l.States) != len(m.States) || l.Initial != m.Initial {
		return fmt.Errorf("automaton: %s of %s and %s of %s are of different protocols", l.Role, l.Protocol, m.Role, m.Protocol)
	}
	swapped := map[LocalKind]LocalKind{Ended: Ended, Sending: Receiving, Receiving: Sending, Deciding: Deciding}
	for i, s := range l.States {
		t := m.States[i]
		if swapped[s.Kind] != t.Kind || s.Cond != t.Cond || len(s.Moves) != len(t.Moves) {
			return fmt.Errorf("automaton: %s: %s at %s is not the dual of %s at %s", l.Protocol, l.Role, s.Name, m.Role, t.Name)
		}
		for k, v := range s.Moves {
			w := t.Moves[k]
			if v.Payload != w.Payload || v.Where != w.Where || v.To != w.To {
				return fmt.Errorf("automaton: %s: at %s, %s does %s and %s does %s", l.Protocol, s.Name, l.Role, v.Payload, m.Role, w.Payload)
			}
		}
	}
	return nil
}
