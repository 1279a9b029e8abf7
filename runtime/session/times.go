package session

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The first second of the year 1 and the last of the year 9999, since 1970.
const (
	secondsMin = -62135596800
	secondsMax = 253402300799
)

// Time appends a point in time as a google.protobuf.Timestamp. The zero value is that of time.Time. It fails
// for years outside 1 to 9999.
func (e *Encoder) Time(field int, v time.Time) {
	if v.IsZero() && !e.present {
		return
	}
	seconds := v.Unix()
	if seconds < secondsMin || seconds > secondsMax {
		e.failAt(field, fmt.Errorf("the year %d is not within 1 to 9999", v.UTC().Year()))
		return
	}
	e.timed(field, seconds, int64(v.Nanosecond()))
}

// Duration appends a google.protobuf.Duration.
func (e *Encoder) Duration(field int, v time.Duration) {
	if v != 0 || e.present {
		e.timed(field, int64(v/time.Second), int64(v%time.Second))
	}
}

// timed appends an embedded message of seconds and nanoseconds.
func (e *Encoder) timed(field int, seconds, nanos int64) {
	size := 0
	if seconds != 0 {
		size += 1 + sizeVarint(uint64(seconds))
	}
	if nanos != 0 {
		size += 1 + sizeVarint(uint64(nanos))
	}
	e.buf = e.sized(field, size)
	if e.depth == depthMax {
		e.tooDeep()
	}
	if seconds != 0 {
		e.buf = protowire.AppendVarint(append(e.buf, 1<<3), uint64(seconds))
	}
	if nanos != 0 {
		e.buf = protowire.AppendVarint(append(e.buf, 2<<3), uint64(nanos))
	}
}

// Time reads a point in time, in UTC and without a monotonic reading.
func (d *Decoder) Time() time.Time {
	seconds, nanos := d.timed()
	if seconds < secondsMin || seconds > secondsMax || nanos < 0 || nanos >= 1e9 {
		d.Fail("a time out of range")
		return time.Time{}
	}
	return time.Unix(seconds, nanos).UTC()
}

// Duration reads a duration. It must fit into a time.Duration.
func (d *Decoder) Duration() time.Duration {
	seconds, nanos := d.timed()
	v := time.Duration(seconds)*time.Second + time.Duration(nanos)
	if int64(v/time.Second) != seconds || int64(v%time.Second) != nanos {
		d.Fail("a duration out of range")
		return 0
	}
	return v
}

// timed reads an embedded message of seconds and nanoseconds.
func (d *Decoder) timed() (seconds, nanos int64) {
	outer := d.Enter()
	for d.Next() {
		switch d.Field() {
		case 1:
			seconds = d.Int64()
		case 2:
			nanos = d.Int64()
		}
	}
	d.Leave(outer)
	return seconds, nanos
}
