package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

type integer interface {
	~int | ~int32 | ~int64 | ~uint | ~uint32 | ~uint64
}

// PackInts appends a list of integers. Empty lists are left out, as those of the other functions.
func PackInts[T integer](e *Encoder, field int, list []T) {
	size := 0
	for _, v := range list {
		size += protowire.SizeVarint(uint64(v))
	}
	if e.pack(field, size) {
		for _, v := range list {
			e.buf = binary.AppendUvarint(e.buf, uint64(v))
		}
	}
}

// PackEnums appends a list of members of an enumeration.
func PackEnums[E ~int32](e *Encoder, field int, list []E, members int) {
	for _, v := range list {
		if v < 0 || int(v) >= members {
			e.failAt(field, fmt.Errorf("%d is none of the %d members of its enumeration", v, members))
			return
		}
	}
	PackInts(e, field, list)
}

// PackBools appends a list of bools.
func PackBools(e *Encoder, field int, list []bool) {
	if e.pack(field, len(list)) {
		for _, v := range list {
			if v {
				e.buf = append(e.buf, 1)
			} else {
				e.buf = append(e.buf, 0)
			}
		}
	}
}

// PackFloats32 appends a list of float32.
func PackFloats32(e *Encoder, field int, list []float32) {
	if e.pack(field, 4*len(list)) {
		for _, v := range list {
			e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(v))
		}
	}
}

// PackFloats64 appends a list of float64.
func PackFloats64(e *Encoder, field int, list []float64) {
	if e.pack(field, 8*len(list)) {
		for _, v := range list {
			e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(v))
		}
	}
}

// pack begins a packed list whose elements take size bytes. It reports whether there are any.
func (e *Encoder) pack(field, size int) bool {
	if size == 0 {
		e.present = false
		return false
	}
	e.tag(field, protowire.BytesType)
	e.buf = slices.Grow(binary.AppendUvarint(e.buf, uint64(size)), size)
	return true
}
