package packet

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// The examples of RFC 9000 §A.1.
func TestVarintExamples(t *testing.T) {
	for text, want := range map[string]uint64{
		"c2197c5eff14e88c": 151288809941952652,
		"9d7f3e7d":         494878333,
		"7bbd":             15293,
		"25":               37,
	} {
		v, n := ParseVarint(unhex(t, text))
		require.Equal(t, want, v)
		require.Equal(t, len(text)/2, n)
		require.Equal(t, unhex(t, text), AppendVarint(nil, want))
	}
	// A longer form than needed is refused: one number has one encoding.
	_, n := ParseVarint(unhex(t, "4025"))
	require.Zero(t, n)
}

// The example of RFC 9000 §A.3, and any number that is sent with the length that NumberLen says.
func TestPacketNumber(t *testing.T) {
	require.EqualValues(t, 0xa82f9b32, ExpandNumber(0x9b32, 2, 0xa82f30ea))
	rapid.Check(t, func(t *rapid.T) {
		acked := rapid.Int64Range(-1, MaxNumber-1-1<<20).Draw(t, "acked")
		pn := uint64(acked) + 1 + rapid.Uint64Range(0, 1<<20).Draw(t, "ahead")
		received := acked + rapid.Int64Range(0, int64(pn)-1-acked).Draw(t, "received")
		n := NumberLen(pn, acked)
		truncated := parseNumber(appendNumber(nil, pn, n))
		require.Equal(t, pn, ExpandNumber(truncated, n, received))
	})
}

func TestParams(t *testing.T) {
	p := Params{
		Version: V1Plain, Offered: []Version{V1Plain}, ClientID: ID{1}, ServerID: ID{2},
		Token: [32]byte{3}, ResetToken: [16]byte{4}, MaxAckDelay: 5 * time.Millisecond,
		IdleTimeout: time.Minute, MaxStreams: 1024, Floor: 16 << 10, MaxData: 32 << 20, MaxMessage: 4 << 20,
	}
	b := AppendParams(nil, &p)
	got, err := ParseParams(b)
	require.NoError(t, err)
	require.Equal(t, p, got)
	require.Empty(t, got.Mismatch(&p))
	for i := range b {
		_, err := ParseParams(b[:i])
		require.ErrorIs(t, err, ErrMalformed)
	}
	_, err = ParseParams(append(b, b...))
	require.ErrorContains(t, err, "twice")
}

func TestAckRanges(t *testing.T) {
	b := AppendAckHead(nil, 100, 7, 2, 3) // 97..100
	b = AppendAckRange(b, 97, 90, 94)     // 90..94
	b = AppendAckRange(b, 90, 1, 1)       // 1
	b = append(b, byte(Ping))
	var f Frame
	rest, err := ParseFrame(&f, b)
	require.NoError(t, err)
	require.Equal(t, []byte{byte(Ping)}, rest)
	var got [][2]uint64
	for {
		smallest, largest, ok := f.NextRange()
		if !ok {
			break
		}
		got = append(got, [2]uint64{smallest, largest})
	}
	require.Equal(t, [][2]uint64{{97, 100}, {90, 94}, {1, 1}}, got)
	require.EqualValues(t, 7, f.Delay)
}

// Parsing a packet allocates nothing.
func TestParseAllocs(t *testing.T) {
	b := AppendShort(nil, ID{1}, false, 7, 2)
	payload := AppendStreamHead(nil, 3, 9, 5, true)
	payload = append(payload, "hello"...)
	payload = AppendAckHead(payload, 100, 7, 0, 3)
	b = append(b, payload...)
	var f Frame
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h, _, err := ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		for rest := h.Sealed; len(rest) > 0; {
			if rest, err = ParseFrame(&f, rest); err != nil {
				t.Fatal(err)
			}
		}
	}))
}
