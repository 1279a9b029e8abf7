package session

import (
	"fmt"
	"strings"
)

// use is what a program wanted to do with a state: its step "Send", "Recv", … with the message, or at the state.
type use struct {
	step    string
	message int // index in Protocol.Messages, or choice
	state   int // index in Protocol.States, or last, where there is no message
}

const (
	choice = -1 // whichever message there is
	last   = -1 // the End
)

// misuse makes err say which step of which state it is about, as generated code has them: "SendDeposit of BankClientAccount".
func (s *Session) misuse(err error, u use) error {
	p, state, label := s.protocol, u.state, ""
	if u.message != choice {
		if uint(u.message) >= uint(len(p.Messages)) {
			return fmt.Errorf("%w: a step of another protocol than %s", err, p.Name)
		}
		m := &p.Messages[u.message]
		state, label = m.State, m.Label
	}
	if state == last {
		state = s.table.end()
	}
	if uint(state) >= uint(len(p.States)) {
		return fmt.Errorf("%w: a step of another protocol than %s", err, p.Name)
	}
	if at := &s.table.places[state]; label == "" && at.count == 1 {
		label = p.Messages[at.first].Label
	}
	name := p.Name[strings.LastIndexByte(p.Name, '.')+1:]
	return fmt.Errorf("%w: %s%s of %s%s%s", err, u.step, label, name, p.Roles[s.role], p.States[state].Name)
}
