package conn

import (
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// farewell is what this end still has to say once the connection is over.
type farewell uint8

const (
	nothing farewell = iota
	// sayClosed: CLOSE_OK, the answer to the peer's CLOSE.
	sayClosed
	// sayError: CLOSE with the code and reason of err.
	sayError
)

// tombstoneSize is the most that the endpoint keeps of a connection that is over.
const tombstoneSize = 34

// Close ends the connection once every stream is finished and everything is acknowledged; EventClosed follows.
// New streams are refused from now on. The listening end announces this with GOAWAY, so that the other end
// knows which of its streams are refused, and can go elsewhere with them.
func (c *Conn) Close(now mono.Time) {
	if c.over() || c.closing {
		return
	}
	c.rouse(now)
	c.closing = true
	if !c.client {
		c.refuseFrom = c.nextStream
		c.goAwayDue = c.phase == connected && c.streams.Len() > 0 // else CLOSE follows at once
	}
	c.settle(now)
}

// Abort ends the connection at once. The peer is told once, and again if it goes on sending.
func (c *Conn) Abort(now mono.Time, code uint64, reason string) {
	if c.over() {
		return
	}
	c.rouse(now)
	c.suspect(&CloseError{Cause: Aborted, Code: code, Reason: cutReason(reason)})
	c.settle(now)
}

// GiveUp ends an unfinished handshake, silently.
func (c *Conn) GiveUp(now mono.Time) {
	if c.phase < connected {
		c.suspect(&CloseError{Cause: HandshakeTimeout})
		c.settle(now)
	}
}

// over reports whether the connection has ended.
func (c *Conn) over() bool { return c.phase == ended }

// ended is what calls return on a connection that is over.
func (c *Conn) ended() error {
	if c.err == nil {
		return ErrClosing
	}
	return c.err
}

// suspect notes a reason for the connection to end. Of several that one event shows, the strongest counts.
func (c *Conn) suspect(e *CloseError) {
	if c.verdict == nil || e.Cause < c.verdict.Cause {
		c.verdict = e
	}
}

// settle ends every input and command: it does what follows from them.
func (c *Conn) settle(now mono.Time) {
	switch {
	case c.over():
	case c.verdict != nil && c.closeBegan != mono.Never:
		// Both ends have had everything: nothing that comes now makes an error of the Close.
		c.finish(nil, nothing)
	case c.verdict != nil:
		c.finish(c.verdict, c.lastWords())
	case c.peerClosed && c.streams.Len() == 0:
		// Also where both ends closed at once: either's CLOSE says that all is done.
		c.finish(nil, sayClosed)
	case c.closing && c.phase < connected && c.client:
		c.finish(nil, nothing)
	case c.closing && c.phase < connected:
		c.finish(refusal("the server is going away"), sayError)
	case c.answered:
		c.finish(nil, nothing)
	case c.closing && c.streams.Len() == 0 && c.closeBegan == mono.Never:
		c.closeDue, c.closeBegan = true, now
	}
	c.readmitAll()
	if watched {
		c.watch()
	}
}

// watch stops a program whose machine violates its invariants, before it does harm. It checks the local half of
// them, in time proportional to the open streams, so only debug builds do it.
func (c *Conn) watch() {
	if err := c.CheckInvariants(); err != nil {
		panic("conn: a broken invariant: " + err.Error())
	}
}

// lastWords is what the peer is told of the verdict: nothing where it has said it
// itself, or does not answer. RFC 9000 §10.2.2: "an endpoint in the draining state MUST NOT send any packets". RFC 9000
// §10.3: "An endpoint that wishes to communicate a fatal connection error MUST use a CONNECTION_CLOSE frame if it is able."
// RFC 9000 §10.3.1: then "the endpoint MUST enter the draining period and not send any further packets".
func (c *Conn) lastWords() farewell {
	v := c.verdict
	if v.Remote || v.Timeout() || v.Cause == Reset {
		return nothing
	}
	return sayError
}

// heardGoAway: the peer accepts no streams from this one on, and has done nothing of them.
func (c *Conn) heardGoAway(from StreamID) error {
	if !c.client {
		return violation(packet.ProtocolViolation, "GOAWAY from the dialing end")
	}
	c.leaving = true
	for s := c.lists[byAge].first; s != nil; {
		next := c.lists[byAge].next(s)
		if s.id >= from {
			c.heardAbort(s, AbortRefused, nil)
		}
		s = next
	}
	if c.wanting {
		c.wanting = false
		c.events.push(Event{Kind: EventStreams})
	}
	return nil
}

// heardRefusal: the listening end went away before it was up, and has looked at no stream. The dialing end may
// have been up already.
func (c *Conn) heardRefusal() {
	for s := c.lists[byAge].first; s != nil; s = c.lists[byAge].first {
		c.heardAbort(s, AbortRefused, nil)
	}
	c.leaving, c.answered = true, true
}

// heardClose: the peer is done. It has everything that this end sent, and this end has everything that it sent;
// what is left is for the application to read.
func (c *Conn) heardClose() {
	c.peerClosed = true
	c.closedDue = true
	for s := c.lists[byAge].first; s != nil; {
		next := c.lists[byAge].next(s)
		switch {
		case s.aborted != nil:
			c.dropStream(s)
		case !s.send.fin || !s.recv.Complete():
			c.heardAbort(s, AbortRefused, nil)
		default:
			s.send.read, s.recv.readAcked = true, true
			c.streamAcked(s, recovery.Ref{Offset: s.send.acked, Length: uint32(s.send.buffered()), Fin: true})
		}
		s = next
	}
}

// finish ends the connection: nothing of it is retained except what its tombstone needs.
func (c *Conn) finish(err *CloseError, words farewell) {
	c.phase = ended
	c.err, c.words = err, words
	for s := c.lists[byAge].first; s != nil; s = c.lists[byAge].first {
		c.dropStream(s)
	}
	closed := Event{Kind: EventClosed}
	if err != nil {
		closed.Err = err
	}
	c.events.push(closed)
	c.wordsDue = words != nothing
	c.parked = nil
	c.spare = nil
	for level := range c.crypto {
		c.crypto[level] = cryptoStream{}
	}
}

// closeExpiry is when a CLOSE has gone unanswered for so long that the peer must be gone. Both ends have
// received everything by then, so nothing is wrong.
func (c *Conn) closeExpiry() mono.Time { return c.closeBegan.Add(c.deathTimeout()) }

// Tombstone returns what the endpoint keeps for the connection's id after EventClosed and the last
// PollTransmit: a datagram of at most 34 bytes that answers whatever still arrives, until the given time. It is
// nil if no answer is needed.
func (c *Conn) Tombstone(now mono.Time) (datagram []byte, until mono.Time) {
	if c.rested != nil {
		return nil, now
	}
	keys := &c.keys[handshake.Application]
	if c.words == nothing || keys.sealer == nil {
		return nil, now
	}
	datagram = c.appendFarewell(now, nil, handshake.Application, "")
	if len(datagram) > tombstoneSize {
		return nil, now
	}
	return datagram, now.Add(3 * c.probePeriod())
}
