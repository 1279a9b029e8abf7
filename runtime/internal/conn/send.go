package conn

import (
	"encoding/binary"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

const (
	// streamBudget is how many bytes may wait on a stream to be sent for the first
	// time before Send refuses. A longer message is taken when none wait.
	streamBudget = 256 << 10
	// connBudget is how many bytes the send buffers of all streams may hold before Send refuses.
	connBudget = 8 << 20
	// sendFloor is how many bytes of its own a stream may always hold, so streams whose peer does not read take
	// nothing from those whose peer does.
	sendFloor = flow.Floor
)

// OpenStream opens a stream with a header, of at most packet.MaxHeader bytes, that the peer's EventAccepted
// shows. The header is sent at once if eager is set, otherwise with the stream's first message. ErrBlocked
// means that the peer's limit on streams is reached, or not known yet: EventStreams follows. Only the dialing
// end opens streams. RFC 9000 §2.1: "A QUIC endpoint MUST NOT reuse a stream ID within a connection." RFC 9000 §4.6:
// "Endpoints MUST NOT exceed the limit set by their peer."
func (c *Conn) OpenStream(now mono.Time, header []byte, eager bool) (StreamID, error) {
	c.rouse(now)
	switch {
	case c.over():
		return 0, c.ended()
	case c.closing || !c.client:
		return 0, ErrClosing
	case c.leaving:
		return 0, ErrGoingAway
	case len(header) > packet.MaxHeader:
		return 0, &TooLargeError{Size: len(header), Limit: packet.MaxHeader}
	case c.phase < connected || uint64(c.nextStream) >= c.peer.streams:
		c.wanting = true
		return 0, ErrBlocked
	}
	s := c.newStream(c.nextStream)
	c.nextStream++
	s.accepted = true
	c.write(s, header)
	if !eager {
		s.send.held = s.send.unsent()
		c.held += s.send.held
	}
	c.talk(s)
	return s.id, nil
}

// Send accepts message whole, or not at all. The machine copies it. With last
// set, it is the stream's last message and carries the FIN. ErrBlocked means that
// too much waits to be sent, on the stream or on the connection: EventWritable
// follows. *TooLargeError compares with the limit that the peer advertised. RFC 9000 §4.5: "An endpoint MUST NOT send data
// on a stream at or beyond the final size."
func (c *Conn) Send(now mono.Time, id StreamID, message []byte, last bool) error {
	c.rouse(now)
	s, err := c.lookup(id)
	switch {
	case err != nil:
		return err
	case s.send.fin:
		return ErrFinished
	case uint64(len(message)) > c.peer.maxMessage:
		return &TooLargeError{Size: len(message), Limit: int(c.peer.maxMessage)}
	case !s.send.hasRoom(len(message)):
		s.send.wanted, s.send.refused = len(message), true
		return ErrBlocked
	case !s.send.onFloor(len(message)) && (c.buffered >= connBudget || c.full(s.send.more(len(message))) || c.lists[byAdmission].n > 0 && !s.send.called):
		s.send.wanted, s.send.called = len(message), false
		c.lists[byAdmission].push(s)
		return ErrBlocked
	}
	c.lists[byAdmission].remove(s)
	s.send.refused, s.send.called = false, false
	c.unhold(s)
	if c.kept == 0 {
		c.pace = pace{now, c.taken}
	}
	if s.send.beyond() == 0 {
		s.send.pace = pace{now, s.send.acked}
	}
	c.write(s, message)
	s.send.fin = last
	c.talk(s)
	return nil
}

// Finish ends the sending direction of the stream after what was sent. After a Send with last it does nothing.
func (c *Conn) Finish(now mono.Time, id StreamID) error {
	c.rouse(now)
	s, err := c.lookup(id)
	if err != nil {
		return err
	}
	c.unhold(s)
	s.send.fin = true
	c.talk(s)
	return nil
}

// unhold lets the stream's header go.
func (c *Conn) unhold(s *stream) {
	c.held -= s.send.held
	s.send.held = 0
}

// hasRoom reports whether a message of this size may be queued on the stream.
func (s *sending) hasRoom(size int) bool {
	waiting := s.unsent() - s.held
	if size > streamBudget {
		return waiting == 0
	}
	return waiting < streamBudget
}

// onFloor reports whether a message of this size needs nothing of what the streams share.
func (s *sending) onFloor(size int) bool { return s.buffered()+size <= sendFloor }

// beyond is how much of what the stream holds is not on its floor.
func (s *sending) beyond() int { return max(0, s.buffered()-sendFloor) }

// more is how much a message of this size takes of what the streams share.
func (s *sending) more(size int) int { return max(0, s.buffered()+size-sendFloor) - s.beyond() }

// readmit tells a stream that was refused for want of room of its own that it has some now.
func (c *Conn) readmit(s *stream) {
	if !s.send.refused || !s.send.hasRoom(s.send.wanted) {
		return
	}
	s.send.refused = false
	c.lists[byAdmission].push(s)
	c.readmitAll()
}

// readmitAll tells the streams that wait for the connection's budget that there is room: in order, and no more
// of them than there is room for.
func (c *Conn) readmitAll() {
	waiting := &c.lists[byAdmission]
	for room := connBudget - c.buffered; waiting.n > 0 && room > 0; {
		s := waiting.first
		if c.full(s.send.more(s.send.wanted)) {
			return
		}
		room -= s.send.wanted
		c.call(s)
	}
}

// call tells a stream that it is its turn.
func (c *Conn) call(s *stream) {
	c.lists[byAdmission].remove(s)
	s.send.called = true
	c.events.push(Event{Kind: EventWritable, Stream: s.id})
}

// write appends a length and p to what s sends.
func (c *Conn) write(s *stream, p []byte) {
	n := binary.PutUvarint(c.scratch[:], uint64(len(p)))
	c.kept -= s.send.beyond()
	s.send.write(&c.chunks, c.scratch[:n])
	s.send.write(&c.chunks, p)
	c.buffered += n + len(p)
	c.kept += s.send.beyond()
}

// talk puts s in turn if it has something to send. One that was aborted has not, whatever its peer still says of it.
func (c *Conn) talk(s *stream) {
	if s.aborted == nil && !s.send.quiet() {
		c.lists[byTurn].push(s)
	}
}
