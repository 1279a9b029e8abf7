package recovery

import "github.com/sessgen/sessgen/runtime/internal/mono"

// Ref names what one frame of a packet carried, so that it can be counted as
// arrived or sent again without a copy of the packet. Its meaning is its owner's;
// this package passes it on.
type Ref struct {
	Stream uint64
	Offset uint64
	Length uint32
	Kind   uint8
	Fin    bool
}

// sent is the record of one packet that is owed an acknowledgement.
type sent struct {
	number uint64
	at     mono.Time
	refs   uint32 // where its refs begin in the ring of refs, counted without end
	size   uint16
	count  uint16 // how many refs it has
	state  state
}

type state uint8

const (
	outstanding state = iota
	// probed: outstanding, and its frames were handed out again for a probe, which
	// is why its loss does not hand them out once more.
	probed
	acked
	lost
)

func (s *sent) inFlight() bool { return s.state == outstanding || s.state == probed }

// records is a ring of sent packets in the order of their numbers, and a ring of
// their refs. The front is always in flight: what became of a packet behind it
// stays noted until the front moves past. Neither ring holds a pointer.
type records struct {
	ring     []sent // its length is zero or a power of two
	first, n int
	refs     []Ref // the same
	begin    uint32
	open     uint32 // where the refs of the packet begin that is being made
	next     uint32
}

// at returns the i-th record from the front.
func (r *records) at(i int) *sent { return &r.ring[(r.first+i)&(len(r.ring)-1)] }

// push records a packet with the refs that were added since the last one.
func (r *records) push(s sent) {
	if r.n == len(r.ring) {
		grown := make([]sent, max(16, 2*r.n))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.ring, r.first = grown, 0
	}
	s.refs, s.count = r.open, uint16(r.next-r.open)
	r.open = r.next
	r.n++
	*r.at(r.n - 1) = s
}

// trim drops what is settled at the front.
func (r *records) trim() {
	for r.n > 0 && !r.at(0).inFlight() {
		r.first = (r.first + 1) & (len(r.ring) - 1)
		r.n--
	}
	if r.n == 0 {
		r.begin = r.open
	} else {
		r.begin = r.at(0).refs
	}
}

// search returns the index of the first record with this number or a later one.
func (r *records) search(number uint64) int {
	low, high := 0, r.n
	for low < high {
		mid := int(uint(low+high) / 2)
		if r.at(mid).number < number {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// addRef adds a ref to the packet that is being made.
func (r *records) addRef(ref Ref) {
	if int(r.next-r.begin) == len(r.refs) {
		grown := make([]Ref, max(16, 2*len(r.refs)))
		for i := r.begin; i != r.next; i++ {
			grown[i&uint32(len(grown)-1)] = r.refs[i&uint32(len(r.refs)-1)]
		}
		r.refs = grown
	}
	r.refs[r.next&uint32(len(r.refs)-1)] = ref
	r.next++
}

// dropRefs takes back the refs of a packet that needs no record.
func (r *records) dropRefs() { r.next = r.open }

// ref returns the i-th ref of s.
func (r *records) ref(s *sent, i int) Ref {
	return r.refs[(s.refs+uint32(i))&uint32(len(r.refs)-1)]
}
