package conn

import (
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// ids are the connection ids of both ends (RFC 9000 §5.1). Of each end's ids, the other has one in use and,
// once the handshake is confirmed, one spare. A dialing end that moves continues under its spare, and is
// answered under the listening end's, so that an observer of both networks finds no id in both:
//
//	           client                              server
//	at A       to the server's 0, hears at its 0   to the client's 0, hears at its 0
//	moves      to the server's 1, retires 0        challenges B under the client's 1; all else to A under 0
//	at B       hears at its 1                      to the client's 1, retires 0; gives 2, and is given 2
//
// Ids are numbered from 0 by the end that issues them.
type ids struct {
	own [activeIDs]ownID
	// issued is how many ids this end has issued; at is the number of the one that the packet at hand was sent
	// to.
	issued, at uint32
	// answers, at a listening end, is the own id that packets on the path are sent to. They are answered
	// under peer.
	answers uint32

	peer, spare peerID
	hasSpare    bool
	// shown is the own id whose packets were answered under spare, plus 1; zero means none.
	shown uint32
	// priorTo: the peer asked to retire those of its ids before. largest and seen are which of them have
	// come: bit k stands for largest-k.
	priorTo, largest, seen uint32
	// retired are numbers of the peer's ids whose retirement it has yet to learn: the first time if a bit of
	// retiring is set, and again if one of retireDue is.
	retired             [maxRetiring]uint32
	retiring, retireDue uint8
	// token is the reset token of the newest own id at a listening end, of spare at a dialing one.
	token [packet.TokenLen]byte
}

// peerID is an id that the peer hears at.
type peerID struct {
	id     packet.ID
	number uint32
}

// ownID is an id that this end hears at.
type ownID struct {
	id     packet.ID
	number uint32
	state  idState
}

type idState uint8

const (
	idNone    idState = iota
	idWanted          // the driver is asked for one
	idRides           // the peer is to be given it with what is sent next
	idDue             // and that was lost: at once
	idOffered         // it was sent
	idKnown           // the peer has it
)

const (
	// activeIDs is how many ids each end has at once: §5.1.1, "An endpoint MUST NOT provide more connection IDs than the peer's
	// limit." RFC 9000 §18.2 has an active_connection_id_limit, of 2 where an end does not say another.
	activeIDs = 2
	// maxRetiring: RFC 9000 §5.1.2, "An endpoint SHOULD allow for sending and tracking a number of RETIRE_CONNECTION_ID
	// frames of at least twice the value of the active_connection_id_limit transport parameter."
	maxRetiring = 2 * activeIDs
	// maxIDs is how many ids an end gives out or takes over a connection's life.
	maxIDs = 1 << 31
	// seenIDs is how many of the peer's latest ids are remembered, to recognise repetitions.
	seenIDs = 32
)

// newIDs are the ids at the beginning of a connection; the peer's is not known to a dialing end.
func newIDs(own, peer packet.ID) ids {
	return ids{own: [activeIDs]ownID{{id: own, state: idKnown}}, issued: 1, peer: peerID{id: peer}, seen: 1}
}

// initial is the id that this end has from the beginning, while the handshake is under way.
func (i *ids) initial() packet.ID { return i.own[0].id }

// hears reports whether packets with the id are for this end. RFC 9000 §5.1.1: "it MUST accept packets that carry this
// connection ID for the duration of the connection or until its peer invalidates the connection ID".
func (i *ids) hears(id packet.ID) bool {
	for k := range i.own {
		if o := &i.own[k]; o.state > idWanted && o.id == id {
			i.at = o.number
			return true
		}
	}
	return false
}

// IDs appends the ids that this end receives at to b. The driver lets its endpoint forget them when the
// connection is over.
func (c *Conn) IDs(b []packet.ID) []packet.ID {
	for k := range c.ids.own {
		if o := &c.ids.own[k]; o.state > idWanted {
			b = append(b, o.id)
		}
	}
	return b
}

// wantIDs asks the driver for a spare id, if the peer has none. RFC 9000 §5.1.1: "An endpoint SHOULD ensure that its peer has a sufficient
// number of available and unused connection IDs", and "MUST NOT provide more connection IDs than the peer's limit."
func (c *Conn) wantIDs() {
	if !c.confirmed || c.ids.issued == maxIDs {
		return
	}
	for k := range c.ids.own {
		if o := &c.ids.own[k]; o.state == idNone {
			o.state = idWanted
			c.events.push(Event{Kind: EventIDWanted})
		}
	}
}

// OfferID gives the peer an id that datagrams to this end may carry from now on and, at a listening end, the
// token that ends its endpoint's stateless resets for that id. The driver calls it on EventIDWanted.
func (c *Conn) OfferID(now mono.Time, id packet.ID, token [packet.TokenLen]byte) {
	c.rouse(now)
	for k := range c.ids.own {
		if o := &c.ids.own[k]; o.state == idWanted {
			// RFC 9000 §5.1.1: "The sequence number on each newly issued connection ID MUST increase by 1."
			*o = ownID{id: id, number: c.ids.issued, state: idRides}
			c.ids.issued++
			if !c.client {
				c.ids.token = token
			}
			break
		}
	}
	c.settle(now)
}

// newIDLen is more than a NEW_CONNECTION_ID frame of ours has.
const newIDLen = 1 + 8 + 1 + packet.IDLen + packet.TokenLen

// appendIDs appends the frames about ids. A new id travels with what is sent anyway: nobody waits for it.
func (c *Conn) appendIDs(now mono.Time, p *builder) {
	rides := p.eliciting || c.probes[p.level] > 0 || c.lists[byTurn].n > 0 || c.lists[byControl].n > 0 || c.received[p.level].Due(now)
	for k := range c.ids.own {
		o := &c.ids.own[k]
		if (o.state != idDue && (o.state != idRides || !rides)) || p.room() < newIDLen {
			continue
		}
		o.state = idOffered
		token := c.ids.token
		if c.client {
			token = [packet.TokenLen]byte{} // it sends no resets
		}
		p.b = packet.AppendNewConnectionID(p.b, uint64(o.number), 0, o.id, token)
		c.carry(p, recovery.Ref{Kind: refNewID, Offset: uint64(o.number)})
	}
	for k, number := range c.ids.retired {
		if c.ids.retireDue&(1<<k) != 0 && p.room() > singleLen {
			c.ids.retireDue &^= 1 << k
			p.b = packet.AppendRetireConnectionID(p.b, uint64(number))
			c.carry(p, recovery.Ref{Kind: refRetireID, Offset: uint64(number)})
		}
	}
}

// idLost: the peer has not been given the id.
func (c *Conn) idLost(number uint32) {
	for k := range c.ids.own {
		if o := &c.ids.own[k]; o.state == idOffered && o.number == number {
			o.state = idDue
		}
	}
}

// retire tells the peer that one of its ids is no longer used. RFC 9000 §5.1.2: "An endpoint MUST NOT forget a
// connection ID without retiring it, though it MAY choose to treat having connection IDs in need of retirement
// that exceed this limit as a connection error of type CONNECTION_ID_LIMIT_ERROR."
func (c *Conn) retire(number uint32) {
	for k := range c.ids.retired {
		if c.ids.retiring&(1<<k) == 0 {
			c.ids.retired[k] = number
			c.ids.retiring |= 1 << k
			c.ids.retireDue |= 1 << k
			return
		}
	}
	c.suspect(violation(packet.ConnectionIDLimitError, "too many connection ids to retire"))
}

// retireFate learns whether the peer knows that the id is no longer used.
func (c *Conn) retireFate(number uint32, acked bool) {
	for k := range c.ids.retired {
		switch {
		case c.ids.retired[k] != number || c.ids.retiring&(1<<k) == 0:
		case acked:
			c.ids.retiring &^= 1 << k
			c.ids.retireDue &^= 1 << k
		default:
			c.ids.retireDue |= 1 << k
		}
	}
}

// heardNewID takes in an id that the peer gives.
func (c *Conn) heardNewID(now mono.Time, f *packet.Frame) error {
	i := &c.ids
	switch {
	// RFC 9000 §19.15: "Receiving a value in the Retire Prior To field that is greater than that in the Sequence Number
	// field MUST be treated as a connection error of type FRAME_ENCODING_ERROR."
	case f.Value > f.ID:
		return violation(packet.FrameEncodingError, "a connection id to be retired before it is used")
	case f.ID >= maxIDs:
		return violation(packet.ConnectionIDLimitError, "too many connection ids")
	}
	given := peerID{packet.ID(f.Data), uint32(f.ID)}
	// RFC 9000 §19.15: "If an endpoint receives a NEW_CONNECTION_ID frame that repeats a previously issued connection ID with […] a different Sequence
	// Number field value, or if a sequence number is used for different connection IDs, the endpoint MAY treat that
	// receipt as a connection error of type PROTOCOL_VIOLATION."
	if given.contradicts(i.peer) || i.hasSpare && given.contradicts(i.spare) {
		return violation(packet.ProtocolViolation, "a connection id with two numbers, or a number with two")
	}
	// RFC 9000 §19.15: "A receiver MUST ignore any Retire Prior To fields that do not increase the largest received Retire Prior To value."
	i.priorTo = max(i.priorTo, uint32(f.Value))
	// RFC 9000 §5.1.2: "Upon receipt of an increased Retire Prior To field, the peer MUST stop using the corresponding
	// connection IDs and retire them with RETIRE_CONNECTION_ID frames before adding the newly provided connection ID
	// to the set of active connection IDs."
	if i.hasSpare && i.spare.number < i.priorTo {
		c.dropSpare()
	}
	if i.hasSpare && i.peer.number < i.priorTo {
		c.useSpare(now)
	}
	switch {
	case !i.see(given.number):
		// RFC 9000 §19.15: "Receipt of the same frame multiple times MUST NOT be treated as a connection error."
	case given.number < i.priorTo:
		// RFC 9000 §19.15: "An endpoint that receives a NEW_CONNECTION_ID frame with a sequence number smaller than the
		// Retire Prior To field of a previously received NEW_CONNECTION_ID frame MUST send a corresponding
		// RETIRE_CONNECTION_ID frame that retires the newly received connection ID, unless it has already done so".
		c.retire(given.number)
	case i.hasSpare:
		// RFC 9000 §5.1.1: "if the number of active connection IDs exceeds the value advertised in its
		// active_connection_id_limit transport parameter, an endpoint MUST close the connection with an error of type CONNECTION_ID_LIMIT_ERROR."
		return violation(packet.ConnectionIDLimitError, "more connection ids than the limit")
	default:
		i.spare, i.hasSpare, i.shown = given, true, 0
		if c.client {
			i.token = [packet.TokenLen]byte(f.Data[packet.IDLen:])
		}
	}
	if i.hasSpare && i.peer.number < i.priorTo {
		c.useSpare(now)
	}
	return nil
}

// contradicts reports whether one of two ids has the other's number, or one number two ids.
func (p peerID) contradicts(q peerID) bool { return (p.id == q.id) != (p.number == q.number) }

// see notes that the peer has said an id, and reports whether it is the first time.
func (i *ids) see(number uint32) (first bool) {
	if number > i.largest {
		i.seen = i.seen<<(number-i.largest) | 1
		i.largest = number
		return true
	}
	bit := uint32(1) << (i.largest - number) // zero for one that is older than what is remembered
	first = i.largest-number < seenIDs && i.seen&bit == 0
	i.seen |= bit
	return first
}

// heardRetire: the peer no longer uses one of the ids that it was given.
func (c *Conn) heardRetire(number uint64) error {
	i := &c.ids
	switch {
	// RFC 9000 §19.16: "Receipt of a RETIRE_CONNECTION_ID frame containing a sequence number greater than any previously sent to
	// the peer MUST be treated as a connection error of type PROTOCOL_VIOLATION."
	case number >= uint64(i.issued) || i.unsent(uint32(number)):
		return violation(packet.ProtocolViolation, "a connection id retired that was not given")
	// RFC 9000 §19.16: "The sequence number specified in a RETIRE_CONNECTION_ID frame MUST NOT refer to the Destination Connection ID field of
	// the packet in which the frame is contained. The peer MAY treat this as a connection error of type PROTOCOL_VIOLATION."
	case uint32(number) == i.at:
		return violation(packet.ProtocolViolation, "the connection id retired that the packet goes to")
	}
	for k := range i.own {
		if o := &i.own[k]; o.state > idWanted && o.number == uint32(number) {
			c.events.push(Event{Kind: EventIDRetired, ID: o.id})
			*o = ownID{}
			i.own[1-k].state = idKnown // the packet goes to it
			c.wantIDs()
		}
	}
	return nil
}

// unsent reports whether the peer has not been given the id yet.
func (i *ids) unsent(number uint32) bool {
	for k := range i.own {
		if o := &i.own[k]; o.state == idRides && o.number == number {
			return true
		}
	}
	return false
}

// useSpare continues under the peer's spare id.
func (c *Conn) useSpare(now mono.Time) {
	i := &c.ids
	old := i.peer
	i.peer, i.spare, i.hasSpare, i.shown = i.spare, peerID{}, false, 0
	c.retire(old.number)
	if c.tracer != nil {
		c.tracer.Renamed(now, old.id, i.peer.id)
	}
	if !c.client {
		return
	}
	// RFC 9000 §10.3.1: "An endpoint MUST NOT check for any stateless reset tokens associated with connection IDs it has not used
	// or for connection IDs that have been retired."
	c.events.push(Event{Kind: EventResetToken, Data: append([]byte(nil), c.resetToken[:]...)})
	c.resetToken = i.token
}

// dropSpare returns the peer's spare id unused.
func (c *Conn) dropSpare() {
	c.retire(c.ids.spare.number)
	c.ids.spare, c.ids.hasSpare, c.ids.shown = peerID{}, false, 0
}

// answerID is the id under which a listening end answers packets that came to an own one: the peer's that is in use, or the spare one where
// the peer has begun to use this end's. ok is false where there is none yet. RFC 9000 §9.5: "an endpoint MUST NOT reuse a
// connection ID when sending to more than one destination address. Due to network changes outside the control of its peer, an
// endpoint might receive packets from a new source address with the same Destination Connection ID field value, in which
// case it MAY continue to use the current connection ID with the new remote address".
func (i *ids) answerID(own uint32) (id packet.ID, ok bool) {
	switch {
	case own == i.answers:
		return i.peer.id, true
	case i.hasSpare:
		i.shown = own + 1
		return i.spare.id, true
	}
	return packet.ID{}, false
}

// expect keeps the spare id for the answers to packets that come to the own one. A spare that answered others was seen
// elsewhere, and goes back: the peer gives another.
func (c *Conn) expect(own uint32) {
	if i := &c.ids; own != i.answers && i.hasSpare && i.shown != 0 && i.shown != own+1 {
		c.dropSpare()
	}
}

// follow goes on, at a listening end, under the id that answers packets to the own one: they come from the peer's address now.
func (c *Conn) follow(now mono.Time, own uint32) {
	if i := &c.ids; own != i.answers && i.hasSpare {
		i.answers = own
		c.useSpare(now)
	}
}

// idsTalk reports whether there is something to say of ids now.
func (c *Conn) idsTalk() bool {
	for k := range c.ids.own {
		if c.ids.own[k].state == idDue {
			return true
		}
	}
	return c.ids.retireDue != 0
}

// checkIDs says what is wrong with the ids.
func (c *Conn) checkIDs() string {
	var room [activeIDs]packet.ID
	i := &c.ids
	switch hear := c.IDs(room[:0]); {
	case len(hear) == 0:
		return "this end hears at no connection id"
	case len(hear) == activeIDs && hear[0] == hear[1]:
		return "both connection ids are one"
	case i.retireDue&^i.retiring != 0:
		return "a connection id is to be retired that is not"
	case i.hasSpare && (i.spare.number == i.peer.number || i.spare.id == i.peer.id):
		return "the spare connection id is in use"
	}
	for k, number := range i.retired {
		if i.retiring&(1<<k) != 0 && (number == i.peer.number || i.hasSpare && number == i.spare.number) {
			return "a connection id is in use that is retired"
		}
	}
	return ""
}
