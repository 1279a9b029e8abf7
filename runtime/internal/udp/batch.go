package udp

import "net/netip"

// Datagram is one datagram of a Batch.
type Datagram struct {
	// Addr is where it came from, or where it goes.
	Addr netip.AddrPort
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

	control [controlMax]byte // of the datagram that is read
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

// Add puts in the datagram that was written to what Next returned.
func (b *Batch) Add(data []byte, addr netip.AddrPort) {
	b.AddMarked(data, addr, 0)
}

// AddMarked is Add for a datagram with an ECN codepoint.
func (b *Batch) AddMarked(data []byte, addr netip.AddrPort, ecn uint8) {
	b.Datagrams = append(b.Datagrams, Datagram{Addr: addr, Data: data, ECN: ecn})
	b.used += min(len(data), b.sizeMax)
}
