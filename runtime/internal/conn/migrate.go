package conn

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// moving is what the listening end knows of a path that the peer seems to have moved to. Everything is
// still sent on the old one until the new one has answered a challenge. So an attacker who relays a copy of
// a packet from elsewhere, or to another of this end's addresses, or forges its source, moves nothing, and draws no traffic there.
type moving struct {
	path Path
	// received and sent are bytes: see allowance.
	received, sent int
	// number is the largest packet number received from there, id the number of the own id that it was sent to.
	// If packets from the old address are sent to another id, the peer means to move; otherwise a NAT may have
	// given it another address.
	number uint64
	id     uint32
	// asked are the challenges that wait for an answer, as many as challenges.
	asked      [pathTries][8]byte
	challenges int
	due        bool      // one more is to be sent
	at         mono.Time // when one more is due, or the address is given up
}

// allowance is how many bytes a datagram of up to so many may have. RFC 9000 §8.1: "Prior to validating the
// client address, servers MUST NOT send more than three times as many bytes as the number of bytes they have received."
func (m *moving) allowance(datagram int) int { return min(datagram, 3*m.received-m.sent) }

// pathTries is how many challenges go to an address before it is given up.
const pathTries = 3

// answer is a PATH_RESPONSE that is owed. There is only one: a peer that asks again before it is sent gets the
// answer to the last question, so a flood of questions costs nothing (RFC 9000 §8.2.2 asks for an answer to
// each, §21.9 for a bound).
type answer struct {
	data [8]byte
	to   Path
	id   uint32 // the number of the own id that was asked
	room int    // in bytes: three times what came, if nobody knows who is there
}

// arrived notes on which path an authentic packet of the Application level came. RFC 9000 §9.3: "An endpoint only changes the
// address to which it sends packets in response to the highest-numbered non-probing packet." Only the
// dialing end moves (RFC 9000 §9: "Clients are responsible for initiating all migrations.").
func (c *Conn) arrived(now mono.Time, number uint64, highest bool) {
	m := c.moving
	switch {
	case c.client || !c.confirmed || !c.from.Peer.IsValid():
	case c.from == c.path:
		if m != nil && number > m.number {
			c.moving = nil // it is where it was
		}
		if highest {
			c.expect(c.ids.at)
			c.follow(now, c.ids.at)
		}
	case m != nil && c.from == m.path:
		if m.number = max(m.number, number); highest {
			c.expect(c.ids.at)
			m.id = c.ids.at
		}
	case highest:
		c.expect(c.ids.at)
		c.moving = &moving{path: c.from, received: c.size, number: number, id: c.ids.at, due: true, at: mono.Never}
	}
}

// pathTimeout sends one more challenge, or gives up the address. RFC 9000 §9.3.2: "an endpoint MUST revert to using the last
// validated peer address when validation of a new peer address fails".
func (c *Conn) pathTimeout() {
	m := c.moving
	if m.challenges == pathTries {
		c.moving = nil
		return
	}
	m.due, m.at = true, mono.Never
}

// movingAt is when pathTimeout is due.
func (c *Conn) movingAt() mono.Time {
	if c.moving == nil {
		return mono.Never
	}
	return c.moving.at
}

// appendPath appends a datagram for a path that is not yet the connection's: an answer that is owed, or a
// challenge. RFC 9000 §8.2.2: "An endpoint MUST NOT delay transmission of a packet containing a PATH_RESPONSE frame unless
// constrained by congestion control." RFC 9000 §9.4: the timer of a challenge "MUST NOT be more aggressive" than RFC 9002
// §6.2.1.
func (c *Conn) appendPath(now mono.Time, b []byte) ([]byte, Path) {
	m := c.moving
	if a := c.answer; a != nil {
		c.answer = nil
		if a.to == c.path {
			a.room = baseDatagram
		}
		if datagram := c.appendProbe(now, b, packet.PathResponse, a.data, a.room, a.id); len(datagram) > len(b) {
			if m != nil && a.to == m.path {
				m.sent += len(datagram) - len(b)
			}
			return datagram, a.to
		}
	}
	if m == nil || !m.due {
		return b, Path{}
	}
	data := c.challenge()
	datagram := c.appendProbe(now, b, packet.PathChallenge, data, m.allowance(baseDatagram), m.id)
	if len(datagram) == len(b) {
		return b, Path{} // until more has come from there, or the peer has given a spare id
	}
	m.due = false
	m.asked[m.challenges] = data
	m.challenges++
	m.sent += len(datagram) - len(b)
	// RFC 9000 §8.2.4 recommends three times the larger of both paths' PTO to give up: a third of that is for each try.
	m.at = now.Add(max(c.probePeriod(), 3*c.config.InitialRTT))
	return datagram, m.path
}

// probeLen is the minimum size of a packet with a path frame.
const probeLen = 1 + packet.IDLen + 4 + 9 + 16

