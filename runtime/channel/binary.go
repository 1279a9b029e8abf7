package channel

import (
	"encoding"
	"encoding/binary"
	"fmt"
)

// Binary encodes values of a type whose pointer has the Binary methods of package encoding: UnmarshalBinary,
// and AppendBinary or MarshalBinary. time.Time, netip.Addr and url.URL are such types, and a program may define
// its own: channel.Binary[time.Time](). Binary panics for a type that can only be decoded, which is a bug that
// shows when the program starts.
//
// To a Serializer all such types have one encoding: it is up to the authors of the two ends to mean the same
// type.
func Binary[T any, P interface {
	*T
	encoding.BinaryUnmarshaler
}]() Serializer[T] {
	return plain[T]{
		encoding: "binary",
		append:   binaryAppend[T, P](),
		decode: func(b []byte) (v T, rest []byte, err error) {
			view, rest, err := decodeView(b)
			if err == nil {
				err = P(&v).UnmarshalBinary(view)
			}
			if err != nil {
				var zero T
				return zero, nil, err
			}
			return v, rest, nil
		},
	}
}

// binaryAppend chooses between the two methods.
func binaryAppend[T any, P interface{ *T }]() func(b []byte, v T) ([]byte, error) {
	switch any(P(nil)).(type) {
	case encoding.BinaryAppender:
		return func(b []byte, v T) ([]byte, error) {
			// The length stands before bytes that are not there yet. Nearly always it takes
			// one byte or two: room for two is made, and what does not fit is moved.
			const room = 2
			from := len(b)
			b, err := any(P(&v)).(encoding.BinaryAppender).AppendBinary(append(b, make([]byte, room)...))
			if err != nil {
				return b[:from], err
			}
			var prefix [binary.MaxVarintLen64]byte
			n := binary.PutUvarint(prefix[:], uint64(len(b)-from-room))
			if n != room {
				b = append(b, prefix[:n]...) // for its length
				copy(b[from+n:], b[from+room:len(b)-n])
				b = b[:len(b)-room]
			}
			copy(b[from:], prefix[:n])
			return b, nil
		}
	case encoding.BinaryMarshaler:
		return func(b []byte, v T) ([]byte, error) {
			data, err := any(P(&v)).(encoding.BinaryMarshaler).MarshalBinary()
			if err != nil {
				return b, err
			}
			return appendBytes(b, data)
		}
	}
	panic(fmt.Sprintf("channel: %T has neither AppendBinary nor MarshalBinary", P(nil)))
}
