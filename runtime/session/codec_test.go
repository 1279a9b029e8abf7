package session

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

func TestWhatCannotBeEncoded(t *testing.T) {
	cyclic := &sample{}
	cyclic.Maybe = cyclic
	for want, v := range map[string]*sample{
		"text that is not UTF-8":                         {Text: "\xff"},
		"the year 10000 is not within 1 to 9999":         {At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"the year 0 is not within 1 to 9999":             {At: time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC)},
		"3 is none of the 3 members of its enumeration":  {Color: 3},
		"-1 is none of the 3 members of its enumeration": {Colors: []color{0, -1}},
		"more than 100 levels deep":                      cyclic,
	} {
		_, err := encodeSample(v)
		require.EqualError(t, err, want)
	}
}

// The error names the parameter, however deep inside the value is.
func TestEncodeErrorNamesTheParameter(t *testing.T) {
	var o Outbound
	o.message = &Message{Params: []string{"n int64", "bill Bill", "after string"}}
	o.Int64(1, 5)
	begin := o.Begin(2)
	o.Text(1, "\xff")
	o.EndField(begin)
	o.Text(3, "\xff")
	require.Equal(t, "bill Bill", o.param())
	o.reset()
	o.Text(3, "\xff")
	require.Equal(t, "after string", o.param())
	o.reset()
	o.Text(4, "\xff")
	require.Equal(t, "its payload", o.param())
}

// A message of 100 levels is the deepest that goes out, and that is taken in.
func TestDepth(t *testing.T) {
	nest := func(levels int) *sample {
		v := &sample{}
		for range levels {
			v = &sample{Maybe: v}
		}
		return v
	}
	b, err := encodeSample(nest(100))
	require.NoError(t, err)
	_, fault := decodeSample(b)
	require.Empty(t, fault)
	_, err = encodeSample(nest(101))
	require.Error(t, err)
	_, fault = decodeSample(protowire.AppendBytes(protowire.AppendTag(nil, 26, protowire.BytesType), b))
	require.Equal(t, "field 26: more than 100 levels deep", fault)

	// A time is a message too.
	inner := nest(100)
	for v := inner; ; v = v.Maybe {
		if v.Maybe == nil {
			v.At = time.Unix(1, 0)
			break
		}
	}
	_, err = encodeSample(inner)
	require.EqualError(t, err, "more than 100 levels deep")
}

type fields []byte

func (f fields) varint(n protowire.Number, v uint64) fields {
	return protowire.AppendVarint(protowire.AppendTag(f, n, protowire.VarintType), v)
}

func (f fields) bytes(n protowire.Number, v string) fields {
	return protowire.AppendString(protowire.AppendTag(f, n, protowire.BytesType), v)
}

func TestWhatIsMalformed(t *testing.T) {
	minus := func(v int64) uint64 { return uint64(-v) }
	for name, c := range map[string]struct {
		message fields
		fault   string
	}{
		"int32 too large":         {fields{}.varint(3, 1<<31), "field 3: an integer out of range"},
		"int32 too small":         {fields{}.varint(3, minus(1<<31+1)), "field 3: an integer out of range"},
		"uint32 too large":        {fields{}.varint(6, 1<<32), "field 6: an integer out of range"},
		"int32 in a list":         {fields{}.bytes(16, "\x01\xff\xff\xff\xff\x0f"), "field 16: an integer out of range"},
		"int32 in a loose list":   {fields{}.varint(16, 1<<31), "field 16: an integer out of range"},
		"no member":               {fields{}.varint(12, 3), "field 12: no member of its enumeration"},
		"negative member":         {fields{}.varint(12, minus(1)), "field 12: no member of its enumeration"},
		"no member in a list":     {fields{}.bytes(21, "\x00\x03"), "field 21: no member of its enumeration"},
		"no UTF-8":                {fields{}.bytes(10, "\xc0\x80"), "field 10: text that is not UTF-8"},
		"no UTF-8 in a list":      {fields{}.bytes(22, "\xed\xa0\x80"), "field 22: text that is not UTF-8"},
		"year 10000":              {fields{}.bytes(13, string(fields{}.varint(1, secondsMax+1))), "field 1: a time out of range"},
		"year 0":                  {fields{}.bytes(13, string(fields{}.varint(1, minus(62135596801)))), "field 1: a time out of range"},
		"negative nanoseconds":    {fields{}.bytes(13, string(fields{}.varint(2, minus(1)))), "field 2: a time out of range"},
		"a second of nanoseconds": {fields{}.bytes(13, string(fields{}.varint(2, 1e9))), "field 2: a time out of range"},
		"two signs": {
			fields{}.bytes(14, string(fields{}.varint(1, 1).varint(2, minus(1)))), "field 2: a duration out of range",
		},
		"long duration": {fields{}.bytes(14, string(fields{}.varint(1, 9223372037))), "field 1: a duration out of range"},
		"longest duration": {
			fields{}.bytes(14, string(fields{}.varint(1, math.MaxInt64).varint(2, 999999999))), "field 2: a duration out of range",
		},
		"wire type":            {fields{}.bytes(2, "x"), "field 2: a wire type that is not its own"},
		"wire type of a list":  {protowire.AppendFixed32(protowire.AppendTag(nil, 15, protowire.Fixed32Type), 1), "field 15: a wire type that is not its own"},
		"half an element":      {fields{}.bytes(20, "1234567"), "field 20: a packed list that ends within an element"},
		"a list within varint": {fields{}.bytes(15, "\x01\x80"), "field 15: " + errVarint},
		"float cut short":      {protowire.AppendTag(nil, 9, protowire.Fixed64Type), "field 9: cut short"},
		"embedded length":      {fields{}.bytes(26, "\x52\x02x"), "field 10: a length beyond the end"},
		"length":               {append(protowire.AppendTag(nil, 10, protowire.BytesType), 0x80, 0x80, 0x80, 0x80, 0x08), "field 10: a length beyond the end"},
	} {
		v, fault := decodeSample(c.message)
		require.Equal(t, c.fault, fault, "%s: %+v", name, v)
	}
}

