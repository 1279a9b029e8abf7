package session

import "context"

// Step is what a generated state holds: one place in one session, for one use.
// The zero value belongs to no session. A step is ready, busy or used: of two
// racing uses exactly one wins, and the other gets ErrStateUsed.
type Step struct {
	s    *Session
	turn uint64
}

// BeginSend makes the step busy to send the message with the given index in
// Protocol.Messages. What it returns belongs to the caller until Refuse or Send.
func (p Step) BeginSend(message int) (*Outbound, error) { panic("skeleton") }

// Recv consumes the step to receive one of the messages that leave state. What it
// returns belongs to the caller until Violated or Accept. If ctx ends first, the
// step is as it was; a peer that sent anything else has ended the session.
func (p Step) Recv(ctx context.Context, state int) (*Inbound, error) { panic("skeleton") }

// TryRecv is Recv without the wait. ok is false, and the step as it was, if nothing has arrived yet.
func (p Step) TryRecv(state int) (in *Inbound, ok bool, err error) { panic("skeleton") }

// Close waits until both roles have finished. The step must be that of the End state.
func (p Step) Close(ctx context.Context) error { panic("skeleton") }

// Abort ends the step's session at both ends. It consumes nothing, is idempotent,
// and does nothing after the end. The peer learns text only if err is a Reason.
func (p Step) Abort(err error) { panic("skeleton") }

// Describe says in words which state it is and how it stands: "BankClientAccount (ready)".
func (p Step) Describe(state string) string { panic("skeleton") }

// Outbound is a message on its way out: an Encoder for its payload, in the order
// of the field numbers.
type Outbound struct {
	Encoder
	s *Session
}

// Refuse gives the step back, unconsumed, because the message's predicate is
// false, and returns the *ContractError that says so. values are pairs of name and value.
func (o *Outbound) Refuse(values ...any) error { panic("skeleton") }

// Send sends the message and returns the next step. If it cannot be encoded, is
// too large, or ctx ends, the step is as it was.
func (o *Outbound) Send(ctx context.Context) (Step, error) { panic("skeleton") }

// Inbound is a message that arrived: a Decoder of its payload.
type Inbound struct {
	Decoder
	s *Session
}

// Message is the message's index in Protocol.Messages.
func (in *Inbound) Message() int { panic("skeleton") }

// Violated ends the session because the message's predicate is false, or, before
// that, its payload is malformed. It returns the *PeerError that both ends get.
func (in *Inbound) Violated(values ...any) error { panic("skeleton") }

// Accept takes the message in and returns the next step. It is a *PeerError, and
// the session over, if the payload was malformed.
func (in *Inbound) Accept() (Step, error) { panic("skeleton") }
