package conn

// eventQueue holds events that the driver has not asked for yet. Each kind is queued at most once for a stream,
// so it is bounded by the number of streams.
type eventQueue struct {
	ring     []Event // its length is zero or a power of two
	first, n int
}

func (q *eventQueue) push(e Event) {
	if q.n == len(q.ring) {
		grown := make([]Event, max(8, 2*q.n))
		for i := range q.n {
			grown[i] = q.ring[(q.first+i)&(len(q.ring)-1)]
		}
		q.ring, q.first = grown, 0
	}
	q.ring[(q.first+q.n)&(len(q.ring)-1)] = e
	q.n++
}

func (q *eventQueue) pop() (Event, bool) {
	if q.n == 0 {
		return Event{}, false
	}
	e := q.ring[q.first]
	q.ring[q.first] = Event{}
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
	return e, true
}
