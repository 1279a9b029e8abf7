package conn

import (
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// appendFrames fills a packet with what there is to send that asks for an answer: the handshake and control
// frames first, then the streams in turn. RFC 9002 §6.2.4: "a sender MUST send at least one ack-eliciting packet in the
// packet number space as a probe", and "All probe packets sent on a PTO MUST be ack-eliciting."
func (c *Conn) appendFrames(now mono.Time, p *builder) {
	c.appendPending(now, p)
	if p.fresh && p.level == handshake.Application && p.room() > minStream && c.loss.HandOutRepeats(now, true, (*fates)(c)) {
		c.repeating = true
		c.appendStreams(p)
	}
	if probes := c.probes[p.level]; probes > 0 && probes < recovery.ProbeCount && !p.eliciting {
		c.loss.Repeat(p.level, (*fates)(c))
		c.appendPending(now, p)
	}
	if !p.eliciting && (c.probes[p.level] > 0 || p.level == handshake.Application && c.pingDue) {
		p.b = packet.AppendPing(p.b)
		p.eliciting = true
	}
}

// RFC 9000 §12.5: "All other frame types MUST only be sent in the application data packet number space."
func (c *Conn) appendPending(now mono.Time, p *builder) {
	c.appendCrypto(p)
	if p.level == handshake.Application {
		c.appendSingles(p)
		c.appendIDs(now, p)
		c.appendControl(p)
		c.appendStreams(p)
	}
}

// appendCrypto appends the handshake's bytes. RFC 9001 §4: "If QUIC needs to retransmit that data, it MUST use the same keys
// even if TLS has already updated to newer keys." RFC 9001 §4.9: "frames that retransmit that data MUST be sent at the same
// encryption level".
func (c *Conn) appendCrypto(p *builder) {
	out := &c.crypto[p.level].out
	for !out.blank(out.end) {
		room := p.room() - packet.CryptoLen(out.end, p.room())
		if room <= 0 {
			return
		}
		offset, length := out.pending(out.end, room)
		p.b = packet.AppendCryptoHead(p.b, offset, length)
		p.b = out.appendTo(p.b, offset, length)
		out.sent(offset, length)
		c.carry(p, recovery.Ref{Kind: refCrypto, Offset: offset, Length: uint32(length)})
	}
}

// singleLen is more than any frame of appendSingles has.
const singleLen = 1 + 8 + 8

// appendSingles appends the control frames that belong to no stream.
func (c *Conn) appendSingles(p *builder) {
	if c.handshakeDoneDue && p.room() > singleLen {
		c.handshakeDoneDue = false
		p.b = packet.AppendHandshakeDone(p.b)
		c.carry(p, recovery.Ref{Kind: refHandshakeDone})
	}
	if c.offerDue && p.room() > singleLen+len(c.offer) {
		c.offerDue = false
		p.b = packet.AppendNewToken(p.b, c.offer)
		c.carry(p, recovery.Ref{Kind: refNewToken})
	}
	if !c.client && (c.maxStreamsDue || c.peerStreams.Due()) && p.room() > singleLen {
		c.maxStreamsDue = false
		p.b = packet.AppendValue(p.b, packet.MaxStreams, c.peerStreams.Advertise())
		c.carry(p, recovery.Ref{Kind: refMaxStreams})
	}
	if threshold := c.ackThreshold(); threshold != c.askedThreshold && p.room() > singleLen {
		c.askedThreshold = threshold
		p.b = packet.AppendAckFrequency(p.b, uint64(threshold), uint64(recovery.MaxAckDelay.Microseconds()))
		c.carry(p, recovery.Ref{Kind: refAckFrequency})
	}
	if c.goAwayDue && p.room() > singleLen {
		c.goAwayDue = false
		p.b = packet.AppendValue(p.b, packet.GoAway, uint64(c.refuseFrom))
		c.carry(p, recovery.Ref{Kind: refGoAway})
	}
	if c.closeDue && p.room() > singleLen {
		c.closeDue = false
		p.b = packet.AppendClose(p.b)
		c.carry(p, recovery.Ref{Kind: refClose})
	}
	if c.closedDue && p.room() > singleLen {
		c.closedDue = false
		p.b = packet.AppendCloseOK(p.b)
		p.urgent = true
	}
}

// ackThreshold is how many bytes the peer should acknowledge together: a quarter of the window, once start-up
// is over. It is requested anew only when it has doubled or halved.
func (c *Conn) ackThreshold() int {
	if c.askedThreshold == 0 && c.loss.Controller.SlowStart() {
		return 0
	}
	target := min(c.loss.Controller.Window()/4, maxAckThreshold)
	if target < 2*c.askedThreshold && 2*target > c.askedThreshold {
		return c.askedThreshold
	}
	return target
}

// appendControl appends what streams owe the peer: that they were aborted, or that everything was read, or
// their limit.
func (c *Conn) appendControl(p *builder) {
	control := &c.lists[byControl]
	for s := control.first; s != nil; s = control.first {
		switch r := &s.recv; {
		case s.abortDue:
			if p.room() < 1+3*8+len(s.aborted.Reason) {
				return
			}
			s.abortDue = false
			p.b = packet.AppendStreamAbort(p.b, uint64(s.id), s.aborted.Code, s.aborted.Reason)
			c.carry(p, recovery.Ref{Kind: refAbort, Stream: uint64(s.id)})
		case r.readDue:
			if p.room() < singleLen {
				return
			}
			r.readDue = false
			p.b = packet.AppendFinRead(p.b, uint64(s.id))
			c.carry(p, recovery.Ref{Kind: refFinRead, Stream: uint64(s.id)})
			continue // it may owe its limit too
		case r.limitDue || r.window.Due():
			if p.room() < singleLen {
				return
			}
			r.limitDue = false
			p.b = packet.AppendStreamValue(p.b, packet.MaxStreamData, uint64(s.id), r.window.Advertise())
			c.carry(p, recovery.Ref{Kind: refMaxStreamData, Stream: uint64(s.id)})
		}
		control.remove(s)
	}
}

// appendStreams gives the streams their turns (deficit round robin): each sends up to a packet's
// worth, then goes to the end; what one leaves of a packet the next one fills. RFC 9001 §4.9: "new data MUST be sent at the
// highest currently available encryption level".
func (c *Conn) appendStreams(p *builder) {
	turn := &c.lists[byTurn]
	for s := turn.first; s != nil; s = turn.first {
		if s.send.deficit <= 0 {
			s.send.deficit += c.mtu.size
		}
		before := len(p.b)
		full := c.appendStream(p, s)
		s.send.deficit -= len(p.b) - before
		switch {
		case s.send.quiet():
			turn.remove(s)
			s.send.deficit = 0
		case s.send.deficit <= 0:
			turn.remove(s)
			turn.push(s)
		}
		c.readmit(s)
		if full {
			return
		}
	}
}

// minStream is the least room that is worth a STREAM frame with data.
const minStream = 32

// appendStream appends what the stream may send in its turn, and reports whether that filled the packet.
func (c *Conn) appendStream(p *builder, s *stream) (full bool) {
	for out := &s.send; !out.quiet() && out.deficit > 0; {
		room := p.room() - packet.StreamLen(uint64(s.id), out.end, p.room())
		if room < minStream {
			return true
		}
		offset, length := out.pending(out.limit, min(room, out.deficit))
		fin := out.fin && offset+uint64(length) == out.end
		p.b = packet.AppendStreamHead(p.b, uint64(s.id), offset, length, fin)
		p.b = out.appendTo(p.b, offset, length)
		p.fresh = p.fresh || offset+uint64(length) > out.next || fin && !out.finSent
		out.sent(offset, length)
		if fin {
			out.finSent, out.finLost = true, false
		}
		c.carry(p, recovery.Ref{Kind: refStream, Stream: uint64(s.id), Offset: offset, Length: uint32(length), Fin: fin})
		out.deficit -= length
	}
	return false
}

// appendTo appends the bytes from offset on to b.
func (o *outgoing) appendTo(b []byte, offset uint64, length int) []byte {
	n := len(b)
	b = slices.Grow(b, length)[:n+length]
	o.copyTo(b[n:], offset)
	return b
}
