package gen_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sessgen/sessgen/schema/check"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// drawer draws values of payload types, as protobuf messages in the form that ours have: what is zero
// is left out.
type drawer struct{ *rand.Rand }

// field draws a value for the field with the number. deep is how many lists, maps and pointers may still be inside
// one another.
func (r drawer) field(m protoreflect.Message, number int, t *check.Type, deep int) {
	f := m.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(number))
	switch t.Kind {
	case check.List:
		if deep > 0 {
			list := m.Mutable(f).List()
			for range r.IntN(4) {
				list.Append(r.value(list.NewElement, t.Elem, deep-1))
			}
		}
	case check.Map:
		if deep > 0 {
			entries := m.Mutable(f).Map()
			for range r.IntN(4) {
				key := r.value(nil, t.Key, 0).MapKey()
				entries.Set(key, r.value(entries.NewValue, t.Elem, deep-1))
			}
		}
	case check.Optional:
		if deep > 0 && r.IntN(3) > 0 {
			m.Set(f, r.value(func() protoreflect.Value { return m.NewField(f) }, t.Elem, deep-1))
		}
	case check.Union:
		m.Set(f, r.value(func() protoreflect.Value { return m.NewField(f) }, t, deep))
	default:
		v := r.value(func() protoreflect.Value { return m.NewField(f) }, t, deep)
		if !r.left(v, t) {
			m.Set(f, v)
		}
	}
}

// left reports whether a field with the value is left out.
func (r drawer) left(v protoreflect.Value, t *check.Type) bool {
	switch t.Kind {
	case check.Struct, check.Duration:
		empty := true
		v.Message().Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
			empty = false
			return false
		})
		return empty
	case check.Time:
		fields := v.Message().Descriptor().Fields()
		return v.Message().Get(fields.ByNumber(1)).Int() == yearOne && v.Message().Get(fields.ByNumber(2)).Int() == 0
	case check.Extern:
		if t.Named.Proto {
			return r.IntN(3) == 0 // nil
		}
		return len(v.Bytes()) == 0
	}
	return false // protobuf leaves it out itself
}

const (
	yearOne    = -62135596800
	yearsEnd   = 253402300799
	secondsMax = math.MaxInt64/1_000_000_000 - 1 // a duration that has room for nanoseconds
)

// value draws a value that stands by itself. fresh makes an empty one, where it is a message.
func (r drawer) value(fresh func() protoreflect.Value, t *check.Type, deep int) protoreflect.Value {
	switch t.Kind {
	case check.Bool:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case check.Int, check.Int64:
		return protoreflect.ValueOfInt64(int64(r.bits()))
	case check.Int32:
		return protoreflect.ValueOfInt64(int64(int32(r.bits())))
	case check.Uint, check.Uint64:
		return protoreflect.ValueOfUint64(r.bits())
	case check.Uint32:
		return protoreflect.ValueOfUint64(uint64(uint32(r.bits())))
	case check.Float32:
		return protoreflect.ValueOfFloat32(float32(r.float()))
	case check.Float64:
		return protoreflect.ValueOfFloat64(r.float())
	case check.String:
		return protoreflect.ValueOfString(r.text())
	case check.Bytes:
		return protoreflect.ValueOfBytes([]byte(r.text()))
	case check.Enum:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.IntN(len(t.Named.Members))))
	case check.Extern:
		if !t.Named.Proto {
			return protoreflect.ValueOfBytes(r.extern(t.Named))
		}
		switch v := fresh(); t.Named.GoName {
		case "Timestamp":
			return r.time(v, yearOne, yearsEnd)
		case "StringValue":
			v.Message().Set(v.Message().Descriptor().Fields().ByNumber(1), protoreflect.ValueOfString(r.text()))
			return v
		}
		panic("no values are known of " + t.Named.Path + "." + t.Named.GoName)
	case check.Time:
		return r.time(fresh(), yearOne, yearsEnd)
	case check.Duration:
		v := r.time(fresh(), -secondsMax, secondsMax)
		nanos := v.Message().Descriptor().Fields().ByNumber(2)
		if v.Message().Get(v.Message().Descriptor().Fields().ByNumber(1)).Int() < 0 && v.Message().Has(nanos) {
			v.Message().Set(nanos, protoreflect.ValueOfInt32(-int32(v.Message().Get(nanos).Int())))
		}
		return v
	}
	v := fresh()
	if t.Kind == check.Union {
		m := t.Named.Members[r.IntN(len(t.Named.Members))]
		if deep <= 0 { // the first that does not go on
			m = t.Named.Members[0]
		}
		f := v.Message().Descriptor().Fields().ByNumber(protoreflect.FieldNumber(m.Number))
		v.Message().Set(f, r.value(func() protoreflect.Value { return v.Message().NewField(f) },
			&check.Type{Kind: check.Struct, Named: m.Struct}, deep-1))
		return v
	}
	for _, f := range t.Named.Fields {
		r.field(v.Message(), f.Number, f.Type, deep)
	}
	return v
}

// bits draws numbers of all sizes, and often those at an edge.
func (r drawer) bits() uint64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		edges := []uint64{1, 127, 128, math.MaxInt32, 1 << 31, math.MaxUint32, math.MaxInt64, 1 << 63, math.MaxUint64}
		return edges[r.IntN(len(edges))]
	}
	return r.Uint64() >> r.IntN(64)
}

func (r drawer) float() float64 {
	edges := []float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64}
	if i := r.IntN(2 * len(edges)); i < len(edges) {
		return edges[i]
	}
	return r.NormFloat64()
}

func (r drawer) text() string {
	parts := []string{"", "a", "\x00", "é", "\U0010ffff", strings.Repeat("long", 50)}
	return parts[r.IntN(len(parts))] + parts[r.IntN(len(parts))]
}

func (r drawer) extern(n *check.Named) []byte {
	if n.Path != "net/netip" || n.GoName != "Addr" {
		panic("no values are known of " + n.Path + "." + n.GoName)
	}
	all := []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1%eth0")}
	b, _ := all[r.IntN(len(all))].MarshalBinary()
	return b
}

// time draws a message of seconds and nanoseconds.
func (r drawer) time(v protoreflect.Value, from, to int64) protoreflect.Value {
	fields := v.Message().Descriptor().Fields()
	seconds := []int64{0, from, to, from + int64(r.Uint64N(uint64(to-from)))}[r.IntN(4)]
	v.Message().Set(fields.ByNumber(1), protoreflect.ValueOfInt64(seconds))
	if seconds < to {
		v.Message().Set(fields.ByNumber(2), protoreflect.ValueOfInt32([]int32{0, 1, 999_999_999}[r.IntN(3)]))
	}
	return v
}
