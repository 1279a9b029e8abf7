package session

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// UnpackInts appends the integers of the field to list, packed ones or a single one.
func UnpackInts[T integer](d *Decoder, list []T) []T {
	if d.wire != protowire.BytesType {
		return append(list, narrow[T](d, d.Uint64()))
	}
	run := d.view()
	n := len(list)
	list = grow(list, countVarints(run))
	var v uint64
	var shift uint
	for _, b := range run {
		if shift == 63 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b >= 0x80 {
			shift += 7
			continue
		}
		if list[n] = T(v); uint64(list[n]) != v {
			d.Fail(errRange)
			break
		}
		n++
		v, shift = 0, 0
	}
	if shift > 0 {
		d.Fail(errVarint)
	}
	return list
}

// UnpackEnums appends members of an enumeration with the given number of members to list, packed ones or a
// single one.
func UnpackEnums[E ~int32](d *Decoder, list []E, members int) []E {
	if d.wire != protowire.BytesType {
		return append(list, E(d.Enum(members)))
	}
	n := len(list)
	list = UnpackInts(d, list)
	for _, v := range list[n:] {
		d.member(uint64(v), members)
	}
	return list
}

// UnpackBools appends bools to list, packed ones or a single one.
func UnpackBools(d *Decoder, list []bool) []bool {
	if d.wire != protowire.BytesType {
		return append(list, d.Bool())
	}
	run := d.view()
	n := len(list)
	list = grow(list, countVarints(run))
	for i := range list[n:] {
		v, size := varintOf(run)
		if size == 0 {
			break
		}
		run = run[size:]
		list[n+i] = v != 0
	}
	if len(run) > 0 {
		d.Fail(errVarint)
	}
	return list
}

// UnpackFloats32 appends float32 values to list, packed ones or a single one.
func UnpackFloats32(d *Decoder, list []float32) []float32 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float32())
	}
	run := d.run(4)
	n := len(list)
	list = grow(list, len(run)/4)
	for i := range list[n:] {
		list[n+i] = math.Float32frombits(binary.LittleEndian.Uint32(run[4*i:]))
	}
	return list
}

// UnpackFloats64 appends float64 values to list, packed ones or a single one.
func UnpackFloats64(d *Decoder, list []float64) []float64 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float64())
	}
	run := d.run(8)
	n := len(list)
	list = grow(list, len(run)/8)
	for i := range list[n:] {
		list[n+i] = math.Float64frombits(binary.LittleEndian.Uint64(run[8*i:]))
	}
	return list
}

// run returns the bytes of a packed list whose elements take size bytes each.
func (d *Decoder) run(size int) []byte {
	run := d.view()
	if len(run)%size != 0 {
		d.Fail("a packed list that ends within an element")
		return nil
	}
	return run
}

// grow makes list longer by n elements, and takes no more memory than that for one that has none yet.
func grow[T any](list []T, n int) []T {
	if list == nil && n > 0 {
		return make([]T, n)
	}
	return slices.Grow(list, n)[:len(list)+n]
}

// Room returns list with capacity for the run of adjacent fields that starts at the current one and has its
// number, or for as many values as the message may still make.
func Room[T any](d *Decoder, list []T) []T {
	if len(list) < cap(list) {
		return list
	}
	return moreRoom(d, list)
}

func moreRoom[T any](d *Decoder, list []T) []T {
	var one T
	n := min(d.Count(), d.roomFor(int(unsafe.Sizeof(one)))+1)
	if list == nil {
		return make([]T, 0, n)
	}
	return slices.Grow(list, n)
}

// RoomForEntry returns entries or, if it is nil, an empty map with room for the fields that Room would count.
// It counts the memory of an entry as EnterStruct does.
func RoomForEntry[K comparable, V any](d *Decoder, entries map[K]V) map[K]V {
	var key K
	var value V
	size := int(unsafe.Sizeof(key) + unsafe.Sizeof(value))
	if entries == nil {
		entries = make(map[K]V, min(d.Count(), d.roomFor(size)))
	}
	d.take(size)
	return entries
}

// roomFor is how many values of a size may still be made.
func (d *Decoder) roomFor(size int) int { return max(d.room, 0) / max(size, 1) }

// take counts what a value takes in memory.
func (d *Decoder) take(size int) {
	if d.room -= size; d.room < 0 {
		d.Fail("its values take much more memory than their message")
	}
}

// Count returns how many adjacent fields have the number of the current one, including that one. They are
// length-delimited; if one is cut short, those before it count.
func (d *Decoder) Count() (n int) {
	if d.wire != protowire.BytesType {
		return 0
	}
	for rest := d.buf[d.pos:d.end]; ; n++ {
		size, k := varintOf(rest)
		if k == 0 || size > uint64(len(rest)-k) {
			return n
		}
		rest = rest[uint64(k)+size:]
		if len(rest) == 0 {
			return n + 1
		}
		next, k := varintOf(rest)
		if k == 0 || k == len(rest) || next != d.tag {
			return n + 1
		}
		rest = rest[k:]
	}
}

// narrow makes a T of the varint of a protobuf int64 or uint64.
func narrow[T integer](d *Decoder, v uint64) T {
	n := T(v)
	if uint64(n) != v {
		d.Fail(errRange)
		return 0
	}
	return n
}

// enterTaking is EnterStruct for a value of that size.
func (d *Decoder) enterTaking(size int) (outer int) {
	outer = d.end
	pos := d.pos
	if d.room -= size; d.room >= 0 && d.wire == protowire.BytesType && pos < outer && d.depth < depthMax {
		if n := int(d.buf[pos]); n < 0x80 && n < outer-pos {
			d.pos, d.end, d.wire = pos+1, pos+1+n, none
			d.depth++
			return outer
		}
	}
	d.take(0)
	return d.Enter()
}
