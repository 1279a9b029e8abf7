package simnet

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// stream is one end of one session. It implements session.Stream and
// session.Observer. Its methods post calls; the rest is the loop's.
type stream struct {
	net     *Net
	peer    *peer
	id      conn.StreamID
	role    int // 0 at the dialing end
	history *history
	ctx     context.Context
	cancel  context.CancelCauseFunc
	spoken  *registry.Dialable // its protocol, at the dialing end
	service *service           // what serves it, at the listening end
	note    []byte             // what it was opened with, there
	inbox   []byte             // what the last Recv returned
	place   int                // where the session is in its protocol, if it says so
	// deferred are the messages that the session has deferred, as indices.
	deferred []int

	// over is why the core does not know the stream any more. errFinished: both ends finished it.
	over error
	// sending, receiving and closing are the calls that wait.
	sending, receiving, closing *call
}

var (
	_ session.Stream   = (*stream)(nil)
	_ session.Observer = (*stream)(nil)
)

func (n *Net) newStream(p *peer, id conn.StreamID, h *history, role int) *stream {
	s := &stream{net: n, peer: p, id: id, role: role, history: h}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	h.ends[role] = s
	p.streams[id] = s
	p.order = append(p.order, s)
	return s
}

func (s *stream) String() string {
	h := s.history
	role := [2]string{"the dialing end", "the listening end"}[s.role]
	if name := h.protocol.Roles[s.role]; name != "" {
		role = name
	}
	return fmt.Sprintf("session %d (%s, %s on %s)", h.number, h.protocol.Name, role, s.peer.host)
}

// Send implements session.Stream.
func (s *stream) Send(ctx context.Context, message []byte, last bool) error {
	return s.net.do(ctx, &call{verb: verbSend, stream: s, message: message, last: last})
}

// SendOrReadable implements session.Stream.
func (s *stream) SendOrReadable(ctx context.Context, message []byte, last bool) (sent bool, err error) {
	c := &call{verb: verbSend, stream: s, message: message, last: last, both: true}
	if err := s.net.do(ctx, c); err != conn.ErrBlocked {
		return err == nil, err
	}
	return false, nil
}

// Recv implements session.Stream.
func (s *stream) Recv(ctx context.Context) (message []byte, arrived time.Time, err error) {
	c := &call{verb: verbRecv, stream: s}
	if err := s.net.do(ctx, c); err != nil {
		return nil, time.Time{}, err
	}
	return c.message, s.net.instantOf(c.arrived), nil
}

// TryRecv implements session.Stream.
func (s *stream) TryRecv() (message []byte, arrived time.Time, ok bool, err error) {
	c := &call{verb: verbTryRecv, stream: s}
	switch err := s.net.do(context.Background(), c); err {
	case nil:
		return c.message, s.net.instantOf(c.arrived), true, nil
	case conn.ErrBlocked:
		return nil, time.Time{}, false, nil
	default:
		return nil, time.Time{}, false, err
	}
}

// CloseSend implements session.Stream.
func (s *stream) CloseSend() error {
	return s.net.do(context.Background(), &call{verb: verbCloseSend, stream: s})
}

// Close implements session.Stream.
func (s *stream) Close(ctx context.Context) error {
	return s.net.do(ctx, &call{verb: verbClose, stream: s})
}

// Abort implements session.Stream. The garbage collector's goroutine may call it too.
func (s *stream) Abort(a session.Abort) {
	c := &call{verb: verbAbort, stream: s, abort: a}
	if s.net.inside() {
		_ = s.net.do(context.Background(), c)
	} else {
		s.net.post(c)
	}
}

// Note implements session.Stream.
func (s *stream) Note() []byte { return s.note }

// Context implements session.Stream.
func (s *stream) Context() context.Context { return s.ctx }

// instantOf is the point in time at which a run's clock shows t.
func (n *Net) instantOf(t mono.Time) time.Time { return n.origin.Add(time.Duration(t)) }

