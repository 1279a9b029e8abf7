package shapes

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sessgen/sessgen/runtime/session"
)

// FuzzWhole: whatever comes is malformed, or a value. What a value is encoded as decodes to a value that is encoded
// as the same.
func FuzzWhole(f *testing.F) {
	for _, v := range []All{{Figure: Figure{Shape: None{}}}, full()} {
		b, err := encodeAll(v)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v All
		var next WholeAAfterPut
		var err error
		made := allocated(bound(payload), func() { v, next, err = decodeAll(payload) })
		require.LessOrEqual(t, made, bound(payload))
		if err != nil {
			malformed(t, err)
			return
		}
		next.Abort(nil)
		once, err := encodeAll(v)
		require.NoError(t, err)
		back, next, err := decodeAll(once)
		require.NoError(t, err)
		next.Abort(nil)
		twice, err := encodeAll(back)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

// FuzzLoose is FuzzWhole for parameters.
func FuzzLoose(f *testing.F) {
	// A figure that is None, an empty tree, an empty point, one shape, the text x, a flag that is false.
	_, b, err := again([]byte("\x12\x03\xa2\x06\x00\x1a\x00\x2a\x00\x32\x03\xa2\x06\x00\x42\x01x\x70\x00"))
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, once, err := again(payload)
		if err != nil {
			malformed(t, err)
			return
		}
		_, twice, err := again(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

func malformed(t *testing.T, err error) {
	t.Helper()
	var broken *session.PeerError
	if !errors.As(err, &broken) || broken.Rule != session.MalformedPayload {
		t.Fatalf("%T: %v", err, err)
	}
}

// Memory is made for what came, and never for what a length claims. An element of two bytes, empty,
// becomes a Tree; bytesPerByte is what that, the widest element of these shapes, takes, with room for the lists to grow.
const (
	bytesPerByte = 80
	bytesAtLeast = 64 << 10 // for the session, and for what the test does itself
)

func bound(payload []byte) uint64 { return uint64(bytesAtLeast + bytesPerByte*len(payload)) }

// allocated is how much memory f makes. What else runs makes some too, so that what is more than enough is measured
// again.
func allocated(enough uint64, f func()) (least uint64) {
	var before, after runtime.MemStats
	for range 5 {
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		made := after.TotalAlloc - before.TotalAlloc
		if least == 0 || made < least {
			least = made
		}
		if least <= enough {
			break
		}
	}
	return least
}

// full is a value with something in every field.
func full() All {
	at := time.Date(2024, 2, 29, 23, 59, 59, 999_999_999, time.UTC)
	addr := netip.MustParseAddr("2001:db8::1%eth0")
	polygon := Polygon{Points: []Point{{1, 2}, {}}, Name: "é"}
	figure := Figure{Shape: Group{Of: []Figure{{Shape: polygon}, {Shape: None{}, Color: ColorBlue}}, Around: &Figure{Shape: Circle{Radius: 1}}}}
	tree := Tree{Label: "root", Children: []Tree{{}, {Label: "leaf"}}, Next: &Tree{Next: &Tree{}}}
	word := wrapperspb.String
	return All{
		Scalars: Scalars{
			true, -1, -1 << 31, -1 << 63, 1<<64 - 1, 1<<32 - 1, 1<<64 - 1, -1.5, 1e300, "text",
			[]byte{0, 0xff},
			ColorGreen,
			at, -1500 * time.Millisecond, addr, timestamppb.New(at), 5,
		},
		Optionals: Optionals{
			new(bool), new(int32), new(uint64(5)), new(float32), new(""), new(ColorBlue), new(time.Time{}), new(time.Hour), &addr,
			&Point{1, 2}, &None{}, &tree,
		},
		Lists: Lists{
			[]bool{true, false},
			[]int{0, -1, 300},
			[]int32{-5},
			[]uint64{1 << 63},
			[]float32{0, 1},
			[]float64{2},
			[]string{"", "x"},
			[][]byte{nil, {1}},
			[]Color{ColorRed, ColorBlue},
			[]time.Time{{}, at},
			[]time.Duration{0, -1},
			[]Addr{{}, addr},
			[]*Word{word(""), word("w")},
			[]Point{{}, {3, 4}},
			[]None{{}, {}},
			[]Shape{None{}, polygon, Circle{}},
			[]Figure{figure},
		},
		Maps: Maps{
			map[bool]bool{false: true, true: false},
			map[int]int{-1: 0, 5: 6},
			map[int32]string{-1: "", 2: "b"},
			map[uint]uint32{0: 0},
			map[string]string{"": "", "k": "v"},
			map[string]Color{"blue": ColorBlue},
			map[uint64]time.Time{1: at, 2: {}},
			map[string]Addr{"a": addr, "z": {}},
			map[int64]*Word{1: word("one"), 2: word("")},
			map[string]Point{"p": {X: 1}, "o": {}},
			map[uint32]Shape{1: None{}, 2: Circle{Radius: 2}},
			map[string]Tree{"t": tree, "": {}},
			map[string][]byte{"b": {1}, "n": nil},
			map[string]float64{"pi": 3.14, "zero": 0},
		},
		Trees:  []Tree{tree, {}},
		Figure: figure,
	}
}
