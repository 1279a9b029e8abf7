package session

import (
	"context"
	"sync/atomic"
	"time"
)

// A send may overtake a receive: what a session would have to receive first is deferred, and taken in later, in the order of
// deferral. Every receive first takes in what was deferred before it, so what arrives is checked in the order in which it was
// sent, whoever asks for it and when.

// pendingMax is how many receives a session may have deferred at a time.
const pendingMax = 64

// Pending is a deferred receive, as a generated pending value holds it. The zero value belongs to no session.
// Until its message has been taken in, Recv and TryRecv use the session: of one that races with a step, or with
// a Recv or TryRecv of another Pending, one of the two fails with ErrStateUsed.
type Pending struct {
	s       *Session
	taker   Taker
	message *Message
	index   int       // of message
	entered time.Time // when its place was entered, if the protocol has time limits
	next    *Pending  // what was deferred after it

	progress atomic.Uint32
}

// What has become of a Pending.
const (
	putOff   = iota
	takenIn  // its message is there, and keeps its promises
	received // its message has been given to the program
)

// Taker takes in the message of a Pending: TakeIn decodes and checks it, keeps what it brought, and ends with
// Accept or Violated. It must not take a step.
type Taker interface {
	TakeIn(in *Inbound) error
}

// Defer consumes the step without waiting for the only message that can be received there, and returns the next
// step. pending, a zero value, stands for the message from now on: taker takes it in.
func (p Step) Defer(message int, pending *Pending, taker Taker) (Step, error) {
	s := p.begin()
	if s == nil {
		return Step{}, p.refusal(use{step: "Defer", message: message})
	}
	if uint(message) >= uint(len(s.protocol.Messages)) {
		return Step{}, s.misplaced(use{step: "Defer", message: message})
	}
	m := &s.protocol.Messages[message]
	if m.Sender == s.role || !s.isAt(m.State) || s.table.places[m.State].count != 1 {
		return Step{}, s.misplaced(use{step: "Defer", message: message})
	}
	if s.deferred.n == pendingMax {
		s.giveBack()
		return Step{}, s.misuse(ErrTooManyPending, use{step: "Defer", message: message})
	}
	*pending = Pending{s: s, taker: taker, message: m, index: message, entered: s.entered}
	s.deferred.push(pending)
	if s.observer != nil {
		s.observer.Defer(s.protocol, s.role, message)
	}
	s.enter(m.Next)
	return Step{s: s, turn: s.turn.Add(1)}, nil
}

// Recv waits until the message, and all those deferred before it, have been taken in. The program may then have
// it once: another Recv fails with ErrStateUsed. If ctx ends first, p is as it was.
func (p *Pending) Recv(ctx context.Context) error {
	if p.progress.Load() == putOff {
		s, err := p.begin()
		if err != nil {
			return err
		}
		err = s.takeIn(ctx, p)
		s.giveBack()
		if err != nil {
			return err
		}
	}
	return p.receive()
}

// TryRecv is Recv without waiting. If its message has not arrived yet, ok is false and p is as it was.
func (p *Pending) TryRecv() (ok bool, err error) {
	if p.progress.Load() == putOff {
		s, err := p.begin()
		if err != nil {
			return false, err
		}
		err = s.takeArrived(p)
		s.giveBack()
		if err != nil || p.progress.Load() == putOff {
			return false, err
		}
	}
	err = p.receive()
	return err == nil, err
}

// TakenIn reports whether the message has been taken in. It may be called from any goroutine; once it returns
// true, what the Taker keeps no longer changes.
func (p *Pending) TakenIn() bool { return p.progress.Load() != putOff }

// receive gives the message, which has been taken in, to the program.
func (p *Pending) receive() error {
	if !p.progress.CompareAndSwap(takenIn, received) {
		return p.s.misuse(ErrStateUsed, p.use())
	}
	return nil
}

