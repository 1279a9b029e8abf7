package udp

import "net/netip"

// Datagram is one datagram of a Batch.
type Datagram struct {
	// Addr is where it came from, or where it goes.
	Addr netip.AddrPort
	// Local is this system's address that it was sent to, or is to leave from. Read, it is valid if the socket listens at all addresses and the system
	// tells; written, the system's routes choose where it is not valid, or where no datagram can leave from it.
	Local netip.Addr
	// ECN is the codepoint of its IP header's ECN field (RFC 3168 §5), the two lowest bits: 2 is
	// ECT(0), 3 is CE. Where the system does not tell or set it, it is 0 when read, and of no effect when written.
	ECN uint8
	// Data lies in the batch's slab, and is valid until the batch is used again.
	Data []byte
}

// Batch is memory for datagrams, with those that are in it. The datagrams lie side
// by side in one slab. It belongs to one goroutine at a time.
type Batch struct {
	// Datagrams are what is in the batch, in order.
	Datagrams []Datagram

	control [controlMax]byte // of the datagram at hand
	sys     *system          // nil until a call needs it
	slab    []byte
	used    int // bytes of slab
	sizeMax int // of one datagram
}

// slabSize is what a batch of large datagrams holds: as many as the kernel takes at once.
const slabSize = 64 << 10

// NewBatch makes a batch for up to count datagrams of up to sizeMax bytes each: fewer
// where they would not fit into 64 KiB, but at least one. One that reads what the kernel may have
// joined needs all of the 64 KiB, or the end is cut off.
func NewBatch(count, sizeMax int) *Batch {
	return &Batch{
		Datagrams: make([]Datagram, 0, count),
		slab:      make([]byte, min(count*sizeMax, max(slabSize, sizeMax))),
		sizeMax:   sizeMax,
	}
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.Datagrams = b.Datagrams[:0]
	b.used = 0
}

// Full reports whether there is no room for another datagram.
func (b *Batch) Full() bool {
	return len(b.Datagrams) == cap(b.Datagrams) || b.used+b.sizeMax > len(b.slab)
}

// Next returns where the next datagram is to be written: an empty slice with room
// for the longest one. The batch must not be full.
func (b *Batch) Next() []byte {
	return b.slab[b.used : b.used : b.used+b.sizeMax]
}

// Add puts in a datagram, whose data were written to what Next returned.
func (b *Batch) Add(d Datagram) {
	b.Datagrams = append(b.Datagrams, d)
	b.used += min(len(d.Data), b.sizeMax)
}
