package session

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// UnpackInts appends the integers of the field, packed or a single one, to list.
func UnpackInts[T integer](d *Decoder, list []T) []T {
	if d.wire != protowire.BytesType {
		return append(list, narrow[T](d, d.Uint64()))
	}
	run := d.view()
	list = grow(list, countVarints(run))
	for len(run) > 0 {
		if run[0] < 0x80 {
			list = append(list, T(run[0]))
			run = run[1:]
			continue
		}
		v, n := firstVarint(run)
		if n == 0 {
			d.Fail(errVarint)
			break
		}
		run = run[n:]
		list = append(list, narrow[T](d, v))
	}
	return list
}

// UnpackEnums appends members of an enumeration with the given number of members, packed or a single one, to list.
func UnpackEnums[E ~int32](d *Decoder, list []E, members int) []E {
	if d.wire != protowire.BytesType {
		return append(list, E(d.Enum(members)))
	}
	run := d.view()
	list = grow(list, countVarints(run))
	for len(run) > 0 {
		if run[0] < 0x80 {
			list = append(list, E(d.member(uint64(run[0]), members)))
			run = run[1:]
			continue
		}
		v, n := firstVarint(run)
		if n == 0 {
			d.Fail(errVarint)
			break
		}
		run = run[n:]
		list = append(list, E(d.member(v, members)))
	}
	return list
}

// UnpackBools appends bools, packed or a single one, to list.
func UnpackBools(d *Decoder, list []bool) []bool {
	if d.wire != protowire.BytesType {
		return append(list, d.Bool())
	}
	run := d.view()
	list = grow(list, countVarints(run))
	for len(run) > 0 {
		if run[0] < 0x80 {
			list = append(list, run[0] != 0)
			run = run[1:]
			continue
		}
		v, n := firstVarint(run)
		if n == 0 {
			d.Fail(errVarint)
			break
		}
		run = run[n:]
		list = append(list, v != 0)
	}
	return list
}

// UnpackFloats32 appends float32 values, packed or a single one, to list.
func UnpackFloats32(d *Decoder, list []float32) []float32 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float32())
	}
	run := d.run(4)
	n := len(list)
	list = grow(list, len(run)/4)[:n+len(run)/4]
	for i := range list[n:] {
		list[n+i] = math.Float32frombits(binary.LittleEndian.Uint32(run[4*i:]))
	}
	return list
}

// UnpackFloats64 appends float64 values, packed or a single one, to list.
func UnpackFloats64(d *Decoder, list []float64) []float64 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float64())
	}
	run := d.run(8)
	n := len(list)
	list = grow(list, len(run)/8)[:n+len(run)/8]
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

// firstVarint is the varint that run begins with, and its length: 0 if it is malformed or there is none.
func firstVarint(run []byte) (v uint64, n int) {
	if len(run) > 0 && run[0] < 0x80 {
		return uint64(run[0]), 1
	}
	if len(run) > 1 && run[1] < 0x80 {
		return uint64(run[0]&0x7f) | uint64(run[1])<<7, 2
	}
	v, n = protowire.ConsumeVarint(run)
	return v, max(n, 0)
}

// grow makes room for n elements, and for no more in a list that has none yet.
func grow[T any](list []T, n int) []T {
	if list == nil && n > 0 {
		return make([]T, 0, n)
	}
	return slices.Grow(list, n)
}

// countVarints counts the varints that end in run.
func countVarints(run []byte) (n int) {
	for ; len(run) >= 8; run = run[8:] {
		n += bits.OnesCount64(^binary.LittleEndian.Uint64(run) & 0x8080808080808080)
	}
	for _, b := range run {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// Room is list, or, where it is nil, an empty one with room for the fields that come one behind the other
// from the one at hand on, and have its number.
func Room[T any](d *Decoder, list []T) []T {
	if list == nil {
		return make([]T, 0, d.Count())
	}
	return list
}

// Count is how many fields with the number of the one at hand come one behind the other, that one
// included. They have a length; if one is cut short, those before it count.
func (d *Decoder) Count() (n int) {
	if !d.unread || d.wire != protowire.BytesType {
		return 0
	}
	tag := uint64(d.field)<<3 | uint64(d.wire)
	for rest := d.buf[d.pos:d.end]; ; n++ {
		size, k := firstVarint(rest)
		if k == 0 || size > uint64(len(rest)-k) {
			return n
		}
		rest = rest[uint64(k)+size:]
		if len(rest) == 0 {
			return n + 1
		}
		next, k := firstVarint(rest)
		if k == 0 || k == len(rest) || next != tag {
			return n + 1
		}
		rest = rest[k:]
	}
}

// narrow makes a T of the varint of a protobuf int64 or uint64.
func narrow[T integer](d *Decoder, v uint64) T {
	n := T(v)
	signed := ^T(0) < 0
	if signed && int64(n) != int64(v) || !signed && uint64(n) != v {
		d.Fail("an integer out of range")
		return 0
	}
	return n
}
