package flow

// ahead is what has arrived of a stream after a gap. Its bytes are stored in the order of arrival, so they take
// room for what is there and none for what is missing. The zero value is empty.
type ahead struct {
	pieces []piece // ascending, disjoint
	buf    []byte  // of the Buffers; what lies behind used was not written yet
	used   int
	held   int // bytes of all pieces; what else was written is not needed any more
	joints int // pieces that begin where the one before ends
}

// piece is the bytes from offset start on that begin at buf[at].
type piece struct {
	start  uint64
	at     uint32
	length uint32
}

func (p piece) end() uint64 { return p.start + uint64(p.length) }

// maxGaps bounds what a peer that sends fragments can make this end remember.
const maxGaps = 1024

// gaps is how many separate stretches there are.
func (h *ahead) gaps() int { return len(h.pieces) - h.joints }

// end is the offset behind the last byte; there must be one.
func (h *ahead) end() uint64 { return h.pieces[len(h.pieces)-1].end() }

// search returns the index of the first piece that ends after offset.
func (h *ahead) search(offset uint64) int {
	low, high := 0, len(h.pieces)
	if high > 0 && h.end() <= offset {
		return high
	}
	for low < high {
		mid := int(uint(low+high) / 2)
		if h.pieces[mid].end() <= offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// contains reports whether all bytes from start up to end are there.
func (h *ahead) contains(start, end uint64) bool {
	for i := h.search(start); i < len(h.pieces) && h.pieces[i].start <= start; i++ {
		if start = h.pieces[i].end(); start >= end {
			return true
		}
	}
	return false
}

// add takes in the bytes that are not there yet.
func (h *ahead) add(b *Buffers, offset uint64, data []byte) {
	if len(h.pieces) >= 2*maxGaps { // so many of them are joints that this does not come again soon
		h.move(b, 0)
	}
	i := h.search(offset)
	for len(data) > 0 {
		fresh, known := uint64(len(data)), uint64(0)
		if i < len(h.pieces) {
			v := h.pieces[i]
			if offset < v.start {
				fresh = min(fresh, v.start-offset)
			} else {
				fresh, known = 0, min(fresh, v.end()-offset)
			}
		}
		if fresh > 0 {
			i = h.insert(b, i, offset, data[:fresh])
		}
		if known > 0 {
			i++
		}
		offset += fresh + known
		data = data[fresh+known:]
	}
}

// insert puts data in as the i-th piece, or at the end of the one before, and returns the index of the one behind.
func (h *ahead) insert(b *Buffers, i int, offset uint64, data []byte) int {
	if h.used+len(data) > len(h.buf) {
		before := len(h.pieces)
		h.move(b, len(data))
		if len(h.pieces) != before {
			i = h.search(offset)
		}
	}
	at := uint32(h.used)
	h.used += copy(h.buf[h.used:], data)
	h.held += len(data)
	follows := i > 0 && h.pieces[i-1].end() == offset
	leads := i < len(h.pieces) && h.pieces[i].start == offset+uint64(len(data))
	if leads {
		h.joints++
	}
	if follows && h.pieces[i-1].at+h.pieces[i-1].length == at {
		h.pieces[i-1].length += uint32(len(data))
		return i
	}
	if follows {
		h.joints++
	}
	h.pieces = append(h.pieces, piece{})
	copy(h.pieces[i+1:], h.pieces[i:])
	h.pieces[i] = piece{start: offset, at: at, length: uint32(len(data))}
	return i + 1
}

// move copies what is held to a buffer that has room for more bytes besides, and joins what belongs together.
func (h *ahead) move(b *Buffers, more int) {
	old, pieces := h.buf, h.pieces
	h.buf = b.Get(roomFor(h.held + more))
	h.used, h.joints, h.pieces = 0, 0, h.pieces[:0]
	for _, p := range pieces {
		n := len(h.pieces)
		if n > 0 && h.pieces[n-1].end() == p.start {
			h.pieces[n-1].length += p.length
		} else {
			h.pieces = append(h.pieces, piece{start: p.start, at: uint32(h.used), length: p.length})
		}
		h.used += copy(h.buf[h.used:], old[p.at:p.at+p.length])
	}
	b.Put(old)
}

// at returns the i-th piece; data is its bytes.
func (h *ahead) at(i int) (start uint64, data []byte) {
	p := h.pieces[i]
	return p.start, h.buf[p.at : p.at+p.length]
}

// drop takes the first n pieces out.
func (h *ahead) drop(b *Buffers, n int) {
	for i, p := range h.pieces[:n] {
		h.held -= int(p.length)
		if i+1 < len(h.pieces) && h.pieces[i+1].start == p.end() {
			h.joints--
		}
	}
	h.pieces = h.pieces[:copy(h.pieces, h.pieces[n:])]
	switch {
	case len(h.pieces) == 0:
		h.free(b)
	case h.held < len(h.buf)/8 && len(h.buf) > smallestBuffer:
		h.move(b, 0)
	}
}

// keptPieces bounds the list that an empty stream keeps.
const keptPieces = 64

// free gives the memory back, and leaves nothing.
func (h *ahead) free(b *Buffers) {
	b.Put(h.buf)
	if *h = (ahead{pieces: h.pieces[:0]}); cap(h.pieces) > keptPieces {
		h.pieces = nil
	}
}
