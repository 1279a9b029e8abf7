package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// HandleTimeout does everything that is due at now. It may be called early and often.
func (c *Conn) HandleTimeout(now mono.Time) {
	if c.over() || c.rested != nil && now < c.rested.due {
		return
	}
	c.rouse(now)
	if c.phase < connected && now >= c.handshakeEnd {
		c.suspect(&CloseError{Cause: HandshakeTimeout})
	}
	if now >= c.deathAt() {
		c.suspect(&CloseError{Cause: Gone})
	}
	if now >= c.idleAt() {
		c.suspect(&CloseError{Cause: Idle})
	}
	if now >= c.closeExpiry() {
		c.answered = true
	}
	if probes := c.loss.Timeout(now, (*fates)(c)); probes.Count > 0 {
		c.probes[probes.Space] = probes.Count
		// A server that has forgotten the handshake hears nothing at its levels, so it would not find out that the
		// dialing end's address has changed since: a packet that it understands rides along.
		if c.client && c.complete && probes.Space < handshake.Application {
			c.probes[handshake.Application] = max(c.probes[handshake.Application], 1)
		}
	}
	c.mtu.watch(c)
	c.repeatEarly(now)
	if now >= c.initAt {
		c.initTimeout()
	}
	if now >= c.proofAt {
		// Under TLS the Finished has waited long enough; in plaintext a PING is the proof.
		c.pingDue = c.pingDue || c.keys[handshake.Handshake].sealer == nil
		c.proofAt = mono.Never
	}
	if now >= c.keepAliveAt() {
		c.pingDue = true
	}
	if now >= c.movingAt() {
		c.pathTimeout()
	}
	c.endOpenings(now)
	if now >= c.driverEnd {
		c.endDriver()
	}
	c.settle(now)
	if now >= c.restAt() {
		c.rest(now)
	}
}

// NextTimeout is when HandleTimeout is due next, mono.Never if no timer runs.
func (c *Conn) NextTimeout() mono.Time {
	switch {
	case c.over():
		return mono.Never
	case c.rested != nil:
		return c.rested.due
	}
	return min(c.alarm(), c.restAt())
}

// alarm is when something else than a rest is due.
func (c *Conn) alarm() mono.Time {
	at := min(c.loss.Deadline(), c.initAt, c.proofAt, c.closeExpiry(), c.deathAt(), c.idleAt(), c.keepAliveAt(), c.driverEnd, c.movingAt(),
		c.pacedUntil, c.loss.RepeatAt(), c.openingAt())
	if c.phase < connected {
		at = min(at, c.handshakeEnd)
	}
	for level := range c.received {
		if c.keys[level].sealer != nil {
			at = min(at, c.received[level].Deadline())
		}
	}
	return at
}

// probePeriod is the probe timeout without back-off.
func (c *Conn) probePeriod() time.Duration { return c.loss.PTO(c.loss.MaxAckDelay) }

// idleTimeout is how long nothing may come. RFC 9000 §10.1: "Each endpoint advertises
// a max_idle_timeout, but the effective value at an endpoint is computed as the minimum
// of the two advertised values", and "endpoints MUST increase the idle timeout period
// to be at least three times the current Probe Timeout (PTO)."
func (c *Conn) idleTimeout() time.Duration {
	return max(min(c.config.IdleTimeout, c.peer.idleTimeout), 3*c.probePeriod())
}

// idleAt is when the connection has been idle for too long. It never is while Close drains:
// keep-alive packets and the death timeout judge then.
func (c *Conn) idleAt() mono.Time {
	if c.phase < connected || c.closing || c.peerClosed {
		return mono.Never
	}
	return c.activeAt.Add(c.idleTimeout())
}

// deathTimeout is how long what was sent may go unanswered.
func (c *Conn) deathTimeout() time.Duration {
	if c.config.DeathTimeout > 0 {
		return c.config.DeathTimeout
	}
	return min(max(6*c.probePeriod(), leastDeath), c.idleTimeout())
}

// deathAt is when the peer counts as gone: nothing has arrived since something was sent that asks for an
// answer.
func (c *Conn) deathAt() mono.Time {
	if c.phase < connected || c.peerClosed || c.closeBegan != mono.Never {
		return mono.Never
	}
	return c.unansweredAt.Add(c.deathTimeout())
}

// Unanswered reports whether nothing has come since something was sent that asks for an answer, for the time of a
// few probes: long before the peer counts as gone. How many probes there were does not tell, since whatever else is
// sent puts them off.
func (c *Conn) Unanswered(now mono.Time) bool {
	return c.rested == nil && now > c.unansweredAt.Add(unansweredProbes*c.probePeriod())
}

// unansweredProbes is how many probe timeouts that takes. One or two may be packets that were lost.
const unansweredProbes = 3

// keepAliveAt is when a PING is due. RFC 9000 §10.1.2: "an endpoint could send a PING frame […] periodically,
// which will cause the peer to restart its idle timeout period." While Close drains, one is always sent, so
// that a peer that is gone is noticed; and sooner while this end waits for credit.
func (c *Conn) keepAliveAt() mono.Time {
	if c.phase < connected || c.pingDue || c.peerClosed || c.closeBegan != mono.Never || c.loss.Outstanding(handshake.Application) {
		return mono.Never
	}
	interval := c.idleTimeout() / 2
	switch {
	case c.config.KeepAlive >= 0:
		interval = min(interval, c.config.KeepAlive)
	case c.closing:
		interval = min(interval, defaultKeepAlive)
	case !c.starved():
		return mono.Never
	}
	interval -= c.jitter(interval)
	if c.starved() {
		interval = min(interval, c.deathTimeout()/asksStarved)
	}
	return max(c.activeAt, c.elicitedAt).Add(interval)
}

// jitter is up to an eighth of an interval, another one for each connection: many that have begun at once, because their server was
// restarted, do not speak at once for ever. RFC 8085 §3.5: "It is RECOMMENDED that applications apply slight random variations ("jitter")
// to the timing of keep-alive transmissions". It is taken from an id, which is random and no secret.
func (c *Conn) jitter(interval time.Duration) time.Duration {
	return interval / (8 * 256) * time.Duration(c.ids.own[0].id[packet.IDLen-1])
}

// asksStarved is how often in a death timeout an end probes its peer while it has something to send and no
// credit for it.
const asksStarved = 4

// starved reports whether there is something to send, with nothing in flight, that waits only for the peer's
// credit: for a stream, or for one more stream. All that was sent has been acknowledged then, so nothing would
// ever show that the peer is gone. RFC 9000 §4.1: "To keep the connection from closing, a sender that is flow
// control limited SHOULD periodically send a STREAM_DATA_BLOCKED or DATA_BLOCKED frame when it has no
// ack-eliciting packets in flight." A PING does the same, and is acknowledged at once: the peer grants credit
// as its program reads, and has no use for knowing that more is wanted.
func (c *Conn) starved() bool {
	return c.wanting || c.buffered > c.held && c.lists[byTurn].n == 0
}

// heard notes that the peer is alive: an authentic packet from it arrived.
func (c *Conn) heard(now mono.Time) {
	c.activeAt = now
	c.unansweredAt = mono.Never
}

// asked notes that a packet that asks for an answer is being sent. RFC 9000 §10.1: "an endpoint also restarts
// its idle timer when sending an ack-eliciting packet if no other ack-eliciting packets have been sent since
// last receiving and processing a packet."
func (c *Conn) asked(now mono.Time) {
	c.elicitedAt = now
	if c.unansweredAt == mono.Never {
		c.activeAt = now
		c.unansweredAt = now
	}
}
