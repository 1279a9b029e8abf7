package peerfuzz

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// loop is rec Loop { choice { Again; continue } or { Ask; if … { Yes; continue } } }.
var loop = &session.Protocol{
	Name: "p.P", Roles: [2]string{"A", "B"},
	States: []session.State{
		{Name: "Loop"}, {Name: "AfterAsk", If: `n > 1<<4 && s == "é"`, Then: 2, Else: 3}, {Name: "AfterAskIfTrue"}, {Name: "End"},
	},
	Messages: []session.Message{
		{Label: "Again", State: 0, Next: 0, Where: "c != 'x' && m < 0x20"},
		{Label: "Ask", Number: 1, State: 0, Next: 1},
		{Label: "Last", Number: 2, State: 0, Next: 3},
		{Label: "Yes", Number: 3, State: 2, Next: 0},
	},
}

func newPeer(data ...byte) *Peer {
	return &Peer{protocol: loop, source: newSource(data, literalsOf(loop)), way: newWays(loop)}
}

func TestWays(t *testing.T) {
	w := newWays(loop)
	require.Equal(t, []int{1, 0, 2, 0}, w.distance)
	require.Equal(t, []bool{true, true, false, true}, w.loops)
}

func TestLiterals(t *testing.T) {
	l := literalsOf(loop)
	require.Equal(t, []int64{32, 1, 16, 2}, l.ints)
	require.Equal(t, []string{"x", "é"}, l.texts)
}

// Without input a peer goes to the end; with it, it goes round, and leaves at last.
func TestPick(t *testing.T) {
	require.Equal(t, 1, newPeer().Pick(0, 1, 2), "behind Ask the end is as near as behind Last")
	require.Equal(t, 2, newPeer().Pick(0, 2))
	require.Equal(t, 0, newPeer(0, 1).Pick(0, 2))
	require.Equal(t, 0, newPeer(1, 1).Pick(0, 2), "what leaves the loop is chosen seldom")
	require.Equal(t, 2, newPeer(1, 16).Pick(0, 2))
}

// Values that do not fit are drawn again, a bounded number of times.
func TestSent(t *testing.T) {
	p := newPeer()
	for range triesMax {
		at, err := p.Sent("here", nil, &session.ContractError{})
		require.NoError(t, err)
		require.Equal(t, "here", at)
	}
	_, err := p.Sent("here", nil, &session.EncodeError{})
	require.ErrorIs(t, err, errGivenUp)
	at, err := p.Sent("here", "there", nil)
	require.NoError(t, err)
	require.Equal(t, "there", at)
	require.Zero(t, p.tries)
	over := errors.New("over")
	_, err = p.Sent("here", nil, over)
	require.ErrorIs(t, err, over)
}

// A message is told as the schema would have it, whatever it is.
func TestSpelled(t *testing.T) {
	p := &session.Protocol{
		Name: "p.P", Roles: [2]string{"A", "B"},
		Messages: []session.Message{
			{Label: "All", Params: []string{"a bool", "b int", "c uint32", "d float32", "e float64", "f string", "g []byte", "h []int", "i Mood", "j *S"}},
			{Label: "Back", Number: 1, Sender: 1},
		},
	}
	payload := "\x00\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x05\x25\x00\x00\x80?\x29\x00\x00\x00\x00\x00\x00\xe0?2\x02hi:\x03abc\x42\x01\x05\x48\x02"
	for message, want := range map[string]string{
		payload:               `All(a: true, b: -1, c: 5, d: 1, e: 0.5, f: "hi", g: {3 bytes}, h: {1 bytes}, i: {2}, j: {})`,
		"\x00":                `All(a: false, b: 0, c: 0, d: 0, e: 0, f: "", g: {}, h: {}, i: {}, j: {})`,
		"\x00\x32\x05h":       "All with a payload that is no encoding: 320568",
		"\x01":                "Back, which is not its own to send",
		"\x07":                "a message of the label 7, which there is not",
		"":                    "a message without a label",
		"\xff\xff":            "a message without a label",
		"\x00\x32\x46" + long: `All(a: false, b: 0, c: 0, d: 0, e: 0, f: "` + long[:60] + `…", g: {}, h: {}, i: {}, j: {})`,
	} {
		require.Equal(t, want, spelled(p, 0, []byte(message)))
	}
}

var long = strings.Repeat("x", 70)

func TestFit(t *testing.T) {
	for _, v := range []int64{math.MinInt64, -7, 0, 3, math.MaxInt64} {
		for _, r := range [][2]int64{{0, 0}, {-3, 4}, {0, math.MaxUint32}, {math.MinInt64, math.MaxInt64}, {math.MinInt32, math.MaxInt32}} {
			got := fit(v, r[0], r[1])
			require.True(t, r[0] <= got && got <= r[1], "%d in %v is %d", v, r, got)
			if r[0] <= v && v <= r[1] {
				require.Equal(t, v, got)
			}
		}
	}
}

// Know keeps what predicates may be about, and not for ever.
func TestKnow(t *testing.T) {
	type line struct {
		Text  string
		Cents int64
		own   int
	}
	p := newPeer()
	p.Know(uint8(200), []line{{"abc", 5, 77}}, "x", []byte("four"), map[string]int{"a": 1}, nil, new(int))
	require.Equal(t, []int64{200, 1, 3, 5, 4, 0}, p.source.ints)
	require.Equal(t, []string{"abc", "x"}, p.source.texts)
	for i := range 100 {
		p.Know(i)
	}
	require.Len(t, p.source.ints, seenMax)
}

// Every input makes values, and lists that end.
func FuzzValues(f *testing.F) {
	f.Add([]byte("one two three four five six"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPeer(data...)
		var nest func() []string
		nest = func() []string {
			p.Enter()
			defer p.Leave()
			List(p, nest)
			return List(p, p.Text)
		}
		p.Know(nest(), p.Int32(), p.Uint32(), p.Float32(), p.Bytes(), p.Duration(), Map(p, p.Text, p.Bool), Optional(p, p.Time))
		if y := p.Time().Year(); y < 1 || y > 9999 {
			t.Fatal(y)
		}
		if n := p.Below(300); n < 0 || n >= 300 {
			t.Fatal(n)
		}
	})
}

// A deviation changes the message, and never more than it says.
func FuzzDeviations(f *testing.F) {
	f.Add([]byte("\x05abcdefgh"), []byte("\x00\x08\x05\x12\x02hi\x1d\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data, message []byte) {
		d := &deviantStream{protocol: loop, deviant: &deviant{source: newSource(data, literals{})}}
		before := string(message)
		_, _ = d.spoil(message), d.revalue(message)
		_, _ = spelled(loop, 0, message), spelled(loop, 1, message)
		if other := d.relabel(message); len(message) > 0 && message[0] < 0x80 && other[0] == message[0] {
			t.Fatalf("%x is relabelled as %x", message, other)
		}
		if string(message) != before {
			t.Fatal("it changed what it was given")
		}
	})
}
