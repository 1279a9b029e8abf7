package recovery

import (
	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

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

// Kind is what a packet is for those who count.
type Kind uint8

// The kinds of packets.
const (
	// Silent: nothing in it asks for an acknowledgement. It leaves no record.
	Silent Kind = iota
	// Ordinary: an ack-eliciting packet.
	Ordinary
	// Data: it carries something for the first time that is worth an early repeat.
	Data
	// Repeated: it repeats early what a Data packet carried. It is not a measurement of the path.
	Repeated
	// MTUProbe: it tests whether the path carries datagrams of its size. Its loss is not congestion.
	MTUProbe
)

// sent is the record of one packet that is owed an acknowledgement.
type sent struct {
	congestion.Snapshot
	number uint64
	at     mono.Time
	lostAt mono.Time // where it is lost
	refs   uint32    // where its refs begin in the ring of refs, counted without end
	size   uint16
	count  uint16 // how many refs it has
	state  state
	kind   Kind
	// repeats is how often its frames were handed out early.
	repeats uint8
	marked  bool // it left with ECT(0)
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

// records is a ring of sent packets in the order of their numbers, and a ring of their refs. The fate of a
// packet stays recorded while an earlier one is in flight, and that of a lost one for a while, because it may
// turn out to have arrived. Neither ring holds a pointer.
type records struct {
	ring     []sent // its length is zero or a power of two
	first, n int
	open     int   // the index of the first one in flight, n if none is
	refs     []Ref // the same
	begin    uint32
	draft    uint32 // where the refs of the packet begin that is being made
	next     uint32
}

// at returns the i-th record from the front.
func (r *records) at(i int) *sent { return &r.ring[(r.first+i)&(len(r.ring)-1)] }

// push records a packet with the refs that were added since the last one.
func (r *records) push(s sent) {
	if r.n == len(r.ring) {
		grown := make([]sent, max(4, 2*r.n))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.ring, r.first = grown, 0
	}
	s.refs, s.count = r.draft, uint16(r.next-r.draft)
	r.draft = r.next
	r.n++
	*r.at(r.n - 1) = s
}

// trim drops what is settled at the front; what was lost after since is kept.
func (r *records) trim(since mono.Time) {
	for r.open < r.n && !r.at(r.open).inFlight() {
		r.open++
	}
	for r.open > 0 {
		if p := r.at(0); p.state == lost && p.lostAt > since {
			break
		}
		r.first = (r.first + 1) & (len(r.ring) - 1)
		r.n--
		r.open--
	}
	if r.n == 0 {
		r.begin = r.draft
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
		grown := make([]Ref, max(8, 2*len(r.refs)))
		for i := r.begin; i != r.next; i++ {
			grown[i&uint32(len(grown)-1)] = r.refs[i&uint32(len(r.refs)-1)]
		}
		r.refs = grown
	}
	r.refs[r.next&uint32(len(r.refs)-1)] = ref
	r.next++
}

// dropRefs takes back the refs of a packet that needs no record.
func (r *records) dropRefs() { r.next = r.draft }

// ref returns the i-th ref of s.
func (r *records) ref(s *sent, i int) Ref {
	return r.refs[(s.refs+uint32(i))&uint32(len(r.refs)-1)]
}
