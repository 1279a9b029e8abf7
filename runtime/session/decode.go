package session

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Decoder walks the protobuf fields of a message. The first fault is kept and
// ends the walk. What it returns does not share the message's memory, and is never
// made larger than what has really arrived. Fields that nobody reads are skipped,
// but must be well formed. Of a field that comes twice, a list has both, an embedded message has the
// fields of both, and everything else has the last.
type Decoder struct {
	buf      []byte
	pos, end int // the walk is at pos, and the message that it is in goes to end
	field    int
	depth    int
	wire     protowire.Type
	unread   bool // the value of the field is still to come
	fault    string
}

func (d *Decoder) reset(message []byte) { *d = Decoder{buf: message, end: len(message)} }

// Next moves to the next field, past the value of the last one if it was not read.
func (d *Decoder) Next() bool {
	if d.unread {
		d.skip()
	}
	if d.pos >= d.end {
		return false
	}
	tag := d.varint()
	d.field, d.wire = int(tag>>3), protowire.Type(tag&7)
	if tag>>3 < uint64(protowire.MinValidNumber) || tag>>3 > uint64(protowire.MaxValidNumber) {
		d.Fail("a field number out of range")
	}
	d.unread = d.fault == ""
	return d.unread
}

// Field is the number of the field that Next found.
func (d *Decoder) Field() int { return d.field }

// Enter begins the embedded message that is the field's value; Next is false at its end. Leave(outer) goes back.
func (d *Decoder) Enter() (outer int) {
	outer = d.end
	n := d.open()
	if d.depth++; d.depth > depthMax {
		d.Fail(fmt.Sprintf("more than %d levels deep", depthMax))
	}
	if d.fault == "" {
		d.end = d.pos + n
	}
	return outer
}

// Leave ends what Enter began.
func (d *Decoder) Leave(outer int) {
	for d.Next() {
	}
	d.depth--
	if d.fault == "" {
		d.end = outer
	}
}

// Fail makes the message malformed, for a reason that only its receiver gets to know.
func (d *Decoder) Fail(why string) {
	if d.fault == "" {
		d.fault = why
		if d.field > 0 {
			d.fault = "field " + strconv.Itoa(d.field) + ": " + why
		}
	}
	d.buf, d.pos, d.end, d.unread = nil, 0, 0, false
}

// Bool reads a bool.
func (d *Decoder) Bool() bool { return d.Uint64() != 0 }

// Int reads an int.
func (d *Decoder) Int() int { return narrow[int](d, d.Uint64()) }

// Int32 reads an int32.
func (d *Decoder) Int32() int32 { return narrow[int32](d, d.Uint64()) }

// Int64 reads an int64.
func (d *Decoder) Int64() int64 { return int64(d.Uint64()) }

// Uint reads a uint.
func (d *Decoder) Uint() uint { return narrow[uint](d, d.Uint64()) }

// Uint32 reads a uint32.
func (d *Decoder) Uint32() uint32 { return narrow[uint32](d, d.Uint64()) }

// Uint64 reads a uint64.
func (d *Decoder) Uint64() uint64 {
	if !d.begin(protowire.VarintType) {
		return 0
	}
	return d.varint()
}

// Enum reads a value of an enumeration with the given number of members.
func (d *Decoder) Enum(members int) int32 { return d.member(d.Uint64(), members) }

// Float32 reads a float32.
func (d *Decoder) Float32() float32 {
	if !d.begin(protowire.Fixed32Type) {
		return 0
	}
	v, n := protowire.ConsumeFixed32(d.buf[d.pos:d.end])
	d.advance(n, "cut short")
	return math.Float32frombits(v)
}

// Float64 reads a float64.
func (d *Decoder) Float64() float64 {
	if !d.begin(protowire.Fixed64Type) {
		return 0
	}
	v, n := protowire.ConsumeFixed64(d.buf[d.pos:d.end])
	d.advance(n, "cut short")
	return math.Float64frombits(v)
}

// Text reads a string, which must be UTF-8.
func (d *Decoder) Text() string {
	text := d.view()
	if !utf8.Valid(text) {
		d.Fail(errNotUTF8.Error())
		return ""
	}
	return string(text)
}

// Bytes reads bytes, nil if there are none.
func (d *Decoder) Bytes() []byte { return append([]byte(nil), d.view()...) }

// Unmarshal has unmarshal read the field's bytes, which it must not keep. What it
// returns, or a panic, makes the message malformed.
func (d *Decoder) Unmarshal(unmarshal func([]byte) error) {
	value := d.view()
	if d.fault != "" {
		return
	}
	defer func() {
		if recover() != nil {
			d.Fail("the decoder of its type panicked")
		}
	}()
	if err := unmarshal(value); err != nil {
		d.Fail(err.Error())
	}
}

// finish walks to the end and says what is wrong with the message, "" if nothing.
// The message's memory is the carrier's again.
func (d *Decoder) finish() (fault string) {
	for d.Next() {
	}
	d.buf = nil
	return d.fault
}

// begin begins to read the field's value, if it has the right wire type.
func (d *Decoder) begin(t protowire.Type) bool {
	if !d.unread || d.wire != t {
		d.Fail("a wire type that is not its own")
		return false
	}
	d.unread = false
	return true
}

// open begins to read a value that has a length, and returns the length.
func (d *Decoder) open() int {
	if !d.begin(protowire.BytesType) {
		return 0
	}
	n := d.varint()
	if n > uint64(d.end-d.pos) {
		d.Fail("a length beyond the end")
		return 0
	}
	return int(n)
}

// view returns the bytes of a value that has a length, as they stand in the message.
func (d *Decoder) view() []byte {
	n := d.open()
	if d.fault != "" {
		return nil
	}
	d.pos += n
	return d.buf[d.pos-n : d.pos : d.pos]
}

// varint reads a varint.
func (d *Decoder) varint() uint64 {
	if d.pos < d.end && d.buf[d.pos] < 0x80 {
		d.pos++
		return uint64(d.buf[d.pos-1])
	}
	v, n := protowire.ConsumeVarint(d.buf[d.pos:d.end])
	d.advance(n, errVarint)
	return v
}

// skip passes over the field's value.
func (d *Decoder) skip() {
	d.unread = false
	d.advance(protowire.ConsumeFieldValue(protowire.Number(d.field), d.wire, d.buf[d.pos:d.end]), "no value of its wire type")
}

const errVarint = "a varint that is cut short or too long"

// advance moves past the n bytes that package protowire consumed. If n is
// negative, it could not, and fault says why.
func (d *Decoder) advance(n int, fault string) {
	if n < 0 {
		d.Fail(fault)
		return
	}
	d.pos += n
}

// member makes the number of an enumeration's member of a varint.
func (d *Decoder) member(v uint64, members int) int32 {
	if v >= uint64(members) {
		d.Fail("no member of its enumeration")
		return 0
	}
	return int32(v)
}
