package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// handleFrames takes in the frames of an authentic packet, and notes how it counts
// for acknowledgement. Taking one in twice changes nothing.
func (c *Conn) handleFrames(now mono.Time, level handshake.Level, payload []byte, a *recovery.Arrival) error {
	// RFC 9000 §12.4: "An endpoint MUST treat receipt of a packet containing no frames as
	// a connection error of type PROTOCOL_VIOLATION."
	if len(payload) == 0 {
		return violation(packet.ProtocolViolation, "packet without a frame")
	}
	for f := (packet.Frame{}); len(payload) > 0; {
		var err error
		if payload, err = packet.ParseFrame(&f, payload); err != nil {
			return violation(packet.FrameEncodingError, err.Error())
		}
		if level != handshake.Application && !f.Type.AtHandshake() {
			return violation(packet.ProtocolViolation, f.Type.String()+" at a level of the handshake")
		}
		if f.Type.AckEliciting() {
			a.AckEliciting = true
		}
		patient := f.Fin && c.isPatient(StreamID(f.ID))
		if err := c.handleFrame(now, level, &f); err != nil {
			return err
		}
		if f.Type == packet.Ping || f.Fin && !patient && !c.willAnswer(StreamID(f.ID)) {
			a.Immediate = true
		}
	}
	return nil
}

// willAnswer reports whether this end will still send on a stream: the acknowledgement of the peer's FIN
// travels with that.
func (c *Conn) willAnswer(id StreamID) bool {
	s := c.find(id)
	return s != nil && s.aborted == nil && !s.send.fin
}

// isPatient reports whether the peer does not wait for its FIN to be acknowledged: see Patient.
func (c *Conn) isPatient(id StreamID) bool {
	s := c.find(id)
	return s != nil && s.aborted == nil && s.patient
}

// handleFrame takes in a frame. RFC 9000 §13.3: "A receiver MUST accept packets containing an outdated frame". §4.1: "A sender
// MUST ignore any MAX_STREAM_DATA or MAX_DATA frames that do not increase flow control limits." §4.6: "MAX_STREAMS frames that
// do not increase the stream limit MUST be ignored."
func (c *Conn) handleFrame(now mono.Time, level handshake.Level, f *packet.Frame) error {
	switch f.Type {
	case packet.Padding, packet.Ping:
	case packet.Ack, packet.AckECN:
		return c.receiveAck(now, level, f)
	case packet.Crypto:
		return c.receiveCrypto(level, f.Offset, f.Data)
	case packet.Stream:
		s, err := c.peerStream(StreamID(f.ID))
		if s == nil || err != nil {
			return err
		}
		return c.receive(now, s, f.Offset, f.Data, f.Fin)
	case packet.MaxStreamData:
		s, err := c.peerStream(StreamID(f.ID))
		if s == nil || err != nil {
			return err
		}
		s.send.limit = max(s.send.limit, f.Value)
		c.talk(s)
	case packet.StreamAbort:
		s, err := c.peerStream(StreamID(f.ID))
		if s == nil || err != nil {
			return err
		}
		c.heardAbort(s, f.Value, f.Reason)
	case packet.FinRead:
		s, err := c.peerStream(StreamID(f.ID))
		if s == nil || err != nil {
			return err
		}
		return c.heardRead(s)
	case packet.MaxStreams:
		c.peer.streams = max(c.peer.streams, f.Value)
		c.offerStreams()
	case packet.HandshakeDone:
		// RFC 9000 §19.20: "A server MUST treat receipt of a HANDSHAKE_DONE frame as a
		// connection error of type PROTOCOL_VIOLATION."
		if !c.client {
			return violation(packet.ProtocolViolation, "HANDSHAKE_DONE from the dialing end")
		}
		c.confirmedByServer(now)
	case packet.NewToken:
		// RFC 9000 §19.7: "Clients MUST NOT send NEW_TOKEN frames. A server MUST treat receipt of
		// a NEW_TOKEN frame as a connection error of type PROTOCOL_VIOLATION."
		if !c.client {
			return violation(packet.ProtocolViolation, "NEW_TOKEN from the dialing end")
		}
		if !c.tokenHeard && len(f.Data) > packet.IDLen && len(f.Data) <= packet.MaxCookie {
			c.tokenHeard = true
			c.events.push(Event{Kind: EventToken, Data: append([]byte(nil), f.Data...)})
		}
	case packet.AckFrequency:
		c.received[handshake.Application].SetThreshold(min(f.Value, maxAckThreshold))
	case packet.Close:
		c.heardClose()
	case packet.CloseOK:
		c.answered = c.answered || c.closeBegan != mono.Never
	case packet.PathChallenge:
		c.heardChallenge(f.Data)
	case packet.PathResponse:
		c.heardResponse(now, f.Data)
	case packet.NewConnectionID:
		return c.heardNewID(now, f)
	case packet.RetireConnectionID:
		return c.heardRetire(f.ID)
	case packet.GoAway:
		return c.heardGoAway(StreamID(f.Value))
	case packet.ConnectionAbort:
		return c.heardConnectionAbort(level, f)
	}
	// The others tell of things that this end has no use for: credit that is never short.
	return nil
}

