package session

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// allocates is how many bytes of heap f takes, freed or not.
func allocates(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// nested is a message within a message, so many levels deep, made from the inside out.
func nested(field protowire.Number, levels int) []byte {
	tag := protowire.AppendTag(nil, field, protowire.BytesType)
	b := make([]byte, levels*(len(tag)+5))
	at := len(b)
	for range levels {
		length := protowire.AppendVarint(nil, uint64(len(b)-at))
		at -= len(length)
		copy(b[at:], length)
		at -= len(tag)
		copy(b[at:], tag)
	}
	return b[at:]
}

// Row 27: lengths of up to 64 bits that are not there, and messages a million levels deep, are refused, and take no more than twice the
// memory that came.
func TestAttack27AllocationBombs(t *testing.T) {
	const maybe, samples = 26, 27
	bombs := map[string][]byte{
		"a million levels":           nested(maybe, 1_000_000),
		"a million levels of a list": nested(samples, 1_000_000),
	}
	padding := make([]byte, 1000)
	for field := range protowire.Number(30) {
		for _, claim := range []uint64{2000, 1 << 20, 1 << 31, 1<<32 + 8, math.MaxInt64, math.MaxUint64} {
			b := protowire.AppendVarint(protowire.AppendTag(nil, field+1, protowire.BytesType), claim)
			name := protowire.AppendVarint([]byte("a length "), claim)
			bombs[string(protowire.AppendVarint(name, uint64(field)))] = append(b, padding...)
		}
	}
	for name, bomb := range bombs {
		const fault = 1 << 10 // what it takes to say what is wrong
		var said string
		taken := allocates(func() { _, said = decodeSample(bomb) })
		require.NotEmpty(t, said, "%q", name)
		require.LessOrEqual(t, taken, 2*len(bomb)+fault, "%q", name)
	}
}
