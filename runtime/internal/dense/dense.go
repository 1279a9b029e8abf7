// Package dense has a map for what is numbered in order, as streams are.
package dense

import "iter"

// Map maps numbers to pointers. It is made for numbers that are put in as they are given out, ascending, and that
// mostly go again in about that order: the latest ones lie in a ring, each at its place, so that to find one is to look there. What many
// later ones have outlived is in a built-in map. Its memory is in proportion to the most entries that there were at once,
// however far apart their numbers are. The zero value is empty, and nil is an empty Map to look into.
//
// A nil pointer is no entry.
type Map[T any] struct {
	ring []*T // its length is zero or a power of two: the entries of the numbers up to end, each at its number modulo that
	end  uint64
	in   int // how many entries are in ring
	old  map[uint64]*T
}

// leastRing is the length of the shortest ring.
const leastRing = 16

// Len is how many entries there are.
func (m *Map[T]) Len() int {
	if m == nil {
		return 0
	}
	return m.in + len(m.old)
}

// near reports whether the place of n is in the ring.
func (m *Map[T]) near(n uint64) bool { return m != nil && m.end-1-n < uint64(len(m.ring)) }

// place is where n is, if it is near.
func (m *Map[T]) place(n uint64) **T { return &m.ring[n&uint64(len(m.ring)-1)] }

// Get returns the entry of n, nil if there is none.
func (m *Map[T]) Get(n uint64) *T {
	if m.near(n) {
		return *m.place(n)
	}
	if m == nil || len(m.old) == 0 {
		return nil
	}
	return m.old[n]
}

// Put makes v the entry of n, which has none.
func (m *Map[T]) Put(n uint64, v *T) {
	if n >= m.end {
		m.reach(n + 1)
	}
	if !m.near(n) {
		m.keep(n, v)
		return
	}
	*m.place(n) = v
	m.in++
}

// keep makes v the entry of n, which is not near.
func (m *Map[T]) keep(n uint64, v *T) {
	if m.old == nil {
		m.old = make(map[uint64]*T)
	}
	m.old[n] = v
}

// reach moves the ring up to end. Entries that it leaves behind move to the map, if they are few.
func (m *Map[T]) reach(end uint64) {
	if m.ring == nil {
		m.ring = make([]*T, leastRing)
	}
	for m.end < end && m.in > 0 {
		left := m.place(m.end)
		if *left != nil && m.in > len(m.ring)/2 {
			m.grow()
			continue
		}
		if *left != nil {
			m.keep(m.end-uint64(len(m.ring)), *left)
			*left = nil
			m.in--
		}
		m.end++
	}
	m.end = end // the ring is empty, or there already
}

// grow makes the ring twice as long. What has become near moves there from the map.
func (m *Map[T]) grow() {
	short := *m
	m.ring, m.in = make([]*T, 2*len(m.ring)), 0
	for i := range uint64(len(m.ring)) {
		n := m.end - 1 - i
		v := short.Get(n)
		if v == nil {
			continue
		}
		*m.place(n) = v
		m.in++
		if !short.near(n) {
			delete(m.old, n)
		}
	}
}

// Delete takes the entry of n out, if there is one.
func (m *Map[T]) Delete(n uint64) {
	if !m.near(n) {
		delete(m.old, n)
		return
	}
	if at := m.place(n); *at != nil {
		*at = nil
		m.in--
	}
}

// All is every entry, in no order. The one at hand may be taken out.
func (m *Map[T]) All() iter.Seq2[uint64, *T] {
	return func(yield func(uint64, *T) bool) {
		if m == nil {
			return
		}
		for n, v := range m.old {
			if !yield(n, v) {
				return
			}
		}
		for i := range uint64(len(m.ring)) {
			n := m.end - 1 - i
			if v := *m.place(n); v != nil && !yield(n, v) {
				return
			}
		}
	}
}
