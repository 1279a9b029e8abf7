package packet

import "encoding/binary"

func appendLong(b []byte, t Type, v Version, dst ID, bits byte) []byte {
	b = append(b, longBit|byte(t)<<typeShift|bits)
	b = binary.BigEndian.AppendUint32(b, uint32(v))
	return append(b, dst[:]...)
}

// AppendInit appends an INIT, padded to MinInit.
func AppendInit(b []byte, v Version, client ID, nonce [NonceLen]byte) []byte {
	from := len(b)
	b = appendLong(b, Init, v, client, 0)
	b = append(b, nonce[:]...)
	return append(b, make([]byte, from+MinInit-len(b))...)
}

// AppendCookie appends the answer to an INIT: the server's id, and a cookie of 1 to MaxCookie bytes.
func AppendCookie(b []byte, v Version, client ID, nonce []byte, server ID, cookie []byte) []byte {
	b = appendLong(b, Cookie, v, client, 0)
	b = append(b, nonce...)
	b = append(b, server[:]...)
	b = append(b, byte(len(cookie)))
	return append(b, cookie...)
}

// AppendVersions appends the answer to an INIT of a version that is not spoken here. RFC 9000 §17.2.1: VERSIONS has version
// 0, and what the client sent to be recognised by; "A server MUST NOT send more than one Version Negotiation packet in
// response to a single UDP datagram."
func AppendVersions(b []byte, client ID, nonce []byte, offered ...Version) []byte {
	b = appendLong(b, Versions, 0, client, 0)
	b = append(b, nonce...)
	for _, v := range offered {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// Long describes a CONNECT, ACCEPT or HANDSHAKE packet to append.
type Long struct {
	Type     Type
	Version  Version
	Dst, Src ID
	Token    []byte // CONNECT: 1 to MaxCookie bytes
	Number   uint64
	// NumberLen is 1 to 4; see the function of that name.
	NumberLen int
}

// AppendLong appends the header of a packet whose sealed payload will have
// sealed bytes. The caller appends those.
func AppendLong(b []byte, l Long, sealed int) []byte {
	b = appendLong(b, l.Type, l.Version, l.Dst, byte(l.NumberLen-1))
	b = append(b, l.Src[:]...)
	if l.Type == Connect {
		b = append(b, byte(len(l.Token)))
		b = append(b, l.Token...)
	}
	b = AppendVarint(b, uint64(l.NumberLen+sealed))
	return appendNumber(b, l.Number, l.NumberLen)
}

// LongLen is the length of the header that AppendLong appends for up to sealed bytes.
func LongLen(l Long, sealed int) int {
	n := 1 + 4 + IDLen + IDLen + VarintLen(uint64(l.NumberLen+sealed)) + l.NumberLen
	if l.Type == Connect {
		n += 1 + len(l.Token)
	}
	return n
}

// AppendShort appends the header of an Application packet. The caller appends the sealed payload.
func AppendShort(b []byte, dst ID, phase bool, pn uint64, numberLen int) []byte {
	first := byte(shortBit | numberLen - 1)
	if phase {
		first |= phaseBit
	}
	b = append(b, first)
	b = append(b, dst[:]...)
	return appendNumber(b, pn, numberLen)
}

// AppendReset appends a stateless reset of size bytes, MinReset to MaxReset, for the connection id of a
// datagram that belongs to no connection. filler is random, and long enough; the reset looks like any short
// packet to anyone who does not know the token. RFC 9000 §10.3: "Endpoints MUST send Stateless Resets formatted as a packet
// with a short header."
func AppendReset(b []byte, id ID, token [TokenLen]byte, filler []byte, size int) []byte {
	b = append(b, shortBit|filler[0]&(numberMask|phaseBit))
	b = append(b, id[:]...)
	b = append(b, filler[:size-MinReset]...)
	return append(b, token[:]...)
}

// ResetToken returns the last bytes of a datagram, which are the token if it is a stateless reset.
func ResetToken(datagram []byte) (token [TokenLen]byte, ok bool) {
	if len(datagram) < MinReset || len(datagram) > MaxReset || IsLong(datagram) {
		return token, false
	}
	return [TokenLen]byte(datagram[len(datagram)-TokenLen:]), true
}
