package conn

import "github.com/sessgen/sessgen/runtime/internal/flow"

const (
	chunkSize = 2 << 10
	// keptChunks bounds the memory that a connection keeps for the next messages: 1 MiB.
	keptChunks = 512
)

type chunk [chunkSize]byte

// chunks lends the memory of send buffers to the streams of one connection.
type chunks struct{ free []*chunk }

func (c *chunks) get() *chunk {
	if n := len(c.free); n > 0 {
		last := c.free[n-1]
		c.free = c.free[:n-1]
		return last
	}
	return new(chunk)
}

func (c *chunks) put(k *chunk) {
	if len(c.free) < keptChunks {
		c.free = append(c.free, k)
	}
}

// outgoing is the bytes that one end sends on a stream, or in the handshake at one
// level: each is kept from when it is written until it is acknowledged.
//
//	0 … acked … next … end
//
// What lies before acked is gone, from next on it was never sent. In between, lost
// is what has to be sent again, and arrived what the peer has, out of order. RFC 9000 §2.2: "The data at a given offset MUST
// NOT change if it is sent multiple times".
type outgoing struct {
	kept  []*chunk // the first one holds the byte at acked
	begin int      // the index in kept of that first one

	acked, next, end uint64
	arrived, lost    flow.Intervals
}

// write takes in p, behind what was written before.
func (o *outgoing) write(c *chunks, p []byte) {
	for len(p) > 0 {
		at := int(o.end % chunkSize)
		if at == 0 || len(o.kept) == o.begin {
			o.kept = append(o.kept, c.get())
		}
		n := copy(o.kept[len(o.kept)-1][at:], p)
		o.end += uint64(n)
		p = p[n:]
	}
}

// pending returns what must be sent next, at most room bytes, and not beyond limit unless it was sent before. RFC 9000 §2.2:
// "An endpoint MUST NOT send data on any stream without ensuring that it is within the flow control limits set by its peer."
// RFC 9000 §4.1: "Senders MUST NOT send data in excess of either limit."
func (o *outgoing) pending(limit uint64, room int) (offset uint64, length int) {
	if o.lost.Len() > 0 {
		first := o.lost.At(0)
		return first.Start, int(min(first.End-first.Start, uint64(room)))
	}
	return o.next, int(min(max(min(o.end, limit), o.next)-o.next, uint64(room)))
}

// blank reports whether nothing is to be sent up to limit.
func (o *outgoing) blank(limit uint64) bool {
	return o.lost.Len() == 0 && o.next >= min(o.end, limit)
}

// unsent is how many bytes were never sent.
func (o *outgoing) unsent() int { return int(o.end - o.next) }

// buffered is how many bytes are kept.
func (o *outgoing) buffered() int { return int(o.end - o.acked) }

// sent notes that the bytes were put into a packet.
func (o *outgoing) sent(offset uint64, length int) {
	end := offset + uint64(length)
	o.next = max(o.next, end)
	o.lost.Remove(offset, end)
}

// copyTo copies the bytes from offset on that fill dst.
func (o *outgoing) copyTo(dst []byte, offset uint64) {
	first := o.acked / chunkSize
	for len(dst) > 0 {
		k := o.kept[o.begin+int(offset/chunkSize-first)]
		n := copy(dst, k[offset%chunkSize:])
		dst = dst[n:]
		offset += uint64(n)
	}
}

// lose notes that a packet with the bytes was lost: what the peer does not have must be sent again.
func (o *outgoing) lose(offset uint64, length int) {
	end := offset + uint64(length)
	o.lost.Add(max(offset, o.acked), end)
	for i := range o.arrived.Len() {
		v := o.arrived.At(i)
		if v.Start >= end {
			break
		}
		o.lost.Remove(v.Start, v.End)
	}
}

// ack notes that the peer has the bytes, and frees the acknowledged prefix.
func (o *outgoing) ack(c *chunks, offset uint64, length int) {
	end := offset + uint64(length)
	o.lost.Remove(offset, end)
	if offset > o.acked {
		o.arrived.Add(offset, end)
		return
	}
	if end <= o.acked {
		return
	}
	before := o.acked / chunkSize
	o.acked = end
	for i := range o.arrived.Len() {
		v := o.arrived.At(i)
		if v.Start > o.acked {
			break
		}
		o.acked = max(o.acked, v.End)
	}
	o.arrived.Remove(0, o.acked)
	o.release(c, int(o.acked/chunkSize-before))
}

// release gives back n chunks, and the last one too if nothing is left in it.
func (o *outgoing) release(c *chunks, n int) {
	if o.acked == o.end {
		n = len(o.kept) - o.begin
	}
	for range n {
		c.put(o.kept[o.begin])
		o.kept[o.begin] = nil
		o.begin++
	}
	if o.begin == len(o.kept) {
		o.kept, o.begin = o.kept[:0], 0
	} else if o.begin > len(o.kept)/2 && o.begin > 32 {
		left := copy(o.kept, o.kept[o.begin:])
		clear(o.kept[left:])
		o.kept, o.begin = o.kept[:left], 0
	}
}

// free gives all memory back; nothing is to be sent any more.
func (o *outgoing) free(c *chunks) {
	for _, k := range o.kept[o.begin:] {
		c.put(k)
	}
	clear(o.kept)
	o.arrived.Clear()
	o.lost.Clear()
	*o = outgoing{kept: o.kept[:0], arrived: o.arrived, lost: o.lost}
}
