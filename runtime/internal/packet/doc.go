// Package packet is the wire format: varints, packet numbers, the headers of datagrams, and frames, in both
// directions. It keeps no state, allocates nothing, and holds no rule about when something may be sent, except
// which frames belong to which level.
//
// docs/wire.md describes every byte; testdata/wire.txt holds the golden ones.
package packet

import "errors"

// ErrMalformed is returned for bytes that are not an encoding of anything: cut short, not in the shortest form,
// or with a field out of its range. Errors wrap it with what it was.
var ErrMalformed = errors.New("packet: malformed")

// Sizes of fixed parts, in bytes.
const (
	IDLen    = 8
	NonceLen = 16
	TokenLen = 16 // of a stateless reset
	// MinInit is the size that an INIT is padded to (RFC 9000 §14.1), and so the largest answer to one.
	MinInit = 1200
	// MaxCookie bounds a cookie or an address token.
	MaxCookie = 255
	// MaxReset is the size of the largest stateless reset.
	MaxReset = 43
	// MinReset is the size of the smallest one.
	MinReset = 1 + IDLen + TokenLen
	// MaxReason bounds the text of an abort.
	MaxReason = 1024
	// MaxHeader bounds the header of a stream: a protocol's name and fingerprint, and a note of 8 KiB.
	MaxHeader = 9 << 10
)

// ID is a connection id.
type ID = [IDLen]byte

// Version is a version of the wire and the mode of the connection: its lowest bit is set in plaintext.
type Version uint32

// The versions.
const (
	V1      Version = 0x53470100 // TLS 1.3
	V1Plain Version = V1 | 1
)

// Plain reports whether the version's packets have integrity only.
func (v Version) Plain() bool { return v&1 != 0 }
