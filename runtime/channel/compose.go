package channel

import "encoding/binary"

// Pair is two values that are sent as one.
type Pair[A, B any] struct {
	First  A
	Second B
}

// PairOf encodes pairs of what the two serializers encode.
func PairOf[A, B any](first Serializer[A], second Serializer[B]) Serializer[Pair[A, B]] {
	return plain[Pair[A, B]]{
		encoding: joined("pair", first.Encoding(), second.Encoding()),
		append: func(b []byte, v Pair[A, B]) ([]byte, error) {
			b, err := first.Append(b, v.First)
			if err != nil {
				return b, err
			}
			return second.Append(b, v.Second)
		},
		decode: func(b []byte) (v Pair[A, B], rest []byte, err error) {
			v.First, b, err = first.Decode(b)
			if err != nil {
				return Pair[A, B]{}, nil, err
			}
			v.Second, b, err = second.Decode(b)
			if err != nil {
				return Pair[A, B]{}, nil, err
			}
			return v, b, nil
		},
	}
}

// Sum is a value of one of two types that knows which. Left and Right make one; the zero Sum is Left of the
// zero value.
type Sum[A, B any] struct {
	right bool
	a     A
	b     B
}

// Left returns a Sum that holds a value of the first type.
func Left[A, B any](v A) Sum[A, B] { return Sum[A, B]{a: v} }

// Right returns a Sum that holds a value of the second type.
func Right[A, B any](v B) Sum[A, B] { return Sum[A, B]{right: true, b: v} }

// Left returns the value, if it is of the first type, and whether it is.
func (s Sum[A, B]) Left() (A, bool) { return s.a, !s.right }

// Right returns the value, if it is of the second type, and whether it is.
func (s Sum[A, B]) Right() (B, bool) { return s.b, s.right }

// SumOf encodes what either serializer encodes.
func SumOf[A, B any](left Serializer[A], right Serializer[B]) Serializer[Sum[A, B]] {
	return plain[Sum[A, B]]{
		encoding: joined("sum", left.Encoding(), right.Encoding()),
		append: func(b []byte, v Sum[A, B]) ([]byte, error) {
			if v.right {
				return right.Append(append(b, 1), v.b)
			}
			return left.Append(append(b, 0), v.a)
		},
		decode: func(b []byte) (v Sum[A, B], rest []byte, err error) {
			v.right, b, err = decodeTag(b)
			switch {
			case err != nil:
			case v.right:
				v.b, b, err = right.Decode(b)
			default:
				v.a, b, err = left.Decode(b)
			}
			if err != nil {
				return Sum[A, B]{}, nil, err
			}
			return v, b, nil
		},
	}
}

// OptionOf encodes pointers to what s encodes, and nil.
func OptionOf[T any](s Serializer[T]) Serializer[*T] {
	return plain[*T]{
		encoding: joined("option", s.Encoding()),
		append: func(b []byte, v *T) ([]byte, error) {
			if v == nil {
				return append(b, 0), nil
			}
			return s.Append(append(b, 1), *v)
		},
		decode: func(b []byte) (*T, []byte, error) {
			some, b, err := decodeTag(b)
			if err != nil || !some {
				return nil, b, err
			}
			v, b, err := s.Decode(b)
			if err != nil {
				return nil, nil, err
			}
			return &v, b, nil
		},
	}
}

// ListOf encodes lists of what s encodes. An empty list is received as nil. Values that s encodes in no bytes,
// such as Unit's, cannot be elements: a few bytes could claim any number of them.
func ListOf[T any](s Serializer[T]) Serializer[[]T] {
	return plain[[]T]{
		encoding: joined("list", s.Encoding()),
		append: func(b []byte, list []T) (_ []byte, err error) {
			b = binary.AppendUvarint(b, uint64(len(list)))
			for _, v := range list {
				before := len(b)
				if b, err = s.Append(b, v); err != nil {
					return b, err
				}
				if len(b) == before {
					return b, errElement
				}
			}
			return b, nil
		},
		decode: func(b []byte) (list []T, rest []byte, err error) {
			count, b, err := decodeUint(b)
			switch {
			case err != nil:
				return nil, nil, err
			case count > uint64(len(b)):
				return nil, nil, errUnbounded
			case count == 0:
				return nil, b, nil
			}
			// A value may take far more memory than its shortest encoding: the list grows with what is really there.
			list = make([]T, 0, min(count, 16))
			for range count {
				v, rest, err := s.Decode(b)
				switch {
				case err != nil:
					return nil, nil, err
				case len(rest) >= len(b):
					return nil, nil, errElement
				}
				list = append(list, v)
				b = rest
			}
			return list, b, nil
		},
	}
}
