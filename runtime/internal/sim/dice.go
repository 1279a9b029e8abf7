package sim

import (
	"encoding/binary"
	"time"
)

// dice are pseudo-random numbers (SplitMix64): eight bytes of state, so that every datagram and every
// program may have dice of its own, and what one draws changes nothing for another.
type dice struct{ state uint64 }

// roll makes the dice of one thing: of that seed, and of those numbers.
func roll(seed uint64, of ...uint64) dice {
	d := dice{seed}
	for _, n := range of {
		d.state = d.next() ^ n*0x9e3779b97f4a7c15
	}
	return d
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// intn is in [0, n); n is positive. Its bias is far below what a simulation can show.
func (d *dice) intn(n int) int { return int(d.next() % uint64(n)) }

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return float64(d.next()>>11)/(1<<53) < p }

// upTo is in (0, most], in steps of a microsecond.
func (d *dice) upTo(most time.Duration) time.Duration {
	return time.Duration(1+d.intn(max(1, int(most/time.Microsecond)))) * time.Microsecond
}

// fill fills b.
func (d *dice) fill(b []byte) {
	local := *d // which stays in a register
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, local.next())
	}
	if len(b) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], local.next())
		copy(b, word[:])
	}
	*d = local
}
