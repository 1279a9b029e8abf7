package flow

import "errors"

var (
	// ErrGaps: taking in the bytes would leave too many gaps. Nothing was taken in; the packet must be treated
	// as if it had not arrived.
	ErrGaps = errors.New("too many gaps")
	// ErrFinalSize: bytes past the end of the stream, or a second end (RFC 9000 §4.5).
	ErrFinalSize = errors.New("final size changed")
)

// Assembler puts the bytes of one stream in order, in contiguous memory, so that a whole message is a slice of
// it. What arrives after a gap is kept aside until the gap closes: a byte far ahead takes no more memory than
// the next one. Bytes are written once: those that arrive twice are counted once and not compared. The zero
// value is an empty stream. RFC 9000 §2.2: "Endpoints MUST be able to deliver stream data to an application as an ordered
// byte stream."
type Assembler struct {
	buf  []byte // buf[0] is the byte at base
	base uint64
	// consumed: everything before was read and is no longer looked at. ready:
	// everything before has arrived. Between them is what is to be read.
	consumed, ready uint64
	ahead           ahead  // what arrived beyond ready
	final           uint64 // plus 1; zero means not known
	expected        uint64 // no buffer of more than a class needs to reach further
	// pinned: a reader may use buf from consumed on. old is a buffer that it may still use, after buf outgrew
	// it.
	pinned bool
	old    []byte
}

// Ready is the offset up to which everything has arrived.
func (a *Assembler) Ready() uint64 { return a.ready }

// Consumed is the offset up to which everything was read.
func (a *Assembler) Consumed() uint64 { return a.consumed }

// Final is the offset at which the stream ends, if that is known.
func (a *Assembler) Final() (offset uint64, known bool) { return a.final - 1, a.final > 0 }

// Complete reports whether every byte up to the stream's end has arrived.
func (a *Assembler) Complete() bool { return a.final > 0 && a.ready == a.final-1 }

// Gaps is how many separate stretches arrived beyond Ready.
func (a *Assembler) Gaps() int { return a.ahead.gaps() }

// Finish notes that the stream ends at final.
func (a *Assembler) Finish(final uint64) error {
	// RFC 9000 §4.5: "Once a final size for a stream is known, it cannot change."
	if a.final > 0 && a.final-1 != final || final < a.highest() {
		return ErrFinalSize
	}
	a.final = final + 1
	return nil
}

// Write takes in data at offset. The caller has checked offset against the stream's limit.
func (a *Assembler) Write(b *Buffers, offset uint64, data []byte) error {
	end := offset + uint64(len(data))
	if a.final > 0 && end > a.final-1 {
		return ErrFinalSize
	}
	if offset < a.ready {
		data = data[min(a.ready-offset, uint64(len(data))):]
		offset = a.ready
	}
	if len(data) == 0 {
		return nil
	}
	if offset > a.ready {
		if a.ahead.gaps() >= maxGaps && !a.ahead.contains(offset, end) {
			return ErrGaps
		}
		a.ahead.add(b, offset, data)
		return nil
	}
	if len(a.ahead.pieces) > 0 {
		data = a.absorb(b, data)
	}
	a.extend(b, data)
	return nil
}

// extend takes in what is next.
func (a *Assembler) extend(b *Buffers, data []byte) {
	end := a.ready + uint64(len(data))
	a.makeRoom(b, end)
	copy(a.buf[a.ready-a.base:], data)
	a.ready = end
}

// absorb takes in data, which is next, up to the end of what had arrived ahead and now is next as well. It returns what is left of data.
func (a *Assembler) absorb(b *Buffers, data []byte) (rest []byte) {
	n := 0
	for ; n < len(a.ahead.pieces); n++ {
		start, piece := a.ahead.at(n)
		if start > a.ready+uint64(len(data)) {
			break
		}
		missing := start - a.ready
		a.extend(b, data[:missing])
		data = data[missing:]
		a.extend(b, piece)
		data = data[min(len(piece), len(data)):]
	}
	if n > 0 {
		a.ahead.drop(b, n)
	}
	return data
}

// Expect says that the stream may now reach up to offset, so that the buffer
// for a long message does not outgrow it.
func (a *Assembler) Expect(offset uint64) { a.expected = offset }

// makeRoom makes the buffer reach to end.
func (a *Assembler) makeRoom(b *Buffers, end uint64) {
	if a.buf == nil {
		a.base = a.consumed
	}
	if end-a.base <= uint64(len(a.buf)) {
		return
	}
	need := int(end - a.consumed)
	unread := a.buf[min(uint64(len(a.buf)), a.consumed-a.base):min(uint64(len(a.buf)), a.ready-a.base)]
	if !a.pinned && need <= len(a.buf)*3/4 {
		copy(a.buf, unread)
		a.base = a.consumed
		return
	}
	size := roomFor(need)
	if need > largestClass/2 && a.expected >= end {
		// A long message gets its whole buffer at once: growing would copy it again and again.
		size = int(a.expected - a.consumed)
	}
	grown := b.Get(size)
	copy(grown, unread)
	if a.pinned && a.old == nil {
		a.old = a.buf
	} else {
		b.Put(a.buf)
	}
	a.buf, a.base = grown, a.consumed
}

// Highest is the offset behind the last byte that arrived.
func (a *Assembler) Highest() uint64 { return a.highest() }

func (a *Assembler) highest() uint64 {
	if len(a.ahead.pieces) > 0 {
		return a.ahead.end()
	}
	return a.ready
}

// View returns the bytes from offset from up to to, which must lie between
// Consumed and Ready. It stays as it is until Consume.
func (a *Assembler) View(from, to uint64) []byte {
	a.pinned = true
	return a.buf[from-a.base : to-a.base : to-a.base]
}

// Peek is a View that is looked at only until the next call.
func (a *Assembler) Peek(from, to uint64) []byte { return a.buf[from-a.base : to-a.base] }

// Consume says that everything before offset has been read, and that what View returned is no longer used.
func (a *Assembler) Consume(b *Buffers, offset uint64) {
	a.consumed = offset
	a.pinned = false
	if a.old != nil {
		b.Put(a.old)
		a.old = nil
	}
	switch unread := int(a.ready - a.consumed); {
	case unread == 0:
		b.Put(a.buf)
		a.buf = nil
	case len(a.buf) > largestClass && unread < len(a.buf)/8: // the beginning of a message does not keep the memory of a long one
		begin := b.Get(roomFor(unread))
		copy(begin, a.buf[a.consumed-a.base:a.ready-a.base])
		b.Put(a.buf)
		a.buf, a.base = begin, a.consumed
	}
}

// Free gives all memory back, except what a reader may still use, which is left to the garbage collector. The
// Assembler is an empty stream again.
func (a *Assembler) Free(b *Buffers) {
	switch {
	case !a.pinned:
		b.Put(a.buf)
	case a.old != nil:
		b.Put(a.buf) // the reader looks at old
	}
	a.ahead.free(b)
	*a = Assembler{ahead: a.ahead}
}
