package session

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

type color int32

const colors = 3

// sample has every kind of value that a payload can have.
type sample struct {
	Bool     bool
	Int      int
	Int32    int32
	Int64    int64
	Uint     uint
	Uint32   uint32
	Uint64   uint64
	Float32  float32
	Float64  float64
	Text     string
	Bytes    []byte
	Color    color
	At       time.Time
	Lasts    time.Duration
	Ints     []int
	Int32s   []int32
	Uint64s  []uint64
	Bools    []bool
	Floats32 []float32
	Floats64 []float64
	Colors   []color
	Texts    []string
	Blobs    [][]byte
	Times    []time.Time
	MaybeInt *int64
	Maybe    *sample
	Samples  []sample
	Map      map[string]int64
}

func (v *sample) encode(e *Encoder) {
	e.Bool(1, v.Bool)
	e.Int(2, v.Int)
	e.Int32(3, v.Int32)
	e.Int64(4, v.Int64)
	e.Uint(5, v.Uint)
	e.Uint32(6, v.Uint32)
	e.Uint64(7, v.Uint64)
	e.Float32(8, v.Float32)
	e.Float64(9, v.Float64)
	e.Text(10, v.Text)
	e.Bytes(11, v.Bytes)
	e.Enum(12, int32(v.Color), colors)
	e.Time(13, v.At)
	e.Duration(14, v.Lasts)
	PackInts(e, 15, v.Ints)
	PackInts(e, 16, v.Int32s)
	PackInts(e, 17, v.Uint64s)
	PackBools(e, 18, v.Bools)
	PackFloats32(e, 19, v.Floats32)
	PackFloats64(e, 20, v.Floats64)
	PackEnums(e, 21, v.Colors, colors)
	for _, text := range v.Texts {
		e.Present().Text(22, text)
	}
	for _, blob := range v.Blobs {
		e.Present().Bytes(23, blob)
	}
	for _, at := range v.Times {
		e.Present().Time(24, at)
	}
	if v.MaybeInt != nil {
		e.Present().Int64(25, *v.MaybeInt)
	}
	if v.Maybe != nil && !e.Failed() {
		begin := e.Begin(26)
		v.Maybe.encode(e)
		e.EndElement(begin)
	}
	for i := range v.Samples {
		begin := e.Begin(27)
		v.Samples[i].encode(e)
		e.EndElement(begin)
	}
	if len(v.Map) > 0 {
		for _, key := range slices.Sorted(maps.Keys(v.Map)) {
			begin := e.Begin(28)
			e.Present().Text(1, key)
			e.Present().Int64(2, v.Map[key])
			e.EndElement(begin)
		}
	}
}

// decode reads the fields of the message that the decoder is in.
func (v *sample) decode(d *Decoder) {
	for d.Next() {
		switch d.Field() {
		case 1:
			v.Bool = d.Bool()
		case 2:
			v.Int = d.Int()
		case 3:
			v.Int32 = d.Int32()
		case 4:
			v.Int64 = d.Int64()
		case 5:
			v.Uint = d.Uint()
		case 6:
			v.Uint32 = d.Uint32()
		case 7:
			v.Uint64 = d.Uint64()
		case 8:
			v.Float32 = d.Float32()
		case 9:
			v.Float64 = d.Float64()
		case 10:
			v.Text = d.Text()
		case 11:
			v.Bytes = d.Bytes()
		case 12:
			v.Color = color(d.Enum(colors))
		case 13:
			v.At = d.Time()
		case 14:
			v.Lasts = d.Duration()
		case 15:
			v.Ints = UnpackInts(d, v.Ints)
		case 16:
			v.Int32s = UnpackInts(d, v.Int32s)
		case 17:
			v.Uint64s = UnpackInts(d, v.Uint64s)
		case 18:
			v.Bools = UnpackBools(d, v.Bools)
		case 19:
			v.Floats32 = UnpackFloats32(d, v.Floats32)
		case 20:
			v.Floats64 = UnpackFloats64(d, v.Floats64)
		case 21:
			v.Colors = UnpackEnums(d, v.Colors, colors)
		case 22:
			v.Texts = append(v.Texts, d.Text())
		case 23:
			v.Blobs = append(v.Blobs, d.Bytes())
		case 24:
			v.Times = append(v.Times, d.Time())
		case 25:
			v.MaybeInt = new(d.Int64())
		case 26:
			if v.Maybe == nil {
				v.Maybe = new(sample)
			}
			v.Maybe.decodeField(d)
		case 27:
			v.Samples = append(Room(d, v.Samples), sample{})
			v.Samples[len(v.Samples)-1].decodeField(d)
		case 28:
			var key string
			var value int64
			outer := d.Enter()
			for d.Next() {
				switch d.Field() {
				case 1:
					key = d.Text()
				case 2:
					value = d.Int64()
				}
			}
			d.Leave(outer)
			if v.Map == nil {
				v.Map = make(map[string]int64)
			}
			v.Map[key] = value
		}
	}
}

