package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// cryptoStream is the handshake's bytes at one level, each way.
type cryptoStream struct {
	out outgoing
	in  flow.Assembler
	// shown is the end of what the driver was shown last, which it may use until the next input.
	shown uint64
}

const (
	// maxCryptoAhead bounds the handshake's bytes that wait for those before them
	// (RFC 9000 §7.5 asks for at least 4,096).
	maxCryptoAhead = 16 << 10
	// maxCrypto bounds the handshake's bytes of one level over the connection's life, which its driver may have
	// to keep: a chain of certificates fits.
	maxCrypto = 64 << 10
	// maxParked is how many packets are kept whose keys are not there yet.
	maxParked = 8
)

// begin starts the handshake over the Initial keys that the server id and the cookie give.
func (c *Conn) begin(token []byte) {
	c.token = append([]byte(nil), token...)
	server := c.ids.initial()
	if c.client {
		server = c.ids.peer.id
	}
	clientKey, serverKey := handshake.InitialKeys(server, c.token)
	if c.client {
		c.keys[handshake.Initial] = keys{sealer: clientKey, opener: serverKey}
	} else {
		c.keys[handshake.Initial] = keys{sealer: serverKey, opener: clientKey}
	}
	c.events.push(Event{Kind: EventStart, Data: c.params()})
}

// HandleHandshake takes in the output of the handshake's Driver.
func (c *Conn) HandleHandshake(now mono.Time, messages []handshake.Message) {
	c.rouse(now)
	for _, message := range messages {
		if c.over() {
			return
		}
		switch m := message.(type) {
		case handshake.Send:
			c.crypto[m.Level].out.write(&c.chunks, m.Data)
		case handshake.Keys:
			c.install(m)
		case handshake.PeerParameters:
			c.peerParams = m.Data
		case handshake.Complete:
			c.completeHandshake(now, m.Judged)
		case handshake.Over:
			c.endDriver()
		case handshake.Failed:
			c.suspect(&CloseError{Cause: Refused, Code: uint64(packet.CryptoError) + uint64(m.Alert), Err: m.Err})
		}
	}
	c.replay(now)
	c.settle(now)
}

// RFC 9001 §5.7: "A server MUST NOT process incoming 1-RTT protected packets before the TLS handshake is complete.", nor a
// client.
func (c *Conn) install(m handshake.Keys) {
	k := &c.keys[m.Level]
	if m.Sealer != nil {
		k.sealer = m.Sealer
	}
	if m.Opener != nil {
		k.opener = m.Opener
	}
}

// completeHandshake: the driver has all it needs. The dialing end may speak now; the listening end
// waits for the proof that its answer arrived.
func (c *Conn) completeHandshake(now mono.Time, judged bool) {
	if err := c.learn(); err != nil {
		c.suspect(err)
		return
	}
	c.complete = true
	if !c.client {
		c.confirm(now)
		return
	}
	// Where no Handshake level is in use, the server has had the keys for the
	// dialing end's data since it made them: probes will be understood.
	c.loss.ProbeApplication = c.keys[handshake.Handshake].sealer == nil
	if c.judged = judged; judged {
		return
	}
	// What proves that ACCEPT was received, under TLS the Finished, rides with the first data, if that comes soon.
	c.proofAt = now.Add(rideTime)
	c.received[handshake.Initial].Postpone(c.proofAt)
	c.received[handshake.Handshake].Postpone(c.proofAt)
	c.connect(now)
}

// rides reports whether what there is to send at the level waits for data to travel with.
func (c *Conn) rides(now mono.Time, level handshake.Level) bool {
	return level == handshake.Handshake && now < c.proofAt && c.proofAt != mono.Never &&
		c.lists[byTurn].n == 0 && c.lists[byControl].n == 0
}

// connect opens the connection for streams.
func (c *Conn) connect(now mono.Time) {
	c.phase = connected
	c.heard(now)
	c.events.push(Event{Kind: EventConnected})
	c.offerStreams()
}

// offerStreams tells a waiting application that streams can be opened.
func (c *Conn) offerStreams() {
	if c.wanting && uint64(c.nextStream) < c.peer.streams {
		c.wanting = false
		c.events.push(Event{Kind: EventStreams})
	}
}

// confirm ends the handshake at the listening end, once it is complete and the peer has
// shown that it has the keys. RFC 9001 §4.1.2: "the TLS handshake is considered
// confirmed at the server when the handshake completes. The server MUST send a HANDSHAKE_DONE frame as soon as
// the handshake is complete." RFC 9000 §19.20: "Servers MUST NOT send a HANDSHAKE_DONE frame before completing the
// handshake."
func (c *Conn) confirm(now mono.Time) {
	if c.confirmed || !c.complete || !c.proven {
		return
	}
	c.handshakeDoneDue = true
	c.confirmed = true
	c.connect(now)
	c.dropHandshake()
	c.wantIDs()
}

