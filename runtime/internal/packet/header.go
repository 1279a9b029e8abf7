package packet

import (
	"encoding/binary"
	"fmt"
)

// Type is the kind of a packet, as its first byte says it.
type Type uint8

// The types. Those from Connect on carry a packet number and frames; Short ones
// belong to the Application level, Connect and Accept to Initial.
const (
	Init Type = iota
	Cookie
	Versions
	Connect
	Accept
	Handshake
	Short
)

func (t Type) String() string {
	return [...]string{"INIT", "COOKIE", "VERSIONS", "CONNECT", "ACCEPT", "HANDSHAKE", "SHORT"}[t]
}

// The first byte: 1TTT 00NN for a long header, 01K0 00NN for a short one. T is the type, N
// the packet number's length less one (0 where there is none), K the key phase.
const (
	longBit     = 0x80
	shortBit    = 0x40
	phaseBit    = 0x20
	typeShift   = 4
	typeMask    = 0x70
	longUnused  = 0x0c
	shortUnused = 0x1c
	numberMask  = 0x03
)

// Header is the header of one packet. Slices are views of the datagram.
type Header struct {
	Type    Type
	Version Version // long headers
	// Dst is the id of the end that the packet goes to, Src that of the one it comes from. INIT, COOKIE and
	// VERSIONS name the client's id in Dst and Src alike; COOKIE offers the server's in Src.
	Dst, Src ID
	Nonce    []byte // INIT, COOKIE, VERSIONS
	Token    []byte // COOKIE, CONNECT: the cookie, or an address token
	Offered  []byte // VERSIONS: four bytes each
	KeyPhase bool   // Short

	// Masked: the first byte's lowest bits and the packet number are hidden, and KeyPhase, Number and NumberLen
	// not known, until Unmask. Raw then ends, and Sealed begins, where the number does.
	Masked bool
	// Number holds the NumberLen lowest bytes of the packet number.
	Number    uint64
	NumberLen int
	// Raw is the header itself, the associated data of what is sealed; Sealed is the protected payload.
	Raw, Sealed []byte
}

// IsLong reports whether a datagram begins with a long header. The datagram must not be empty.
func IsLong(datagram []byte) bool { return datagram[0]&longBit != 0 }

