package simnet

import "github.com/sessgen/sessgen/runtime/internal/mono"

// flight is a datagram on its way.
type flight struct {
	at       mono.Time
	seq      uint64 // the order of setting out, between those that arrive at one time
	from, to *host
	data     []byte
}

// flights is a heap, the earliest first.
type flights struct {
	heap []flight
	seq  uint64
}

func (f *flights) less(i, j int) bool {
	a, b := &f.heap[i], &f.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (f *flights) push(x flight) {
	f.seq++
	x.seq = f.seq
	f.heap = append(f.heap, x)
	for i := len(f.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !f.less(i, parent) {
			break
		}
		f.heap[i], f.heap[parent] = f.heap[parent], f.heap[i]
		i = parent
	}
}

// pop takes the earliest out. There must be one.
func (f *flights) pop() flight {
	first, last := f.heap[0], len(f.heap)-1
	f.heap[0] = f.heap[last]
	f.heap[last] = flight{}
	f.heap = f.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if f.less(child, least) {
				least = child
			}
		}
		if least == i {
			return first
		}
		f.heap[i], f.heap[least] = f.heap[least], f.heap[i]
		i = least
	}
}

// next is when the earliest arrives.
func (f *flights) next() mono.Time {
	if len(f.heap) == 0 {
		return mono.Never
	}
	return f.heap[0].at
}
