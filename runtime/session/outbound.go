package session

import (
	"context"
	"errors"
	"sync"
)

// Outbound is a message about to be sent: an Encoder for its payload, whose fields are appended in the order of
// their numbers.
type Outbound struct {
	Encoder
	s       *Session
	index   int
	message *Message
	reread  bool // Sent was called

	large *buffer // where buf comes from, if it was borrowed
	last  int     // the size of the last message, if it was large
}

// keptMax bounds the memory for messages that a session keeps between two of them, in bytes.
const keptMax = 4 << 10

// begin starts the message with the label's number; the parameters come next. The Encoder is as Send or
// giveBack left it: reset.
func (o *Outbound) begin(index int, m *Message) {
	o.index, o.message = index, m
	if o.last > 0 {
		o.borrow()
	}
	o.buf = appendVarint(o.buf[:0], m.Number)
}

// Sent returns a decoder of what has been encoded, for values whose encoding does not decode to the same value:
// a predicate is about what the peer gets. If the payload cannot be encoded, the step is as it was.
func (o *Outbound) Sent() (*Decoder, error) {
	if o.err != nil {
		return nil, o.giveBack(o.unencodable(o.err))
	}
	_, payload, _ := cutNumber(o.buf)
	o.reread = true
	o.s.in.reset(payload)
	return &o.s.in.Decoder, nil
}

// lost returns what is wrong with an encoding that does not decode: nil if nothing is.
func (o *Outbound) lost() error {
	if fault := o.s.in.finish(); fault != "" {
		return o.unencodable(errors.New("it does not decode again: " + fault))
	}
	return nil
}

func (o *Outbound) unencodable(err error) error {
	return &EncodeError{Label: o.message.Label, Param: o.param(), Err: err}
}

// Refuse gives the step back, unconsumed, because the message's predicate is false, and returns the
// *ContractError that says so. values are alternating names and values.
func (o *Outbound) Refuse(values ...any) error {
	s, m := o.s, o.message
	if o.reread {
		if err := o.lost(); err != nil {
			return o.giveBack(err)
		}
	}
	err := &ContractError{
		Protocol: s.protocol.Name, Role: s.protocol.Roles[s.role], Label: m.Label,
		Where: m.Where, Pos: m.Pos, Values: Values(values...),
	}
	return o.giveBack(err)
}

// Pending gives the step back, unconsumed, because the message's predicate needs the value of a deferred
// receive that has not come in yet. It returns an error that matches ErrPending.
func (o *Outbound) Pending() error {
	return o.giveBack(o.s.misuse(ErrPending, use{step: "Send", message: o.index}))
}

// Send sends the message and returns the next step. If the message cannot be encoded or is too large, or ctx
// ends, the step is as it was.
func (o *Outbound) Send(ctx context.Context) (Step, error) {
	s, m := o.s, o.message
	if o.err != nil {
		return Step{}, o.giveBack(o.unencodable(o.err))
	}
	if o.reread {
		if err := o.lost(); err != nil {
			return Step{}, o.giveBack(err)
		}
		o.reread = false
	}
	err := ctx.Err()
	if err != nil {
		return Step{}, o.giveBack(s.failed(ctx, err))
	}
	if last := m.Next == s.table.end(); s.deferred.n == 0 {
		err = s.stream.Send(ctx, o.buf, last)
	} else {
		err = s.transmit(ctx, o.buf, last)
	}
	if err != nil {
		return Step{}, o.giveBack(o.failed(ctx, err))
	}
	if cap(o.buf) > keptMax {
		o.trim()
	}
	return s.advance(o.index, m), nil
}

// failed is what a Send returns for an error of the stream.
func (o *Outbound) failed(ctx context.Context, err error) error {
	var large *TooLargeError
	if errors.As(err, &large) {
		return &TooLargeError{Label: o.message.Label, Size: large.Size, Limit: large.Limit}
	}
	return o.s.failed(ctx, err)
}

// giveBack makes the step ready again and returns err.
func (o *Outbound) giveBack(err error) error {
	o.trim()
	o.reset()
	o.reread = false
	o.s.giveBack()
	return err
}

// trim keeps the session small: a large buffer goes to whichever session needs one next.
func (o *Outbound) trim() {
	if cap(o.buf) <= keptMax {
		return
	}
	o.last = 0
	if len(o.buf) > keptMax {
		o.last = len(o.buf)
	}
	if cap(o.buf) <= lentMax {
		if o.large == nil {
			o.large = new(buffer)
		}
		o.large.buf = o.buf[:0]
		buffers.Put(o.large)
	}
	o.large, o.buf = nil, nil
}

// A buffer lies in buffers while no session needs it.
type buffer struct{ buf []byte }

var buffers sync.Pool // of *buffer

// lentMax is the size of the largest buffer that is kept in buffers, in bytes.
const lentMax = 1 << 20

// borrow takes a buffer for a message that is likely to be as large as the last one.
func (o *Outbound) borrow() {
	o.large, _ = buffers.Get().(*buffer)
	if o.large == nil {
		o.large = &buffer{make([]byte, 0, o.last)}
	}
	o.buf = o.large.buf
}

// param is the parameter that could not be encoded, as the schema writes it.
func (o *Outbound) param() string { return o.Encoder.param(o.message) }
