package packet

import (
	"encoding/binary"
	"fmt"
)

// MaxVarint is the largest number that a varint holds.
const MaxVarint = 1<<62 - 1

// AppendVarint appends v as a variable-length integer (RFC 9000 §16). It panics
// above MaxVarint: no value of ours gets there.
func AppendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(v)|1<<14)
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|2<<30)
	case v <= MaxVarint:
		return binary.BigEndian.AppendUint64(b, v|3<<62)
	}
	panic(fmt.Sprintf("packet: %d does not fit a varint", v))
}

// VarintLen is the number of bytes of v as a varint.
func VarintLen(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 8
}

// ParseVarint reads the varint that b begins with, and returns how many bytes it
// has: 0 if b is cut short, or a shorter form of the number exists.
func ParseVarint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	switch n {
	case 1:
		return uint64(b[0]), 1
	case 2:
		v = uint64(binary.BigEndian.Uint16(b)) & (1<<14 - 1)
	case 4:
		v = uint64(binary.BigEndian.Uint32(b)) & (1<<30 - 1)
	case 8:
		v = binary.BigEndian.Uint64(b) & (1<<62 - 1)
	}
	if VarintLen(v) != n {
		return 0, 0
	}
	return v, n
}