// Fields that nobody knows are skipped, groups too. Of a field that comes twice, a
// list has both, an embedded message the fields of both, all else has the last.
func TestUnknownAndRepeatedFields(t *testing.T) {
	unknown := protowire.AppendTag(nil, 200, protowire.StartGroupType)
	unknown = fields(unknown).bytes(7, "x").varint(8, 1)
	unknown = protowire.AppendTag(unknown, 200, protowire.EndGroupType)
	message := fields(unknown).varint(2, 1).bytes(100, "unknown").
		bytes(15, "\x01\x02").varint(15, 3).bytes(15, "\x04").
		bytes(26, string(fields{}.varint(2, 5).varint(3, 6))).bytes(26, string(fields{}.varint(3, 7))).
		varint(2, 9)
	v, fault := decodeSample(message)
	require.Empty(t, fault)
	require.Equal(t, sample{Int: 9, Ints: []int{1, 2, 3, 4}, Maybe: &sample{Int: 5, Int32: 7}}, v)
}

// A message that breaks off anywhere is malformed or means something, and never more than the whole.
func TestTruncation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawSample(t, 1)
		b, err := encodeSample(&v)
		require.NoError(t, err)
		for i := range b {
			decodeSample(b[:i])
		}
	})
}

// Memory is made for what has arrived, not for what a length claims.
func TestLengthsAreCheckedBeforeAllocation(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for field := range protowire.Number(30) {
		for _, claim := range []uint64{1 << 16, 1 << 30, 1<<31 - 1, 1 << 32, math.MaxInt64, math.MaxUint64} {
			message := protowire.AppendVarint(protowire.AppendTag(nil, field+1, protowire.BytesType), claim)
			_, fault := decodeSample(append(message, "0123456789"...))
			require.NotEmpty(t, fault)
		}
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))

	packed := fields{}.bytes(15, strings.Repeat("\x01", 1<<20))
	runtime.ReadMemStats(&before)
	v, _ := decodeSample(packed)
	runtime.ReadMemStats(&after)
	require.Len(t, v.Ints, 1<<20)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(9<<20), "eight bytes for each element, once")
}

// version is a type of the user's, whose zero value is not empty on the wire.
type version struct{ major, minor byte }

func (v version) AppendBinary(b []byte) ([]byte, error) {
	if v.major == 255 {
		return nil, errors.New("no such version")
	}
	if v.major == 254 {
		panic("no such version")
	}
	if v.major == 253 {
		return b[:0], nil
	}
	return append(b, v.major, v.minor), nil
}

func (v *version) UnmarshalBinary(b []byte) error {
	if len(b) != 2 {
		_ = b[5]
	}
	if b[0] == 255 {
		return errors.New("no such version")
	}
	v.major, v.minor = b[0], b[1]
	return nil
}

func TestExtern(t *testing.T) {
	var e Encoder
	e.Extern(1, version{1, 2}, version{})
	e.Extern(2, version{}, version{})
	e.Present().Extern(3, version{}, version{})
	e.Extern(4, version{3, 4}, version{255, 0})
	require.NoError(t, e.err)
	require.Equal(t, "\x0a\x02\x01\x02\x1a\x02\x00\x00\x22\x02\x03\x04", string(e.buf))

	for v, want := range map[version]string{
		{major: 255}: "no such version",
		{major: 254}: "the encoder of its type panicked: no such version",
		{major: 253}: "the encoder of its type did not append",
	} {
		e.reset()
		e.Extern(1, v, version{})
		require.EqualError(t, e.err, want)
	}

	for message, want := range map[string]string{
		"\x0a\x02\x07\x08": "",
		"\x0a\x02\xff\x08": "field 1: no such version",
		"\x0a\x01\xff":     "field 1: the decoder of its type panicked",
		"\x08\x01":         "field 1: a wire type that is not its own",
	} {
		var v version
		var d Decoder
		d.reset([]byte(message))
		for d.Next() {
			d.Unmarshal(v.UnmarshalBinary)
		}
		require.Equal(t, want, d.finish())
		if want == "" {
			require.Equal(t, version{7, 8}, v)
		}
	}
}

