package session

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// allocates is how many bytes of heap f takes, freed or not. What else runs takes some too, so that what is more than enough is
// measured again.
func allocates(enough int, f func()) (least int) {
	least = math.MaxInt
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, int(after.TotalAlloc-before.TotalAlloc)); least <= enough {
			break
		}
	}
	return least
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
		enough := 2*len(bomb) + fault
		taken := allocates(enough, func() { _, said = decodeSample(bomb) })
		require.NotEmpty(t, said, "%q", name)
		require.LessOrEqual(t, taken, enough, "%q", name)
	}
}

// A list of empty structs is as long as its message says, but not where its values would take very much more memory than the message.
func TestListsOfEmptyStructs(t *testing.T) {
	const samples = 27
	empty := protowire.AppendVarint(protowire.AppendTag(nil, samples, protowire.BytesType), 0)
	few, many := bytes.Repeat(empty, 2000), bytes.Repeat(empty, 1<<17)

	v, said := decodeSample(few)
	require.Empty(t, said)
	require.Len(t, v.Samples, 2000)

	// A list that comes in pieces grows, and what it grew out of counts too.
	apart := slices.Concat(few, protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1), many)
	for name, bomb := range map[string][]byte{"whole": many, "apart": apart} {
		enough := 3 * (roomAtLeast + roomPerByte*len(bomb))
		taken := allocates(enough, func() { _, said = decodeSample(bomb) })
		require.Contains(t, said, "much more memory", name)
		require.LessOrEqual(t, taken, enough, name)
	}
}

// So are maps, whose empty entries all have one key.
func TestMapsOfEmptyEntries(t *testing.T) {
	type wide [440]byte
	const entries = 28
	bomb := bytes.Repeat(protowire.AppendVarint(protowire.AppendTag(nil, entries, protowire.BytesType), 0), 1<<17)
	var d Decoder
	enough := 3 * (roomAtLeast + roomPerByte*len(bomb))
	taken := allocates(enough, func() {
		d.reset(bomb)
		var m map[int64]wide
		for d.Next() {
			m = RoomForEntry(&d, m)
			d.Leave(d.Enter())
			m[0] = wide{}
		}
	})
	require.Contains(t, d.finish(), "much more memory")
	require.LessOrEqual(t, taken, enough)
}
