package session

import (
	"encoding/binary"
	"strconv"
	"time"
)

// Inbound is a message that arrived: a Decoder for its payload.
type Inbound struct {
	Decoder
	s       *Session
	index   int
	message *Message
	pending *Pending // what it is taken in for, nil where a step receives it
}

// Message returns the message's index in Protocol.Messages.
func (in *Inbound) Message() int { return in.index }

// Violated ends the session because the message's predicate is false or, taking precedence, because its payload
// is malformed. It returns the *PeerError that both ends get.
func (in *Inbound) Violated(values ...any) error {
	if fault := in.finish(); fault != "" {
		return in.refuse(MalformedPayload, fault, nil)
	}
	return in.refuse(FalsePredicate, "", Values(values...))
}

// Accept accepts the message and returns the next step, which is the zero value if the receive had been
// deferred. If the payload was malformed, the error is a *PeerError and the session is over.
func (in *Inbound) Accept() (Step, error) {
	s, m := in.s, in.message
	if fault := in.finish(); fault != "" {
		return Step{}, in.refuse(MalformedPayload, fault, nil)
	}
	if in.pending != nil {
		return Step{}, nil
	}
	next := s.advance(in.index, m)
	if m.Next == s.table.end() {
		// If it fails, the session is over, and Close says why.
		_ = s.stream.CloseSend()
	}
	return next, nil
}

// admit begins a message that arrived in state, whose time limits run from since.
func (s *Session) admit(state int, since time.Time, message []byte, arrived time.Time) (*Inbound, error) {
	if !s.recognise(state, message) {
		return nil, s.unexpected(message)
	}
	if m := s.in.message; m.Within > 0 && arrived.Sub(since) > m.Within {
		return nil, s.violated(TooLate, m, "", nil)
	}
	return &s.in, nil
}

// recognise begins a message that arrived in state: it finds out which one it is, if it is one allowed there.
func (s *Session) recognise(state int, message []byte) bool {
	number, payload, ok := cutNumber(message)
	at := &s.table.places[state]
	all := s.protocol.Messages[:at.first+at.count]
	for i := at.first; ok && i < len(all); i++ {
		if m := &all[i]; m.Number == number {
			s.in.index, s.in.message = i, m
			s.in.reset(payload)
			return true
		}
	}
	return false
}

// cutNumber takes the number of the label off a message.
func cutNumber(message []byte) (number uint64, payload []byte, ok bool) {
	if len(message) > 0 && message[0] < 0x80 {
		return uint64(message[0]), message[1:], true
	}
	return cutLongNumber(message)
}

// cutLongNumber is cutNumber for a number of several bytes.
func cutLongNumber(message []byte) (number uint64, payload []byte, ok bool) {
	number, n := binary.Uvarint(message)
	if n <= 0 || message[n-1] == 0 { // none, or not in as few bytes as hold it
		return 0, nil, false
	}
	return number, message[n:], true
}

// unexpected ends the session because a message arrived that is not allowed here.
func (s *Session) unexpected(message []byte) error {
	number, _, ok := cutNumber(message)
	if !ok {
		return s.violated(UnexpectedLabel, nil, "the message begins with no label", nil)
	}
	for i := range s.protocol.Messages {
		if m := &s.protocol.Messages[i]; m.Number == number {
			return s.violated(UnexpectedLabel, &Message{Label: m.Label}, "", nil)
		}
	}
	return s.violated(UnexpectedLabel, nil, "the protocol has no label "+strconv.FormatUint(number, 10), nil)
}

// refuse ends the session for what is wrong with the message.
func (in *Inbound) refuse(rule Rule, detail string, values []Value) error {
	err := in.s.violated(rule, in.message, detail, values)
	if in.pending == nil { // else what is under way is not over
		in.s.giveBack()
	}
	return err
}
