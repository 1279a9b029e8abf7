package endpoint

import "github.com/sessgen/sessgen/runtime/internal/mono"

// maxTombs bounds the connections that are remembered after their end.
const maxTombs = 1 << 16

// tomb answers what arrives for a connection that is over.
type tomb struct {
	ids    [2]ID // a connection has one or two; the second is the first again where it has one
	until  mono.Time
	answer [maxTombstone]byte
	length uint8
	// came counts the datagrams; the first, second, fourth, eighth … is answered.
	came uint32
}

// maxTombstone is the size of the longest answer.
const maxTombstone = 48

// tombs are in the order in which they were made, which is nearly that in which they end.
type tombs struct {
	byID  map[ID]*tomb
	queue []*tomb
}

func (ts *tombs) add(ids []ID, until mono.Time, answer []byte) {
	if len(answer) > maxTombstone || len(ids) == 0 {
		return
	}
	if len(ts.queue) >= maxTombs {
		ts.drop()
	}
	t := &tomb{ids: [2]ID{ids[0], ids[len(ids)-1]}, until: until, length: uint8(len(answer))}
	copy(t.answer[:], answer)
	for _, id := range t.ids {
		ts.byID[id] = t
	}
	ts.queue = append(ts.queue, t)
}

// drop forgets the oldest.
func (ts *tombs) drop() {
	for _, id := range ts.queue[0].ids {
		delete(ts.byID, id)
	}
	ts.queue[0] = nil
	ts.queue = ts.queue[1:]
}

// sweep forgets those that are over.
func (ts *tombs) sweep(now mono.Time) {
	for len(ts.queue) > 0 && ts.queue[0].until <= now {
		ts.drop()
	}
	if len(ts.queue) == 0 {
		ts.queue = nil
	}
}

// answer is what to send back for a datagram of size bytes to a connection that
// is over, nil for nothing; buried is false if none with the id is remembered.
func (ts *tombs) answer(now mono.Time, id ID, size int) (answer []byte, buried bool) {
	ts.sweep(now)
	t, known := ts.byID[id]
	if !known || t.until <= now {
		return nil, false
	}
	t.came++
	if t.came&(t.came-1) != 0 || int(t.length) > size {
		return nil, true
	}
	return t.answer[:t.length], true
}