// maxAckThreshold bounds how many bytes a peer may ask to have acknowledged together.
const maxAckThreshold = 256 << 10

// receiveAck takes in an ACK frame.
func (c *Conn) receiveAck(now mono.Time, level handshake.Level, f *packet.Frame) error {
	// What a peer says beyond so many ranges is old, and it will be said again or found lost.
	var ranges [64]recovery.Range
	n := 0
	for n < len(ranges) {
		smallest, largest, ok := f.NextRange()
		if !ok {
			break
		}
		ranges[n] = recovery.Range{Smallest: smallest, Largest: largest}
		n++
	}
	ack := recovery.Ack{
		Ranges:  ranges[:n],
		Delay:   time.Duration(min(f.Delay, uint64(time.Hour/time.Microsecond))) * time.Microsecond,
		Counted: f.Type == packet.AckECN,
		ECN:     recovery.Counts{ECT0: f.ECT0, ECT1: f.ECT1, CE: f.CE},
	}
	if err := c.loss.Ack(now, level, &ack, (*fates)(c)); err != nil {
		return violation(packet.ProtocolViolation, err.Error())
	}
	c.mtu.watch(c)
	c.traceMetrics(now)
	return nil
}

// peerStream finds the stream of a frame; nil means that it has come to its end. At the
// listening end a number that is new opens it, and all below it. RFC 9000 §3.2:
// "Before a stream is created, all streams of the same type with lower-numbered stream IDs MUST be created." RFC 9000 §4.6:
// "An endpoint that receives a frame with a stream ID exceeding the limit it has sent MUST treat this as a connection error
// of type STREAM_LIMIT_ERROR". RFC 9000 §19.11: "An endpoint MUST terminate a connection with an error of type
// STREAM_LIMIT_ERROR if a peer opens more streams than was permitted." RFC 9000 §§19.4, 19.8, 19.10: frames "for a locally
// initiated stream that has not yet been created": STREAM_STATE_ERROR.
func (c *Conn) peerStream(id StreamID) (*stream, error) {
	if id < c.nextStream {
		return c.find(id), nil
	}
	if c.client {
		return nil, violation(packet.StreamStateError, "a stream that was not opened")
	}
	if c.peerClosed {
		return nil, violation(packet.StreamStateError, "a stream behind CLOSE")
	}
	if !c.peerStreams.Allows(uint64(id) + 1) {
		return nil, violation(packet.StreamLimitError, "too many streams")
	}
	c.peerStreams.Open(uint64(id) + 1)
	for ; c.nextStream <= id; c.nextStream++ {
		s := c.newStream(c.nextStream)
		if c.closing {
			c.abort(s, AbortRefused, "")
		}
	}
	return c.find(id), nil
}

// heardConnectionAbort ends the connection because the peer has.
func (c *Conn) heardConnectionAbort(level handshake.Level, f *packet.Frame) error {
	switch code := packet.Code(f.Value); {
	case code == packet.ConnectionRefused && c.client && c.phase == connected:
		c.heardRefusal()
		return nil
	case code.IsApplication() && level != handshake.Application:
		// RFC 9000 §12.4: "An endpoint MUST treat receipt of a frame in a packet type that is not permitted as a connection error of type
		// PROTOCOL_VIOLATION." Anyone on the path can make a packet of the Initial level: that must not pass for the peer's program.
		return violation(packet.ProtocolViolation, "a code of the application at a level of the handshake")
	}
	e := &CloseError{Cause: Violated, Code: f.Value, Reason: string(f.Reason), Remote: true}
	switch code := packet.Code(f.Value); {
	case code.IsApplication():
		e.Cause, e.Code = Aborted, f.Value-uint64(packet.CodeApplication)
	case code == packet.ApplicationError: // with which code is not told
		e.Cause, e.Code = Aborted, 0
	case code == packet.ConnectionRefused || code >= packet.CryptoError:
		e.Cause = Refused
	}
	c.suspect(e)
	return nil
}
