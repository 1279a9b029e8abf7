package session

import (
	"context"
	"io"
)

// Step is what a generated state holds: one place in one session, for one use. The zero value belongs to no
// session. A step is ready, busy or used: of two racing uses exactly one wins, and the other gets ErrStateUsed.
type Step struct {
	s    *Session
	turn uint64
}

// BeginSend makes the step busy to send the message with the given index in Protocol.Messages. The result
// belongs to the caller until Refuse, Pending or Send.
func (p Step) BeginSend(message int) (*Outbound, error) {
	s := p.begin()
	if s == nil {
		return nil, p.refusal(use{step: "Send", message: message})
	}
	if uint(message) >= uint(len(s.protocol.Messages)) {
		return nil, s.misplaced(use{step: "Send", message: message})
	}
	m := &s.protocol.Messages[message]
	if m.Sender != s.role || !s.isAt(m.State) {
		return nil, s.misplaced(use{step: "Send", message: message})
	}
	s.out.begin(message, m)
	return &s.out, nil
}

// Recv consumes the step to receive one of the messages that leave state, after those that were deferred. The
// result belongs to the caller until Violated or Accept. If ctx ends first, the step is as it was; a peer that
// sent anything else has ended the session.
func (p Step) Recv(ctx context.Context, state int) (*Inbound, error) {
	s := p.begin()
	if s == nil {
		return nil, p.refusal(use{step: "Recv", message: choice, state: state})
	}
	if !s.receives(state) {
		return nil, s.misplaced(use{step: "Recv", message: choice, state: state})
	}
	if s.table.timed || s.deferred.n > 0 {
		in, err := s.recv(ctx, state)
		if err != nil {
			s.giveBack()
		}
		return in, err
	}
	// What follows is recv if no time matters and nothing is deferred.
	err := ctx.Err()
	if err == nil {
		var message []byte
		if message, _, err = s.stream.Recv(ctx); err == nil {
			if s.recognise(state, message) {
				return &s.in, nil
			}
			err = s.unexpected(message)
			s.giveBack()
			return nil, err
		}
	}
	err = s.failed(ctx, err)
	s.giveBack()
	return nil, err
}

func (s *Session) recv(ctx context.Context, state int) (*Inbound, error) {
	if s.deferred.n > 0 {
		if err := s.takeIn(ctx, nil); err != nil {
			return nil, err
		}
	}
	since := s.since(s.entered)
	message, arrived, err := s.await(ctx, state, since)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return s.admit(state, since, message, arrived)
}

// TryRecv is Recv without waiting. If nothing has arrived yet, ok is false and the step is as it was.
func (p Step) TryRecv(state int) (in *Inbound, ok bool, err error) {
	s := p.begin()
	if s == nil {
		return nil, false, p.refusal(use{step: "TryRecv", message: choice, state: state})
	}
	if !s.receives(state) {
		return nil, false, s.misplaced(use{step: "TryRecv", message: choice, state: state})
	}
	in, err = s.tryRecv(state)
	if in == nil {
		s.giveBack()
	}
	return in, in != nil, err
}

// tryRecv returns nil if nothing has arrived.
func (s *Session) tryRecv(state int) (*Inbound, error) {
	if s.deferred.n > 0 {
		if err := s.takeArrived(nil); err != nil || s.deferred.n > 0 {
			return nil, err
		}
	}
	since := s.since(s.entered)
	message, arrived, ok, err := s.poll(state, since)
	if err != nil {
		return nil, s.failed(context.Background(), err)
	}
	if !ok {
		return nil, nil
	}
	return s.admit(state, since, message, arrived)
}

// Close takes in what was deferred, and waits until both roles have finished. The step must be that of the End
// state, and remains usable: a Close whose context ended may be repeated.
func (p Step) Close(ctx context.Context) error {
	s := p.begin()
	if s == nil {
		return p.refusal(use{step: "Close", message: choice, state: last})
	}
	defer s.giveBack()
	if !s.table.holds(s.state, s.table.end()) {
		return s.misuse(ErrNoSession, use{step: "Close", message: choice, state: last})
	}
	return s.finish(ctx)
}

// Abort ends the step's session at both ends. It does not consume the step, is idempotent, and does nothing
// after the end. The peer receives text only if err is, or wraps, a Reason.
func (p Step) Abort(err error) {
	if p.s != nil {
		p.s.abort(err, AbortFor(err))
	}
}

// Ready reports whether the step can still be used.
func (p Step) Ready() bool { return p.s != nil && p.s.turn.Load() == p.turn }

// Describe says in words which state this is and whether it can be used: "BankClientAccount (ready)".
func (p Step) Describe(state string) string {
	if p.s == nil {
		return state + " (of no session)"
	}
	switch p.s.turn.Load() {
	case p.turn:
		if err := p.s.over(); err != nil {
			return state + " (over: " + err.Error() + ")"
		}
		return state + " (ready)"
	case p.turn | 1:
		return state + " (busy)"
	}
	return state + " (used)"
}

// begin makes a ready step of a living session busy. It returns nil if it cannot, and refusal says why.
func (p Step) begin() *Session {
	s := p.s
	if s == nil || !s.turn.CompareAndSwap(p.turn, p.turn|1) {
		return nil
	}
	if s.cause.Load() != nil {
		s.giveBack()
		return nil
	}
	return s
}

// refusal is why begin refused the step, which was to be used so.
func (p Step) refusal(u use) error {
	if p.s == nil {
		return ErrNoSession
	}
	if err := p.s.over(); err != nil && p.Ready() {
		return err
	}
	return p.s.misuse(ErrStateUsed, u)
}

// giveBack makes the busy step ready again.
func (s *Session) giveBack() { s.turn.Add(^uint64(0)) }

// advance ends the busy step with the message, and returns the next one.
func (s *Session) advance(index int, m *Message) Step {
	if s.observer != nil {
		s.observer.Observe(s.protocol, s.role, index)
	}
	s.enter(m.Next)
	return Step{s: s, turn: s.turn.Add(1)}
}

// isAt reports whether the session is in state, as far as it can tell: there, or at an if before it.
func (s *Session) isAt(state int) bool { return state == s.state || s.table.holds(s.state, state) }

// receives reports whether the session is in state, and its role receives there.
func (s *Session) receives(state int) bool {
	return uint(state) < uint(len(s.table.places)) && s.table.places[state].sender == 1-s.role && s.isAt(state)
}

// misplaced gives the step back because the session is not where the step's type says.
func (s *Session) misplaced(u use) error {
	s.giveBack()
	return s.misuse(ErrNoSession, u)
}

// finish brings a session that is at the end of its role to the end of both.
func (s *Session) finish(ctx context.Context) error {
	if s.closed {
		return nil
	}
	if err := s.stream.CloseSend(); err != nil {
		return s.failed(ctx, err)
	}
	if err := s.takeIn(ctx, nil); err != nil {
		return err
	}
	if !s.peerDone {
		message, _, err := s.stream.Recv(ctx)
		if err == nil {
			return s.unexpected(message)
		}
		if err != io.EOF {
			return s.failed(ctx, err)
		}
		s.peerDone = true
	}
	if err := s.stream.Close(ctx); err != nil {
		return s.failed(ctx, err)
	}
	s.closed = true
	s.cleanup.Stop()
	if s.observer != nil {
		s.observer.Ended(s.protocol, s.role, nil)
	}
	return nil
}

// FalseOnPanic is deferred by a predicate that may panic: a panic counts as false.
func FalseOnPanic(holds *bool) {
	if recover() != nil {
		*holds = false
	}
}
