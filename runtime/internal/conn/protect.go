package conn

import (
	"errors"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// keys protect the packets of one level. Once gone, they do not come back.
type keys struct {
	sealer handshake.Sealer
	opener handshake.Opener
	gone   bool
}

// What becomes of a packet that is not opened.
var (
	errForged   = errors.New("not sealed with the level's keys")
	errNoSample = errors.New("too short to be masked")
	errNoPhase  = errors.New("of a key phase that is over")
)

// masks reports whether the headers of the level's packets are hidden. The keys of the Initial level are not
// secret: hiding anything under them would be a show.
func (c *Conn) masks(level handshake.Level) bool {
	return !c.config.Version.Plain() && level > handshake.Initial
}

// parsePacket reads the packet that a datagram begins with.
func (c *Conn) parsePacket(b []byte) (packet.Header, []byte, error) {
	if c.masks(handshake.Application) {
		return packet.ParseMasked(b)
	}
	return packet.ParseHeader(b)
}

// open removes a packet's protection. The payload is valid until the next packet. If it fails, nothing has
// changed except a counter. RFC 9001 §5.5: "it MUST discard all packets in the same packet number space with higher packet
// numbers if they cannot be successfully unprotected". RFC 9001 §5.5: "a packet that appears to trigger a key update but
// cannot be unprotected successfully MUST be discarded". RFC 9001 §9.5: "the entire process of header protection removal,
// packet number recovery, and packet protection removal MUST be applied together without timing and other side channels".
func (c *Conn) open(now mono.Time, level handshake.Level, h *packet.Header) (number uint64, payload []byte, err error) {
	number, payload, clean, err := c.unseal(now, level, h)
	if err != nil {
		return 0, nil, err
	}
	if !clean {
		// RFC 9000 §17.2: "An endpoint MUST treat receipt of a packet that has a non-zero value for these
		// bits after removing both packet and header protection as a connection error of type PROTOCOL_VIOLATION."
		c.suspect(violation(packet.ProtocolViolation, "unused bits of a header"))
	}
	if level == handshake.Application {
		c.openedIn(now, h.KeyPhase, number)
	}
	return number, payload, nil
}

// unseal is open without what follows from a packet that opens. clean: the header's unused bits are zero. RFC 8085 §5:
// "these applications MUST implement corresponding checks at the application layer" of where packets come from; §5.1: "a
// check that protects from off-path data injection".
func (c *Conn) unseal(now mono.Time, level handshake.Level, h *packet.Header) (number uint64, payload []byte, clean bool, err error) {
	opener := c.keys[level].opener
	clean = true
	if h.Masked {
		sample, ok := h.Sample()
		if !ok {
			return 0, nil, false, errNoSample
		}
		clean = h.Unmask(cipherOf(opener).Mask(sample), c.unmasked[:])
	}
	number = c.number(level, h)
	if level == handshake.Application {
		if opener = c.openerOf(now, h.KeyPhase, number); opener == nil {
			return 0, nil, false, errNoPhase
		}
	}
	if cap(c.opened) < len(h.Sealed) { // else each forged packet would have room made for it
		c.opened = make([]byte, 0, max(len(h.Sealed), baseDatagram))
	}
	payload, ok := opener.Open(c.opened[:0], h.Raw, h.Sealed, number)
	c.opened = payload[:0]
	if !ok {
		c.countForged(level)
		return 0, nil, false, errForged
	}
	return number, payload, clean, nil
}

// cipherOf is the Cipher that the keys of a level must be whose headers are hidden.
func cipherOf(keys any) handshake.Cipher {
	cipher, ok := keys.(handshake.Cipher)
	if !ok {
		panic("conn: keys that cannot hide headers, in a version where they are hidden")
	}
	return cipher
}

// countForged counts a packet that does not open. RFC 9001 §6.6: "endpoints MUST count the number of received
// packets that fail authentication during the lifetime of a connection. If the total number
// of received packets that fail authentication within the connection, across all keys, exceeds the integrity limit for the
// selected AEAD, the endpoint MUST immediately close the connection with a connection error of type
// AEAD_LIMIT_REACHED and not process any more packets."
func (c *Conn) countForged(level handshake.Level) {
	c.tally.packetsForged++
	cipher, limited := c.keys[level].opener.(handshake.Cipher)
	if !limited {
		return
	}
	c.phases.forged++
	if _, limit := cipher.Limits(); c.phases.forged > limit {
		c.suspect(violation(packet.AEADLimitReached, "too many packets that do not open"))
	}
}

// sealPacket protects the packet whose header ends, and whose frames begin, at p.head.
func (c *Conn) sealPacket(p *builder, number uint64, numberLen int) []byte {
	sealer := c.keys[p.level].sealer
	at := p.begin + p.head
	b := sealer.Seal(p.b[:at], p.b[p.begin:at], p.b[at:], number)
	if p.level == handshake.Application {
		c.phases.sealed++
	}
	if c.masks(p.level) {
		sealed, numberAt := b[p.begin:], p.head-numberLen
		packet.ApplyMask(sealed, numberAt, numberLen, cipherOf(sealer).Mask(packet.SampleOf(sealed, numberAt)))
	}
	return b
}

// fillSample appends PADDING to a packet that is too short for the sample of its mask. RFC 9001
// §5.4.2: "To ensure that sufficient data is available for sampling, packets are padded so that the combined lengths of the
// encoded packet number and protected payload is at least 4 bytes longer than the sample required for header protection."
func (c *Conn) fillSample(p *builder, numberLen int) {
	if !c.masks(p.level) {
		return
	}
	for len(p.b)-p.begin-p.head+numberLen+c.keys[p.level].sealer.Overhead() < packet.MinMasked {
		p.b = append(p.b, byte(packet.Padding))
	}
}
