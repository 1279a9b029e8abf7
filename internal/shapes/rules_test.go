package shapes

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sessgen/sessgen/runtime/session"
)

// fields builds protobuf messages by hand.
type fields []byte

func (f fields) varint(n protowire.Number, v uint64) fields {
	return protowire.AppendVarint(protowire.AppendTag(f, n, protowire.VarintType), v)
}

func (f fields) bytes(n protowire.Number, v string) fields {
	return protowire.AppendString(protowire.AppendTag(f, n, protowire.BytesType), v)
}

func (f fields) in(n protowire.Number, inner fields) fields { return f.bytes(n, string(inner)) }

func (f fields) tag(n protowire.Number, t protowire.Type) fields {
	return protowire.AppendTag(f, n, t)
}

// The parameters of Loose.Put.
const (
	pScalars = 1 + iota
	pShape
	pTree
	pInts
	pPoints
	pShapes
	pByName
	pText
	pAt
	pTook
	pColor
	pAddr
	pWord
	pFlag
	pFloats
)

// The members of Shape, and a payload of each.
const (
	mCircle = 1 + iota
	mPolygon
	mGroup
	mNone = 100
)

func minus(v int64) uint64 { return uint64(-v) }

// TestRules goes through the table of docs/payloads.md: what a payload that no encoder of ours makes means, or
// what is wrong with it.
func TestRules(t *testing.T) {
	var (
		none   = fields{}.in(mNone, nil)
		radius = fields{}.tag(2, protowire.Fixed64Type)
		one    = protowire.AppendFixed64(radius, math.Float64bits(1))
		center = fields{}.in(1, protowire.AppendFixed64(fields{}.tag(1, protowire.Fixed64Type), math.Float64bits(2)))
		group  = fields{}.tag(900, protowire.StartGroupType).varint(1, 1).bytes(2, "x").tag(900, protowire.EndGroupType)
	)
	base := func(f fields) fields { return append(fields{}.in(pShape, none), f...) }
	for _, c := range []struct {
		name    string
		payload fields
		same    fields // what it means the same as
		fault   string // or what is wrong with it
	}{
		{"a field that is absent has its zero value", base(nil), base(fields{}.bytes(pText, "").varint(pColor, 0)), ""},
		{"a zero value may be there", base(fields{}.in(pScalars, fields{}.varint(2, 0)).in(pTook, nil)), base(nil), ""},
		{"an optional that is there may be zero", base(fields{}.varint(pFlag, 0).in(pTree, nil)), base(fields{}.in(pTree, nil).varint(pFlag, 0)), ""},
		{"fields come in any order", fields{}.bytes(pText, "x").varint(pColor, 1).in(pShape, none), base(fields{}.varint(pColor, 1).bytes(pText, "x")), ""},
		{"unknown fields are skipped", base(append(fields{}.varint(77, 5).bytes(78, "x").tag(79, protowire.Fixed32Type), 1, 2, 3, 4)), base(nil), ""},
		{"groups are skipped", base(group), base(nil), ""},
		{"a group that does not end", base(fields{}.tag(900, protowire.StartGroupType).varint(1, 1)), nil, "field 900: no value of its wire type"},
		{"an end without a group", base(fields{}.tag(900, protowire.EndGroupType)), nil, "field 900: no value of its wire type"},
		{"a group in the place of a field", base(fields{}.tag(pText, protowire.StartGroupType).tag(pText, protowire.EndGroupType)), nil, "field 8: a wire type that is not its own"},
		{"field number 0", base(fields{0x00, 0x00}), nil, "field number out of range"},
		{"a field number too large", base(protowire.AppendVarint(nil, 1<<32)), nil, "a field number out of range"},
		{"another wire type", base(fields{}.varint(pText, 1)), nil, "field 8: a wire type that is not its own"},
		{"cut short", base(fields{}.bytes(pText, "x"))[:7], nil, "field 8: a length beyond the end"},
		{"a length beyond the end", base(append(fields{}.tag(pText, protowire.BytesType), 0xff, 0xff, 0xff, 0xff, 0x0f)), nil, "field 8: a length beyond the end"},
		{"a varint of more bytes than it needs", base(append(fields{}.tag(pColor, protowire.VarintType), 0x81, 0x00)), base(fields{}.varint(pColor, 1)), ""},
		{"a varint of eleven bytes", base(append(fields{}.tag(pColor, protowire.VarintType), "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"...)), nil, "field 11: a varint"},
		{"a bool is true unless it is 0", base(fields{}.varint(pFlag, 7)), base(fields{}.varint(pFlag, 1)), ""},
		{"an int32 out of range", base(fields{}.in(pScalars, fields{}.varint(3, 1<<31))), nil, "field 3: an integer out of range"},
		{"an int32 out of range below", base(fields{}.in(pScalars, fields{}.varint(3, minus(1<<31+1)))), nil, "field 3: an integer out of range"},
		{"a uint32 out of range", base(fields{}.in(pScalars, fields{}.varint(6, 1<<32))), nil, "field 6: an integer out of range"},
		{"no member of an enum", base(fields{}.varint(pColor, 3)), nil, "field 11: no member of its enumeration"},
		{"less than any member", base(fields{}.varint(pColor, minus(1))), nil, "field 11: no member of its enumeration"},
		{"text that is not UTF-8", base(fields{}.bytes(pText, "\xff")), nil, "field 8: text that is not UTF-8"},
		{"a surrogate", base(fields{}.bytes(pText, "\xed\xa0\x80")), nil, "field 8: text that is not UTF-8"},
		{"a scalar twice: the last", base(fields{}.bytes(pText, "x").bytes(pText, "y")), base(fields{}.bytes(pText, "y")), ""},
		{
			"a struct twice: the fields of both",
			base(fields{}.in(pScalars, fields{}.varint(2, 1).varint(3, 2)).in(pScalars, fields{}.varint(3, 4))),
			base(fields{}.in(pScalars, fields{}.varint(2, 1).varint(3, 4))), "",
		},
		{
			"a pointer to a struct twice: the fields of both",
			base(fields{}.in(pTree, fields{}.bytes(1, "x")).in(pTree, fields{}.in(3, nil))), base(fields{}.in(pTree, fields{}.bytes(1, "x").in(3, nil))), "",
		},
		{"a list in one piece or in many", base(fields{}.varint(pInts, 1).bytes(pInts, "\x02\x03").varint(pInts, 4)), base(fields{}.bytes(pInts, "\x01\x02\x03\x04")), ""},
		{"a list in no piece", base(fields{}.bytes(pInts, "")), base(nil), ""},
		{"a list of floats that ends within one", base(fields{}.bytes(pFloats, "12345")), nil, "field 15: a packed list that ends within an element"},
		{"a list that ends within a varint", base(fields{}.bytes(pInts, "\x01\x80")), nil, "field 4: a varint"},
		{"elements with nothing in them count", base(fields{}.in(pPoints, nil).in(pPoints, nil)), base(fields{}.in(pPoints, nil).in(pPoints, nil)), ""},
		{
			"a key twice: the last", base(fields{}.in(pByName, fields{}.bytes(1, "k").in(2, fields{}.in(1, none).varint(2, 1))).
				in(pByName, fields{}.bytes(1, "k").in(2, fields{}.in(1, none)))),
			base(fields{}.in(pByName, fields{}.bytes(1, "k").in(2, fields{}.in(1, none)))), "",
		},
		{
			"an entry without a key", base(fields{}.in(pByName, fields{}.in(2, fields{}.in(1, none)))),
			base(fields{}.in(pByName, fields{}.bytes(1, "").in(2, fields{}.in(1, none)))), "",
		},
		{"an entry without the value that must be", base(fields{}.in(pByName, fields{}.bytes(1, "k"))), nil, "a union is missing"},
		{"no union", fields{}.bytes(pText, "x"), nil, "no Shape"},
		{"an empty union", fields{}.in(pShape, nil), nil, "no Shape"},
		{"a member of a union that nobody knows", fields{}.in(pShape, fields{}.in(9, nil)), nil, "no Shape"},
		{
			"one member twice: the fields of both", fields{}.in(pShape, fields{}.in(mCircle, one)).in(pShape, fields{}.in(mCircle, center)),
			fields{}.in(pShape, fields{}.in(mCircle, append(center, one...))), "",
		},
		{
			"two members: the last", fields{}.in(pShape, fields{}.in(mCircle, one).in(mPolygon, fields{}.bytes(2, "p"))),
			fields{}.in(pShape, fields{}.in(mPolygon, fields{}.bytes(2, "p"))), "",
		},
		{
			"a union missing deep inside", fields{}.in(pShape, fields{}.in(mGroup, fields{}.in(1, fields{}.varint(2, 1)))),
			nil, "a union is missing",
		},
		{"no time is the zero time", base(nil), base(fields{}.in(pAt, fields{}.varint(1, minus(62135596800)))), ""},
		{"an empty time is 1970", base(fields{}.in(pAt, nil)), base(fields{}.in(pAt, fields{}.varint(1, 0))), ""},
		{"a time twice: the last", base(fields{}.in(pAt, fields{}.varint(1, 5)).in(pAt, fields{}.varint(2, 6))), base(fields{}.in(pAt, fields{}.varint(2, 6))), ""},
		{"year 0", base(fields{}.in(pAt, fields{}.varint(1, minus(62135596801)))), nil, "a time out of range"},
		{"year 10000", base(fields{}.in(pAt, fields{}.varint(1, 253402300800))), nil, "a time out of range"},
		{"a second of nanoseconds", base(fields{}.in(pAt, fields{}.varint(2, 1e9))), nil, "a time out of range"},
		{"a duration of two signs", base(fields{}.in(pTook, fields{}.varint(1, 1).varint(2, minus(1)))), nil, "a duration out of range"},
		{"a duration longer than Go's", base(fields{}.in(pTook, fields{}.varint(1, 9223372037))), nil, "a duration out of range"},
		{"an extern that cannot read it", base(fields{}.bytes(pAddr, "12345")), nil, "field 12: "},
		{"a message that protobuf cannot read", base(fields{}.bytes(pWord, "\x0a\x05x")), nil, "field 13: "},
		{"a hundred levels", base(fields{}.in(pTree, trees(99))), base(fields{}.in(pTree, trees(99))), ""},
		{"a hundred and one", base(fields{}.in(pTree, trees(100))), nil, "more than 100 levels deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := again(c.payload)
			if c.fault != "" {
				var broken *session.PeerError
				require.True(t, errors.As(err, &broken), "%x, %v", got, err)
				require.Equal(t, session.MalformedPayload, broken.Rule)
				require.Contains(t, broken.Detail, c.fault)
				return
			}
			require.NoError(t, err)
			_, want, err := again(c.same)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// trees are so many trees inside one another.
func trees(levels int) (f fields) {
	for range levels {
		f = fields{}.in(3, f)
	}
	return f
}