// DstID returns the connection id that a datagram is for, without parsing the rest.
func DstID(datagram []byte) (id ID, ok bool) {
	at := 1
	switch {
	case len(datagram) == 0:
		return id, false
	case IsLong(datagram):
		at = 5
	case datagram[0]&shortBit == 0:
		return id, false
	}
	if len(datagram) < at+IDLen {
		return id, false
	}
	return ID(datagram[at:]), true
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// The errors of headers, made once.
var (
	errEmpty     = malformed("empty datagram")
	errFirstByte = malformed("first byte")
	errShort     = malformed("header cut short")
	errPadding   = malformed("INIT not padded")
	errToken     = malformed("token")
	errLength    = malformed("packet length")
)

// ParseHeader reads the packet that b begins with, and returns what follows it
// in the datagram: only CONNECT, ACCEPT and HANDSHAKE packets may be followed (RFC 9000 §12.2).
// It does not judge the version. A HANDSHAKE packet of a version that is not plaintext is Masked; a
// SHORT one, which does not name its version, is taken for one that is not: see ParseMasked. RFC 9000 §5.2.2: "Servers MUST
// drop smaller packets that specify unsupported versions." §14.1: "A server
// MUST discard an Initial packet that is carried in a UDP datagram with a payload that is smaller". §§17.2, 17.3.1: "Packets
// containing a zero value for this bit are not valid packets in this version and MUST be discarded." A COOKIE that is empty is
// as bad as an empty Retry (§17.2.5).
func ParseHeader(b []byte) (h Header, rest []byte, err error) { return parseHeader(b, false) }

// ParseMasked is ParseHeader for callers that know that SHORT packets are Masked.
func ParseMasked(b []byte) (h Header, rest []byte, err error) { return parseHeader(b, true) }

func parseHeader(b []byte, masked bool) (h Header, rest []byte, err error) {
	if len(b) == 0 {
		return h, nil, errEmpty
	}
	if !IsLong(b) {
		return parseShort(b, masked)
	}
	if len(b) < 5+IDLen {
		return h, nil, errShort
	}
	first := b[0]
	h.Type = Type(first & typeMask >> typeShift)
	h.Version = Version(binary.BigEndian.Uint32(b[1:]))
	h.Masked = h.Type == Handshake && !h.Version.Plain()
	if h.Type >= Short || !h.Masked && first&longUnused != 0 || h.Type < Connect && first&numberMask != 0 {
		return h, nil, errFirstByte
	}
	h.Dst = ID(b[5:])
	if h.Type < Connect {
		return parseStateless(h, b)
	}
	return parseNumbered(h, b)
}

func parseShort(b []byte, masked bool) (h Header, rest []byte, err error) {
	first := b[0]
	if first&shortBit == 0 || !masked && first&shortUnused != 0 {
		return h, nil, errFirstByte
	}
	h.Type, h.Masked = Short, masked
	at := 1 + IDLen
	if len(b) < at {
		return h, nil, errShort
	}
	h.Dst = ID(b[1:])
	if !h.readNumber(b, at, len(b)) {
		return h, nil, errShort
	}
	return h, nil, nil
}

// readNumber reads the packet number at b[at:], of a packet that ends at end, unless it is hidden.
func (h *Header) readNumber(b []byte, at, end int) bool {
	if h.Masked {
		h.Raw, h.Sealed = b[:at], b[at:end]
		return true
	}
	h.KeyPhase = h.Type == Short && b[0]&phaseBit != 0
	h.NumberLen = int(b[0]&numberMask) + 1
	if end-at < h.NumberLen {
		return false
	}
	h.Number = parseNumber(b[at : at+h.NumberLen])
	h.Raw, h.Sealed = b[:at+h.NumberLen], b[at+h.NumberLen:end]
	return true
}

// parseStateless reads INIT, COOKIE and VERSIONS behind the first id.
func parseStateless(h Header, b []byte) (Header, []byte, error) {
	at := 5 + IDLen
	if len(b) < at+NonceLen {
		return h, nil, errShort
	}
	h.Src = h.Dst
	h.Nonce = b[at : at+NonceLen]
	at += NonceLen
	switch h.Type {
	case Init:
		if len(b) < MinInit {
			return h, nil, errPadding
		}
	case Cookie:
		if len(b) < at+IDLen+1 {
			return h, nil, errShort
		}
		h.Src = ID(b[at:])
		at += IDLen
		n := int(b[at])
		at++
		if n == 0 || len(b) != at+n {
			return h, nil, errToken
		}
		h.Token = b[at:]
	case Versions:
		h.Offered = b[at:]
		if len(h.Offered) == 0 || len(h.Offered)%4 != 0 {
			return h, nil, errLength
		}
	}
	return h, nil, nil
}

// parseNumbered reads CONNECT, ACCEPT and HANDSHAKE behind the first id.
func parseNumbered(h Header, b []byte) (Header, []byte, error) {
	at := 5 + IDLen
	if len(b) < at+IDLen {
		return h, nil, errShort
	}
	h.Src = ID(b[at:])
	at += IDLen
	if h.Type == Connect {
		if len(b) <= at {
			return h, nil, errShort
		}
		n := int(b[at])
		at++
		if n == 0 || len(b) < at+n {
			return h, nil, errToken
		}
		h.Token = b[at : at+n]
		at += n
	}
	length, n := ParseVarint(b[at:])
	at += n
	if n == 0 || length > uint64(len(b)-at) {
		return h, nil, errLength
	}
	end := at + int(length)
	if !h.readNumber(b, at, end) {
		return h, nil, errLength
	}
	return h, b[end:], nil
}