func (v *sample) decodeField(d *Decoder) {
	outer := EnterStruct(d, v)
	v.decode(d)
	d.Leave(outer)
}

func encodeSample(v *sample) ([]byte, error) {
	var e Encoder
	v.encode(&e)
	return e.buf, e.err
}

func decodeSample(b []byte) (v sample, fault string) {
	var d Decoder
	d.reset(b)
	v.decode(&d)
	return v, d.finish()
}

// sampleDescriptor is the protobuf message that a sample's encoding is of. Its lists are packed or not.
func sampleDescriptor(packed bool) protoreflect.MessageDescriptor {
	const (
		repeated = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
		single   = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
		boolean  = descriptorpb.FieldDescriptorProto_TYPE_BOOL
		signed   = descriptorpb.FieldDescriptorProto_TYPE_INT64
		unsigned = descriptorpb.FieldDescriptorProto_TYPE_UINT64
		float    = descriptorpb.FieldDescriptorProto_TYPE_FLOAT
		double   = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
		text     = descriptorpb.FieldDescriptorProto_TYPE_STRING
		blob     = descriptorpb.FieldDescriptorProto_TYPE_BYTES
		enum     = descriptorpb.FieldDescriptorProto_TYPE_ENUM
		message  = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	)
	m := &descriptorpb.DescriptorProto{
		Name:      proto.String("Sample"),
		OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: proto.String("_f25")}},
		NestedType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("F28Entry"),
			Field: []*descriptorpb.FieldDescriptorProto{
				{Name: proto.String("key"), Number: proto.Int32(1), Label: single.Enum(), Type: text.Enum()},
				{Name: proto.String("value"), Number: proto.Int32(2), Label: single.Enum(), Type: signed.Enum()},
			},
			Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
		}},
	}
	for i, f := range []struct {
		kind  descriptorpb.FieldDescriptorProto_Type
		label descriptorpb.FieldDescriptorProto_Label
		of    string
	}{
		{boolean, single, ""},
		{signed, single, ""},
		{signed, single, ""},
		{signed, single, ""},
		{unsigned, single, ""},
		{unsigned, single, ""},
		{unsigned, single, ""},
		{float, single, ""},
		{double, single, ""},
		{text, single, ""},
		{blob, single, ""},
		{enum, single, ".Color"},
		{message, single, ".google.protobuf.Timestamp"},
		{message, single, ".google.protobuf.Duration"},
		{signed, repeated, ""},
		{signed, repeated, ""},
		{unsigned, repeated, ""},
		{boolean, repeated, ""},
		{float, repeated, ""},
		{double, repeated, ""},
		{enum, repeated, ".Color"},
		{text, repeated, ""},
		{blob, repeated, ""},
		{message, repeated, ".google.protobuf.Timestamp"},
		{signed, single, ""},
		{message, single, ".Sample"},
		{message, repeated, ".Sample"},
		{message, repeated, ".Sample.F28Entry"},
	} {
		field := &descriptorpb.FieldDescriptorProto{
			Name: proto.String(fmt.Sprint("f", i+1)), Number: proto.Int32(int32(i + 1)), Label: f.label.Enum(), Type: f.kind.Enum(),
		}
		if f.of != "" {
			field.TypeName = proto.String(f.of)
		}
		if f.label == repeated && f.kind != text && f.kind != blob && f.kind != message {
			field.Options = &descriptorpb.FieldOptions{Packed: proto.Bool(packed)}
		}
		if i+1 == 25 {
			field.Proto3Optional, field.OneofIndex = proto.Bool(true), proto.Int32(0)
		}
		m.Field = append(m.Field, field)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("sample.proto"), Syntax: proto.String("proto3"),
		Dependency:  []string{"google/protobuf/timestamp.proto", "google/protobuf/duration.proto"},
		MessageType: []*descriptorpb.DescriptorProto{m},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("Color"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("RED"), Number: proto.Int32(0)},
			{Name: proto.String("GREEN"), Number: proto.Int32(1)},
			{Name: proto.String("BLUE"), Number: proto.Int32(2)},
		}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	return file.Messages().ByName("Sample")
}