// cause is what a call returns that needs a stream which is over.
func (s *stream) cause() error {
	if s.over == errFinished {
		return net.ErrClosed
	}
	return s.over
}

// send begins a Send.
func (n *Net) send(c *call) {
	s := c.stream
	if s.sending != nil {
		n.answer(c, errTwice)
		return
	}
	s.sending = c
	n.trySend(s)
}

// trySend goes on with a Send, if there is one.
func (n *Net) trySend(s *stream) {
	c := s.sending
	if c == nil {
		return
	}
	err := s.cause()
	if err == nil {
		err = errorOf(s.peer.core.Send(n.now, s.id, c.message, c.last))
		s.peer.dirty = true
	}
	if waits(err) && !(c.both && err == conn.ErrBlocked && s.peer.core.Readable(n.now, s.id)) {
		return
	}
	if err == nil {
		s.history.lanes[s.role].Send(c.message)
	}
	s.sending = nil
	n.answer(c, err)
}

// recv begins a Recv.
func (n *Net) recv(c *call) {
	s := c.stream
	if s.receiving != nil {
		n.answer(c, errTwice)
		return
	}
	s.receiving = c
	n.tryRecv(s)
	if c.verb == verbTryRecv && s.receiving == c {
		s.receiving = nil
		n.answer(c, conn.ErrBlocked)
	}
}

// tryRecv goes on with a Recv, if there is one.
func (n *Net) tryRecv(s *stream) {
	c := s.receiving
	if c == nil {
		return
	}
	message, arrived, err := []byte(nil), mono.Time(0), s.over
	switch err {
	case nil:
		message, arrived, err = s.peer.core.Recv(n.now, s.id)
		err = errorOf(err)
		s.peer.dirty = true
	case errFinished:
		err = io.EOF
	}
	if waits(err) {
		return
	}
	if err == nil {
		if s.spoken != nil {
			s.spoken.Confirm()
		}
		n.received(s, message)
		s.inbox = append(s.inbox[:0], message...)
		c.message, c.arrived = s.inbox, arrived
	}
	s.receiving = nil
	n.answer(c, err)
}

// waits reports whether a call is to go on waiting for an event of the core: for
// one that says that it may work now, or why the core knows the stream no more.
func waits(err error) bool { return err == conn.ErrBlocked || err == conn.ErrNoStream }

// closeSend ends the sending direction.
func (n *Net) closeSend(c *call) {
	s := c.stream
	err := s.over
	switch err {
	case nil:
		err = errorOf(s.peer.core.Finish(n.now, s.id))
		s.peer.dirty = true
	case errFinished:
		err = nil
	}
	if err == conn.ErrNoStream {
		err = nil // Close will say why
	}
	n.answer(c, err)
}

// closeStream begins a Close.
func (n *Net) closeStream(c *call) {
	s := c.stream
	switch {
	case s.over == errFinished:
		n.answer(c, nil)
	case s.over != nil:
		n.answer(c, s.over)
	case s.closing != nil:
		n.answer(c, errTwice)
	default:
		s.closing = c
	}
}

// abort ends a session early, at this end.
func (n *Net) abort(s *stream, a session.Abort) {
	if s.over != nil {
		return
	}
	s.peer.dirty = true
	s.history.aborted = true
	s.peer.core.AbortStream(n.now, s.id, uint64(a.Code), a.Reason)
	n.end(s, &session.AbortError{Abort: a})
}

// end notes why a stream is over, and tells all who wait.
func (n *Net) end(s *stream, why error) {
	if s.over != nil {
		return
	}
	s.over = why
	n.ended = append(n.ended, s)
	n.trySend(s)
	n.tryRecv(s)
	if c := s.closing; c != nil {
		s.closing = nil
		n.closeStream(c)
	}
	n.judge(s.history)
	s.peer.forget(s)
}