// confirmedByServer ends the handshake at the dialing end. RFC 9001 §4.1.2: "At the
// client, the handshake is considered confirmed when a HANDSHAKE_DONE frame is received."
func (c *Conn) confirmedByServer(now mono.Time) {
	if c.confirmed || !c.complete {
		return
	}
	c.confirmed = true
	c.dropHandshake()
	if c.judged {
		c.connect(now)
	}
	c.wantIDs()
	if !c.driverOver {
		c.driverEnd = now.Add(ticketTime)
	}
}

// OfferToken gives the peer an address token that its endpoint made, for its next connection. The driver of a
// listening end calls it on EventConnected.
func (c *Conn) OfferToken(now mono.Time, token []byte) {
	c.rouse(now)
	if c.client || c.phase != connected || len(token) <= packet.IDLen || len(token) > packet.MaxCookie {
		return
	}
	c.offer, c.offerDue = append([]byte(nil), token...), true
	c.settle(now)
}

// ticketTime is how long after the handshake a session ticket may come.
const ticketTime = 5 * time.Second

// endDriver lets the driver go.
func (c *Conn) endDriver() {
	if !c.driverOver {
		c.driverOver, c.driverEnd = true, mono.Never
		c.forgetCrypto()
		c.events.push(Event{Kind: EventHandshakeOver})
	}
}

// dropHandshake forgets the two levels of the handshake. RFC 9001 §4.9.2: "An endpoint MUST
// discard its Handshake keys when the TLS handshake is confirmed".
func (c *Conn) dropHandshake() {
	c.loss.Confirmed, c.loss.ProbeApplication = true, true
	c.dropLevel(handshake.Initial)
	c.dropLevel(handshake.Handshake)
	c.token, c.tried, c.peerParams = nil, nil, nil
}

// RFC 9001 §4.9.1: "Endpoints MUST NOT send Initial packets after this point."
func (c *Conn) dropLevel(level handshake.Level) {
	c.keys[level] = keys{gone: true}
	c.resetLevel(level)
}

// resetLevel forgets what was sent and received at the level.
func (c *Conn) resetLevel(level handshake.Level) {
	c.loss.Drop(level)
	c.crypto[level].out.free(&c.chunks)
	c.crypto[level].in.Free(&c.buffers)
	c.crypto[level] = cryptoStream{}
	c.received[level] = recovery.Received{}
	c.probes[level] = 0
}

// receiveCrypto takes in the handshake's bytes. RFC 9000 §7.5: "If an endpoint does not expand its buffer, it MUST
// close the connection with a CRYPTO_BUFFER_EXCEEDED error code." "Packets containing discarded CRYPTO frames MUST be
// acknowledged because the packet has been received and processed".
func (c *Conn) receiveCrypto(level handshake.Level, offset uint64, data []byte) error {
	in := &c.crypto[level].in
	end := offset + uint64(len(data))
	switch {
	case end > in.Consumed()+maxCryptoAhead:
		return violation(packet.CryptoBufferExceeded, "handshake bytes too far ahead")
	case end > maxCrypto:
		return violation(packet.CryptoBufferExceeded, "too many handshake bytes")
	case c.driverOver:
		return nil // nobody hears it
	}
	return in.Write(&c.buffers, offset, data)
}

// nextCrypto shows the driver the handshake's bytes that have come, if any have.
func (c *Conn) nextCrypto() (e Event, ok bool) {
	for i := range c.crypto {
		k := &c.crypto[i]
		if from, to := k.in.Consumed(), k.in.Ready(); from < to {
			k.shown = to
			return Event{Kind: EventHandshake, Level: handshake.Level(i), Data: k.in.View(from, to)}, true
		}
	}
	return Event{}, false
}

// forgetCrypto lets go what the driver was shown.
func (c *Conn) forgetCrypto() {
	for i := range c.crypto {
		if k := &c.crypto[i]; k.shown > k.in.Consumed() {
			k.in.Consume(&c.buffers, k.shown)
		}
	}
}

// parked is a packet whose keys are not there yet, and what it came with.
type parked struct {
	raw []byte
	origin
}

// park keeps a packet whose keys are not there yet.
func (c *Conn) park(raw []byte) {
	if len(c.parked) == maxParked {
		c.tally.packetsDropped++
		return
	}
	c.parked = append(c.parked, parked{append([]byte(nil), raw...), c.origin})
}

// replay takes in the packets that waited for their keys.
func (c *Conn) replay(now mono.Time) {
	waiting := c.parked
	c.parked = nil
	for _, p := range waiting {
		if h, _, err := c.parsePacket(p.raw); err == nil && c.verdict == nil {
			c.origin = p.origin
			c.handlePacket(now, &h, p.raw)
		}
	}
}