// drawSample draws a sample, as its encoding decodes: UTC, and nil for what is empty.
func drawSample(t *rapid.T, depth int) sample {
	list := func(n string) int { return rapid.IntRange(0, 3).Draw(t, n) }
	v := sample{
		Bool: rapid.Bool().Draw(t, "bool"), Int: rapid.Int().Draw(t, "int"), Int32: rapid.Int32().Draw(t, "int32"),
		Int64: rapid.Int64().Draw(t, "int64"), Uint: rapid.Uint().Draw(t, "uint"), Uint32: rapid.Uint32().Draw(t, "uint32"),
		Uint64: rapid.Uint64().Draw(t, "uint64"), Float32: rapid.Float32().Draw(t, "float32"), Float64: rapid.Float64().Draw(t, "float64"),
		Text: rapid.String().Draw(t, "text"), Bytes: drawBytes(t), Color: drawColor(t), At: drawTime(t),
		Lasts: time.Duration(rapid.Int64().Draw(t, "lasts")),
	}
	for range list("ints") {
		v.Ints = append(v.Ints, rapid.Int().Draw(t, "int"))
		v.Int32s = append(v.Int32s, rapid.Int32().Draw(t, "int32"))
		v.Uint64s = append(v.Uint64s, rapid.Uint64().Draw(t, "uint64"))
	}
	for range list("others") {
		v.Bools = append(v.Bools, rapid.Bool().Draw(t, "bool"))
		v.Floats32 = append(v.Floats32, rapid.Float32().Draw(t, "float32"))
		v.Floats64 = append(v.Floats64, math.Copysign(0, -1))
		v.Colors = append(v.Colors, drawColor(t))
		v.Texts = append(v.Texts, rapid.String().Draw(t, "text"))
		v.Blobs = append(v.Blobs, drawBytes(t))
		v.Times = append(v.Times, drawTime(t))
	}
	for range list("map") {
		if v.Map == nil {
			v.Map = make(map[string]int64)
		}
		v.Map[rapid.StringN(0, 2, -1).Draw(t, "key")] = rapid.Int64().Draw(t, "value")
	}
	if rapid.Bool().Draw(t, "maybe") {
		v.MaybeInt = new(rapid.Int64().Draw(t, "maybe"))
	}
	if depth > 0 {
		if rapid.Bool().Draw(t, "child") {
			v.Maybe = new(drawSample(t, depth-1))
		}
		for range rapid.IntRange(0, 2).Draw(t, "children") {
			v.Samples = append(v.Samples, drawSample(t, depth-1))
		}
	}
	return v
}

func drawBytes(t *rapid.T) []byte {
	return append([]byte(nil), rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")...)
}

func drawColor(t *rapid.T) color { return color(rapid.IntRange(0, colors-1).Draw(t, "color")) }

func drawTime(t *rapid.T) time.Time {
	seconds := rapid.OneOf(rapid.Int64Range(secondsMin, secondsMax), rapid.Just(int64(secondsMin)), rapid.Just(int64(0))).Draw(t, "seconds")
	return time.Unix(seconds, rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC()
}

// What we encode is what the protobuf library encodes, to the byte, and both read what the other wrote.
func TestCodecAgreesWithProtobuf(t *testing.T) {
	packed, unpacked := sampleDescriptor(true), sampleDescriptor(false)
	rapid.Check(t, func(t *rapid.T) {
		v := drawSample(t, 2)
		ours, err := encodeSample(&v)
		require.NoError(t, err)

		for _, descriptor := range []protoreflect.MessageDescriptor{packed, unpacked} {
			m := dynamicpb.NewMessage(descriptor)
			require.NoError(t, proto.Unmarshal(ours, m))
			require.Empty(t, m.GetUnknown())
			theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			require.NoError(t, err)
			if descriptor == packed {
				require.Equal(t, theirs, ours)
			}
			back, fault := decodeSample(theirs)
			require.Empty(t, fault)
			require.Equal(t, printed(v), printed(back))
			again, err := encodeSample(&back)
			require.NoError(t, err)
			require.Equal(t, ours, again)
		}
	})
}

// printed shows all of a sample, so that NaN equals itself.
func printed(v sample) string {
	maybe, child := v.MaybeInt, v.Maybe
	v.MaybeInt, v.Maybe = nil, nil
	children := v.Samples
	v.Samples = nil
	s := fmt.Sprintf("%#v", v)
	if maybe != nil {
		s += fmt.Sprintf(" maybe %d", *maybe)
	}
	if child != nil {
		s += " child {" + printed(*child) + "}"
	}
	for _, c := range children {
		s += " [" + printed(c) + "]"
	}
	return s
}

func TestEmptySampleIsEmpty(t *testing.T) {
	b, err := encodeSample(&sample{Bytes: []byte{}, Ints: []int{}, At: time.Time{}})
	require.NoError(t, err)
	require.Empty(t, b)
}
