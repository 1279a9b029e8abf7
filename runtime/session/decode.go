package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	texts    strings.Builder
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
	tag := uint64(d.buf[d.pos])
	if tag < 0x80 {
		d.pos++
	} else {
		tag = d.longVarint()
	}
	number := tag >> 3
	d.field, d.wire = int(number), protowire.Type(tag&7)
	if number-1 > uint64(protowire.MaxValidNumber-1) {
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
	rest := d.buf[d.pos:d.end]
	if len(rest) < 4 {
		d.Fail(errShort)
		return 0
	}
	d.pos += 4
	return math.Float32frombits(binary.LittleEndian.Uint32(rest))
}

// Float64 reads a float64.
func (d *Decoder) Float64() float64 {
	if !d.begin(protowire.Fixed64Type) {
		return 0
	}
	rest := d.buf[d.pos:d.end]
	if len(rest) < 8 {
		d.Fail(errShort)
		return 0
	}
	d.pos += 8
	return math.Float64frombits(binary.LittleEndian.Uint64(rest))
}

// Text reads a string, which must be UTF-8.
func (d *Decoder) Text() string {
	text := d.view()
	if !utf8.Valid(text) {
		d.Fail(errNotUTF8.Error())
		return ""
	}
	if len(text) > sharedMax {
		return string(text)
	}
	if d.texts.Cap()-d.texts.Len() < len(text) {
		d.texts = strings.Builder{}
		d.texts.Grow(min(sharedSize, len(text)+d.end-d.pos))
	}
	begin := d.texts.Len()
	d.texts.Write(text)
	return d.texts.String()[begin:]
}

// Short texts of a message, of up to sharedMax bytes, lie together in pieces of memory of up to sharedSize: one that is
// kept keeps no more than that.
const (
	sharedMax  = 64
	sharedSize = 256
)

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
	d.buf, d.texts = nil, strings.Builder{}
	return d.fault
}

// begin begins to read the field's value, if it has the right wire type.
func (d *Decoder) begin(t protowire.Type) bool {
	if d.unread && d.wire == t {
		d.unread = false
		return true
	}
	d.Fail("a wire type that is not its own")
	return false
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
	if d.pos < d.end {
		if b := d.buf[d.pos]; b < 0x80 {
			d.pos++
			return uint64(b)
		}
	}
	return d.longVarint()
}

// longVarint reads a varint, which has several bytes in most cases that come here.
func (d *Decoder) longVarint() uint64 {
	rest := d.buf[d.pos:d.end]
	if len(rest) > 1 && rest[1] < 0x80 {
		d.pos += 2
		return uint64(rest[0]&0x7f) | uint64(rest[1])<<7
	}
	v, n := protowire.ConsumeVarint(rest)
	if n < 0 {
		d.Fail(errVarint)
		return 0
	}
	d.pos += n
	return v
}

// skip passes over the field's value.
func (d *Decoder) skip() {
	d.unread = false
	n := protowire.ConsumeFieldValue(protowire.Number(d.field), d.wire, d.buf[d.pos:d.end])
	if n < 0 {
		d.Fail("no value of its wire type")
		return
	}
	d.pos += n
}

// What is wrong with values.
const (
	errVarint = "a varint that is cut short or too long"
	errShort  = "cut short"
)

// member makes the number of an enumeration's member of a varint.
func (d *Decoder) member(v uint64, members int) int32 {
	if v >= uint64(members) {
		d.Fail("no member of its enumeration")
		return 0
	}
	return int32(v)
}
