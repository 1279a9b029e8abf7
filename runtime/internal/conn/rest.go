package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// restTime is how long nothing must happen on a connection before it gives up what can be rebuilt.
const restTime = time.Second

// rested is what is kept of a connection's awake part while it rests.
type rested struct {
	due      mono.Time // when HandleTimeout has something to do
	sealer   handshake.Sealer
	opener   handshake.Opener
	next     handshake.Cipher // as turn.next
	received recovery.RestedReceived
	marks    recovery.Counts
	loss     recovery.Rested
}

// Silent reports whether nothing has arrived for that long, on a connection that is up, or something sent goes
// unanswered.
func (c *Conn) Silent(now mono.Time) bool {
	return c.rested != nil || c.confirmed && now >= c.activeAt.Add(restTime)
}

// Resting reports whether the connection rests: nothing has happened on it for a while. Memory that its driver
// keeps for it may be released too.
func (c *Conn) Resting() bool { return c.rested != nil }

// restAt is when a rest is due.
func (c *Conn) restAt() mono.Time {
	if c.phase != connected || c.pingDue || c.loss.Outstanding(handshake.Application) {
		return mono.Never
	}
	return max(c.activeAt, c.elicitedAt, c.roused).Add(restTime)
}

// rest gives up the memory that only an active connection needs: of ciphers the secrets stay, of the path the
// model. If something is still to be sent or done, it tries again later.
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
	if c.table != nil {
		c.giveBackWindows()
	}
	k := &c.keys[handshake.Application]
	layDown(k.sealer, k.opener, c.turn.next)
	c.rested = &rested{
		due: due, sealer: k.sealer, opener: k.opener, next: c.turn.next,
		received: received, marks: c.marks[handshake.Application], loss: loss,
	}
	c.awake = nil
	if c.spare = nil; c.streams.Len() == 0 {
		c.table = nil
	}
}

// mayRest reports whether nothing is in progress that a rest would forget.
func (c *Conn) mayRest() bool {
	switch {
	case c.phase != connected || !c.confirmed || !c.driverOver || c.peerClosed || c.verdict != nil:
	case c.unansweredAt != mono.Never || c.closeBegan != mono.Never || c.proofAt != mono.Never:
	case c.talkative(handshake.Application) || c.offer != nil || c.closedDue || c.events.n > 0 || c.lists[byAdmission].n > 0:
	case c.moving != nil || c.answer != nil || c.mtu.probing > 0:
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

// rouseFor ends a rest for a datagram if it is the peer's, and reports whether it must be processed. Anyone who
// has seen the connection's ids can forge any number: none of them makes the connection keep anything, or costs
// another connection its turn.
func (c *Conn) rouseFor(now mono.Time, datagram []byte) bool {
	why, news := c.try(now, datagram)
	if news || c.isReset(datagram) {
		c.wake(now)
		return true
	}
	c.tally.bytesReceived += uint64(len(datagram))
	c.drop(now, len(datagram), why)
	return false
}

// try examines a datagram without ending a rest. news: it is the peer's and did not arrive before, or else the
// connection has to end because of it.
func (c *Conn) try(now mono.Time, datagram []byte) (why DropReason, news bool) {
	h, ok := c.findShort(datagram)
	if !ok || !c.ids.hears(h.Dst) {
		return DropUnreadable, false
	}
	r, l := c.rested, c.lend()
	lent := &l.awake
	c.awake = lent
	lent.keys[handshake.Application].opener, lent.turn.next = r.opener, r.next
	number, _, _, err := c.unseal(now, handshake.Application, &h)
	r.next = lent.turn.next
	news = err == nil && number > r.received.Largest() || lent.verdict != nil // too many were forged: see countForged
	c.awake = nil
	*lent = awake{opened: lent.opened}
	if c.shared != nil {
		c.shared.Return(l)
	}
	switch {
	case news:
		return 0, true
	case err == nil:
		why = DropDuplicate
	default:
		why = DropForged
	}
	layDown(r.opener, r.next)
	return why, false
}

// Lent is memory with which a connection at rest examines a datagram. Its zero value is ready for use.
type Lent struct{ awake awake }

func (c *Conn) lend() *Lent {
	if c.shared == nil {
		return new(Lent)
	}
	return c.shared.Lend()
}

// findShort finds the packet of the Application level in the datagram: for others the keys are gone.
func (c *Conn) findShort(datagram []byte) (h packet.Header, ok bool) {
	for len(datagram) > 0 {
		h, rest, err := c.parsePacket(datagram)
		if err != nil {
			return h, false
		}
		if h.Type == packet.Short {
			return h, true
		}
		datagram = rest
	}
	return h, false
}

// layDown lets ciphers keep what they cannot make anew.
func layDown(ciphers ...any) {
	for _, of := range ciphers {
		if cipher, ok := of.(interface{ Rest() }); ok {
			cipher.Rest()
		}
	}
}

// wake makes the awake part anew.
func (c *Conn) wake(now mono.Time) {
	r := c.rested
	c.rested, c.awake = nil, newAwake()
	c.buffers.Store = c.shared
	c.roused = now
	c.complete, c.proven, c.confirmed, c.authentic, c.driverOver = true, true, true, c.client, true
	c.keys = [handshake.Levels]keys{{gone: true}, {gone: true}, {sealer: r.sealer, opener: r.opener}}
	c.turn.next = r.next
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
