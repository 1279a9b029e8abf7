package channel_test

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/channel"
)

// check makes sure of one value's encoding, of what it is decoded to, and that no part of it is an encoding of anything.
func check[T any](t *testing.T, s channel.Serializer[T], v T, encoded string) {
	t.Helper()
	b, err := s.Append([]byte("before"), v)
	require.NoError(t, err)
	require.Equal(t, encoded, hex.EncodeToString(b[len("before"):]))
	require.Equal(t, "before", string(b[:len("before")]))
	b = b[len("before"):]
	got, rest, err := s.Decode(append(b[:len(b):len(b)], "behind"...))
	require.NoError(t, err)
	require.Equal(t, v, got)
	require.Equal(t, "behind", string(rest))
	for i := range b {
		_, _, err := s.Decode(b[:i])
		require.Error(t, err, "cut at %d", i)
	}
}

func refuse[T any](t *testing.T, s channel.Serializer[T], encoded ...string) {
	t.Helper()
	for _, digits := range encoded {
		b, err := hex.DecodeString(digits)
		require.NoError(t, err)
		_, _, err = s.Decode(b)
		require.Error(t, err, digits)
	}
}

func TestEncodings(t *testing.T) {
	check(t, channel.Int, 0, "00")
	check(t, channel.Int, -1, "01")
	check(t, channel.Int, 1, "02")
	check(t, channel.Int, 64, "8001")
	check(t, channel.Int64, math.MinInt64, "ffffffffffffffffff01")
	check(t, channel.Int64, math.MaxInt64, "feffffffffffffffff01")
	refuse(t, channel.Int64, "", "80", "8000", "8000000000", "ffffffffffffffffff02", "ffffffffffffffffffff01")
	check(t, channel.Uint64, 300, "ac02")
	check(t, channel.Float64, -2.5, "00000000000004c0")
	check(t, channel.Bool, false, "00")
	check(t, channel.Bool, true, "01")
	refuse(t, channel.Bool, "02", "ff")
	check(t, channel.Unit, struct{}{}, "")
	check(t, channel.String, "", "00")
	check(t, channel.String, "a\xffb", "0361ff62")
	refuse(t, channel.String, "ffffffffffffffffff01", "0261", "8000")
	check(t, channel.Bytes, []byte(nil), "00")
	check(t, channel.Bytes, []byte{0, 1}, "020001")

	pair := channel.PairOf(channel.Int, channel.String)
	require.Equal(t, "pair(int,string)", pair.Encoding())
	check(t, pair, channel.Pair[int, string]{First: 1, Second: "x"}, "020178")
	sum := channel.SumOf(channel.Int, channel.Unit)
	check(t, sum, channel.Left[int, struct{}](5), "000a")
	check(t, sum, channel.Right[int](struct{}{}), "01")
	refuse(t, sum, "02", "0080")
	option, five := channel.OptionOf(channel.Int), 5
	check(t, option, nil, "00")
	check(t, option, &five, "010a")
	refuse(t, option, "02")
	list := channel.ListOf(channel.ListOf(channel.Bool))
	require.Equal(t, "list(list(bool))", list.Encoding())
	check(t, list, nil, "00")
	check(t, list, [][]bool{{true}, nil, {false, true}}, "03010100020001")
	refuse(t, list, "0101", "ffffffffffffffffff0100")

	at := time.Date(2026, 7, 1, 12, 0, 0, 5, time.UTC)
	check(t, channel.Binary[time.Time](), at, "0f010000000ee1d6f84000000005ffff")
	check(t, channel.Binary[netip.Addr](), netip.MustParseAddr("192.0.2.1"), "04c0000201")
	link, err := url.Parse("https://example.com/?q=1")
	require.NoError(t, err)
	check(t, channel.Binary[url.URL](), *link, "18"+hex.EncodeToString([]byte(link.String())))
	refuse(t, channel.Binary[netip.Addr](), "03c00002")
}

// blob's encoding is itself, so that its length crosses the sizes of a length.
type blob string

func (b blob) AppendBinary(to []byte) ([]byte, error) { return append(to, b...), nil }
func (b *blob) UnmarshalBinary(data []byte) error     { *b = blob(data); return nil }

