package packet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Params are the transport parameters: what each end tells the other, once,
// inside the handshake. The first group is what the sender saw of the flights before; the
// receiver compares it with what it saw.
type Params struct {
	Version  Version
	Offered  []Version // by the sender, best first; at most 16
	ClientID ID
	ServerID ID
	Token    [sha256.Size]byte // SHA-256 of the cookie or token of CONNECT

	ResetToken  [TokenLen]byte // of the listening end; zero for none
	MaxAckDelay time.Duration  // to the microsecond
	IdleTimeout time.Duration  // to the millisecond; 0 for none
	// MaxStreams is how many streams the peer may open at first, Floor how many bytes of each
	// it may send at first, MaxData how many over all, MaxMessage the longest message.
	MaxStreams, Floor, MaxData, MaxMessage uint64
}

// The parameters' numbers. An unknown one is skipped, one that is sent twice is an error (RFC 9000 §7.4).
const (
	paramVersions = iota + 1
	paramIDs
	paramToken
	paramResetToken
	paramMaxAckDelay
	paramIdleTimeout
	paramMaxStreams
	paramFloor
	paramMaxData
	paramMaxMessage
	paramEnd
)

// maxOffered bounds the versions that are read.
const maxOffered = 16

// AppendParams appends the parameters: for each its number, its length, its value. RFC 9000 §7.4: "An endpoint MUST NOT send
// a parameter more than once".
func AppendParams(b []byte, p *Params) []byte {
	b = appendParamHead(b, paramVersions, 4+4*len(p.Offered))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Version))
	for _, v := range p.Offered {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	b = appendParamHead(b, paramIDs, 2*IDLen)
	b = append(append(b, p.ClientID[:]...), p.ServerID[:]...)
	b = append(appendParamHead(b, paramToken, len(p.Token)), p.Token[:]...)
	if p.ResetToken != ([TokenLen]byte{}) {
		b = append(appendParamHead(b, paramResetToken, TokenLen), p.ResetToken[:]...)
	}
	b = appendParam(b, paramMaxAckDelay, uint64(p.MaxAckDelay/time.Microsecond))
	b = appendParam(b, paramIdleTimeout, uint64(p.IdleTimeout/time.Millisecond))
	b = appendParam(b, paramMaxStreams, p.MaxStreams)
	b = appendParam(b, paramFloor, p.Floor)
	b = appendParam(b, paramMaxData, p.MaxData)
	return appendParam(b, paramMaxMessage, p.MaxMessage)
}

// appendParamHead appends what comes before the value of a parameter.
func appendParamHead(b []byte, id uint64, length int) []byte {
	return AppendVarint(AppendVarint(b, id), uint64(length))
}

// appendParam appends a parameter that is a number.
func appendParam(b []byte, id, value uint64) []byte {
	return AppendVarint(appendParamHead(b, id, VarintLen(value)), value)
}

// maxDuration bounds durations that a peer names, so that sums of them stay in range.
const maxDuration = 24 * time.Hour

// ParseParams reads the parameters. RFC 9000 §7.4.2: "An endpoint MUST ignore transport parameters that it does not
// support."
func ParseParams(b []byte) (p Params, err error) {
	seen := uint64(0)
	for r := (reader{b: b}); len(r.b) > 0; {
		id := r.varint()
		value := r.bytes(r.varint())
		if r.bad {
			return Params{}, malformed("parameters cut short")
		}
		if id == 0 || id >= paramEnd {
			continue
		}
		if seen&(1<<id) != 0 {
			return Params{}, malformed(fmt.Sprintf("parameter %d twice", id))
		}
		seen |= 1 << id
		if !p.parse(id, value) {
			return Params{}, malformed(fmt.Sprintf("parameter %d", id))
		}
	}
	const required = 1<<paramVersions | 1<<paramIDs | 1<<paramToken | 1<<paramMaxStreams | 1<<paramFloor | 1<<paramMaxData | 1<<paramMaxMessage
	if seen&required != required {
		return Params{}, malformed("a parameter is missing")
	}
	return p, nil
}

func (p *Params) parse(id uint64, value []byte) bool {
	switch id {
	case paramVersions:
		if len(value) < 4 || len(value)%4 != 0 || len(value) > 4+4*maxOffered {
			return false
		}
		p.Version = Version(binary.BigEndian.Uint32(value))
		for value = value[4:]; len(value) > 0; value = value[4:] {
			p.Offered = append(p.Offered, Version(binary.BigEndian.Uint32(value)))
		}
		return true
	case paramIDs:
		if len(value) != 2*IDLen {
			return false
		}
		p.ClientID, p.ServerID = ID(value), ID(value[IDLen:])
		return true
	case paramToken:
		return copy(p.Token[:], value) == len(p.Token) && len(value) == len(p.Token)
	case paramResetToken:
		return copy(p.ResetToken[:], value) == len(p.ResetToken) && len(value) == len(p.ResetToken)
	}
	v, n := ParseVarint(value)
	if n == 0 || n != len(value) {
		return false
	}
	switch id {
	case paramMaxAckDelay:
		p.MaxAckDelay = time.Duration(v) * time.Microsecond
		return v <= uint64(maxDuration/time.Microsecond)
	case paramIdleTimeout:
		p.IdleTimeout = time.Duration(min(v, uint64(maxDuration/time.Millisecond))) * time.Millisecond
	case paramMaxStreams:
		p.MaxStreams = v
	case paramFloor:
		p.Floor = v
	case paramMaxData:
		p.MaxData = v
	case paramMaxMessage:
		p.MaxMessage = v
	}
	return true
}

// Mismatch compares what the peer says it saw of the first flights with what
// this end saw, and names the first difference: an attacker between the two changed it. It
// returns "" if there is none. RFC 9000 §7.3: ids in the parameters "MUST match the values that an endpoint used". The version is among them,
// against downgrade (§21.12).
func (p *Params) Mismatch(saw *Params) string {
	switch {
	case p.Version != saw.Version:
		return "version"
	case p.ClientID != saw.ClientID:
		return "client id"
	case p.ServerID != saw.ServerID:
		return "server id"
	case p.Token != saw.Token:
		return "cookie"
	}
	return ""
}
