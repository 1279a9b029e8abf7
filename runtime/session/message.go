package session

import (
	"encoding/binary"
	"errors"
)

// What follows is for package rpc, whose calls speak streams themselves: a
// message's label and the ends of its payload, which a Step sees to for states.

// Start begins the message m with the label's number; the parameters come next.
func (e *Encoder) Start(m *Message) {
	e.reset()
	e.buf = binary.AppendUvarint(e.buf, m.Number)
}

// Message returns the message that Start began, whole, or an *EncodeError. The slice is valid until the next
// Start.
func (e *Encoder) Message(m *Message) ([]byte, error) {
	if e.err != nil {
		return nil, &EncodeError{Label: m.Label, Param: e.param(m), Err: e.err}
	}
	return e.buf, nil
}

// Sent starts d on the payload of the message that e holds, for values whose encoding does not decode to the
// same value. See Outbound.Sent.
func (e *Encoder) Sent(m *Message, d *Decoder) error {
	message, err := e.Message(m)
	if err == nil {
		_, err = d.Start(message)
	}
	return err
}

// param is the parameter of m that could not be encoded, as the schema writes it.
func (e *Encoder) param(m *Message) string {
	if i := e.top - 1; 0 <= i && i < len(m.Params) {
		return m.Params[i]
	}
	return "its payload"
}

// Start begins to take a message apart: number is its label's number, and the payload is what d then decodes. d
// retains message until End.
func (d *Decoder) Start(message []byte) (number uint64, err error) {
	number, payload, ok := cutNumber(message)
	if !ok {
		return 0, errNoLabel
	}
	d.reset(payload)
	return number, nil
}

var errNoLabel = errors.New("the message begins with no label")

// End ends a payload that has been decoded. It returns what is malformed in it, or "" if nothing is.
func (d *Decoder) End() (fault string) { return d.finish() }

// Explain translates an error of a stream into what it means to a session of p in the role with the given
// index: a *MismatchError or a *PeerError if that is why the peer aborted.
func Explain(p *Protocol, role int, err error) error { return translate(p, role, err) }
