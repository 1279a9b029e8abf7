package session

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// Varints are what protowire makes of numbers, and mean what it says, with as few or as many bytes as one likes behind them.
func TestVarints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v") >> rapid.IntRange(0, 63).Draw(t, "fewer bits")
		want := protowire.AppendVarint(nil, v)
		require.Equal(t, want, appendVarint(nil, v))
		require.Equal(t, len(want), sizeVarint(v))

		behind := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "behind")
		got, n := varintOf(append(want, behind...))
		require.Equal(t, v, got)
		require.Equal(t, len(want), n)
	})
}

// Whatever bytes come, they are the varint that protowire finds there, or none.
func TestAnyBytesAsVarint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.ByteRange(0x80, 0xff), rapid.Byte())
		b := rapid.SliceOfN(part, 0, 20).Draw(t, "b")
		want, size := protowire.ConsumeVarint(b)
		got, n := varintOf(b)
		require.Equal(t, max(size, 0), n)
		require.Equal(t, want, got)
		ends := 0
		for _, c := range b {
			if c < 0x80 {
				ends++
			}
		}
		require.Equal(t, ends, countVarints(b))
	})
}

// A packed list is what one gets varint by varint, or malformed where one of them is, or is out of range.
func TestPackedVarints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.ByteRange(0x80, 0xff), rapid.ByteRange(0, 0x7f), rapid.Just(byte(1)))
		run := rapid.SliceOfN(part, 0, 40).Draw(t, "run")
		want, whole := []uint64{}, true
		for rest := run; len(rest) > 0 && whole; {
			v, n := protowire.ConsumeVarint(rest)
			if whole = n > 0; whole {
				want, rest = append(want, v), rest[n:]
			}
		}
		message := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), run)
		unpack(t, message, want, whole, UnpackInts[uint64], func(uint64) bool { return true })
		unpack(t, message, want, whole, UnpackInts[int64], func(uint64) bool { return true })
		unpack(t, message, want, whole, UnpackInts[int32], func(v uint64) bool { return int64(v) == int64(int32(v)) })
		unpack(t, message, want, whole, UnpackInts[uint32], func(v uint64) bool { return v < 1<<32 })
		unpack(t, message, want, whole, func(d *Decoder, list []color) []color { return UnpackEnums(d, list, 3) }, func(v uint64) bool { return v < 3 })

		var d Decoder
		d.reset(message)
		require.True(t, d.Next())
		bools := UnpackBools(&d, []bool{true})
		require.Equal(t, whole, d.finish() == "")
		if whole {
			require.Len(t, bools, 1+len(want))
			for i, v := range want {
				require.Equal(t, v != 0, bools[1+i])
			}
		}
	})
}

func unpack[T integer](t *rapid.T, message []byte, want []uint64, whole bool, unpack func(*Decoder, []T) []T, fits func(uint64) bool) {
	var d Decoder
	d.reset(message)
	require.True(t, d.Next())
	got := unpack(&d, []T{1})
	fine := whole
	for _, v := range want {
		fine = fine && fits(v)
	}
	require.Equal(t, fine, d.finish() == "", d.fault)
	if !fine {
		return
	}
	require.Len(t, got, 1+len(want))
	for i, v := range want {
		require.Equal(t, T(v), got[1+i])
	}
}
