package session

import (
	"encoding/binary"
	"time"
)

// queue holds messages between the two ends of a Pipe, in two buffers: one is
// filled while the other is drained, so that what pop returns stays as it is until
// the next pop, and no message needs memory of its own.
type queue struct {
	filling, draining []byte // entries: length, time of arrival, message
	drained           int    // of draining
	size              int    // of all entries, in bytes
}

const (
	lengthSize = 4
	entrySize  = lengthSize + 8
	// queueKeptMax bounds a buffer that is kept while it is empty.
	queueKeptMax = 64 << 10
)

// push appends a message that arrived that long after the link was opened.
func (q *queue) push(message []byte, arrived time.Duration) {
	q.filling = binary.LittleEndian.AppendUint32(q.filling, uint32(len(message)))
	q.filling = binary.LittleEndian.AppendUint64(q.filling, uint64(arrived))
	q.filling = append(q.filling, message...)
	q.size += entrySize + len(message)
}

// pop takes the oldest message. It is valid until the next pop.
func (q *queue) pop() (message []byte, arrived time.Duration, ok bool) {
	if q.empty() {
		return nil, 0, false
	}
	if q.drained == len(q.draining) {
		q.swap()
	}
	entry := q.draining[q.drained:]
	n := entrySize + int(binary.LittleEndian.Uint32(entry))
	q.drained += n
	q.size -= n
	return entry[entrySize:n:n], time.Duration(binary.LittleEndian.Uint64(entry[lengthSize:])), true
}

// swap begins to drain the buffer that was filled.
func (q *queue) swap() {
	empty := q.draining[:0]
	if cap(empty) > queueKeptMax {
		empty = nil
	}
	q.filling, q.draining, q.drained = empty, q.filling, 0
}

func (q *queue) empty() bool { return q.drained == len(q.draining) && len(q.filling) == 0 }
