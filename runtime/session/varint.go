package session

import (
	"encoding/binary"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// varintOf returns the varint that b begins with, and its length: 0 if it is malformed or there is none.
func varintOf(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	v, n = protowire.ConsumeVarint(b)
	return v, max(n, 0)
}

// appendVarint appends v as a varint.
func appendVarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return protowire.AppendVarint(b, v)
}

// appendVarints appends two.
func appendVarints(b []byte, v, w uint64) []byte { return appendVarint(appendVarint(b, v), w) }

// sizeVarint is the length of v as a varint.
func sizeVarint(v uint64) int { return (9*bits.Len64(v|1) + 64) / 64 }

// countVarints counts the varints that end in b.
func countVarints(b []byte) (n int) {
	const goesOn = 0x8080808080808080 // the bit of each byte that says that another one follows
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(^binary.LittleEndian.Uint64(b) & goesOn)
	}
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}
