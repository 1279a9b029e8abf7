package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Decoder walks the protobuf fields of a message. The first fault is kept and ends the walk. What it returns
// does not share the message's memory, and is never made larger than what has actually arrived; short texts share
// memory with each other, also with those of later messages, so a Decoder that was used must not be copied. Fields that
// nobody reads are skipped, but must be well formed. If a field occurs twice, a list holds both, an embedded
// message has the fields of both, and anything else has the last value.
type Decoder struct {
	buf      []byte
	pos, end int    // the walk is at pos, and the message that it is in goes to end
	tag      uint64 // of the field at hand: number and wire type
	depth    int
	room     int            // how much memory embedded messages may still take
	wire     protowire.Type // of the value that is still to come; none if it was read
	fault    string
	texts    []byte // the piece of memory that short texts are cut from, as far as it is used
}

// none is the wire type of no value.
const none protowire.Type = -1

func (d *Decoder) reset(message []byte) {
	d.buf, d.pos, d.end = message, 0, len(message)
	d.tag, d.depth, d.wire = 0, 0, none
	d.room = roomAtLeast + roomPerByte*len(message)
	d.fault = ""
}

// Next advances to the next field, skipping the value of the current one if it was not read.
func (d *Decoder) Next() bool {
	if d.wire != none {
		d.skip()
	}
	pos := d.pos
	if pos >= d.end {
		return false
	}
	tag := uint64(d.buf[pos])
	if tag-8 >= 0x80-8 {
		return d.longTag()
	}
	d.pos, d.tag, d.wire = pos+1, tag, protowire.Type(tag&7)
	return true
}

// longTag is Next for a tag of several bytes, or a malformed one.
func (d *Decoder) longTag() bool {
	d.tag = d.varint()
	if d.tag>>3-1 > uint64(protowire.MaxValidNumber-1) {
		d.Fail("a field number out of range")
		return false
	}
	d.wire = protowire.Type(d.tag & 7)
	return true
}

// Field returns the number of the field that Next found.
func (d *Decoder) Field() int { return int(d.tag >> 3) }

// Enter begins the embedded message that is the field's value; Next returns false at its end. Leave(outer) goes
// back.
func (d *Decoder) Enter() (outer int) {
	outer = d.end
	n := d.open()
	if d.depth++; d.depth > depthMax {
		d.Fail(fmt.Sprintf("more than %d levels deep", depthMax))
		return outer
	}
	d.end = d.pos + n
	return outer
}

// EnterStruct is Enter for a message that becomes *value. An empty struct takes two bytes of its message but
// its full size in memory; one message may make no more of that than 80 bytes for each of its own, plus one
// MiB.
func EnterStruct[T any](d *Decoder, value *T) (outer int) {
	return d.enterTaking(int(unsafe.Sizeof(*value)))
}

const (
	roomPerByte = 80
	roomAtLeast = 1 << 20
)

// Leave ends what Enter began.
func (d *Decoder) Leave(outer int) {
	for d.pos < d.end || d.wire != none {
		d.Next()
	}
	d.depth--
	d.end = outer
}

// Fail makes the message malformed, for a reason that only its receiver learns.
func (d *Decoder) Fail(why string) {
	if d.fault == "" {
		d.fault = why
		if d.Field() > 0 {
			d.fault = "field " + strconv.Itoa(d.Field()) + ": " + why
		}
	}
	d.buf, d.pos, d.wire = nil, failed, none
}

// failed is the position of a walk that a fault has ended: after every end.
const failed = math.MaxInt / 2

// Bool reads a bool.
func (d *Decoder) Bool() bool { return d.Uint64() != 0 }

// Int reads an int.
func (d *Decoder) Int() int { return narrow[int](d, d.Uint64()) }

// Int32 reads an int32.
func (d *Decoder) Int32() int32 {
	v := d.Uint64()
	if n := int32(v); uint64(n) == v {
		return n
	}
	d.Fail(errRange)
	return 0
}

