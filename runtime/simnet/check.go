package simnet

import (
	"errors"
	"fmt"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/session"
)

// check compares what the connections hold, where something has happened, with what the programs did.
func (n *Net) check() {
	for _, p := range n.peers {
		if n.over {
			return
		}
		if !p.dirty {
			continue
		}
		p.dirty = false
		if p.gone {
			continue
		}
		if err := p.core.CheckInvariants(); err != nil {
			n.fail("%s: %v", p, err)
		}
		for _, s := range p.order {
			if err := s.history.check(); err != nil {
				n.fail("%s: %v", s, err)
			}
		}
	}
}

// check compares both directions of a session. Once it has ended early at one end, its buffers are gone.
func (h *history) check() error {
	if h.lone || h.ends[0].early() || h.ends[1].early() {
		return nil
	}
	for role := range h.lanes {
		out, known := sendBuffer(h, role)
		if !known {
			return fmt.Errorf("the core of %s does not know it", h.ends[role])
		}
		if err := h.lanes[role].Check(out, receiveBuffer(h, role)); err != nil {
			return fmt.Errorf("from %s: %w", h.protocol.Roles[role], err)
		}
	}
	return nil
}

// early reports whether the session has ended at this end before both had finished.
func (s *stream) early() bool { return s != nil && s.over != nil && s.over != errFinished }

// received notes that a program received a message.
func (n *Net) received(s *stream, message []byte) {
	n.trace.Messages++
	if s.history.lone {
		return
	}
	if err := s.history.lanes[1-s.role].Receive(message); err != nil {
		n.fail("%s: %v", s, err)
	}
}

// finished ends a session in good order at one end, which has received everything.
func (n *Net) finished(s *stream) {
	if in := &s.history.lanes[1-s.role]; !s.history.lone && !in.Complete() {
		n.fail("%s finished after %d of %d messages that were sent to it", s, in.Received, in.Sent)
	}
	n.end(s, errFinished)
}

// judge compares how a session ended at its two ends, once it has at both.
func (n *Net) judge(h *history) {
	dialing, listening := h.ends[0], h.ends[1]
	if h.lone || dialing == nil || listening == nil || dialing.over == nil || listening.over == nil {
		return
	}
	delete(dialing.peer.histories, dialing.id)
	for role, s := range h.ends {
		if l := &h.lanes[role]; !dialing.early() && !listening.early() && !l.Complete() {
			n.fail("%s: both ends finished after %d of %d messages", s, l.Received, l.Sent)
		}
	}
	if dialing.early() != listening.early() && !h.aborted && lostInCalm(n, dialing, listening) {
		n.fail("%s ended with: %v; and %s with: %v", dialing, dialing.over, listening, listening.over)
	}
}

// lostInCalm reports whether the network had been good for long enough that it is not to blame for a lost
// connection, and no program is either.
func lostInCalm(n *Net, ends ...*stream) bool {
	for _, s := range ends {
		var aborted *session.AbortError
		if s.peer.abandoned() || errors.As(s.over, &aborted) {
			return false
		}
	}
	return n.now > n.wire.calmSince.Add(n.patience())
}

// abandoned reports whether a program ended the connection, here or at the other end.
func (p *peer) abandoned() bool {
	var e *conn.CloseError
	return p.aborted != nil || errors.As(p.err, &e) && e.Cause == conn.Aborted
}

// patience is how long a connection lasts at least while nothing gets through.
func (n *Net) patience() time.Duration {
	return max(n.options.IdleTimeout, n.options.DeathTimeout, n.options.HandshakeTimeout, time.Minute)
}

// observation is a step of a session, as the session itself reports it.
type observation struct {
	stream  *stream
	message int  // closed for its end in good order
	putOff  bool // by Defer, not accepted
}

// closed stands for no message.
const closed = -1

// Observe implements session.Observer.
func (s *stream) Observe(_ *session.Protocol, _, message int) {
	s.observe(observation{s, message, false})
}

// Defer implements session.Observer.
func (s *stream) Defer(_ *session.Protocol, _, message int) { s.observe(observation{s, message, true}) }

func (s *stream) observe(o observation) {
	s.net.mu.Lock()
	s.net.observed = append(s.net.observed, o)
	s.net.mu.Unlock()
}

// Ended implements session.Observer.
func (s *stream) Ended(p *session.Protocol, role int, err error) {
	if err != nil {
		s.net.ends.add(p, role, err)
		return
	}
	s.Observe(p, role, closed)
}

// observe follows the sessions on their ways through their protocols. The programs wait.
func (n *Net) observe() {
	n.mu.Lock()
	observed := n.observed
	n.observed = nil
	n.mu.Unlock()
	for _, o := range observed {
		if err := o.stream.walk(o); err != nil {
			n.fail("%s: %v", o.stream, err)
		}
	}
}

// walk takes a step through the protocol. It must leave the place where the session is, and be the step that
// the other end took. A deferred message has left its place already, and comes before everything else that is
// received.
func (s *stream) walk(o observation) error {
	p, message := s.history.protocol, o.message
	if message == closed {
		covered(p, s.place, message)
		if end := len(p.States) - 1; !leads(p, s.place, end) {
			return fmt.Errorf("closed at %s", p.States[s.place].Name)
		}
		return nil
	}
	m := &p.Messages[message]
	late := len(s.deferred) > 0 && m.Sender != s.role && !o.putOff
	switch {
	case late && s.deferred[0] != message:
		return fmt.Errorf("received %s, although %s was deferred before it", m.Label, p.Messages[s.deferred[0]].Label)
	case late:
		s.deferred = s.deferred[1:]
	case !leads(p, s.place, m.State):
		return fmt.Errorf("%s does not leave %s", m.Label, p.States[s.place].Name)
	default:
		covered(p, s.place, message)
		s.place = m.Next
	}
	if o.putOff {
		s.deferred = append(s.deferred, message)
		return nil
	}
	lane := &s.history.lanes[m.Sender]
	if m.Sender == s.role {
		lane.steps = append(lane.steps, message)
		return nil
	}
	if s.history.lone {
		return nil
	}
	if len(lane.steps) == 0 {
		return nil // the other end is no session, but a program of its own
	}
	sent := lane.steps[0]
	lane.steps = lane.steps[1:]
	if sent != message {
		return fmt.Errorf("received %s at %s, which was sent as %s at %s", m.Label, p.States[m.State].Name,
			p.Messages[sent].Label, p.States[p.Messages[sent].State].Name)
	}
	return nil
}

// leads reports whether a session at one state may be at the other: it is the same, or after its ifs.
func leads(p *session.Protocol, from, to int) bool {
	if from == to {
		return true
	}
	at := &p.States[from]
	return at.If != "" && (leads(p, at.Then, to) || leads(p, at.Else, to))
}

// watchCalm notes since when the network has been good.
func (w *network) watchCalm(now mono.Time) {
	switch {
	case !w.calm(now):
		w.calmSince = mono.Never
	case w.calmSince == mono.Never:
		w.calmSince = now
	}
}