func TestLongMessagesMoveTheirContent(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21} {
		var e Encoder
		outer := e.Begin(3000)
		inner := e.Begin(1)
		e.Present().Bytes(2, make([]byte, n))
		e.EndField(inner)
		e.EndElement(outer)
		content := fields{}.bytes(1, string(fields{}.bytes(2, string(make([]byte, n)))))
		require.Equal(t, []byte(fields{}.bytes(3000, string(content))), e.buf)
	}
}

// A session keeps little memory between two messages.
func TestLargeBuffersAreNotKept(t *testing.T) {
	conn, srv := Pipe()
	p := talk(0)
	p.Messages[0].Next, p.Messages[0].Params = 0, []string{"data []byte"}
	done := make(chan struct{})
	Register(srv, p, func(ctx context.Context, _ Step) (Step, error) {
		<-ctx.Done()
		close(done)
		return Step{}, ctx.Err()
	})
	step, err := Open(t.Context(), conn, p)
	require.NoError(t, err)
	for _, c := range []struct{ size, keptMin, keptMax int }{{10, 1, 64}, {1000, 1000, 4 << 10}, {5000, 0, 0}, {10, 0, 64}, {10, 1, 64}} {
		out, err := step.BeginSend(0)
		require.NoError(t, err)
		out.Bytes(1, make([]byte, c.size))
		step, err = out.Send(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, c.keptMin, cap(step.s.out.buf))
		require.LessOrEqual(t, cap(step.s.out.buf), c.keptMax)
	}
	step.Abort(nil)
	<-done
}

func TestEncodingAndDecodingDoNotAllocate(t *testing.T) {
	v := sample{Int: -1, Text: "text", Bytes: []byte("bytes"), At: time.Unix(1, 1), Lasts: 5, Ints: []int{1, 300}, Maybe: &sample{Color: 1}}
	e := Encoder{buf: make([]byte, 0, 200)}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		e.reset()
		v.encode(&e)
	}))
	scalars, err := encodeSample(&sample{Int: -1, Uint32: 7, Float64: 1.5, Color: 2, At: time.Unix(1, 1), Lasts: 5})
	require.NoError(t, err)
	var d Decoder
	require.Zero(t, testing.AllocsPerRun(100, func() {
		d.reset(scalars)
		v = sample{}
		v.decode(&d)
	}))
}

// FuzzDecoder: whatever comes is malformed, or a sample that encodes to something that decodes to it.
func FuzzDecoder(f *testing.F) {
	add := func(v sample) {
		b, err := encodeSample(&v)
		require.NoError(f, err)
		f.Add(b)
	}
	add(sample{Int: -5, Text: "text", Bytes: []byte{0}, At: time.Unix(1e9, 5), Lasts: -time.Second, Ints: []int{1, 200}})
	add(sample{Maybe: &sample{Samples: []sample{{}, {Color: 2, Floats32: []float32{1}}}}, Map: map[string]int64{"": 0, "a": 1}})
	add(sample{Float64: math.Inf(1), Uint64s: []uint64{math.MaxUint64}, Texts: []string{""}, Blobs: [][]byte{nil}, Bools: []bool{true}})
	f.Add(binary.AppendUvarint(nil, 26<<3|2))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, fault := decodeSample(b)
		if fault != "" {
			return
		}
		once, err := encodeSample(&v)
		require.NoError(t, err)
		again, fault := decodeSample(once)
		require.Empty(t, fault)
		twice, err := encodeSample(&again)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

// Short texts share memory: none changes when later ones are decoded, in the same message or another, and none keeps more than
// a small piece.
func TestShortTextsStay(t *testing.T) {
	var e Encoder
	var d Decoder
	m := &Message{Label: "M", Params: []string{"text string"}}
	var got, want []string
	for i := range 500 {
		e.Start(m)
		for k := range i % 4 {
			text := strings.Repeat(string(rune('a'+(i+k)%26)), i*7%70)
			want = append(want, text)
			e.Present().Text(1, text)
		}
		message, err := e.Message(m)
		require.NoError(t, err)
		_, err = d.Start(message)
		require.NoError(t, err)
		for d.Next() {
			got = append(got, d.Text())
		}
		require.Empty(t, d.End())
		clear(message) // it is the carrier's again
	}
	require.Equal(t, want, got)
}
