package conn

import (
	"math"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// phases is the key update of the Application level (RFC 9001 §6). All zero, it is a connection in its first
// phase, or one in plaintext, which has no others.
type phases struct {
	// phase is the bit in the header of what is sealed and, but for late packets, of what is opened.
	phase bool
	// sealFrom is the number of the first packet of the phase that this end sealed or will seal,
	// openFrom the least one of those that it opened.
	sealFrom, openFrom uint64
	sealed             uint64 // packets, in the phase
	forged             uint64 // packets that did not open, in all
}

// turn is the openers beside the current one, keys[Application].opener, around the time when a phase begins.
type turn struct {
	next handshake.Cipher // of the phase to come, made when it is first asked for, after nextFrom
	// nextFrom: RFC 9001 §6.5, "An endpoint MAY allow a period of approximately the Probe Timeout (PTO; see [QUIC-RECOVERY]) after promoting the
	// next set of receive keys to be current before it creates the subsequent set of packet protection keys." So a peer has no
	// more keys made than one in that time, however often it updates.
	nextFrom mono.Time
	last     handshake.Opener // of the phase before, for packets that come late
	// lastUntil is when last is forgotten, mono.Never while the peer has not followed.
	lastUntil mono.Time
}

// openerOf is what a packet with the phase and the number is opened with, nil if that is gone. RFC 9001
// §6.5: "A recovered packet number that is lower than any packet number from the current key phase uses the previous
// packet protection keys"; one that is higher begins the next phase. RFC 9001 §6.3: "MUST NOT generate a timing side-channel
// signal that might indicate that the Key Phase bit was invalid"; "endpoints MUST be able to retain two sets of packet
// protection keys for receiving packets". RFC 9001 §6.4: "An endpoint that successfully removes protection with old keys
// when newer keys were used for packets with lower packet numbers MUST treat this as a connection error of type
// KEY_UPDATE_ERROR."
func (c *Conn) openerOf(now mono.Time, phase bool, number uint64) handshake.Opener {
	p, t := &c.phases, &c.turn
	opener := c.keys[handshake.Application].opener
	if t.last != nil && now >= t.lastUntil {
		t.last = nil
	}
	switch cipher, updates := opener.(handshake.Cipher); {
	case phase == p.phase:
		return opener
	case !updates:
		return nil
	case number < p.openFrom:
		return t.last
	case t.next == nil && now < t.nextFrom:
		return nil
	case t.next == nil:
		t.next = cipher.Next()
	}
	return t.next
}

// openedIn notes that a packet of the phase was opened.
func (c *Conn) openedIn(now mono.Time, phase bool, number uint64) {
	p, t := &c.phases, &c.turn
	switch {
	case phase == p.phase && t.lastUntil == mono.Never:
		// The peer has followed. RFC 9001 §6.1: "An endpoint MUST retain old keys until it has
		// successfully unprotected a packet sent using the new keys."
		p.openFrom = number
		c.settlePhase(now)
	case phase == p.phase:
		p.openFrom = min(p.openFrom, number)
	case number >= p.openFrom && p.sealed == 0:
		// RFC 9001 §6.2: "If an endpoint detects a second update before it has sent any packets with updated keys
		// containing an acknowledgment for the packet that initiated the key update, it indicates that its peer has updated keys twice
		// without awaiting confirmation. An endpoint MAY treat such consecutive key updates as a connection error of type
		// KEY_UPDATE_ERROR." Where nothing was sealed in the phase, no acknowledgment was. The keys stay, and the last words are sealed with some that the peer still has.
		c.suspect(violation(packet.KeyUpdateError, "a key update before the last one was acknowledged"))
	case number >= p.openFrom:
		// RFC 9001 §6.2: "The endpoint MUST update its send keys to the corresponding key phase in response". All that
		// is sent from now on, the acknowledgement included, is sealed with them.
		c.rollKeys()
		p.openFrom = number
		c.settlePhase(now)
	}
}

// settlePhase notes that both ends have come to a new phase. RFC 9001 §6.5: "An endpoint SHOULD retain old read keys for no
// more than three times the PTO after having received a packet protected using the new keys."
func (c *Conn) settlePhase(now mono.Time) {
	pto := c.probePeriod()
	c.turn.nextFrom, c.turn.lastUntil = now.Add(pto), now.Add(3*pto)
}

// rollKeys goes on to the next phase. RFC 9001 §6.4: "Packets with higher packet numbers MUST be protected with either the
// same or newer packet protection keys than packets with lower packet numbers."
func (c *Conn) rollKeys() {
	p, t, k := &c.phases, &c.turn, &c.keys[handshake.Application]
	if t.next == nil {
		t.next = cipherOf(k.opener).Next()
	}
	t.last, k.opener, t.next = k.opener, t.next, nil
	k.sealer = cipherOf(k.sealer).Next()
	p.phase = !p.phase
	p.sealFrom, p.sealed = c.loss.NextNumber(handshake.Application), 0
}

// mayUpdate reports whether this end may begin a key phase. RFC 9001 §6.1: "An endpoint MUST NOT initiate a key update
// prior to having confirmed the handshake", and "MUST NOT initiate a subsequent key update unless it has
// received an acknowledgment for a packet that was sent protected with keys from the current key phase." §6.5: "Endpoints SHOULD wait three
// times the PTO before initiating a key update after receiving an acknowledgment that confirms that the previous key
// update was received."
func (c *Conn) mayUpdate(now mono.Time) bool {
	acked, ok := c.loss.LargestAcked(handshake.Application)
	return c.confirmed && ok && acked >= c.phases.sealFrom && now >= c.turn.lastUntil
}

// UpdateKeys begins a new key phase, if the rules allow one now. The machine does so by itself,
// long before a key has sealed as many packets as it may.
func (c *Conn) UpdateKeys(now mono.Time) bool {
	c.rouse(now)
	if _, updates := c.keys[handshake.Application].sealer.(handshake.Cipher); !updates || c.over() || !c.mayUpdate(now) {
		return false
	}
	c.rollKeys()
	c.turn.lastUntil, c.phases.openFrom = mono.Never, math.MaxUint64
	return true
}

// farewells is how many packets a key always has left for the last words.
const farewells = 1024

// watchLimit keeps the number of packets that a key seals below its limit. RFC 9001 §6.6: "Endpoints MUST
// initiate a key update before sending more protected packets than the confidentiality limit for the
// selected AEAD permits", and "If a key update is not possible or integrity limits are reached, the endpoint MUST stop using
// the connection". RFC 9001 §5.3: "An endpoint MUST initiate a key update (Section 6) prior to exceeding any limit set for
// the AEAD that is in use."
func (c *Conn) watchLimit(now mono.Time) {
	if c.over() {
		return
	}
	// RFC 9000 §12.3: "If the packet number for sending reaches 2^62-1, the sender MUST close the connection". It
	// does so while it has numbers to say it with.
	if c.loss.NextNumber(handshake.Application) > packet.MaxNumber-farewells {
		c.suspect(violation(packet.InternalError, "no more packet numbers"))
		c.settle(now)
		return
	}
	cipher, limited := c.keys[handshake.Application].sealer.(handshake.Cipher)
	if !limited {
		return
	}
	limit, _ := cipher.Limits()
	if c.phases.sealed < limit/2 || c.UpdateKeys(now) || c.phases.sealed+farewells < limit {
		return
	}
	c.suspect(violation(packet.AEADLimitReached, "no key update in time"))
	c.settle(now)
}
