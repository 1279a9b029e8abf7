package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// The kinds of frames that a packet's record refers to. Stream, Offset, Length and Fin mean
// what they mean in the frame; for an ACK, Offset is the largest number that it acknowledges.
const (
	refStream uint8 = iota
	refCrypto
	refAck
	refMaxStreamData
	refMaxStreams
	refAckFrequency
	refHandshakeDone
	refNewToken
	refAbort
	refClose
	refFinRead
	refGoAway
	refPath     // a challenge, or its answer: neither is sent again as it was (RFC 9000 §13.3)
	refMTUProbe // Length is its size
	refNewID    // Offset is the number of a connection id, also here:
	refRetireID
)

// maxAckRanges bounds the ranges of an ACK frame.
const maxAckRanges = 32

// fates is the machine as it hears what became of frames that it sent.
type fates Conn

// FrameAcked: the peer has the frame.
func (f *fates) FrameAcked(level handshake.Level, ref recovery.Ref) {
	c := (*Conn)(f)
	switch ref.Kind {
	case refCrypto:
		c.crypto[level].out.ack(&c.chunks, ref.Offset, int(ref.Length))
	case refAck:
		c.received[level].Settle(ref.Offset)
	case refStream:
		if s := c.find(StreamID(ref.Stream)); s != nil && s.aborted == nil {
			c.streamAcked(s, ref)
		}
	case refAbort:
		if s := c.find(StreamID(ref.Stream)); s != nil {
			c.dropStream(s)
		}
	case refNewToken:
		c.offer, c.offerDue = nil, false // it may have been taken for lost
	case refClose:
		c.answered = true
	case refMTUProbe:
		c.mtuProbeAcked(int(ref.Length))
	case refRetireID:
		c.retireFate(uint32(ref.Offset), true)
	case refFinRead:
		if s := c.find(StreamID(ref.Stream)); s != nil && s.aborted == nil {
			s.recv.readAcked = true
			c.finishIfDone(s)
		}
	}
}

func (c *Conn) streamAcked(s *stream, ref recovery.Ref) {
	before, beyond := s.send.buffered(), s.send.beyond()
	s.send.ack(&c.chunks, ref.Offset, int(ref.Length))
	c.buffered -= before - s.send.buffered()
	c.taken += uint64(before - s.send.buffered())
	c.kept -= beyond - s.send.beyond()
	if ref.Fin {
		s.send.finAcked, s.send.finLost = true, false
	}
	if s.send.quiet() {
		c.lists[byTurn].remove(s)
	}
	if s.links[byAdmission].in && s.send.onFloor(s.send.wanted) {
		c.call(s)
	}
	c.finishIfDone(s)
}

// FrameLost: the frame is to be sent again, as far as it still matters. RFC 9000 §13.3: "The HANDSHAKE_DONE frame MUST be
// retransmitted until it is acknowledged."
func (f *fates) FrameLost(level handshake.Level, ref recovery.Ref) {
	c := (*Conn)(f)
	switch ref.Kind {
	case refCrypto:
		c.crypto[level].out.lose(ref.Offset, int(ref.Length))
	case refStream:
		if s := c.find(StreamID(ref.Stream)); s != nil && s.aborted == nil {
			s.send.lose(ref.Offset, int(ref.Length))
			s.send.finLost = s.send.finLost || ref.Fin && !s.send.finAcked
			c.talk(s)
		}
	case refMaxStreamData:
		if s := c.find(StreamID(ref.Stream)); s != nil && s.aborted == nil {
			s.recv.limitDue = true
			c.lists[byControl].push(s)
		}
	case refMaxStreams:
		c.maxStreamsDue = true
	case refAckFrequency:
		c.askedThreshold = 0
	case refHandshakeDone:
		c.handshakeDoneDue = true
	case refNewToken:
		c.offerDue = c.offer != nil
	case refAbort:
		if s := c.find(StreamID(ref.Stream)); s != nil {
			s.abortDue = true
			c.lists[byControl].push(s)
		}
	case refClose:
		c.closeDue = true
	case refMTUProbe:
		c.mtu.lost(int(ref.Length))
	case refNewID:
		c.idLost(uint32(ref.Offset))
	case refRetireID:
		c.retireFate(uint32(ref.Offset), false)
	case refGoAway:
		c.goAwayDue = true
	case refFinRead:
		if s := c.find(StreamID(ref.Stream)); s != nil && s.aborted == nil && !s.recv.readAcked {
			s.recv.readDue = true
			c.lists[byControl].push(s)
		}
	}
}

// appendAck appends an ACK frame to the packet, if it has room for one.
func (c *Conn) appendAck(now mono.Time, p *builder) {
	ranges, delay := c.received[p.level].Ack(now, min(maxAckRanges, p.room()/16))
	if len(ranges) == 0 || p.room() < 32 {
		return
	}
	last := len(ranges) - 1
	top := ranges[last]
	begin := len(p.b)
	p.b = packet.AppendAckHead(p.b, top.Largest, uint64(delay/time.Microsecond), last, top.Largest-top.Smallest)
	for i := last - 1; i >= 0; i-- {
		p.b = packet.AppendAckRange(p.b, ranges[i+1].Smallest, ranges[i].Smallest, ranges[i].Largest)
	}
	if marks := &c.marks[p.level]; *marks != (recovery.Counts{}) {
		p.b = packet.AppendAckECN(p.b, begin, marks.ECT0, marks.ECT1, marks.CE)
	}
	c.loss.AddRef(p.level, recovery.Ref{Kind: refAck, Offset: top.Largest})
	p.acks = true
}