// use is what a program does with the pending value, as errors say it.
func (p *Pending) use() use { return use{step: "the pending ", message: p.index} }

// begin makes the session busy, at whichever step it is.
func (p *Pending) begin() (*Session, error) {
	s := p.s
	if s == nil {
		return nil, ErrNoSession
	}
	turn := s.turn.Load()
	if turn&1 != 0 {
		return nil, s.misuse(ErrStateUsed, p.use())
	}
	step := Step{s: s, turn: turn}
	if step.begin() == nil {
		return nil, step.refusal(p.use())
	}
	return s, nil
}

// Late is a variable that a state holds whose value may not be there yet, because the message that brings it
// was deferred.
type Late[T any] struct {
	known   T
	pending *Pending
	awaited *T // where the value is once pending has been taken in
}

// Known returns a variable whose value is there.
func Known[T any](value T) Late[T] { return Late[T]{known: value} }

// Awaited returns a variable whose value will be in *awaited once pending has been taken in.
func Awaited[T any](pending *Pending, awaited *T) Late[T] {
	return Late[T]{pending: pending, awaited: awaited}
}

// Get returns the value, or the zero value and false until it is there.
func (l Late[T]) Get() (value T, in bool) {
	switch {
	case l.pending == nil:
		return l.known, true
	case l.pending.TakenIn():
		return *l.awaited, true
	}
	return value, false
}

// deferral is the receives that a session has deferred, in order.
type deferral struct {
	first, last *Pending
	n           int
}

func (d *deferral) push(p *Pending) {
	if d.first == nil {
		d.first = p
	} else {
		d.last.next = p
	}
	d.last = p
	d.n++
}

func (d *deferral) pop() {
	p := d.first
	d.first, p.next = p.next, nil
	d.n--
}

// takeIn takes in deferred messages up to last, or all if that is nil.
func (s *Session) takeIn(ctx context.Context, last *Pending) error {
	for s.deferred.n > 0 && (last == nil || last.progress.Load() == putOff) {
		p := s.deferred.first
		message, arrived, err := s.await(ctx, p.message.State, s.since(p.entered))
		if err != nil {
			return s.failed(ctx, err)
		}
		if err := s.take(p, message, arrived); err != nil {
			return err
		}
	}
	return nil
}

// takeArrived is takeIn for messages that have arrived.
func (s *Session) takeArrived(last *Pending) error {
	for s.deferred.n > 0 && (last == nil || last.progress.Load() == putOff) {
		p := s.deferred.first
		message, arrived, ok, err := s.poll(p.message.State, s.since(p.entered))
		if err != nil {
			return s.failed(context.Background(), err)
		}
		if !ok {
			return nil
		}
		if err := s.take(p, message, arrived); err != nil {
			return err
		}
	}
	return nil
}

// take takes in p, the first deferred receive, with the message that arrived for it.
func (s *Session) take(p *Pending, message []byte, arrived time.Time) error {
	in, err := s.admit(p.message.State, s.since(p.entered), message, arrived)
	if err != nil {
		return err
	}
	in.pending = p
	err = p.taker.TakeIn(in)
	in.pending = nil
	if err != nil {
		return err
	}
	s.deferred.pop()
	s.arrived = arrived
	p.taker = nil
	p.progress.Store(takenIn)
	if s.observer != nil {
		s.observer.Observe(s.protocol, s.role, p.index)
	}
	return nil
}

// transmit sends a message. While receives are deferred, it takes in what arrives for them as long as there is
// no room: if two ends wait for room at the same time, each makes the other's.
func (s *Session) transmit(ctx context.Context, message []byte, last bool) error {
	for s.deferred.n > 0 {
		sent, err := s.stream.SendOrReadable(ctx, message, last)
		if sent || err != nil {
			return err
		}
		if err := s.takeArrived(nil); err != nil {
			return err
		}
	}
	return s.stream.Send(ctx, message, last)
}
