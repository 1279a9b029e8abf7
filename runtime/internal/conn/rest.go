package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// restTime is how long nothing happens on a connection before it gives up what it can make anew.
const restTime = time.Second

// rested is what is kept of a connection's awake part while it rests.
type rested struct {
	due      mono.Time // when HandleTimeout has something to do
	sealer   handshake.Sealer
	opener   handshake.Opener
	received recovery.RestedReceived
	marks    recovery.Counts
	loss     recovery.Rested
}

// Silent reports whether nothing has come for so long, on a connection that is up, or has stayed without an answer.
func (c *Conn) Silent(now mono.Time) bool {
	return c.rested != nil || c.confirmed && now >= c.activeAt.Add(restTime)
}

// Resting reports whether the connection rests: nothing has happened on it for a while. What its driver keeps for
// what comes next may go too.
func (c *Conn) Resting() bool { return c.rested != nil }

// restAt is when a rest is due.
func (c *Conn) restAt() mono.Time {
	if c.phase != connected || c.pingDue || c.loss.Outstanding(handshake.Application) {
		return mono.Never
	}
	return max(c.activeAt, c.elicitedAt, c.roused).Add(restTime)
}

// rest gives up the memory that only an active connection needs: of ciphers the secrets stay, of what is known of
// the path the model. If something is still to be said or done, it tries again later.
func (c *Conn) rest(now mono.Time) {
	c.roused = now
	if now >= c.turn.lastUntil {
		c.turn.last = nil
	}
	if !c.mayRest() {
		return
	}
	due := c.alarm()
	received, quiet := c.received[handshake.Application].Rest()
	if !quiet {
		return
	}
	loss, quiet := c.loss.Rest(now)
	if !quiet {
		return
	}
	k := &c.keys[handshake.Application]
	for _, of := range []any{k.sealer, k.opener} {
		if cipher, ok := of.(interface{ Rest() }); ok {
			cipher.Rest()
		}
	}
	c.rested = &rested{
		due: due, sealer: k.sealer, opener: k.opener,
		received: received, marks: c.marks[handshake.Application], loss: loss,
	}
	c.awake = nil
	if c.spare = nil; c.streams.Len() == 0 {
		c.table = nil
	}
}

// mayRest reports whether nothing is under way that a rest would forget.
func (c *Conn) mayRest() bool {
	switch {
	case c.phase != connected || !c.confirmed || !c.driverOver || c.peerClosed || c.verdict != nil:
	case c.unansweredAt != mono.Never || c.closeBegan != mono.Never || c.proofAt != mono.Never:
	case c.talkative(handshake.Application) || c.offer != nil || c.closedDue || c.events.n > 0 || c.lists[byAdmission].n > 0:
	case c.moving != nil || c.answer != nil || !c.path.validated || c.mtu.probing > 0:
	case c.turn.last != nil || c.probes[handshake.Application] > 0 || c.parked != nil:
	default:
		k := &c.crypto[handshake.Application]
		return k.out.buffered() == 0 && k.in.Consumed() == k.in.Ready()
	}
	return false
}

// rouse ends a rest, if there is one, because of an input or a command.
func (c *Conn) rouse(now mono.Time) {
	if c.rested != nil {
		c.wake(now)
	}
}

// rouseFor ends a rest for a datagram, and reports whether it is to be looked at. Whether it is authentic shows only with
// ciphers, and who has seen the connection's ids can forge as many as he likes: what may have its ciphers made for nothing is bounded for all
// connections together, and one that was roused stays so for restTime.
func (c *Conn) rouseFor(now mono.Time, datagram []byte) bool {
	if c.hasShort(datagram) && (c.shared == nil || c.shared.Rouse(now)) {
		c.wake(now)
		c.unproven = true
		return true
	}
	c.tally.bytesReceived += uint64(len(datagram))
	c.drop(now, len(datagram), DropUnavailable)
	return false
}

// hasShort reports whether a packet of the Application level is in the datagram: for others the keys are gone.
func (c *Conn) hasShort(datagram []byte) bool {
	for len(datagram) > 0 {
		h, rest, err := c.parsePacket(datagram)
		if err != nil {
			return false
		}
		if h.Type == packet.Short {
			return true
		}
		datagram = rest
	}
	return false
}

// proveRouse notes that what ended a rest was authentic.
func (c *Conn) proveRouse() {
	if c.unproven = false; c.shared != nil {
		c.shared.Roused()
	}
}

// wake makes the awake part anew.
func (c *Conn) wake(now mono.Time) {
	r := c.rested
	c.rested, c.awake = nil, newAwake()
	c.roused = now
	c.complete, c.proven, c.confirmed, c.authentic, c.driverOver = true, true, true, c.client, true
	c.keys = [handshake.Levels]keys{{gone: true}, {gone: true}, {sealer: r.sealer, opener: r.opener}}
	c.received[handshake.Application] = r.received.Wake()
	c.marks[handshake.Application] = r.marks
	c.loss = r.loss.Wake(c.mtu.size)
	c.loss.MaxAckDelay = c.peer.maxAckDelay
	if c.tracer != nil {
		c.loss.OnLost = c.tracer.Lost
	}
	c.setBackOff()
	c.setTable()
}

// image is a copy of a connection at rest that is awake, to be looked at.
func (c *Conn) image() *Conn {
	i := *c
	i.wake(c.activeAt)
	return &i
}
