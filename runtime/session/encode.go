package session

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Encoder appends protobuf fields to a message (google.golang.org/protobuf/encoding/protowire). A field with
// its zero value is left out, except after Present. The first value that cannot be encoded is kept as the error
// of the message. The Encoder does not retain its arguments.
type Encoder struct {
	buf []byte
	err error
	// top is the field of the message itself, which the one at hand is part of.
	top     int
	depth   int
	present bool
}

// depthMax bounds how deep messages are embedded in each other, at both ends.
const depthMax = 100

func (e *Encoder) reset() { *e = Encoder{buf: e.buf[:0]} }

// Present makes the next field be written even if it has its zero value: an element of a list of strings or
// bytes, a key or value of a map, or an optional value that is present.
func (e *Encoder) Present() *Encoder {
	e.present = true
	return e
}

// Fail makes err the error of the message, unless err is nil or something failed before.
func (e *Encoder) Fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// Failed reports whether the message can no longer be encoded. Code that descends into a value that may contain
// itself checks it before going deeper.
func (e *Encoder) Failed() bool { return e.err != nil }

// Begin opens field as an embedded message; its content is what is appended until EndElement or EndField.
func (e *Encoder) Begin(field int) (begin int) {
	if e.depth == 0 && e.err == nil {
		e.top = field
	}
	begin = len(e.buf)
	e.buf = e.sized(field, 0) // the length, as long as it fits
	if e.depth++; e.depth > depthMax {
		e.tooDeep()
	}
	return begin
}

// EndElement closes what Begin opened as an element of a list, which is written even if empty.
func (e *Encoder) EndElement(begin int) {
	e.depth--
	buf := e.buf
	length := begin + 1
	for buf[length-1] >= 0x80 { // behind the tag
		length++
	}
	content := length + 1
	if size := len(buf) - content; size < 0x80 {
		buf[length] = byte(size)
	} else {
		e.widen(length, size)
	}
}

// widen makes room for a length of several bytes where a one-byte length was reserved, before content that
// extends to the end.
func (e *Encoder) widen(length, size int) {
	content, more := length+1, sizeVarint(uint64(size))-1
	e.buf = append(e.buf, make([]byte, more)...)
	copy(e.buf[content+more:], e.buf[content:])
	binary.PutUvarint(e.buf[length:], uint64(size))
}

// EndField closes what Begin opened; an empty message is left out.
func (e *Encoder) EndField(begin int) {
	if size := len(e.buf) - begin - 2; e.buf[begin] < 0x80 && 0 < size && size < 0x80 { // a tag and a length of a byte each
		e.buf[begin+1] = byte(size)
		e.depth--
		return
	}
	if e.EndElement(begin); e.buf[len(e.buf)-1] == 0 && e.empty(begin) {
		e.buf = e.buf[:begin]
	}
}

// empty reports whether what was written from begin to the end is an empty embedded message.
func (e *Encoder) empty(begin int) bool {
	_, tag := binary.Uvarint(e.buf[begin:])
	return len(e.buf) == begin+tag+1
}

// Bool appends a bool.
func (e *Encoder) Bool(field int, v bool) {
	if v {
		e.varint(field, 1)
	} else if e.present {
		e.varint(field, 0)
	}
}

// Int appends an int as a protobuf int64.
func (e *Encoder) Int(field int, v int) { e.Int64(field, int64(v)) }

// Int32 appends an int32 as a protobuf int64.
func (e *Encoder) Int32(field int, v int32) { e.Int64(field, int64(v)) }

// Int64 appends a protobuf int64.
func (e *Encoder) Int64(field int, v int64) {
	if v != 0 || e.present {
		e.varint(field, uint64(v))
	}
}

// Uint appends a uint as a protobuf uint64.
func (e *Encoder) Uint(field int, v uint) { e.Uint64(field, uint64(v)) }

// Uint32 appends a uint32 as a protobuf uint64.
func (e *Encoder) Uint32(field int, v uint32) { e.Uint64(field, uint64(v)) }

// Uint64 appends a protobuf uint64.
func (e *Encoder) Uint64(field int, v uint64) {
	if v != 0 || e.present {
		e.varint(field, v)
	}
}

// Enum appends a member of an enumeration that has the given number of members.
func (e *Encoder) Enum(field int, v int32, members int) {
	if v < 0 || int(v) >= members {
		e.failAt(field, fmt.Errorf("%d is none of the %d members of its enumeration", v, members))
		return
	}
	e.Uint64(field, uint64(v))
}

