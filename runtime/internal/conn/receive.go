package conn

import (
	"crypto/subtle"
	"errors"
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// HandleDatagram takes in one datagram that arrived from the address at time now. The machine copies what it
// keeps.
//
// Whose datagram it is, is determined by its packets' protection, not by where it comes from: one from an
// address other than the connection's is processed like any other. What is sent goes there once the address has
// been validated: see migrate.go. That a client does so too is a deviation from RFC 9000 §9, "If a client
// receives packets from an unknown server address, the client MUST discard these packets": it never sends
// there, so nothing moves because of it, and a server with several addresses may answer from any.
func (c *Conn) HandleDatagram(now mono.Time, from netip.AddrPort, datagram []byte) {
	c.HandleMarked(now, Path{Peer: from}, datagram, NotECT)
}

// Mark is the ECN codepoint that a datagram arrived with (RFC 3168 §5).
type Mark uint8

// The codepoints, as they stand in the two lowest bits of the traffic class.
const (
	NotECT Mark = iota
	ECT1
	ECT0
	CE
)

// HandleMarked is HandleDatagram for a driver that sees the mark a datagram arrived with, and at which address. RFC 9000 §8.1: "servers MUST count
// all of the payload bytes received in datagrams that are uniquely attributed to a single connection". RFC 9000 §12.2:
// "Receivers MUST be able to process coalesced packets.", and if one does not open, it "MUST attempt to process the
// remaining packets".
func (c *Conn) HandleMarked(now mono.Time, on Path, datagram []byte, mark Mark) {
	if c.rested != nil && !c.rouseFor(now, datagram) {
		return
	}
	c.origin = origin{on, len(datagram), mark}
	c.tally.bytesReceived += uint64(len(datagram))
	if c.over() {
		// The peer goes on: it is told once more.
		c.wordsDue = c.words != nothing
		return
	}
	if m := c.moving; m != nil && on == m.path {
		m.received += len(datagram)
	}
	taken := false
	// RFC 9001 §6.6: an end that has to close must "not process any more packets".
	for rest := datagram; len(rest) > 0 && c.verdict == nil; {
		h, next, err := c.parsePacket(rest)
		if err != nil {
			c.tally.packetsDropped++
			break
		}
		if c.handlePacket(now, &h, rest[:len(rest)-len(next)]) {
			taken = true
		}
		rest = next
	}
	if !taken && c.isReset(datagram) {
		c.suspect(&CloseError{Cause: Reset, Remote: true})
	}
	c.settle(now)
}

// isReset reports whether a datagram that nothing could be made of is the peer's word that it
// has forgotten the connection. RFC 9000 §10.3.1: "An endpoint MUST NOT check for any stateless reset
// tokens associated with connection IDs it has not used", and compares "in constant time".
func (c *Conn) isReset(datagram []byte) bool {
	token, ok := packet.ResetToken(datagram)
	return ok && c.client && c.resetToken != [packet.TokenLen]byte{} &&
		subtle.ConstantTimeCompare(token[:], c.resetToken[:]) == 1
}

// ResetToken returns the token that ends a stateless reset of this connection by the peer's endpoint; ok is
// false if there is none. The driver of a dialing end passes it to its endpoint on EventConnected, and again on
// EventResetToken.
func (c *Conn) ResetToken() (token [packet.TokenLen]byte, ok bool) {
	return c.resetToken, c.client && c.resetToken != [packet.TokenLen]byte{}
}

// handlePacket takes in one packet, and reports whether it was for this connection:
// authentic, or waiting for its keys. RFC 9000 §5.2: a packet that breaks a rule at the Initial level: "An endpoint MUST
// generate a connection error" or undo what it did. RFC 9000 §13.1: "A packet MUST NOT be acknowledged until packet
// protection has been successfully removed and all frames contained in the packet have been processed."
func (c *Conn) handlePacket(now mono.Time, h *packet.Header, raw []byte) bool {
	switch h.Type {
	case packet.Cookie:
		return c.takeCookie(now, h)
	case packet.Versions:
		return c.takeVersions(h)
	}
	level, ok := c.levelOf(h)
	k := &c.keys[level]
	if !ok || k.gone {
		c.drop(now, len(raw), DropUnreadable)
		return false
	}
	if k.opener == nil {
		c.park(raw)
		return false
	}
	number, payload, err := c.open(now, level, h)
	if err != nil {
		c.drop(now, len(raw), DropForged)
		return false
	}
	// RFC 9000 §12.3: "A receiver MUST discard a newly unprotected packet unless it is
	// certain that it has not processed another packet with the same packet number".
	if c.received[level].Has(number) {
		c.drop(now, len(raw), DropDuplicate)
		return true
	}
	c.tally.packetsReceived++
	if c.tracer != nil {
		c.tracer.Received(now, Traced{Type: h.Type, Number: number, Size: len(raw), Frames: payload})
	}
	c.authenticated(now, level)
	if level == handshake.Application {
		largest, any := c.received[level].Largest()
		c.arrived(now, number, !any || number > largest)
	}
	arrival := recovery.Arrival{Size: len(raw), Immediate: level != handshake.Application || c.mark == CE, Delay: c.ackDelay()}
	switch err := c.handleFrames(now, level, payload, &arrival); {
	case errors.Is(err, errNotNow):
		// As if it had never come: the peer will send it again. It hears that this end lives.
		c.drop(now, len(raw), DropUnavailable)
		c.received[level].Repeat()
		return true
	case err != nil:
		var fault *CloseError
		if !errors.As(err, &fault) {
			fault = violation(packet.InternalError, err.Error())
		}
		c.suspect(fault)
		return true
	}
	if !c.over() && !c.keys[level].gone {
		c.received[level].Add(now, number, arrival)
		c.countMark(level)
	}
	return true
}

// countMark counts the mark of a packet that was taken in. RFC 9000 §13.4.1: counts are of packets, duplicates
// not included; those that share a datagram share its mark. RFC 8085 §3.1.7: its feedback "MUST report the presence of
// datagrams received with a CE-mark".
func (c *Conn) countMark(level handshake.Level) {
	switch marks := &c.marks[level]; c.mark {
	case ECT0:
		marks.ECT0++
	case ECT1:
		marks.ECT1++
	case CE:
		marks.CE++
	}
}

// errNotNow: the packet cannot be taken in yet. Nothing that it changed is wrong to change again.
var errNotNow = flow.ErrGaps

// levelOf tells the level of a packet, and whether it can be for this end at all. RFC 9000 §5.2.1: "If a client receives a
// packet that uses a different version than it initially selected, it MUST discard that packet." RFC 9000 §7.2: then it
// "MUST discard any subsequent packet it receives on that connection with a different Source Connection ID".
func (c *Conn) levelOf(h *packet.Header) (level handshake.Level, ok bool) {
	switch h.Type {
	case packet.Connect:
		ok = !c.client
	case packet.Accept:
		ok = c.client
	case packet.Handshake:
		level, ok = handshake.Handshake, true
	case packet.Short:
		return handshake.Application, c.phase > opening && c.ids.hears(h.Dst)
	}
	return level, ok && h.Version == c.config.Version && h.Dst == c.ids.initial() && h.Src == c.ids.peer.id && c.phase > opening
}

// number is the packet's number, of which the lowest bytes have travelled.
func (c *Conn) number(level handshake.Level, h *packet.Header) uint64 {
	largest := int64(-1)
	if c.rested != nil {
		largest = int64(c.rested.received.Largest())
	} else if n, ok := c.received[level].Largest(); ok {
		largest = int64(n)
	}
	return packet.ExpandNumber(h.Number, h.NumberLen, largest)
}

// authenticated notes that a packet of the level came from the peer.
func (c *Conn) authenticated(now mono.Time, level handshake.Level) {
	c.heard(now)
	if c.client && !c.authentic {
		c.authentic, c.tried = true, nil
		c.initDue, c.initAt = false, mono.Never
	}
	if level == handshake.Handshake && !c.client && !c.keys[handshake.Initial].gone {
		// RFC 9001 §4.9.1: "a server MUST discard Initial keys when it first successfully processes a Handshake packet."
		c.dropLevel(handshake.Initial)
	}
	if level > handshake.Initial && !c.proven {
		c.proven = true
		if !c.client {
			c.confirm(now)
		}
	}
}

func (c *Conn) ackDelay() time.Duration { return recovery.AckDelay(c.loss.Smoothed()) }