// appendProbe appends a packet with a path's frame, of at most room bytes, in answer to those that came to the own id. RFC 9000 §8.2.1: "An endpoint MUST expand datagrams
// that contain a PATH_CHALLENGE frame to at least the smallest allowed maximum datagram size of 1200 bytes, unless
// the anti-amplification limit for the path does not permit sending a datagram of this size."
func (c *Conn) appendProbe(now mono.Time, b []byte, t packet.FrameType, data [8]byte, room int, own uint32) []byte {
	room = min(room, baseDatagram)
	if room < probeLen {
		return b
	}
	to, ok := c.ids.peer.id, true
	if !c.client {
		to, ok = c.ids.answerID(own)
	}
	if !ok {
		return b
	}
	b = slices.Grow(b, room)
	p := c.newPacket(b, len(b)+room, handshake.Application)
	p.to = to
	p.b = packet.AppendPath(p.b, t, data)
	for p.room() > 0 {
		p.b = append(p.b, byte(packet.Padding))
	}
	c.carry(&p, recovery.Ref{Kind: refPath})
	return c.seal(now, &p)
}

// challenge is eight bytes that nobody can guess. RFC 9000 §8.2.1: "The endpoint MUST use unpredictable data in every
// PATH_CHALLENGE frame".
func (c *Conn) challenge() (data [8]byte) {
	var in [16]byte
	binary.BigEndian.PutUint64(in[:], c.config.Seed)
	binary.BigEndian.PutUint64(in[8:], c.loss.NextNumber(handshake.Application))
	sum := sha256.Sum256(append(in[:], "path"...))
	copy(data[:], sum[:])
	return data
}

// heardChallenge notes what is to be answered, where it came from (RFC 9000 §8.2.2).
func (c *Conn) heardChallenge(data []byte) {
	if c.answer == nil {
		c.answer = new(answer)
	}
	*c.answer = answer{to: c.from, id: c.ids.at, room: 3 * c.size}
	if c.client {
		c.answer.to = c.path // RFC 9000 §9: a server does not move
	}
	copy(c.answer.data[:], data)
}

// heardResponse moves the connection, if the address that it seems to have moved to is the peer's. RFC 9000 §8.2.3: "A PATH_RESPONSE frame received on
// any network path validates the path on which the PATH_CHALLENGE was sent."
func (c *Conn) heardResponse(now mono.Time, data []byte) {
	m := c.moving
	for i := 0; m != nil && i < m.challenges; i++ {
		if subtle.ConstantTimeCompare(m.asked[i][:], data) == 1 {
			c.move(now)
			return
		}
	}
}

// move takes the new path into use. RFC 9000 §9.4: "Because port-only changes are commonly the result of NAT rebinding or
// other middlebox activity, the endpoint MAY instead retain its congestion control state and round-trip estimate in those
// cases". Deviation from RFC 9000 §§8.2.1, 8.2.3, "the endpoint MUST initiate another path validation with an expanded
// datagram" after one with fewer than 1,200 bytes.
func (c *Conn) move(now mono.Time) {
	old, to := c.path, c.moving.path
	c.follow(now, c.moving.id)
	c.path, c.moving = to, nil
	c.tally.moves++
	c.events.push(Event{Kind: EventMoved, Addr: to.Peer})
	if old.Peer.Addr() != to.Peer.Addr() || old.Local != to.Local {
		c.forgetPath()
	}
}

// forgetPath starts over on an unknown path.
func (c *Conn) forgetPath() {
	c.mtu = newMTU(c.mtu.limit)
	c.loss.Move(congestion.New(c.config.Congestion, baseDatagram, c.config.Seed), baseDatagram, c.config.InitialRTT, (*fates)(c))
}

// Movable reports whether Migrate would hide that the connection is the same: whether the server has given a
// spare id. RFC 9000 §9: "An endpoint MUST NOT initiate connection migration before the handshake is confirmed".
func (c *Conn) Movable() bool { return (c.rested != nil || c.confirmed) && c.ids.hasSpare }

// Migrate says that what the dialing end sends leaves from another address from now on. It goes on under its spare id, so that who
// watches the networks cannot tell that the connection is the same, and speaks at once, so that the server hears of it. RFC 9000 §9.2:
// an endpoint migrates "by sending packets containing non-probing frames from that address". Where the server's next spare id
// has not come yet the id stays, and the move looks like one that this end knows nothing of.
func (c *Conn) Migrate(now mono.Time) {
	c.rouse(now)
	// RFC 9000 §9: "An endpoint MUST NOT initiate connection migration before the handshake is confirmed".
	if !c.client || !c.confirmed || c.over() {
		return
	}
	if c.ids.hasSpare {
		c.useSpare(now)
	}
	c.tally.moves++
	c.forgetPath()
	c.pingDue = true
	c.settle(now)
}