// Float32 appends a protobuf float. Only positive zero is the zero value.
func (e *Encoder) Float32(field int, v float32) {
	if bits := math.Float32bits(v); bits != 0 || e.present {
		e.tag(field, protowire.Fixed32Type)
		e.buf = binary.LittleEndian.AppendUint32(e.buf, bits)
	}
}

// Float64 appends a protobuf double. Only positive zero is the zero value.
func (e *Encoder) Float64(field int, v float64) {
	if bits := math.Float64bits(v); bits != 0 || e.present {
		e.tag(field, protowire.Fixed64Type)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, bits)
	}
}

var errNotUTF8 = errors.New("text that is not UTF-8")

// Text appends a protobuf string. It fails if v is not UTF-8.
func (e *Encoder) Text(field int, v string) {
	if v == "" && !e.present {
		return
	}
	begin := len(e.buf)
	e.buf = append(e.sized(field, len(v)), v...)
	if !validText(e.buf[len(e.buf)-len(v):]) {
		e.buf = e.buf[:begin]
		e.failAt(field, errNotUTF8)
	}
}

// validText reports whether text is UTF-8. Most texts are ASCII.
func validText(text []byte) bool {
	const beyondASCII = 0x8080808080808080
	var seen uint64
	switch n := len(text); {
	case n >= 8:
		for rest := text; len(rest) > 8; rest = rest[8:] {
			seen |= binary.LittleEndian.Uint64(rest)
		}
		seen |= binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		seen = uint64(binary.LittleEndian.Uint32(text) | binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		seen = uint64(text[0] | text[n/2] | text[n-1])
	}
	return seen&beyondASCII == 0 || utf8.Valid(text)
}

// Bytes appends protobuf bytes.
func (e *Encoder) Bytes(field int, v []byte) {
	if len(v) == 0 && !e.present {
		return
	}
	e.buf = append(e.sized(field, len(v)), v...)
}

// Marshal appends what appendTo appends to the slice it is given. It is called between Begin and EndElement. An
// error from appendTo, or a panic, becomes the message's error.
func (e *Encoder) Marshal(appendTo func([]byte) ([]byte, error)) {
	defer func() {
		if r := recover(); r != nil {
			e.Fail(fmt.Errorf("the encoder of its type panicked: %v", r))
		}
	}()
	switch longer, err := appendTo(e.buf); {
	case err != nil:
		e.Fail(err)
	case len(longer) < len(e.buf):
		e.Fail(errors.New("the encoder of its type did not append"))
	default:
		e.buf = longer
	}
}

// Extern appends, as protobuf bytes, what v marshals to. zero is the zero value of v's type.
func (e *Encoder) Extern(field int, v, zero encoding.BinaryAppender) {
	present := e.present
	begin := e.Begin(field)
	content := len(e.buf)
	e.Marshal(v.AppendBinary)
	end := len(e.buf)
	if !present && e.err == nil {
		if e.Marshal(zero.AppendBinary); e.err == nil && bytes.Equal(e.buf[content:end], e.buf[end:]) {
			e.depth--
			e.buf = e.buf[:begin]
			return
		}
		e.err = nil // a zero value that has no encoding is no value's
	}
	e.buf = e.buf[:end]
	e.EndElement(begin)
}

// tooDeep fails because a message is nested deeper than the peer would follow.
func (e *Encoder) tooDeep() { e.Fail(fmt.Errorf("more than %d levels deep", depthMax)) }

// varint appends a field that is a varint.
func (e *Encoder) varint(field int, v uint64) {
	e.present = false
	tag := uint64(field)<<3 | uint64(protowire.VarintType)
	if tag >= 0x80 || v >= 1<<14 {
		e.buf = appendVarints(e.buf, tag, v)
	} else if v < 0x80 {
		e.buf = append(e.buf, byte(tag), byte(v))
	} else {
		e.buf = append(e.buf, byte(tag), byte(v)|0x80, byte(v>>7))
	}
}

// sized appends the beginning of a field that has a length.
func (e *Encoder) sized(field, size int) []byte {
	e.present = false
	tag := uint64(field)<<3 | uint64(protowire.BytesType)
	if tag < 0x80 && size < 0x80 {
		return append(e.buf, byte(tag), byte(size))
	}
	return appendVarints(e.buf, tag, uint64(size))
}

// tag begins a field.
func (e *Encoder) tag(field int, t protowire.Type) {
	e.present = false
	e.buf = appendVarint(e.buf, uint64(field)<<3|uint64(t))
}

// failAt makes err, about the value of field, the error of the message.
func (e *Encoder) failAt(field int, err error) {
	e.present = false
	if e.depth == 0 && e.err == nil {
		e.top = field
	}
	e.Fail(err)
}
