package session

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

type integer interface {
	~int | ~int32 | ~int64 | ~uint | ~uint32 | ~uint64
}

// PackInts appends a list of integers. Like the other Pack functions it leaves out an empty list.
func PackInts[T integer](e *Encoder, field int, list []T) {
	size := 0
	for _, v := range list {
		size += sizeVarint(uint64(v))
	}
	if !e.pack(field, size) {
		return
	}
	to, i := e.room(size), 0
	for _, v := range list {
		v := uint64(v)
		for ; v >= 0x80; v >>= 7 {
			to[i] = byte(v) | 0x80
			i++
		}
		to[i] = byte(v)
		i++
	}
	e.buf = e.buf[:len(e.buf)+size]
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
	if !e.pack(field, len(list)) {
		return
	}
	to := e.room(len(list))
	for i, v := range list {
		to[i] = 0
		if v {
			to[i] = 1
		}
	}
	e.buf = e.buf[:len(e.buf)+len(to)]
}

// PackFloats32 appends a list of float32.
func PackFloats32(e *Encoder, field int, list []float32) {
	if !e.pack(field, 4*len(list)) {
		return
	}
	to := e.room(4 * len(list))
	for i, v := range list {
		binary.LittleEndian.PutUint32(to[4*i:], math.Float32bits(v))
	}
	e.buf = e.buf[:len(e.buf)+len(to)]
}

// PackFloats64 appends a list of float64.
func PackFloats64(e *Encoder, field int, list []float64) {
	if !e.pack(field, 8*len(list)) {
		return
	}
	to := e.room(8 * len(list))
	for i, v := range list {
		binary.LittleEndian.PutUint64(to[8*i:], math.Float64bits(v))
	}
	e.buf = e.buf[:len(e.buf)+len(to)]
}

// room is where the next size bytes go: pack has made sure of them.
func (e *Encoder) room(size int) []byte { return e.buf[len(e.buf) : len(e.buf)+size] }

// SortedKeys returns the keys of a map in the order in which its entries are encoded.
func SortedKeys[K cmp.Ordered, V any](entries map[K]V) []K {
	if len(entries) == 0 {
		return nil
	}
	keys := make([]K, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// pack begins a packed list whose elements take size bytes. It reports whether there are any.
func (e *Encoder) pack(field, size int) bool {
	if size == 0 {
		e.present = false
		return false
	}
	e.buf = slices.Grow(e.sized(field, size), size)
	return true
}