// Int64 reads an int64.
func (d *Decoder) Int64() int64 { return int64(d.Uint64()) }

// Uint reads a uint.
func (d *Decoder) Uint() uint { return narrow[uint](d, d.Uint64()) }

// Uint32 reads a uint32.
func (d *Decoder) Uint32() uint32 {
	v := d.Uint64()
	if v > math.MaxUint32 {
		d.Fail(errRange)
		return 0
	}
	return uint32(v)
}

// Uint64 reads a uint64.
func (d *Decoder) Uint64() uint64 {
	if !d.begin(protowire.VarintType) {
		return 0
	}
	pos := d.pos
	if pos < d.end {
		if b := d.buf[pos]; b < 0x80 {
			d.pos = pos + 1
			return uint64(b)
		}
	}
	return d.longVarint()
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
	n := d.open()
	if n == 0 || d.fault != "" {
		return ""
	}
	text := d.buf[d.pos : d.pos+n]
	d.pos += n
	if !validText(text) {
		d.Fail(errNotUTF8.Error())
		return ""
	}
	if len(text) > sharedMax {
		return string(text)
	}
	begin := len(d.texts)
	if begin+len(text) > cap(d.texts) {
		d.texts = make([]byte, 0, min(max(2*cap(d.texts), len(d.buf)-d.pos+len(text)), sharedSize))
		begin = 0
	}
	d.texts = append(d.texts, text...)
	return unsafe.String(&d.texts[begin], len(text)) // nothing writes there again
}

// Short texts, of up to sharedMax bytes, are cut from blocks of memory of up to sharedSize, so keeping one
// keeps no more than that. The first block is no larger than the rest of the message that needs it; later ones
// also serve the messages to come.
const (
	sharedMax  = 64
	sharedSize = 256
)

// Bytes reads bytes; nil if there are none.
func (d *Decoder) Bytes() []byte { return append([]byte(nil), d.view()...) }

// Unmarshal calls unmarshal with the field's bytes, which it must not retain. An error or a panic makes the
// message malformed.
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

// finish walks to the end and returns what is wrong with the message, "" if nothing. The message's memory is
// then the carrier's again.
func (d *Decoder) finish() (fault string) {
	for d.pos < d.end || d.wire != none {
		d.Next()
	}
	d.buf = nil
	return d.fault
}

// begin begins to read the field's value, if it has the right wire type.
func (d *Decoder) begin(t protowire.Type) bool {
	if d.wire == t {
		d.wire = none
		return true
	}
	d.Fail("a wire type that is not its own")
	return false
}

// open begins to read a value that has a length, and returns the length.
func (d *Decoder) open() int {
	pos := d.pos
	if d.wire == protowire.BytesType && pos < d.end {
		if n := int(d.buf[pos]); n < 0x80 && n < d.end-pos {
			d.pos, d.wire = pos+1, none
			return n
		}
	}
	return d.longOpen()
}

// longOpen is open for a length of several bytes, or a malformed one.
func (d *Decoder) longOpen() int {
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

// view returns the bytes of a length-delimited value, as they are in the message.
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
	pos := d.pos
	if pos < d.end {
		if b := d.buf[pos]; b < 0x80 {
			d.pos = pos + 1
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
	v, n := varintOf(rest)
	if n == 0 {
		d.Fail(errVarint)
		return 0
	}
	d.pos += n
	return v
}

// skip passes over the field's value.
func (d *Decoder) skip() {
	n := protowire.ConsumeFieldValue(protowire.Number(d.Field()), d.wire, d.buf[d.pos:d.end])
	d.wire = none
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
	errRange  = "an integer out of range"
)

// member converts a varint to the number of an enumeration's member.
func (d *Decoder) member(v uint64, members int) int32 {
	if v >= uint64(members) {
		d.Fail("no member of its enumeration")
		return 0
	}
	return int32(v)
}
