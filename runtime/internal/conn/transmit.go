package conn

import (
	"net/netip"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// Path is the two addresses that datagrams travel between.
type Path struct {
	Peer netip.AddrPort
	// Local is the address at this end. It is not valid where the driver does not know it, or leaves it to the system.
	Local netip.Addr
}

// evenMax is more than the room left in a packet that no further STREAM frame with data fitted into.
const evenMax = minStream + 1 + 3*8

// minDatagram is the least room that is worth a packet.
const minDatagram = 128

// PollTransmit appends the next datagram to send to buf and returns it with the path that it is for; ok is false if
// there is none now. A driver with an idle line calls it until then. If buf has room for 1,200 bytes, no
// datagram is longer than its room. RFC 8899 §3: "A PL MUST NOT send a datagram (other than a probe packet) with a size at the PL
// that is larger than the current PLPMTU."
func (c *Conn) PollTransmit(now mono.Time, buf []byte) (datagram []byte, on Path, ok bool) {
	if c.rested != nil {
		return buf, c.path, false
	}
	begin := len(buf)
	c.pressing = false
	c.watchLimit(now)
	c.pacedUntil, c.ect = mono.Never, false
	if !c.over() && c.keys[handshake.Application].sealer != nil {
		if buf, on = c.appendPath(now, buf); len(buf) > begin {
			c.tally.bytesSent += uint64(len(buf) - begin)
			return buf, on, true
		}
	}
	limit := c.mtu.size
	switch {
	case c.over():
		buf = c.appendFarewells(now, buf)
	case c.initDue:
		buf = c.appendInit(now, buf)
		c.tally.packetsSent++
	default:
		if room := cap(buf) - begin; room >= baseDatagram {
			limit = min(limit, room) // the driver sends no larger ones
		}
		buf = slices.Grow(buf, limit)
		buf = c.appendPackets(now, buf, begin+limit)
		if len(buf) == begin && c.limited() {
			c.loss.AppLimited()
			if c.repeatEarly(now) {
				buf = c.appendPackets(now, buf, begin+limit)
			}
		}
		if len(buf) == begin {
			buf = c.appendMTUProbe(now, buf)
		}
	}
	size := len(buf) - begin
	c.mtu.sent = min(c.mtu.sent+int32(size), mtuWorth)
	c.tally.bytesSent += uint64(size)
	return buf, c.path, size > 0
}

// Mark returns the ECN codepoint that the datagram which PollTransmit returned last must leave with: ECT0 if
// the path is, or may be, capable of ECN. A driver that cannot set it ignores it, and does not set Config.ECN.
func (c *Conn) Mark() Mark {
	if c.rested == nil && c.ect {
		return ECT0
	}
	return NotECT
}

// limited reports whether nothing is sent now because there is nothing.
func (c *Conn) limited() bool {
	return c.phase == connected && c.lists[byTurn].n == 0 && c.pacedUntil == mono.Never && c.loss.Available() >= c.mtu.size
}

// repeatEarly hands out what a thin stream repeats now, and reports whether there is anything.
func (c *Conn) repeatEarly(now mono.Time) bool {
	if !c.loss.HandOutRepeats(now, false, (*fates)(c)) {
		return false
	}
	c.repeating = true
	return true
}

// appendPackets appends the packets of a datagram that ends before end. RFC 9000 §12.2: "Senders MUST NOT coalesce QUIC
// packets with different connection IDs into a single UDP datagram."
func (c *Conn) appendPackets(now mono.Time, b []byte, end int) []byte {
	for level := range handshake.Level(handshake.Levels) {
		b = c.appendPacket(now, b, end, level)
	}
	return b
}

// builder is a packet under construction: frames are appended to b, up to end.
type builder struct {
	b          []byte
	begin, end int
	head       int // the length of the header, before the first frame
	level      handshake.Level
	to         packet.ID // of the end that it goes to
	eliciting  bool      // it holds an ack-eliciting frame
	fresh      bool      // it holds bytes of a stream that were not sent before
	probe      bool      // it is a probe of the path's MTU
	acks       bool      // it holds an ACK frame
	urgent     bool      // it is to be sent, though nothing in it asks for an answer
}

func (p *builder) room() int { return p.end - len(p.b) }

// fill appends PADDING, which is zeros, up to the end.
func (p *builder) fill() { p.b = append(p.b, make([]byte, max(0, p.room()))...) }

// carry appends to the packet's record what ref refers to, an ack-eliciting frame.
func (c *Conn) carry(p *builder, ref recovery.Ref) {
	p.eliciting = true
	c.loss.AddRef(p.level, ref)
}

// newPacket begins a packet at the end of b that ends before end; frames may follow.
func (c *Conn) newPacket(b []byte, end int, level handshake.Level) builder {
	head := 1 + packet.IDLen + c.numberLen(level)
	if level != handshake.Application {
		head = packet.LongLen(c.long(level), end-len(b))
	}
	return builder{
		b:     slices.Grow(b, end-len(b))[:len(b)+head],
		begin: len(b),
		end:   end - c.keys[level].sealer.Overhead(),
		head:  head,
		level: level,
		to:    c.ids.peer.id,
	}
}

// appendPacket appends a packet of the level that ends before end, if there is anything to say in one. RFC 9000 §13.2.6: "ACK
// frames MUST only be carried in a packet that has the same packet number space as the packet being acknowledged". No frame is
// added to get an answer to them: §13.2.1, "an endpoint MUST NOT send an ack-eliciting frame in all packets that would
// otherwise be non-ack-eliciting".
func (c *Conn) appendPacket(now mono.Time, b []byte, end int, level handshake.Level) []byte {
	if c.keys[level].sealer == nil || end-len(b) < minDatagram || c.rides(now, level) {
		return b
	}
	elicit := c.mayElicit(now, level)
	if !(elicit && c.speaks(level)) && !c.received[level].Due(now) {
		return b
	}
	p := c.newPacket(b, end, level)
	if c.received[level].Waiting() {
		c.appendAck(now, &p)
	}
	if elicit {
		c.appendFrames(now, &p)
	}
	if !p.eliciting && !p.urgent && !(p.acks && c.received[level].Due(now)) {
		c.loss.Abandon(level)
		return b
	}
	if p.fresh && c.lists[byTurn].n > 0 && p.room() < evenMax {
		// More follows: packets of one size are what a driver hands to the system together.
		p.fill()
	}
	if c.tokened && !c.authentic {
		// RFC 9000 §8.1: an address that is not validated yet pays for the answer. The CONNECT that a token comes
		// in is the first that the server hears of this end: it fills its datagram.
		p.fill()
	}
	return c.seal(now, &p)
}

// ridesProbe reports whether handshake bytes of the level that were lost go out beside a probe of the level above. RFC 9002
// §6.2.4: "In addition to sending data in the packet number space for which the timer expired, the sender SHOULD send
// ack-eliciting packets from other packet number spaces with in-flight data, coalescing packets if possible." The peer may have nothing to open the level above with before it has them, and then
// nothing that is in flight there is ever acknowledged: the window stays full, and they would wait for it for ever.
func (c *Conn) ridesProbe(level handshake.Level) bool {
	return level == handshake.Initial && c.probes[handshake.Handshake] > 0 && !c.crypto[level].out.blank(c.crypto[level].out.end)
}

// mayElicit reports whether a packet may be sent that counts as in flight. RFC 9002 §7: "An
// endpoint MUST NOT send a packet if it would cause bytes_in_flight […] to be larger than
// the congestion window, unless the packet is sent on a PTO timer expiration […] or when entering recovery". RFC 9002 §7.5:
// "Probe packets MUST NOT be blocked by the congestion controller. A sender MUST however count these packets as being
// additionally in flight".
func (c *Conn) mayElicit(now mono.Time, level handshake.Level) bool {
	if c.probes[level] > 0 || c.ridesProbe(level) {
		return true
	}
	if c.loss.Available() < c.mtu.size {
		return false
	}
	if !c.loss.Paced(now) {
		return true
	}
	if c.talkative(level) {
		c.pacedUntil = c.loss.PacedUntil()
	}
	return false
}

// Talkative reports whether there is something to send that asks for an answer, once the handshake is done.
func (c *Conn) Talkative() bool { return c.rested == nil && c.talkative(handshake.Application) }

// talkative reports whether there is something to send at the level that asks for an answer.
func (c *Conn) talkative(level handshake.Level) bool {
	out := &c.crypto[level].out
	return !out.blank(out.end) || level == handshake.Application &&
		(c.lists[byTurn].n > 0 || c.lists[byControl].n > 0 || c.handshakeDoneDue || c.closeDue || c.goAwayDue || c.pingDue || c.maxStreamsDue || c.idsTalk())
}

// speaks reports whether there is something that appendFrames appends by itself. It is false where nothing is: most calls of
// PollTransmit find that, and need make no packet for it.
func (c *Conn) speaks(level handshake.Level) bool {
	return c.talkative(level) || c.probes[level] > 0 || level == handshake.Application &&
		(c.offerDue || c.closedDue || !c.client && c.peerStreams.Due() || c.ackThreshold() != c.askedThreshold)
}

func (c *Conn) numberLen(level handshake.Level) int {
	largest := int64(-1)
	if n, ok := c.loss.LargestAcked(level); ok {
		largest = int64(n)
	}
	return packet.NumberLen(c.loss.NextNumber(level), largest)
}

// long is the header of the next packet of a level of the handshake. RFC 9000 §8.1.3: "The client MUST include the token in
// all Initial packets it sends".
func (c *Conn) long(level handshake.Level) packet.Long {
	l := packet.Long{
		Type: packet.Handshake, Version: c.config.Version, Dst: c.ids.peer.id, Src: c.ids.initial(),
		Number: c.loss.NextNumber(level), NumberLen: c.numberLen(level),
	}
	switch {
	case level == handshake.Initial && c.client:
		l.Type, l.Token = packet.Connect, c.token
	case level == handshake.Initial:
		l.Type = packet.Accept
	}
	return l
}

// seal writes the packet's header, protects it, and notes that it is sent.
func (c *Conn) seal(now mono.Time, p *builder) []byte {
	number, numberLen := c.loss.NextNumber(p.level), c.numberLen(p.level)
	c.fillSample(p, numberLen)
	if p.level == handshake.Application {
		packet.AppendShort(p.b[:p.begin], p.to, c.phases.phase, number, numberLen)
	} else {
		c.writeLong(p, c.keys[p.level].sealer.Overhead())
	}
	if c.tracer != nil {
		c.traceSent(now, p, number)
	}
	b := c.sealPacket(p, number, numberLen)
	kind := recovery.Silent
	switch {
	case p.probe:
		kind = recovery.MTUProbe
	case p.fresh:
		kind = recovery.Data
	case p.eliciting && c.repeating:
		kind = recovery.Repeated
	case p.eliciting:
		kind = recovery.Ordinary
	}
	// RFC 9000 §13.4.1 marks every packet that leaves; one datagram has one mark.
	c.ect = c.ect || p.eliciting && c.loss.ECN.Marking()
	c.loss.Sent(now, p.level, len(b)-p.begin, kind)
	c.tally.packetsSent++
	if p.acks {
		c.received[p.level].Sent()
	}
	if p.eliciting {
		c.asked(now)
		c.probes[p.level] = max(0, c.probes[p.level]-1)
		if p.level == handshake.Application {
			c.repeating = false
			c.pingDue, c.proofAt = false, mono.Never
		}
	}
	if p.level == handshake.Handshake && c.client && !c.keys[handshake.Initial].gone {
		// RFC 9001 §4.9.1: "a client MUST discard Initial keys when it first sends a Handshake packet".
		c.dropLevel(handshake.Initial)
	}
	return b
}

// traceSent tells the tracer of a packet, before its frames can no longer be read.
func (c *Conn) traceSent(now mono.Time, p *builder, number uint64) {
	kind := packet.Short
	if p.level != handshake.Application {
		kind = c.long(p.level).Type
	}
	frames := p.b[p.begin+p.head:]
	size := p.head + len(frames) + c.keys[p.level].sealer.Overhead()
	c.tracer.Sent(now, Traced{Type: kind, Number: number, Size: size, Frames: frames})
}

// writeLong writes a long header. It was given room for a packet of the largest size; if the length of
// this one takes fewer bytes, the frames move up.
func (c *Conn) writeLong(p *builder, overhead int) {
	l := c.long(p.level)
	frames := p.b[p.begin+p.head:]
	if head := packet.LongLen(l, len(frames)+overhead); head < p.head {
		p.b = p.b[:p.begin+head+copy(p.b[p.begin+head:], frames)]
		p.head = head
	}
	packet.AppendLong(p.b[:p.begin], l, len(frames)+overhead)
}

// appendFarewells appends what is still to be sent once the connection is over, at every level that the peer
// may have the keys of (RFC 9000 §10.2.3). Nobody knows then whose datagrams arrive. RFC 9000 §10.2.1: "To avoid being used for an
// amplification attack, such endpoints MUST limit the cumulative size of packets it sends to three times the cumulative size of the
// packets that are received and attributed to the connection."
func (c *Conn) appendFarewells(now mono.Time, b []byte) []byte {
	if !c.wordsDue {
		return b
	}
	begin := len(b)
	for level := range handshake.Level(handshake.Levels) {
		reason := ""
		if level == handshake.Application && c.err != nil && !c.wordsSaid {
			reason = c.err.Reason
		}
		b = c.appendFarewell(now, b, level, reason)
	}
	if c.wordsSaid && len(b)-begin > 3*c.size {
		b = b[:begin]
	}
	c.wordsDue, c.wordsSaid = false, true
	return b
}

// appendFarewell appends the last words in a packet of the level: RFC 9000 §11.1 has errors of the connection "signaled using a
// CONNECTION_CLOSE frame". §12.5: "CONNECTION_CLOSE frames signaling application errors (type 0x1d) MUST only appear in the
// application data packet number space."
func (c *Conn) appendFarewell(now mono.Time, b []byte, level handshake.Level, reason string) []byte {
	if c.keys[level].sealer == nil || c.words == sayClosed && level != handshake.Application {
		return b
	}
	p := c.newPacket(b, len(b)+baseDatagram, level)
	if c.words == sayClosed {
		p.b = packet.AppendCloseOK(p.b)
	} else {
		code := c.err.wireCode()
		if level != handshake.Application && packet.Code(code).IsApplication() {
			// RFC 9000 §10.2.3: "A CONNECTION_CLOSE of type 0x1d MUST be replaced by a CONNECTION_CLOSE of type 0x1c when
			// sending the frame in Initial or Handshake packets. Otherwise, information about the application state might be
			// revealed. Endpoints MUST clear the value of the Reason Phrase field and SHOULD use the APPLICATION_ERROR code".
			code = uint64(packet.ApplicationError)
		}
		p.b = packet.AppendConnectionAbort(p.b, code, 0, reason)
	}
	return c.seal(now, &p)
}
