package channel

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// Serializer encodes values of type T, and decodes what another Serializer like it has encoded. It must be safe
// for concurrent use.
type Serializer[T any] interface {
	// Encoding names the encoding of the values, in 1 to 512 bytes. Two ends of a channel connect only if they
	// give the same names.
	Encoding() string
	// Append appends the encoding of v to b and returns the extended slice. It retains neither. An error means
	// that v cannot be encoded.
	Append(b []byte, v T) ([]byte, error)
	// Decode decodes the value at the beginning of b, and returns the rest of b. b comes from the network, so
	// it may hold anything. Decode neither modifies nor retains it, and must not allocate more than a small
	// multiple of its length, whatever it holds. Bytes that do not encode any value are an error.
	Decode(b []byte) (v T, rest []byte, err error)
}

// The serializers of plain values.
var (
	// Int encodes ints, with fewer bytes for smaller magnitudes.
	Int Serializer[int] = plain[int]{"int", appendInt[int], decodeInt[int]}
	// Int64 encodes as Int does: an end with one connects to an end with the other.
	Int64 Serializer[int64] = plain[int64]{"int", appendInt[int64], decodeInt[int64]}
	// Uint64 encodes unsigned numbers, with fewer bytes for smaller ones.
	Uint64 Serializer[uint64] = plain[uint64]{"uint", appendUint, decodeUint}
	// Float64 encodes every number exactly, in 8 bytes.
	Float64 Serializer[float64] = plain[float64]{"float64", appendFloat, decodeFloat}
	// Bool encodes a bool in one byte.
	Bool Serializer[bool] = plain[bool]{"bool", appendBool, decodeBool}
	// Unit encodes the one value of its type in no bytes: for a direction that says only that something
	// happened.
	Unit Serializer[struct{}] = plain[struct{}]{"unit", appendUnit, decodeUnit}
	// String encodes any string, UTF-8 or not.
	String Serializer[string] = plain[string]{"string", appendBytes[string], decodeString}
	// Bytes encodes byte slices. What is received belongs to the caller; an empty slice is received as nil.
	Bytes Serializer[[]byte] = plain[[]byte]{"bytes", appendBytes[[]byte], decodeBytes}
)

// plain is a serializer made of functions.
type plain[T any] struct {
	encoding string
	append   func(b []byte, v T) ([]byte, error)
	decode   func(b []byte) (v T, rest []byte, err error)
}

func (s plain[T]) Encoding() string                     { return s.encoding }
func (s plain[T]) Append(b []byte, v T) ([]byte, error) { return s.append(b, v) }
func (s plain[T]) Decode(b []byte) (T, []byte, error)   { return s.decode(b) }

// What may be wrong with an encoding.
var (
	errShort     = errors.New("it is cut short")
	errRange     = errors.New("a number is out of its range")
	errLonger    = errors.New("a number has more bytes than it needs")
	errBool      = errors.New("a bool is neither 0 nor 1")
	errTag       = errors.New("a tag is neither 0 nor 1")
	errTrailing  = errors.New("something follows the value")
	errElement   = errors.New("an element of a list has no bytes")
	errUnbounded = errors.New("a length goes beyond the value's end")
)

func appendInt[T int | int64](b []byte, v T) ([]byte, error) {
	return binary.AppendVarint(b, int64(v)), nil
}

func decodeInt[T int | int64](b []byte) (T, []byte, error) {
	u, rest, err := decodeUint(b)
	if err != nil {
		return 0, nil, err
	}
	v := int64(u >> 1) // zigzag, as binary.AppendVarint has it
	if u&1 != 0 {
		v = ^v
	}
	if int64(T(v)) != v {
		return 0, nil, errRange
	}
	return T(v), rest, nil
}

func appendUint(b []byte, v uint64) ([]byte, error) { return binary.AppendUvarint(b, v), nil }

// decodeUint takes a uvarint in its shortest form.
func decodeUint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, nil, errShort
	case n < 0:
		return 0, nil, errRange
	case n > 1 && b[n-1] == 0:
		return 0, nil, errLonger
	}
	return v, b[n:], nil
}

func appendFloat(b []byte, v float64) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), nil
}

func decodeFloat(b []byte) (float64, []byte, error) {
	if len(b) < 8 {
		return 0, nil, errShort
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:], nil
}

func appendBool(b []byte, v bool) ([]byte, error) {
	if v {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

func decodeBool(b []byte) (bool, []byte, error) {
	v, rest, err := decodeTag(b)
	if err == errTag {
		err = errBool
	}
	return v, rest, err
}

// decodeTag takes a byte that is 0 or 1.
func decodeTag(b []byte) (bool, []byte, error) {
	switch {
	case len(b) == 0:
		return false, nil, errShort
	case b[0] > 1:
		return false, nil, errTag
	}
	return b[0] == 1, b[1:], nil
}

func appendUnit(b []byte, _ struct{}) ([]byte, error) { return b, nil }

func decodeUnit(b []byte) (struct{}, []byte, error) { return struct{}{}, b, nil }

func appendBytes[T string | []byte](b []byte, v T) ([]byte, error) {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...), nil
}

// decodeView takes a length and that many bytes, which belong to b. The length is compared with what is there
// before anything is allocated.
func decodeView(b []byte) (view, rest []byte, err error) {
	n, rest, err := decodeUint(b)
	switch {
	case err != nil:
		return nil, nil, err
	case n > uint64(len(rest)):
		return nil, nil, errUnbounded
	}
	return rest[:n], rest[n:], nil
}

func decodeString(b []byte) (string, []byte, error) {
	view, rest, err := decodeView(b)
	return string(view), rest, err
}

func decodeBytes(b []byte) ([]byte, []byte, error) {
	view, rest, err := decodeView(b)
	return append([]byte(nil), view...), rest, err
}

// decode decodes a whole message.
func decode[T any](s Serializer[T], message []byte) (T, error) {
	v, rest, err := s.Decode(message)
	if err == nil && len(rest) > 0 {
		err = errTrailing
	}
	return v, err
}

// joined names an encoding that is made of others.
func joined(name string, of ...string) string {
	text := name + "("
	for i, part := range of {
		if i > 0 {
			text += ","
		}
		text += part
	}
	return text + ")"
}

// quoted is s for an error message, cut where it is long.
func quoted(s string) string {
	const longest = 64
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strconv.Quote(s)
}