// mute can only be decoded.
type mute struct{}

func (*mute) UnmarshalBinary([]byte) error { return nil }

// refused cannot be encoded.
type refused struct{}

var errRefused = errors.New("no")

func (refused) MarshalBinary() ([]byte, error) { return nil, errRefused }
func (*refused) UnmarshalBinary([]byte) error  { return errRefused }

func TestBinary(t *testing.T) {
	s := channel.Binary[blob]()
	for _, n := range []int{0, 1, 127, 128, 1000, 1<<14 - 1, 1 << 14, 1 << 20} {
		v := blob(make([]byte, n))
		b, err := s.Append([]byte("x"), v)
		require.NoError(t, err)
		want, err := channel.String.Append([]byte("x"), string(v))
		require.NoError(t, err)
		require.True(t, string(want) == string(b), "%d bytes", n)
	}
	require.Panics(t, func() { channel.Binary[mute]() })
	list := channel.ListOf(channel.PairOf(channel.Int, channel.OptionOf(channel.Binary[refused]())))
	_, err := list.Append(nil, []channel.Pair[int, *refused]{{Second: new(refused)}})
	require.ErrorIs(t, err, errRefused)
	refuse(t, list, "01000100")
}

// TestElementsWithoutBytes: three bytes could else stand for 2^20 values.
func TestElementsWithoutBytes(t *testing.T) {
	s := channel.ListOf(channel.Unit)
	_, err := s.Append(nil, make([]struct{}, 1))
	require.Error(t, err)
	refuse(t, s, "0100", "02ffff")
}

// TestLengthsAreCheckedFirst: a claim without bytes behind it costs nothing.
func TestLengthsAreCheckedFirst(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		_, _, err := channel.Bytes.Decode(huge)
		require.Error(t, err)
		_, _, err = channel.ListOf(channel.Int64).Decode(huge)
		require.Error(t, err)
		_, _, err = channel.Binary[blob]().Decode(huge)
		require.Error(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// canonical is the property of every serializer here: what is decoded is encoded to the same bytes, and takes no
// more memory than a multiple of them.
func canonical[T any](t *testing.T, s channel.Serializer[T], b []byte) {
	t.Helper()
	v, rest, err := s.Decode(b)
	if err != nil {
		return
	}
	again, err := s.Append(nil, v)
	if err != nil || string(again) != string(b[:len(b)-len(rest)]) {
		t.Fatalf("%s: %x decodes to %#v and encodes to %x: %v", s.Encoding(), b, v, again, err)
	}
}

type nested = channel.Pair[[]channel.Sum[*string, []byte], channel.Pair[float64, []int64]]

var everything channel.Serializer[nested] = channel.PairOf(
	channel.ListOf(channel.SumOf(channel.OptionOf(channel.String), channel.Bytes)),
	channel.PairOf(channel.Float64, channel.ListOf(channel.Int64)))

func FuzzDecode(f *testing.F) {
	word := "word"
	seed, err := everything.Append(nil, nested{
		First:  []channel.Sum[*string, []byte]{channel.Left[*string, []byte](&word), channel.Right[*string]([]byte{1})},
		Second: channel.Pair[float64, []int64]{First: 1.5, Second: []int64{-3, 1 << 40}},
	})
	require.NoError(f, err)
	for _, b := range [][]byte{nil, {0}, {1}, {2}, {0x80, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, seed} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		canonical(t, channel.Int, b)
		canonical(t, channel.Int64, b)
		canonical(t, channel.Uint64, b)
		canonical(t, channel.Float64, b)
		canonical(t, channel.Bool, b)
		canonical(t, channel.Unit, b)
		canonical(t, channel.String, b)
		canonical(t, channel.Bytes, b)
		canonical(t, channel.Binary[blob](), b)
		canonical(t, channel.Binary[netip.Addr](), b)
		canonical(t, everything, b)
		// Not canonical, because the standard library's are not.
		_, _, _ = channel.ListOf(channel.Binary[time.Time]()).Decode(b)
		_, _, _ = channel.OptionOf(channel.Binary[url.URL]()).Decode(b)
	})
}
