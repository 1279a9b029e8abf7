package session

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// UnpackInts appends the integers of the field, packed or a single one, to list.
func UnpackInts[T integer](d *Decoder, list []T) []T {
	if d.wire != protowire.BytesType {
		return append(list, narrow[T](d, d.Uint64()))
	}
	return unpack(d, list, narrow[T])
}

// UnpackEnums appends members of an enumeration with the given number of members, packed or a single one, to list.
func UnpackEnums[E ~int32](d *Decoder, list []E, members int) []E {
	if d.wire != protowire.BytesType {
		return append(list, E(d.Enum(members)))
	}
	return unpack(d, list, func(d *Decoder, v uint64) E { return E(d.member(v, members)) })
}

// UnpackBools appends bools, packed or a single one, to list.
func UnpackBools(d *Decoder, list []bool) []bool {
	if d.wire != protowire.BytesType {
		return append(list, d.Bool())
	}
	return unpack(d, list, func(_ *Decoder, v uint64) bool { return v != 0 })
}

// UnpackFloats32 appends float32 values, packed or a single one, to list.
func UnpackFloats32(d *Decoder, list []float32) []float32 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float32())
	}
	run := d.run(4)
	list = grow(list, len(run)/4)
	for ; len(run) > 0; run = run[4:] {
		list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(run)))
	}
	return list
}

// UnpackFloats64 appends float64 values, packed or a single one, to list.
func UnpackFloats64(d *Decoder, list []float64) []float64 {
	if d.wire != protowire.BytesType {
		return append(list, d.Float64())
	}
	run := d.run(8)
	list = grow(list, len(run)/8)
	for ; len(run) > 0; run = run[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(run)))
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

// unpack appends to list what convert makes of each varint of a packed list.
func unpack[T any](d *Decoder, list []T, convert func(*Decoder, uint64) T) []T {
	run := d.view()
	list = grow(list, countVarints(run))
	for len(run) > 0 {
		v, n := uint64(run[0]), 1
		if v >= 0x80 {
			if v, n = protowire.ConsumeVarint(run); n < 0 {
				d.Fail(errVarint)
				break
			}
		}
		list = append(list, convert(d, v))
		run = run[n:]
	}
	return list
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
	for _, b := range run {
		if b < 0x80 {
			n++
		}
	}
	return n
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
